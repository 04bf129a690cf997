//! The vectors of [BIP-0373] and [BIP-0328].
//!
//! [BIP-0328]: <https://github.com/bitcoin/bips/blob/master/bip-0328.mediawiki#test-vectors>
//! [BIP-0373]: <https://github.com/bitcoin/bips/blob/master/bip-0373.mediawiki#test-vectors>

use ensign_identity::{Signature, SignerKey};
use ensign_musig::{KeyAggCtx, PartialSig, PubNonce, SigningCtx};
use ensign_primitives::{KeyPath, Network};
use ensign_psbt::{
    Contribution, Contributions, DecodeError, Group, Map, MusigField, MusigFieldError, Psbt,
    PsbtError, analyze, finish, parse,
};
use ensign_wire::{GroupKeys, KeyTweak, PubNonceBytes};
use serde_json::Value;

pub(crate) fn bip373() -> Value {
    serde_json::from_str(include_str!("../vectors/bip373.json")).unwrap()
}

pub(crate) fn psbt_bytes(case: &Value) -> Vec<u8> {
    hex::decode(case["psbt_hex"].as_str().unwrap()).unwrap()
}

pub(crate) fn group_of<'a>(keys: impl Iterator<Item = &'a str>) -> Group {
    let key = |key| SignerKey::from_bytes(&hex::decode(key).unwrap().try_into().unwrap()).unwrap();
    Group::new(Network::Bitcoin, &GroupKeys::new(keys.map(key).collect()).unwrap()).unwrap()
}

pub(crate) fn bip373_group() -> Group {
    let vectors = bip373();
    let participants = vectors["participants"].as_array().unwrap();
    group_of(participants.iter().map(|participant| participant["pubkey"].as_str().unwrap()))
}

#[test]
fn all_14_valid_bip373_psbts_keep_every_byte() {
    let vectors = bip373();
    let valid = vectors["valid"].as_array().unwrap();
    assert_eq!(valid.len(), 14);
    for case in valid {
        let bytes = psbt_bytes(case);
        let psbt = parse(&bytes).unwrap();
        assert_eq!(psbt.to_bytes(), bytes, "{}", case["case"]);
        assert_eq!(parse(psbt.to_base64().as_bytes()).unwrap(), psbt);
        let fields = [Map::Input(0), Map::Output(0), Map::Output(1)];
        assert!(fields.into_iter().any(|map| !psbt.musig_fields(map).is_empty()));
    }
}

#[test]
fn all_8_invalid_bip373_psbts_are_refused_by_name() {
    let vectors = bip373();
    let invalid = vectors["invalid"].as_array().unwrap();
    let reasons = [
        (Map::Input(0), MusigFieldError::ParticipantsLength { seen: 98 }),
        (Map::Output(0), MusigFieldError::AggregateLength { seen: 32 }),
        (Map::Input(0), MusigFieldError::SlotLength { seen: 65 }),
        (Map::Input(0), MusigFieldError::SlotLength { seen: 65 }),
        (Map::Input(0), MusigFieldError::ValueLength { expected: 66, seen: 65 }),
        (Map::Input(0), MusigFieldError::SlotLength { seen: 97 }),
        (Map::Input(0), MusigFieldError::SlotLength { seen: 97 }),
        (Map::Input(0), MusigFieldError::ValueLength { expected: 32, seen: 31 }),
    ];
    assert_eq!(invalid.len(), reasons.len());
    for (case, (map, cause)) in invalid.iter().zip(reasons) {
        let bytes = psbt_bytes(case);
        match parse(&bytes).unwrap_err() {
            PsbtError::Decode(DecodeError::Musig { map: seen_map, cause: seen_cause, .. }) => {
                assert_eq!((seen_map, seen_cause), (map, cause), "{}", case["case"]);
            }
            other => panic!("{}: {other}", case["case"]),
        }
    }
}

#[test]
fn the_groups_aggregate_key_is_that_of_the_vectors() {
    let key = |group: &Group| hex::encode(group.aggregate_key().serialize());
    assert_eq!(key(&bip373_group()), bip373()["aggregate"]);

    let bip328: Value = serde_json::from_str(include_str!("../vectors/bip328.json")).unwrap();
    let cases = bip328.as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let keys = case["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap());
        assert_eq!(key(&group_of(keys)), case["aggregate_pubkey"]);
    }
}

