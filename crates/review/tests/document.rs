//! `docs/protocol/request.md`: a PSBT, the request that asks for its signatures, and its name, byte
//! for byte; and the numbers of the page.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::PathBuf, time::Duration};

use ensign_identity::SignerKey;
use ensign_musig::SecKey;
use ensign_primitives::{KeyPath, MESSAGES_MAX, Network, SignerIndex, UnixTime, sha256};
use ensign_psbt::{Draft, DraftCoin, Group, INPUTS_MAX, OutPoint, WEIGHT_MAX};
use ensign_review::Meaning;
use ensign_wire::{
    GroupKeys, Mode, PAYLOAD_BYTES_MAX, PURPOSE_BYTES_MAX, Payload, Scheme, SigningRequest, TxType,
};

const NETWORK: Network = Network::Regtest;
/// 2026-01-01 00:00 UTC.
const CREATED: UnixTime = UnixTime::from_millis(1_767_225_600_000);

/// The signers of `wire.md`, put in order.
fn keys() -> GroupKeys {
    let even = |secret: u8| {
        let key = SecKey::from_secret_bytes([secret; 32]).unwrap();
        let mut bytes = SignerKey::from_public_key(key.public_key()).to_bytes();
        bytes[0] = 2;
        SignerKey::from_bytes(&bytes).unwrap()
    };
    GroupKeys::sorted([0x21, 0x22, 0x23].map(even).to_vec()).unwrap()
}

const NONCE: [u8; 16] = [0xee; 16];

fn coin(byte: u8, vout: u32) -> OutPoint {
    format!("{}:{vout}", format!("{byte:02x}").repeat(32)).parse().unwrap()
}

/// Two coins of the group's, a payment, and change.
fn psbt(group: &Group) -> Vec<u8> {
    let draft = Draft {
        coins: vec![
            DraftCoin {
                outpoint: coin(0xa1, 0),
                amount: 100_000,
                path: KeyPath::new(&[0, 0]).unwrap(),
            },
            (coin(0xa2, 1), 60_000).into(),
        ],
        payments: vec![("bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk".to_owned(), 150_000)],
        sat_per_kvb: 1_000,
        change: group.next_change(),
    };
    draft.build(group).unwrap().psbt.to_bytes()
}

fn request(meaning: &Meaning, payload: &[u8]) -> SigningRequest {
    SigningRequest {
        network: NETWORK,
        scheme: Scheme::Bip327,
        signers: keys(),
        messages: meaning.messages(NETWORK, &keys(), &NONCE),
        payload: Payload::Psbt { digest: sha256(payload), len: payload.len() as u32 },
        purpose: "rent".to_owned(),
        tx_type: TxType::Spend,
        amount: meaning.amount(),
        creator: SignerIndex(0),
        created: CREATED,
        expires: CREATED.after(Duration::from_secs(3600)),
        mode: Mode::Committed,
        nonce: NONCE,
    }
}

/// A name and its bytes, 36 on a line: room for a key and for a script.
fn rows(name: &str, bytes: &[u8]) -> String {
    bytes.chunks(36).enumerate().fold(String::new(), |mut text, (at, chunk)| {
        let hex = chunk.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let name = if at == 0 { format!("  {name}") } else { String::new() };
        writeln!(text, "{}", format!("{hex:<72}{name}").trim_end()).unwrap();
        text
    })
}

fn example() -> String {
    let group = Group::new(NETWORK, &keys()).unwrap();
    let payload = psbt(&group);
    let meaning = Meaning::of_payload(&payload, &group).unwrap();
    let request = request(&meaning, &payload);
    assert!(meaning.is_of(&request));
    let keys = keys();
    let mut text = String::new();
    for (at, key) in keys.as_slice().iter().enumerate() {
        text += &rows(&format!("key of signer {at}"), &key.to_bytes());
    }
    text += &rows("name of the group", group.id().as_bytes());
    text += &rows("script of its bare address", group.script_pubkey().as_bytes());
    text += &rows(&format!("the PSBT: {} bytes", payload.len()), &payload);
    text += &rows("SHA-256 of the PSBT", &sha256(&payload));
    for (at, message) in request.messages.iter().enumerate() {
        text += &rows(&format!("digest of message {at}"), &message.digest);
    }
    let encoded = request.encode();
    text += &rows(&format!("the request: {} bytes", encoded.len()), &encoded);
    text += &rows("its name", request.id().as_bytes());
    text
}

fn numbers() -> String {
    [
        (PAYLOAD_BYTES_MAX as u64, "bytes of a PSBT"),
        (INPUTS_MAX as u64, "inputs"),
        (WEIGHT_MAX, "weight units of the signed transaction"),
        (MESSAGES_MAX as u64, "messages of a blind request"),
        (PURPOSE_BYTES_MAX as u64, "bytes of a purpose"),
    ]
    .into_iter()
    .fold(String::new(), |mut text, (number, what)| {
        writeln!(text, "{number:>8}  {what}").unwrap();
        text
    })
}

#[test]
fn page_of_requests_shows_what_the_code_makes_of_a_psbt() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol/request.md");
    let mut page = fs::read_to_string(&path).unwrap();
    let blocks = BTreeMap::from([("hex psbt", example()), ("text numbers", numbers())]);
    for (name, block) in blocks {
        let fence = format!("```{name}\n");
        let (before, rest) = page.split_once(&fence).unwrap();
        let (shown, after) = rest.split_once("```").unwrap();
        if env::var_os("ENSIGN_BLESS").is_some() {
            page = format!("{before}{fence}{block}```{after}");
        } else {
            assert_eq!(shown, block, "stale: run `ENSIGN_BLESS=1 cargo test -p ensign-review`");
        }
    }
    if env::var_os("ENSIGN_BLESS").is_some() {
        fs::write(path, page).unwrap();
    }
}

#[test]
fn regression_text_was_taken_as_a_payload_of_the_wire() {
    let group = Group::new(NETWORK, &keys()).unwrap();
    let binary = psbt(&group);
    let text = ensign_psbt::parse(&binary).unwrap().to_base64().into_bytes();
    assert!(Meaning::of_psbt(&text, &group).is_ok(), "people may paste it");
    assert!(Meaning::of_payload(&binary, &group).is_ok());
    let padded = [binary.as_slice(), b"\n"].concat();
    for other in [text, padded, Vec::new()] {
        assert!(Meaning::of_payload(&other, &group).is_err());
    }
}
