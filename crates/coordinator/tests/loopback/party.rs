//! A group of wallets, and transactions for them to sign.

use std::{
    future::Future,
    net::SocketAddr,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::puppet::{delegate, unix_now};
use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness,
    absolute::LockTime, hashes::Hash as _, transaction::Version,
};
use ensign_coordinator::{
    Approval, Builder, CommandError, Consent, Coordinator, Event, Events, Group, Keys, Member,
    Outcome, PeerEvent, Problem, RequestEvent, SigningJob, Work,
};
use ensign_engine::signing::Record;
use ensign_identity::{DelegationProof, NodeKey, SignerKey};
use ensign_musig::SecKey;
use ensign_primitives::{GroupId, Network, PeerId, RequestId, sha256};
use ensign_session::Phase;
use ensign_store::{Batch, Place, RedbStore, Row, Store, StoreOptions, Table};
use ensign_wire::{GroupKeys, KeyTweak};
use tempfile::TempDir;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

pub(crate) const NETWORK: Network = Network::Regtest;
/// After this a test has failed; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// The keys of a signer. Signers are numbered in the order of their keys.
pub(crate) fn keys(number: u8) -> Keys {
    let node_key = NodeKey::from_secret_bytes([0x20 + number; 32]).unwrap();
    Keys::new(NETWORK, node_key, SecKey::from_secret_bytes(secret(number)).unwrap()).unwrap()
}

fn secret(number: u8) -> [u8; 32] {
    let mut secrets: Vec<[u8; 32]> = (1..=8).map(|byte| [byte; 32]).collect();
    secrets.sort_by_key(|secret| {
        SignerKey::from_public_key(SecKey::from_secret_bytes(*secret).unwrap().public_key())
    });
    secrets[usize::from(number)]
}

/// Both secret keys of a signer.
pub(crate) fn secrets(number: u8) -> (NodeKey, SecKey) {
    let node_key = NodeKey::from_secret_bytes([0x20 + number; 32]).unwrap();
    (node_key, SecKey::from_secret_bytes(secret(number)).unwrap())
}

/// A signer's node key, and that its signer key lets it speak.
pub(crate) fn node_of(number: u8) -> (NodeKey, DelegationProof) {
    let node_key = NodeKey::from_secret_bytes([0x20 + number; 32]).unwrap();
    let sec_key = SecKey::from_secret_bytes(secret(number)).unwrap();
    let delegation = delegate(&node_key, &sec_key);
    (node_key, delegation)
}

pub(crate) fn member(number: u8, address: Option<SocketAddr>) -> Member {
    let keys = keys(number);
    let addresses = address.into_iter().collect();
    let name = format!("signer {number}");
    Member { name, signer: keys.signer_key(), peer: keys.peer_id(), addresses, delegation: None }
}

/// Proposes as a user who was shown the proposal and said yes.
pub(crate) async fn propose(
    coordinator: &Coordinator,
    job: SigningJob,
) -> Result<Approval, CommandError> {
    loop {
        let preview = coordinator.preview(&job).await?;
        let proposed = coordinator.propose(job.clone(), Consent::person(preview.digest)).await;
        // Another request may have taken a coin meanwhile: its user looks again.
        if proposed.as_ref().err() != Some(&CommandError::Changed { request: None }) {
            return proposed;
        }
    }
}

/// Waits for what must happen.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it does not happen")
}

/// One signer's coordinator and everything it has reported.
pub(crate) struct Wallet {
    pub(crate) number: u8,
    pub(crate) coordinator: Coordinator,
    pub(crate) seen: Vec<Event>,
    pub(crate) folder: PathBuf,
    approves: Arc<AtomicBool>,
    events: mpsc::UnboundedReceiver<Event>,
    reader: JoinHandle<()>,
}

/// Answers what is asked, and hands every event on.
async fn read(
    coordinator: Coordinator,
    mut events: Events,
    approves: Arc<AtomicBool>,
    seen: mpsc::UnboundedSender<Event>,
) {
    while let Some(event) = events.next().await {
        if let Event::Request(_, RequestEvent::Asked(approval)) = &event
            && approves.load(Ordering::SeqCst)
        {
            // It may have ended meanwhile.
            let _ = coordinator.approve(approval.id, Consent::person(approval.digest)).await;
        }
        if seen.send(event).is_err() {
            return;
        }
    }
}

