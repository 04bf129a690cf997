//! Descriptors of a group, against BIP390 and the address they describe.

use ensign_psbt::Group;

use crate::party::Party;
use crate::vectors::group_of;

/// The keys of BIP390's vector `tr(musig(..))` with plain keys, in the order it writes them.
const KEYS: [&str; 3] = [
    "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
    "03dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659",
    "023590a94e768f8e1815c2f24b4d80a8e3149316c3518ce7b7ad338368d038ca66",
];

fn sorted() -> Group {
    let mut keys = KEYS;
    keys.sort_unstable();
    group_of(keys.into_iter())
}

#[test]
fn the_vector_of_bip390_is_our_address() {
    let script = sorted().script_pubkey().to_hex_string();
    assert_eq!(script, "512079e6c3e628c9bfbce91de6b7fb28e2aec7713d377cf260ab599dcbc40e542312");
}

#[test]
fn a_group_is_described_with_and_without_musig() {
    let group = sorted();
    let descriptor = group.descriptor().unwrap();
    let list = [KEYS[2], KEYS[0], KEYS[1]].join(",");
    assert_eq!(descriptor, format!("tr(musig({list}))#nu38trla"));
    // The key is the vector of BIP390 for `rawtr(musig(..))` with the same keys. Both checksums were
    // computed with the code in BIP380.
    let key = "789d937bade6673538f3e28d8368dda4d0512f94da44cf477a505716d26a1575";
    assert_eq!(group.plain_descriptor(), format!("tr({key})#3phqk53f"));
    let one = Party::new(1).group;
    assert!(one.descriptor().unwrap().starts_with("tr(musig(031b84c5567b126440995d3ed5aaba0565"));
}

#[test]
fn keys_out_of_order_have_no_musig_descriptor() {
    let group = group_of(KEYS.into_iter());
    assert_eq!(group.descriptor(), None, "readers sort the keys and find another address");
    assert!(group.plain_descriptor().starts_with("tr("));
}
