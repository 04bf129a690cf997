//! Cases for vaults.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the lints exempt functions marked as tests, not what they call"
)]

use ensign_identity::{NodeKey, SignerKey};
use ensign_musig::SecKey;
use ensign_primitives::{Network, UnixTime};
use zeroize::Zeroizing;

use crate::{Archive, Cost, Draft, Passphrase, Purpose, Randomness, Vault};

mod damage;
mod disk;
mod format;
mod rules;

/// The cheapest that Argon2 allows.
fn cheap() -> Cost {
    Cost::new(8, 1, 1).unwrap()
}

const CREATED: UnixTime = UnixTime::from_millis(1_700_000_000_000);
const RANDOM: Randomness = Randomness { salt: [0x5a; 16], nonce: [0x3c; 24] };

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(Zeroizing::new(text.as_bytes().to_vec())).unwrap()
}

fn secret(byte: u8) -> Zeroizing<[u8; 32]> {
    Zeroizing::new([byte; 32])
}

fn signer(byte: u8) -> SignerKey {
    SignerKey::from_public_key(SecKey::from_secret_bytes([byte; 32]).unwrap().public_key())
}

fn node(byte: u8) -> NodeKey {
    NodeKey::from_secret_bytes([byte; 32]).unwrap()
}

fn archive() -> Archive {
    let mut archive = Archive::default();
    archive.add("ensign.toml", b"name = \"alice\"".to_vec()).unwrap();
    archive.add("groups/g.toml", Vec::new()).unwrap();
    archive
}

fn draft() -> Draft {
    let draft = Draft::new(Purpose::Backup, Network::Regtest);
    let draft = draft.node_key(&secret(1)).unwrap().signer_key(&secret(2)).unwrap();
    draft.signer_key(&secret(3)).unwrap().archive(&archive()).unwrap()
}

/// A vault with every kind of entry, under the passphrase `right`.
fn file() -> Vec<u8> {
    draft().seal(&passphrase("right"), cheap(), CREATED, RANDOM).unwrap()
}

fn parse(file: &[u8]) -> Vault {
    Vault::parse(file.to_vec()).unwrap()
}