impl Wallet {
    pub(crate) async fn start(number: u8, folder: PathBuf, listen: SocketAddr) -> Self {
        let keys = keys(number);
        Self::start_as(number, keys, folder, listen, |it| it).await
    }

    /// As [`start`](Self::start), with other keys and settings.
    pub(crate) async fn start_as(
        number: u8,
        keys: Keys,
        folder: PathBuf,
        listen: SocketAddr,
        settings: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let builder = Coordinator::builder(NETWORK, keys, folder.clone());
        let is_first = !folder.exists();
        let builder = if is_first { builder.new_keys() } else { builder };
        let builder = settings(builder.listen(listen));
        let (coordinator, events) = builder.start().await.unwrap();
        let approves = Arc::new(AtomicBool::new(true));
        let (seen, received) = mpsc::unbounded_channel();
        let reader = tokio::spawn(read(coordinator.clone(), events, approves.clone(), seen));
        Self { number, coordinator, seen: Vec::new(), folder, approves, events: received, reader }
    }

    /// From here on its user only looks.
    pub(crate) fn wait(&self) {
        self.approves.store(false, Ordering::SeqCst);
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.coordinator.local_addr()
    }

    /// Reads events until one gives a value.
    pub(crate) async fn until<T>(&mut self, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        if let Some(found) = self.seen.iter().find_map(&mut pick) {
            return found;
        }
        let found = timeout(PATIENCE, async {
            loop {
                let event = self.events.recv().await.expect("the coordinator stopped");
                let found = pick(&event);
                self.seen.push(event);
                if let Some(found) = found {
                    return found;
                }
            }
        })
        .await;
        let Ok(found) = found else {
            panic!("it does not happen to {}: {:#?}", self.number, self.seen)
        };
        found
    }

