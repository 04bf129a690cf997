//! Addresses derived from the group's key: the vectors of [BIP-0328] and [BIP-0390], what the crate
//! `bitcoin` derives from our extended key, and its PSBTs of several addresses, by consensus code.
//!
//! [BIP-0328]: <https://github.com/bitcoin/bips/blob/master/bip-0328.mediawiki#test-vectors>
//! [BIP-0390]: <https://github.com/bitcoin/bips/blob/master/bip-0390.mediawiki#test-vectors>

use std::str::FromStr as _;

use bitcoin::bip32::{ChildNumber, DerivationPath, Xpub};
use bitcoin::key::{Secp256k1, TapTweak as _, XOnlyPublicKey};
use bitcoin::taproot::{TaprootBuilder, TaprootSpendInfo};
use bitcoin::{Address, Amount, ScriptBuf, TxOut};
use ensign_identity::SignerKey;
use ensign_primitives::{KeyPath, KeyPathError, Network, UnixTime};
use ensign_psbt::{
    Chain, DeriveError, Draft, DraftCoin, GAP_LIMIT, Group, Issued, OwnKey, ParticipantsMismatch,
    PsbtError, Surroundings, analyze, judge,
};
use ensign_wire::{GroupKeys, KeyTweak};
use serde_json::Value;

use crate::consensus::{accepted, sign};
use crate::party::{Party, funded, read};
use crate::shape::{lines, p2wpkh};
use crate::vectors::group_of;

/// An output that `internal` can spend, or `key` by a script.
fn tree(internal: XOnlyPublicKey, key: XOnlyPublicKey) -> TaprootSpendInfo {
    let leaf = bitcoin::script::Builder::new().push_x_only_key(&key);
    let leaf = leaf.push_opcode(bitcoin::opcodes::all::OP_CHECKSIG).into_script();
    let builder = TaprootBuilder::new().add_leaf(0, leaf).unwrap();
    builder.finalize(&Secp256k1::verification_only(), internal).unwrap()
}

/// What another wallet knows of a group: its extended key, and the crate `bitcoin`.
pub(crate) struct Wallet {
    xpub: Xpub,
}

impl Wallet {
    pub(crate) fn of(group: &Group) -> Self {
        let text = group.xpub_descriptor();
        let xpub = text.strip_prefix("tr(").unwrap().split('/').next().unwrap();
        Self { xpub: Xpub::from_str(xpub).unwrap() }
    }

    fn child(&self, steps: &[u32]) -> (XOnlyPublicKey, DerivationPath) {
        let path: DerivationPath = steps.iter().map(|step| ChildNumber::from(*step)).collect();
        let child = self.xpub.derive_pub(&Secp256k1::verification_only(), &path).unwrap();
        (child.to_x_only_pub(), path)
    }

    fn script(&self, steps: &[u32]) -> ScriptBuf {
        ScriptBuf::new_p2tr(&Secp256k1::verification_only(), self.child(steps).0, None)
    }

    /// A PSBT of coins of 50,000 sat at addresses of the group, with change of 5,000 at another,
    /// with all that BIP371 has to say.
    pub(crate) fn psbt(
        &self,
        party: &Party,
        coins: &[[u32; 2]],
        change: [u32; 2],
    ) -> bitcoin::Psbt {
        let amounts = vec![(50_000, KeyTweak::ADDRESS); coins.len()];
        let mut psbt = funded(party, &amounts, &[50_000 * coins.len() as u64 - 6_000, 5_000]);
        for (steps, input) in coins.iter().zip(&mut psbt.inputs) {
            let (key, path) = self.child(steps);
            input.witness_utxo.as_mut().unwrap().script_pubkey = self.script(steps);
            input.tap_internal_key = Some(key);
            input.tap_key_origins.insert(key, (vec![], (self.xpub.fingerprint(), path)));
        }
        let (key, path) = self.child(&change);
        psbt.unsigned_tx.output[1].script_pubkey = self.script(&change);
        psbt.outputs[1].tap_internal_key = Some(key);
        psbt.outputs[1].tap_key_origins.insert(key, (vec![], (self.xpub.fingerprint(), path)));
        psbt
    }
}

