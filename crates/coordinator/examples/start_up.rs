//! Measures the start of a node whose store is full of requests that go on.
//!
//! `start_up fill FOLDER REQUESTS` fills a store with open requests of one group of three, each with a
//! PSBT and an attempt that was joined; `start_up open FOLDER` starts a node on it, joins the group and
//! says how long that took and how much memory the process had at most. Two processes, because filling
//! takes memory of its own. `start_up fill FOLDER REQUESTS NODE SIGNER KEY KEY` is for the home of a
//! command line: the secret keys of another signer, who made the requests, then the public signer keys
//! of the rest of its group, all in hex.
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::{
    env,
    error::Error,
    fs,
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness,
    absolute::LockTime, hashes::Hash as _, transaction::Version,
};
use ensign_coordinator::{Coordinator, Event, Group, Keys, Member, RequestEvent};
use ensign_engine::signing::Record;
use ensign_identity::{Delegation, DelegationProof, NodeKey, Signature, SignerKey, Terms};
use ensign_musig::SecKey;
use ensign_primitives::{Network, SignerIndex, UnixTime, sha256};
use ensign_store::{Batch, Place, RedbStore, Store as _, StoreOptions};
use ensign_wire::{GroupKeys, Mode, Payload, Scheme, SignedRequest, SigningRequest, TxType};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const NETWORK: Network = Network::Regtest;
const LIFETIME: Duration = Duration::from_secs(20 * 60 * 60);
const PER_COMMIT: usize = 100;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["fill", folder, requests] => {
            let signers = members()?.iter().map(|member| member.signer).collect();
            let creator = Creator::new([0x12; 32], [0x22; 32], signers)?;
            fill(Path::new(folder), requests.parse()?, &creator)
        }
        ["fill", folder, requests, node, signer, others @ ..] => {
            let others = others.iter().map(|key| Ok(SignerKey::from_bytes(&bytes(key)?)?));
            let others = others.collect::<Outcome<Vec<_>>>()?;
            let creator = Creator::new(bytes(node)?, bytes(signer)?, others)?;
            fill(Path::new(folder), requests.parse()?, &creator)
        }
        ["open", folder] => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(open(Path::new(folder)))
        }
        _ => {
            Err("start_up fill FOLDER REQUESTS [NODE SIGNER KEY KEY] | start_up open FOLDER".into())
        }
    }
}

/// Starts the first signer's node; the others are away.
async fn open(folder: &Path) -> Outcome<()> {
    let begin = Instant::now();
    let builder = Coordinator::builder(NETWORK, keys(1)?, folder.to_owned());
    let (node, mut events) = builder.listen("127.0.0.1:0".parse()?).start().await?;
    let started = begin.elapsed();
    node.group(Group { name: "g".to_owned(), members: members()?, issued: Default::default() })
        .await?;
    let joined = begin.elapsed();
    let mut resumed = 0;
    // The latest attempt is told last.
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_secs(1), events.next()).await {
        resumed += u32::from(matches!(event, Event::Request(_, RequestEvent::Resumed(_))));
    }
    println!("started in {started:?}, group joined in {joined:?}, {resumed} requests go on");
    println!("{}", memory()?);
    let begin = Instant::now();
    let known = node.requests().await?.len();
    println!("{known} requests listed in {:?}; {}", begin.elapsed(), memory()?);
    node.shutdown().await;
    Ok(())
}

fn memory() -> Outcome<String> {
    let status = fs::read_to_string("/proc/self/status")?;
    let most = status.lines().find(|line| line.starts_with("VmHWM"));
    Ok(most.unwrap_or("no VmHWM").to_owned())
}

fn keys(number: u8) -> Outcome<Keys> {
    let node_key = NodeKey::from_secret_bytes([0x10 + number; 32])?;
    Ok(Keys::new(NETWORK, node_key, SecKey::from_secret_bytes([0x20 + number; 32])?)?)
}

fn members() -> Outcome<Vec<Member>> {
    let member = |number| {
        let keys = keys(number)?;
        // Discards what it is sent: nobody is there.
        let addresses = vec!["127.0.0.1:9".parse()?];
        Ok(Member {
            name: format!("signer {number}"),
            signer: keys.signer_key(),
            peer: keys.peer_id(),
            addresses,
            delegation: None,
        })
    };
    (1..=3).map(member).collect()
}

fn bytes<const N: usize>(hex: &str) -> Outcome<[u8; N]> {
    let bytes = hex::decode(hex).map_err(|error| error.to_string())?;
    bytes.try_into().map_err(|_| "a key of another length".into())
}

/// Who made the requests, and who shall sign them.
struct Creator {
    node_key: NodeKey,
    delegation: DelegationProof,
    position: SignerIndex,
    signers: GroupKeys,
}