    pub(crate) async fn approval(&mut self) -> Approval {
        self.until(|event| match event {
            Event::Request(_, RequestEvent::Asked(approval)) => Some(approval.as_ref().clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn done(&mut self, id: RequestId) -> Outcome {
        self.until(|event| match event {
            Event::Request(request, RequestEvent::Done { outcome }) if request.id == id => {
                Some(outcome.as_ref().clone())
            }
            _ => None,
        })
        .await
    }

    pub(crate) async fn failed(&mut self, id: RequestId) -> Problem {
        self.until(|event| match event {
            Event::Request(request, RequestEvent::Failed { problem, .. }) if request.id == id => {
                Some(problem.as_ref().clone())
            }
            _ => None,
        })
        .await
    }

    pub(crate) async fn phase(&mut self, wanted: Phase) {
        self.until(|event| match event {
            Event::Request(_, RequestEvent::Phase { phase, .. }) if *phase == wanted => Some(()),
            _ => None,
        })
        .await;
    }

    pub(crate) async fn peer_up(&mut self, wanted: PeerId) {
        self.until(|event| match event {
            Event::Peer(peer, PeerEvent::Up { .. }) if *peer == wanted => Some(()),
            _ => None,
        })
        .await;
    }

    /// Waits for a warning about a node; returns its code and words.
    pub(crate) async fn warning(&mut self, about: Option<PeerId>) -> Problem {
        self.until(|event| match event {
            Event::Warning { peer, problem } if *peer == about => Some(problem.as_ref().clone()),
            _ => None,
        })
        .await
    }

    /// The attempts that began, in order.
    pub(crate) fn attempts(&self) -> Vec<u16> {
        let attempt = |event: &Event| match event {
            Event::Request(_, RequestEvent::Attempt { attempt, .. }) => Some(*attempt),
            _ => None,
        };
        self.seen.iter().filter_map(attempt).collect()
    }

    pub(crate) fn warnings(&self) -> Vec<&Problem> {
        let warning = |event: &'_ Event| matches!(event, Event::Warning { .. });
        self.seen
            .iter()
            .filter(|event| warning(event))
            .filter_map(|event| match event {
                Event::Warning { problem, .. } => Some(problem.as_ref()),
                _ => None,
            })
            .collect()
    }

    /// Drops the handle, as a program that ends does; returns when port and store are free.
    pub(crate) async fn stop(self) -> Stopped {
        let (number, folder, address) = (self.number, self.folder, self.coordinator.local_addr());
        let mut events = self.coordinator.events();
        drop(self.coordinator);
        self.reader.abort();
        within(async { while events.next().await.is_some() {} }).await;
        Stopped { number, folder, address }
    }
}

/// What is left of a wallet that has stopped.
pub(crate) struct Stopped {
    number: u8,
    folder: PathBuf,
    address: SocketAddr,
}

impl Stopped {
    /// What its store holds of the engine's, in the order of the tables and their keys.
    pub(crate) fn records(&self) -> Vec<Record> {
        records(&self.open())
    }

    pub(crate) fn write(&self, places: Vec<(Place, Record)>) {
        // What belongs to no request that is known goes when it is old.
        let mut batch = Batch::new(unix_now());
        for (place, record) in places {
            batch.put(place, postcard::to_allocvec(&record).unwrap()).unwrap();
        }
        self.open().commit(&batch).unwrap();
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Loses its store, and nothing else of its home.
    pub(crate) fn lose_store(&self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
        std::fs::create_dir(&self.folder).unwrap();
    }

    fn open(&self) -> RedbStore {
        let machine = std::fs::read("/etc/machine-id").map_or([0; 32], |name| sha256(&name));
        let store = StoreOptions { machine, ..StoreOptions::default() };
        RedbStore::open(&self.folder, &store).unwrap().0
    }

    /// Comes back on another port.
    pub(crate) fn moved(self) -> Self {
        Self { address: loopback(), ..self }
    }

    pub(crate) async fn start(self) -> Wallet {
        Wallet::start(self.number, self.folder, self.address).await
    }
}

/// Wallets `0..n` of one group, and the folder of their stores.
pub(crate) struct Party {
    pub(crate) wallets: Vec<Wallet>,
    pub(crate) members: Vec<Member>,
    pub(crate) group: GroupId,
    _folder: TempDir,
}

impl Party {
    /// Starts wallets and lets them form their group.
    pub(crate) async fn new(count: u8) -> Self {
        Self::with(count, Vec::new()).await
    }

    /// Starts wallets for the first signers of a group; `others` are played by somebody else.
    pub(crate) async fn with(count: u8, others: Vec<Member>) -> Self {
        Self::with_settings(count, others, |it| it).await
    }

    /// As [`with`](Self::with), with other settings than the defaults.
    pub(crate) async fn with_settings(
        count: u8,
        others: Vec<Member>,
        settings: impl Fn(Builder) -> Builder,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut wallets = Vec::new();
        for number in 0..count {
            let home = folder.path().join(format!("home-{number}"));
            wallets.push(Wallet::start_as(number, keys(number), home, loopback(), &settings).await);
        }
        let ours = wallets.iter().map(|wallet| member(wallet.number, Some(wallet.address())));
        let mut members: Vec<_> = ours.chain(others).collect();
        members.sort_by_key(|member| member.signer.to_bytes());
        let group = group_keys(&members).group_id(NETWORK);
        let party = Self { wallets, members, group, _folder: folder };
        for wallet in &party.wallets {
            assert_eq!(wallet.coordinator.group(party.group()).await.unwrap().id, group);
        }
        party
    }

    /// Takes wallets that run.
    pub(crate) fn of(wallets: Vec<Wallet>, members: Vec<Member>, folder: TempDir) -> Self {
        let group = group_keys(&members).group_id(NETWORK);
        Self { wallets, members, group, _folder: folder }
    }

    pub(crate) fn group(&self) -> Group {
        Group { name: "g".to_owned(), members: self.members.clone(), issued: Default::default() }
    }

    pub(crate) fn psbt_group(&self) -> ensign_psbt::Group {
        ensign_psbt::Group::new(NETWORK, &group_keys(&self.members)).unwrap()
    }

    pub(crate) fn job(&self, work: Work) -> SigningJob {
        SigningJob::new(self.group, work)
    }

    /// Proposes as a wallet; returns what it asks.
    pub(crate) async fn propose(&self, number: usize, job: SigningJob) -> Approval {
        propose(&self.wallets[number].coordinator, job).await.unwrap()
    }

    /// Waits until every wallet holds the result; returns all of them.
    pub(crate) async fn all_done(&mut self, id: RequestId) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for wallet in &mut self.wallets {
            outcomes.push(wallet.done(id).await);
        }
        assert!(outcomes.windows(2).all(|pair| pair[0].signatures == pair[1].signatures));
        outcomes
    }

    /// A PSBT that spends coins of the group's address and pays `paid` to somebody else.
    pub(crate) fn psbt(&self, coins: &[u64], paid: u64) -> bitcoin::Psbt {
        let txin = |index: usize| TxIn {
            previous_output: OutPoint {
                txid: Txid::from_byte_array([index as u8 + 1; 32]),
                vout: 7,
            },
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::new(),
        };
        let elsewhere = ScriptBuf::from_hex("0014c9123e06e8d7f0966c5d1cd0000000000000aaaa");
        let output = TxOut { value: Amount::from_sat(paid), script_pubkey: elsewhere.unwrap() };
        let tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: (0..coins.len()).map(txin).collect(),
            output: vec![output],
        };
        let mut psbt = bitcoin::Psbt::from_unsigned_tx(tx).unwrap();
        for (amount, input) in coins.iter().zip(&mut psbt.inputs) {
            let script = self.psbt_group().script_pubkey().clone();
            input.witness_utxo =
                Some(TxOut { value: Amount::from_sat(*amount), script_pubkey: script });
        }
        psbt
    }

    /// Whether a signature holds under the group's key.
    pub(crate) fn verifies(
        &self,
        tweak: KeyTweak,
        digest: &[u8; 32],
        signature: &[u8; 64],
    ) -> bool {
        let key = self.psbt_group().key_agg_ctx(tweak).unwrap().agg_key();
        ensign_musig::verify_schnorr(&key, digest, signature)
    }
}

/// Two wallets of one group that are connected; the first has keys of the test's.
pub(crate) async fn two_wallets(folder: &Path, keys: Keys) -> ([Wallet; 2], GroupId) {
    let [own, other] = ["own", "other"].map(|name| folder.join(name));
    let mut wallets = [
        Wallet::start_as(0, keys, own, loopback(), |it| it).await,
        Wallet::start(1, other, loopback()).await,
    ];
    let addresses = wallets.each_ref().map(|wallet| wallet.coordinator.local_addr());
    let members = [0, 1].map(|number| member(number, Some(addresses[usize::from(number)])));
    let id = group_keys(&members).group_id(NETWORK);
    let group =
        Group { name: "g".to_owned(), members: members.to_vec(), issued: Default::default() };
    for wallet in &wallets {
        assert_eq!(wallet.coordinator.group(group.clone()).await.unwrap().id, id);
    }
    for (wallet, other) in wallets.iter_mut().zip([1, 0]) {
        wallet.peer_up(members[other].peer).await;
    }
    (wallets, id)
}

pub(crate) fn group_keys(members: &[Member]) -> GroupKeys {
    GroupKeys::new(members.iter().map(|member| member.signer).collect()).unwrap()
}

/// Every record of the engine's in a store.
fn records(store: &dyn Store) -> Vec<Record> {
    let mut records = Vec::new();
    let tables = [
        Table::Consents,
        Table::Joins,
        Table::Burns,
        Table::Partials,
        Table::Closed,
        Table::Finished,
    ];
    for table in tables {
        let mut take = |row: Row<'_>| {
            records.push(postcard::from_bytes(row.value).unwrap());
            ControlFlow::Continue(())
        };
        store.scan(table, &[], &mut take).unwrap();
    }
    records
}