fn path(steps: &[u32]) -> KeyPath {
    KeyPath::new(steps).unwrap()
}

fn spent(psbt: &bitcoin::Psbt) -> Vec<TxOut> {
    psbt.inputs.iter().map(|input| input.witness_utxo.clone().unwrap()).collect()
}

fn notes(party: &Party, psbt: &bitcoin::Psbt) -> Vec<String> {
    let summary = analyze(&read(psbt), &party.group).unwrap().summary;
    lines(&judge(&summary, &Surroundings { now: UnixTime::from_millis(0), coins: &[] }))
}

#[test]
fn extended_keys_are_those_of_bip328() {
    let cases: Value = serde_json::from_str(include_str!("../vectors/bip328.json")).unwrap();
    for case in cases.as_array().unwrap() {
        let keys = case["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap());
        assert_eq!(group_of(keys).xpub(), case["xpub"]);
    }
}

#[test]
fn scripts_are_those_of_bip390() {
    let xpubs = [
        "xpub6ERApfZwUNrhLCkDtcHTcxd75RbzS1ed54G1LkBUHQVHQKqhMkhgbmJbZRkrgZw4koxb5JaHWkY4ALHY2grBGRjaDMzQLcgJvLJuZZvRcEL",
        "xpub68NZiKmJWnxxS6aaHmn81bvJeTESw724CRDs6HbuccFQN9Ku14VQrADWgqbhhTHBaohPX4CjNLf9fq9MYo6oDaPPLPxSb7gwQN3ih19Zm4Y",
    ];
    let key = |xpub| SignerKey::from_bytes(&Xpub::from_str(xpub).unwrap().public_key.serialize());
    let keys = GroupKeys::sorted(xpubs.map(|xpub| key(xpub).unwrap()).to_vec()).unwrap();
    let group = Group::new(Network::Bitcoin, &keys).unwrap();
    let single = "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9";
    let single = XOnlyPublicKey::from_str(single).unwrap();
    let expected = [
        // rawtr(musig(..)/0/*), tr(musig(..)/0/*,pk(F)), tr(F,pk(musig(..)/0/*))
        [
            "9508c08832f3bb9d5e8baf8cb5cfa3669902e2f2da19acea63ff47b93faa9bfc",
            "1d377b637b5c73f670f5c8a96a2c0bb0d1a682a1fca6aba91fe673501a189782",
            "68983d461174afc90c26f3b2821d8a9ced9534586a756763b68371a404635cc8",
        ],
        [
            "5ca1102663025a83dd9b5dbc214762c5a6309af00d48167d2d6483808525a298",
            "8950c83b117a6c208d5205ffefcf75b187b32512eb7f0d8577db8d9102833036",
            "368e2d864115181bdc8bb5dc8684be8d0760d5c33315570d71a21afce4afd43e",
        ],
        [
            "7dbed1b89c338df6a1ae137f133a19cae6e03d481196ee6f1a5c7d1aeb56b166",
            "a49a477c61df73691b77fcd563a80a15ea67bb9c75470310ce5c0f25918db60d",
            "97a1e6270b33ad85744677418bae5f59ea9136027223bc6e282c47c167b471d5",
        ],
    ];
    for (index, expected) in (0..).zip(expected) {
        let child = Wallet::of(&group).child(&[0, index]).0;
        let with_leaf = tree(child, single);
        let root = with_leaf.merkle_root().map(|root| *AsRef::<[u8; 32]>::as_ref(&root));
        let tweak = KeyTweak::Taproot { path: path(&[0, index]), merkle_root: root };
        let output = group.key_agg_ctx(tweak).unwrap().agg_key().to_byte_array();
        let in_leaf = tree(single, child).output_key().serialize();
        let seen = [child.serialize(), output, in_leaf];
        assert_eq!(seen.map(hex::encode), expected.map(str::to_owned));
    }
}

#[test]
fn addresses_are_those_another_wallet_derives_from_the_descriptor() {
    let party = Party::new(3);
    let wallet = Wallet::of(&party.group);
    for (chain, step) in [(Chain::Receive, 0), (Chain::Change, 1)] {
        for index in [0, 1, 19, 20, 500, 0x7fff_ffff] {
            let ours = party.group.address_at(chain, index).unwrap();
            assert_eq!(ours.path, path(&[step, index]));
            assert_eq!(ours.script_pubkey, wallet.script(&[step, index]));
            let address = Address::from_script(&ours.script_pubkey, bitcoin::Network::Regtest);
            assert_eq!(ours.address, address.unwrap().to_string());
        }
    }
    let error = party.group.address_at(Chain::Receive, 1 << 31).unwrap_err();
    assert_eq!(error, DeriveError::Path(KeyPathError::Hardened { at: 1, step: 0 }));
}

#[test]
fn inputs_of_several_addresses_are_signed_and_accepted_by_consensus() {
    let party = Party::new(3);
    let wallet = Wallet::of(&party.group);
    let mut psbt = wallet.psbt(&party, &[[0, 0], [0, 7], [1, 3], [0, 900]], [1, 4]);
    // One more at the bare address, which old groups have.
    let bare = funded(&party, &[(1, KeyTweak::ADDRESS); 5], &[1]);
    psbt.unsigned_tx.input.push(bare.unsigned_tx.input[4].clone());
    psbt.inputs.push(bare.inputs[4].clone());
    let spend = analyze(&read(&psbt), &party.group).unwrap();
    let tweaks: Vec<_> = spend.messages.iter().map(|message| message.tweak).collect();
    let at = |steps: &[u32]| KeyTweak::Taproot { path: path(steps), merkle_root: None };
    let paths = [&[0, 0][..], &[0, 7], &[1, 3], &[0, 900], &[]];
    assert_eq!(tweaks, paths.map(at));
    assert_eq!(spend.summary.amount_change(), 5_000);
    let own = OwnKey { path: path(&[1, 4]), is_found: true, is_reused: false };
    assert_eq!(spend.summary.outputs[1].ours, Some(own));
    // `0/900` is further out than anybody looks for.
    let before = Issued { receive: 2, change: 1 };
    assert_eq!(spend.summary.issued(before), Issued { receive: 8, change: 5 });

    let signed = sign(&party, &psbt);
    let bytes = signed.extract_tx().bytes;
    assert!(accepted(&bytes, &spent(&psbt)));
    let mut swapped = spent(&psbt);
    swapped[0].script_pubkey = wallet.script(&[0, 1]);
    assert!(!accepted(&bytes, &swapped), "the next address passes");
    // What was named stays, and nothing is named that another reader could not know.
    let written = bitcoin::Psbt::deserialize(&signed.bytes()).unwrap();
    for (before, after) in psbt.inputs.iter().zip(&written.inputs).take(4) {
        assert_eq!(after.tap_key_origins, before.tap_key_origins);
        assert_eq!(after.tap_internal_key, before.tap_internal_key);
    }
}

#[test]
fn fields_that_are_missing_are_found_within_the_gap_and_written() {
    let party = Party::new(2);
    let wallet = Wallet::of(&party.group);
    let last = GAP_LIMIT - 1;
    let full = wallet.psbt(&party, &[[0, last], [1, 0]], [1, last]);
    let mut bare = full.clone();
    for input in &mut bare.inputs {
        (input.tap_internal_key, input.tap_key_origins) = (None, Default::default());
    }
    bare.outputs[1] = Default::default();
    let (found, named) = (read(&bare), read(&full));
    let found = analyze(&found, &party.group).unwrap();
    assert_eq!(found, analyze(&named, &party.group).unwrap());
    let written = bitcoin::Psbt::deserialize(&sign(&party, &bare).bytes()).unwrap();
    for (expected, seen) in full.inputs.iter().zip(&written.inputs) {
        assert_eq!(seen.tap_internal_key, expected.tap_internal_key);
        assert_eq!(seen.tap_key_origins, expected.tap_key_origins);
    }
}

#[test]
fn what_lies_beyond_the_gap_is_ours_only_when_a_field_says_where() {
    let party = Party::new(2);
    let wallet = Wallet::of(&party.group);
    let full = wallet.psbt(&party, &[[0, 0]], [1, GAP_LIMIT]);
    assert_eq!(notes(&party, &full), ["warning far_address output 1"]);
    let mut bare = full.clone();
    bare.outputs[1] = Default::default();
    let summary = analyze(&read(&bare), &party.group).unwrap().summary;
    assert_eq!(summary.outputs[1].ours, None);

    let issued = Issued { receive: 0, change: 1 };
    let group = party.group.clone().with_issued(issued);
    let summary = analyze(&read(&bare), &group).unwrap().summary;
    let own = OwnKey { path: path(&[1, GAP_LIMIT]), is_found: true, is_reused: false };
    assert_eq!(summary.outputs[1].ours, Some(own));

    let mut input = wallet.psbt(&party, &[[0, GAP_LIMIT]], [1, 0]);
    analyze(&read(&input), &party.group).unwrap();
    (input.inputs[0].tap_internal_key, input.inputs[0].tap_key_origins) =
        (None, Default::default());
    let refused = analyze(&read(&input), &party.group).unwrap_err();
    assert!(matches!(refused, PsbtError::NotOurs { input: 0, .. }), "{refused}");
}

#[test]
fn addresses_are_counted_as_far_as_a_wallet_looks() {
    let none = Issued::default();
    assert_eq!(none.with(path(&[0, 4])), Issued { receive: 5, change: 0 });
    assert_eq!(none.with(path(&[1, 19])), Issued { receive: 0, change: 20 });
    assert_eq!(none.with(path(&[1, 20])), none, "nobody makes us look through millions");
    assert_eq!(none.with(path(&[1, 3])).with(path(&[1, 1])).change, 4);
    assert_eq!(none.with(path(&[2, 1])).with(path(&[])).with(path(&[0])), none);
    assert!(
        none.reaches(KeyPath::ROOT) && !none.reaches(path(&[0])) && !none.reaches(path(&[2, 0]))
    );
    let both = Issued { receive: 1, change: 9 }.and(Issued { receive: 4, change: 2 });
    assert_eq!(both, Issued { receive: 4, change: 9 });
    let all = Issued { receive: u32::MAX, change: 0 };
    assert_eq!(all.with(path(&[0, 0x7fff_ffff])), all);
}

/// One thing is wrong with a PSBT of one coin at `0/5`.
fn refusal(change: impl FnOnce(&Wallet, &mut bitcoin::psbt::Input)) -> PsbtError {
    let party = Party::new(3);
    let wallet = Wallet::of(&party.group);
    let mut psbt = wallet.psbt(&party, &[[0, 5]], [1, 0]);
    change(&wallet, &mut psbt.inputs[0]);
    analyze(&read(&psbt), &party.group).unwrap_err()
}

#[test]
fn paths_that_no_group_can_have_are_refused() {
    let with = |path: &str| {
        refusal(|wallet, input| {
            let source = (wallet.xpub.fingerprint(), path.parse().unwrap());
            input.tap_key_origins.values_mut().for_each(|it| it.1 = source.clone());
        })
    };
    let cause = |cause| PsbtError::KeyPath { input: 0, cause };
    assert_eq!(with("0h/5"), cause(KeyPathError::Hardened { at: 0, step: 0 }));
    assert_eq!(with("0/2147483647h"), cause(KeyPathError::Hardened { at: 1, step: 0x7fff_ffff }));
    assert_eq!(with("0/5/0/0/0"), cause(KeyPathError::TooDeep { limit: 4 }));
    let text = with("86h/0h/0h").to_string();
    assert!(
        text.starts_with("input 0 names a key of the group by a path that it cannot"),
        "{text}"
    );
}

#[test]
fn fields_that_lead_elsewhere_are_refused() {
    let derivation = PsbtError::TaprootField { input: 0, key_type: 0x16 };
    let other_index = refusal(|wallet, input| {
        let source = (wallet.xpub.fingerprint(), "0/6".parse().unwrap());
        input.tap_key_origins.values_mut().for_each(|it| it.1 = source.clone());
    });
    assert_eq!(other_index, derivation);
    let none = refusal(|wallet, input| {
        let source = (wallet.xpub.fingerprint(), DerivationPath::default());
        input.tap_key_origins.values_mut().for_each(|it| it.1 = source.clone());
    });
    assert_eq!(none, derivation);
    let other_key = refusal(|wallet, input| {
        let origin = input.tap_key_origins.pop_first().unwrap().1;
        input.tap_key_origins.insert(wallet.child(&[0, 6]).0, origin);
        input.tap_internal_key = None;
    });
    assert_eq!(other_key, derivation);
    let internal = refusal(|wallet, input| {
        input.tap_internal_key = Some(wallet.child(&[0, 6]).0);
    });
    assert_eq!(internal, PsbtError::TaprootField { input: 0, key_type: 0x17 });
    let untweaked = refusal(|wallet, input| {
        let key = wallet.child(&[0, 5]).0.dangerous_assume_tweaked();
        input.witness_utxo.as_mut().unwrap().script_pubkey = ScriptBuf::new_p2tr_tweaked(key);
    });
    assert!(matches!(untweaked, PsbtError::NotOurs { input: 0, .. }), "{untweaked}");
    let on_bare = refusal(|wallet, input| {
        input.witness_utxo.as_mut().unwrap().script_pubkey = wallet.script(&[]);
        input.tap_internal_key = None;
    });
    assert_eq!(on_bare, derivation);
}

#[test]
fn fields_of_other_keys_and_of_leaves_say_nothing_of_ours() {
    let party = Party::new(3);
    let wallet = Wallet::of(&party.group);
    let mut psbt = wallet.psbt(&party, &[[0, 5]], [1, 0]);
    let expected = analyze(&read(&psbt), &party.group).unwrap();
    let (stranger, leaf) = (wallet.child(&[0, 7]).0, wallet.child(&[0, 8]).0);
    let fingerprint = wallet.xpub.fingerprint();
    let foreign = ([9; 4].into(), "86h/1h".parse().unwrap());
    let hash = bitcoin::hashes::Hash::from_byte_array([1; 32]);
    psbt.inputs[0].tap_key_origins.extend([
        (stranger, (vec![], foreign)),
        (leaf, (vec![hash], (fingerprint, "1h".parse().unwrap()))),
    ]);
    assert_eq!(analyze(&read(&psbt), &party.group).unwrap(), expected);
    // A false field makes no payment ours.
    psbt.unsigned_tx.output[1].script_pubkey = ScriptBuf::from_bytes(p2wpkh());
    let summary = analyze(&read(&psbt), &party.group).unwrap().summary;
    assert_eq!(summary.amount_change(), 0);
}

#[test]
fn participants_named_for_a_child_are_refused_by_name() {
    let party = Party::new(3);
    let keys = party.group.keys().as_slice();
    let named = |aggregate: Vec<u8>| {
        let key = bitcoin::psbt::raw::Key { type_value: 0x1a, key: aggregate };
        let value = keys.iter().flat_map(SignerKey::to_bytes).collect();
        let mut psbt = Wallet::of(&party.group).psbt(&party, &[[0, 5]], [1, 0]);
        psbt.inputs[0].unknown.insert(key, value);
        analyze(&read(&psbt), &party.group)
    };
    let (child, output) = (path(&[0, 5]), party.group.address_at(Chain::Receive, 5).unwrap());
    let child = party.group.key_agg_ctx(KeyTweak::None).unwrap().derive(&child).unwrap();
    let output = [&[2], &output.script_pubkey.as_bytes()[2..]].concat();
    for (key, expected) in [
        (child.agg_key_full().serialize().to_vec(), ParticipantsMismatch::Child),
        (output, ParticipantsMismatch::OutputKey),
    ] {
        let error = named(key).unwrap_err();
        let PsbtError::ForeignParticipants { cause, .. } = error else { panic!("{error}") };
        assert_eq!(cause, expected);
    }
    named(party.group.aggregate_key().serialize().to_vec()).unwrap();
}

#[test]
fn coins_of_two_groups_are_no_one_groups_to_sign() {
    let (one, two) = (Party::new(2), Party::new(3));
    let mut psbt = Wallet::of(&one.group).psbt(&one, &[[0, 5], [0, 6]], [1, 0]);
    psbt.inputs[1] = Wallet::of(&two.group).psbt(&two, &[[0, 6]], [1, 0]).inputs[0].clone();
    for (party, foreign) in [(&one, 1), (&two, 0)] {
        let refused = analyze(&read(&psbt), &party.group).unwrap_err();
        let PsbtError::NotOurs { input, .. } = refused else { panic!("{refused}") };
        assert_eq!(input, foreign);
    }
}

#[test]
fn change_to_an_address_of_its_own_earns_no_note() {
    let party = Party::new(2);
    let wallet = Wallet::of(&party.group);
    assert_eq!(notes(&party, &wallet.psbt(&party, &[[0, 5]], [1, 0])), [""; 0]);
    let reused = ["warning address_reuse the whole"];
    assert_eq!(notes(&party, &wallet.psbt(&party, &[[0, 5]], [0, 5])), reused);
    let mut bare = wallet.psbt(&party, &[[0, 5]], [0, 6]);
    bare.unsigned_tx.output[1].script_pubkey = party.group.script_pubkey().clone();
    assert_eq!(notes(&party, &bare), reused);
}

#[test]
fn drafts_spend_derived_coins_and_put_change_where_nothing_was() {
    let party = Party::new(3);
    let group = party.group.clone().with_issued(Issued { receive: 9, change: 4 });
    let coin = |vout: u32, path| {
        let outpoint = format!("{}:{vout}", "ab".repeat(32)).parse().unwrap();
        DraftCoin { outpoint, amount: 40_000, path }
    };
    let change = group.next_change();
    assert_eq!(change, path(&[1, 4]));
    let payments = vec![("bcrt1qeyfruphg6lcfvmzarngqqqqqqqqqp242wxqc6f".to_owned(), 50_000)];
    let coins = vec![coin(0, path(&[0, 8])), coin(1, KeyPath::ROOT)];
    let drafted = Draft { coins, payments, sat_per_kvb: 1_000, change }.build(&group).unwrap();
    let psbt = bitcoin::Psbt::deserialize(&drafted.psbt.to_bytes()).unwrap();
    let wallet = Wallet::of(&group);
    assert_eq!(psbt.inputs[0].tap_internal_key, Some(wallet.child(&[0, 8]).0));
    assert_eq!(psbt.unsigned_tx.output[1].script_pubkey, wallet.script(&[1, 4]));
    let origins: Vec<_> = psbt.outputs[1].tap_key_origins.keys().collect();
    assert_eq!(origins, [&wallet.child(&[1, 4]).0]);
    assert_eq!(notes(&party, &psbt), ["info replaceable the whole"]);
    assert!(accepted(&sign(&party, &psbt).extract_tx().bytes, &spent(&psbt)));
    let amount = psbt.unsigned_tx.output[1].value;
    assert_eq!(amount, Amount::from_sat(drafted.change.unwrap()));
}