impl Creator {
    fn new(node: [u8; 32], signer: [u8; 32], mut signers: Vec<SignerKey>) -> Outcome<Self> {
        let node_key = NodeKey::from_secret_bytes(node)?;
        let sec_key = SecKey::from_secret_bytes(signer)?;
        let own = SignerKey::from_public_key(sec_key.public_key());
        if !signers.contains(&own) {
            signers.push(own);
        }
        signers.sort();
        let signers = GroupKeys::new(signers)?;
        let position = signers.index_of(&own).ok_or("the creator is no signer")?;
        let expires = now()?.after(LIFETIME * 2);
        let digest =
            Delegation::digest(&own, &node_key.peer_id(), NETWORK, Terms { number: 1, expires });
        let signature = Signature(sec_key.sign_schnorr(&digest));
        let delegation = DelegationProof { number: 1, expires, signature };
        Ok(Self { node_key, delegation, position, signers })
    }
}

fn now() -> Outcome<UnixTime> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(UnixTime::from_millis(u64::try_from(now.as_millis())?))
}

fn fill(folder: &Path, requests: u32, creator: &Creator) -> Outcome<()> {
    let (payload, like) = request(creator)?;
    fs::create_dir_all(folder)?;
    let machine = fs::read("/etc/machine-id").map_or([0; 32], |name| sha256(&name));
    let store = StoreOptions { machine, mark: [1; 32], ..StoreOptions::default() };
    let (mut store, _) = RedbStore::open(folder, &store)?;
    let numbers: Vec<u32> = (0..requests).collect();
    for numbers in numbers.chunks(PER_COMMIT) {
        let mut batch = Batch::new(like.created);
        for number in numbers {
            let mut request = like.clone();
            let (front, _) = request.nonce.split_at_mut(4);
            front.copy_from_slice(&number.to_be_bytes());
            let request = SignedRequest::sign(request, &creator.node_key, creator.delegation)?;
            enter(&mut batch, request, payload.clone())?;
        }
        store.commit(&batch)?;
    }
    println!("{requests} requests: {:?}", store.size()?);
    Ok(())
}

/// A request that our user consented to, and whose first attempt was joined and burned.
fn enter(batch: &mut Batch, request: SignedRequest, payload: Vec<u8>) -> Outcome<()> {
    let id = request.request.id();
    let consent = Record::Consented { request: Box::new(request), payload: Some(payload) };
    batch.put(Place::consent(&id), postcard::to_allocvec(&consent)?)?;
    let join = Record::Joined { request: id, attempt: 1, said: [3; 32] };
    batch.put(Place::join(&id, 1), postcard::to_allocvec(&join)?)?;
    let burn = Record::Burned { request: id, attempt: 1 };
    batch.put(Place::burn(&id, 1), postcard::to_allocvec(&burn)?)?;
    Ok(())
}

/// A PSBT that spends two coins of the group's, and the request for it.
fn request(creator: &Creator) -> Outcome<(Vec<u8>, SigningRequest)> {
    let (signers, created) = (creator.signers.clone(), now()?);
    let group = ensign_psbt::Group::new(NETWORK, &signers)?;
    let psbt = psbt(group.script_pubkey())?;
    let spend = ensign_psbt::analyze(&ensign_psbt::parse(&psbt)?, &group)?;
    let request = SigningRequest {
        network: NETWORK,
        scheme: Scheme::Bip327,
        signers,
        messages: spend.messages,
        payload: Payload::Psbt { digest: sha256(&psbt), len: u32::try_from(psbt.len())? },
        purpose: "one of very many".into(),
        tx_type: TxType::Spend,
        amount: spend.summary.amount_spent(),
        creator: creator.position,
        created,
        expires: created.after(LIFETIME),
        mode: Mode::Committed,
        nonce: [7; 16],
    };
    Ok((psbt, request))
}

fn psbt(script: &ScriptBuf) -> Outcome<Vec<u8>> {
    let txin = |byte| TxIn {
        previous_output: OutPoint { txid: Txid::from_byte_array([byte; 32]), vout: 0 },
        script_sig: ScriptBuf::new(),
        sequence: Sequence::MAX,
        witness: Witness::new(),
    };
    let elsewhere = ScriptBuf::from_hex("0014c9123e06e8d7f0966c5d1cd0000000000000aaaa")?;
    let tx = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![txin(1), txin(2)],
        output: vec![TxOut { value: Amount::from_sat(109_000), script_pubkey: elsewhere }],
    };
    let mut psbt = bitcoin::Psbt::from_unsigned_tx(tx)?;
    for input in &mut psbt.inputs {
        let coin = TxOut { value: Amount::from_sat(55_000), script_pubkey: script.clone() };
        input.witness_utxo = Some(coin);
    }
    Ok(psbt.serialize())
}