/// What the vector's last stage holds of each participant, for the key path under any key.
fn given(psbt: &Psbt, group: &Group) -> Vec<(PubNonce, PartialSig)> {
    let fields = psbt.musig_fields(Map::Input(0));
    let of = |signer: &SignerKey| {
        let nonce = fields.iter().find_map(|field| match field {
            MusigField::PubNonce { slot, nonce } if slot.participant == *signer => Some(*nonce),
            _ => None,
        });
        let sig = fields.iter().find_map(|field| match field {
            MusigField::PartialSig { slot, sig } if slot.participant == *signer => Some(*sig),
            _ => None,
        });
        (nonce.unwrap(), sig.unwrap())
    };
    group.keys().as_slice().iter().map(of).collect()
}

/// Finishes a vector's first stage with the nonces and partial signatures of its last.
fn replay(first: usize, tweak: KeyTweak) -> (Psbt, bitcoin::Psbt) {
    let (vectors, group) = (bip373(), bip373_group());
    let stage = |offset: usize| psbt_bytes(&vectors["valid"][first + offset]);
    let (unsigned, last) = (parse(&stage(1)).unwrap(), parse(&stage(2)).unwrap());
    let spend = analyze(&unsigned, &group).unwrap();
    assert_eq!(spend.messages.len(), 1);
    assert_eq!(spend.messages[0].tweak, tweak);

    let ctx: KeyAggCtx = group.key_agg_ctx(tweak).unwrap();
    let given = given(&last, &group);
    let nonces = given.iter().map(|(nonce, _)| *nonce).collect();
    let signing = SigningCtx::new(&ctx, nonces, spend.messages[0].digest).unwrap();
    for (signer, (_, sig)) in given.iter().enumerate() {
        assert!(signing.partial_sig_verify(signer, sig), "the sighash is not the vector's");
    }
    let sigs: Vec<_> = given.iter().map(|(_, sig)| *sig).collect();
    let signature = Signature(signing.partial_sig_agg(&sigs).unwrap());
    let contribution = |(nonce, sig): &(PubNonce, PartialSig)| Contribution {
        pub_nonces: Some(vec![PubNonceBytes(nonce.to_bytes())]),
        partial_sigs: Some(vec![sig.to_bytes()]),
    };
    let by_signer: Vec<_> = given.iter().map(contribution).collect();
    // From the stage without any nonce: each field is then our own writing.
    let bare = parse(&stage(0)).unwrap();
    let contributions = Contributions { by_signer: &by_signer, signatures: &[signature] };
    let signed = finish(&bare, &group, &contributions).unwrap();
    (last, bitcoin::Psbt::deserialize(&signed.bytes()).unwrap())
}

#[test]
fn output_key_spend_of_bip373_is_finished_as_in_the_vector() {
    let (last, mut ours) = replay(0, KeyTweak::None);
    ours.inputs[0].final_script_witness = None;
    ours.inputs[0].tap_key_sig = None; // The vector stops before it.
    assert_eq!(ours.serialize(), last.to_bytes());
}

#[test]
fn internal_key_spend_of_bip373_is_finished_as_in_the_vector() {
    let (last, mut ours) = replay(3, KeyTweak::ADDRESS);
    ours.inputs[0].final_script_witness = None;
    assert_eq!(ours.serialize(), last.to_bytes());
}

#[test]
fn derived_key_spend_of_bip373_is_finished_as_in_the_vector() {
    let path = KeyPath::new(&[1, 2]).unwrap();
    let (last, mut ours) = replay(9, KeyTweak::Taproot { path, merkle_root: None });
    ours.inputs[0].final_script_witness = None;
    assert_eq!(ours.serialize(), last.to_bytes());
}

#[test]
fn script_path_spends_of_bip373_are_not_ours() {
    let (vectors, group) = (bip373(), bip373_group());
    let case = &vectors["valid"][6];
    assert!(case["case"].as_str().unwrap().contains("a key in a script"));
    let refused = analyze(&parse(&psbt_bytes(case)).unwrap(), &group).unwrap_err();
    assert!(matches!(refused, PsbtError::NotOurs { input: 0, .. }), "{refused}");
}
