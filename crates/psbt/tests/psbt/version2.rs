//! PSBTs of version 2, written and read by the crate `psbt-v2`, which shares no such code with ours.
//!
//! The cases are those of [BIP-0370], each made from one good PSBT.
//!
//! [BIP-0370]: <https://github.com/bitcoin/bips/blob/master/bip-0370.mediawiki#test-vectors>

use bitcoin::absolute::{Height, LockTime, Time};
use bitcoin::consensus::deserialize;
use bitcoin::{Sequence, Transaction};
use ensign_psbt::{
    Contributions, DecodeError, Map, PsbtError, SignedPsbt, analyze, finish, parse, parse_binary,
};
use psbt_v2::v2::{Input, Output, Psbt as Version2};

use crate::consensus::accepted;
use crate::derived::Wallet;
use crate::party::{Party, funded, read};

/// The same PSBT as version 2, with the flags that all may be added to.
fn version_2(psbt: &bitcoin::Psbt) -> Version2 {
    let input = |(txin, fields): (&bitcoin::TxIn, &bitcoin::psbt::Input)| {
        let mut input = Input::new(&txin.previous_output);
        input.sequence = Some(txin.sequence);
        input.witness_utxo.clone_from(&fields.witness_utxo);
        input.tap_internal_key = fields.tap_internal_key;
        input.tap_key_origins.clone_from(&fields.tap_key_origins);
        input
    };
    let output = |(txout, fields): (&bitcoin::TxOut, &bitcoin::psbt::Output)| {
        let mut output = Output::new(txout.clone());
        output.tap_internal_key = fields.tap_internal_key;
        output.tap_key_origins.clone_from(&fields.tap_key_origins);
        output
    };
    let tx = &psbt.unsigned_tx;
    let creator = psbt_v2::v2::Creator::new().transaction_version(tx.version);
    let mut constructor = creator.fallback_lock_time(tx.lock_time).constructor_modifiable();
    for one in tx.input.iter().zip(&psbt.inputs) {
        constructor = constructor.input(input(one));
    }
    for one in tx.output.iter().zip(&psbt.outputs) {
        constructor = constructor.output(output(one));
    }
    constructor.psbt().unwrap()
}

/// A PSBT of two coins of the group's, with change.
pub(crate) fn good(party: &Party) -> Version2 {
    version_2(&Wallet::of(&party.group).psbt(party, &[[0, 5], [1, 2]], [1, 3]))
}

fn signed(party: &Party, bytes: &[u8]) -> SignedPsbt {
    let psbt = parse(bytes).unwrap();
    let spend = analyze(&psbt, &party.group).unwrap();
    let (by_signer, signatures) = party.sign(&spend.messages);
    let contributions = Contributions { by_signer: &by_signer, signatures: &signatures };
    finish(&psbt, &party.group, &contributions).unwrap()
}

#[test]
fn version_2_means_what_version_0_means_and_keeps_every_byte() {
    let party = Party::new(3);
    let psbt = Wallet::of(&party.group).psbt(&party, &[[0, 5], [1, 2]], [1, 3]);
    let bytes = version_2(&psbt).serialize();
    let read_2 = parse_binary(&bytes).unwrap();
    assert_eq!(analyze(&read_2, &party.group), analyze(&read(&psbt), &party.group));
    assert_eq!(Version2::deserialize(&read_2.to_bytes()).unwrap(), version_2(&psbt));
    assert_eq!(parse(&read_2.to_bytes()).unwrap(), read_2);
    assert_eq!(read_2.to_bytes().len(), bytes.len(), "in one fixed order");
    assert_eq!(parse(read_2.to_base64().as_bytes()).unwrap(), read_2);
}

#[test]
fn what_was_version_2_is_signed_as_version_2_and_accepted_by_consensus() {
    let party = Party::new(3);
    let before = good(&party);
    assert_eq!(before.global.tx_modifiable_flags, 0b11);
    let signed = signed(&party, &before.serialize());
    let spent: Vec<_> = before.inputs.iter().map(|it| it.witness_utxo.clone().unwrap()).collect();
    let bytes = signed.extract_tx().bytes;
    assert!(accepted(&bytes, &spent));

    let after = Version2::deserialize(&signed.bytes()).unwrap();
    assert_eq!(after.global.tx_modifiable_flags, 0, "nothing may be added any more");
    let tx: Transaction = deserialize(&bytes).unwrap();
    for (input, txin) in after.inputs.iter().zip(&tx.input) {
        assert_eq!(input.final_script_witness.as_ref(), Some(&txin.witness));
        assert_eq!(input.previous_txid, txin.previous_output.txid);
        assert_eq!(input.unknowns.len(), 1 + 3 + 3, "the fields of BIP373");
    }
    assert_eq!(analyze(signed.psbt(), &party.group).unwrap_err(), PsbtError::Signed { input: 0 });
}

#[test]
fn lock_times_are_those_that_bip370_determines() {
    let party = Party::new(2);
    let time = |seconds| Time::from_consensus(seconds).unwrap();
    let height = |blocks| Height::from_consensus(blocks).unwrap();
    let check = |one: (Option<u32>, Option<u32>), two: (Option<u32>, Option<u32>)| {
        let mut psbt = good(&party);
        psbt.global.fallback_lock_time = Some(LockTime::from_consensus(77));
        for (input, (seconds, blocks)) in psbt.inputs.iter_mut().zip([one, two]) {
            input.sequence = Some(Sequence::ENABLE_LOCKTIME_NO_RBF);
            (input.min_time, input.min_height) = (seconds.map(time), blocks.map(height));
        }
        let theirs = psbt.determine_lock_time().ok().map(LockTime::to_consensus_u32);
        match parse(&psbt.serialize()) {
            Ok(ours) => {
                let lock = analyze(&ours, &party.group).unwrap().summary.lock_time;
                assert_eq!(lock.map(LockTime::to_consensus_u32), theirs);
                theirs
            }
            Err(error) => {
                assert_eq!((error, theirs), (PsbtError::Decode(DecodeError::LockTimes), None));
                None
            }
        }
    };
    let (early, late) = (1_600_000_000, 1_700_000_000);
    assert_eq!(check((None, None), (None, None)), Some(77));
    assert_eq!(check((None, Some(10_000)), (None, None)), Some(10_000));
    assert_eq!(check((None, Some(10_000)), (None, Some(9_000))), Some(10_000));
    assert_eq!(check((Some(early), None), (Some(late), None)), Some(late));
    assert_eq!(check((Some(early), Some(10_000)), (Some(late), Some(9_000))), Some(10_000));
    assert_eq!(check((Some(early), Some(10_000)), (Some(late), None)), Some(late));
    assert_eq!(check((Some(early), None), (None, Some(9_000))), None);
}

#[test]
fn a_sequence_that_is_left_out_is_the_final_one() {
    let party = Party::new(2);
    let mut psbt = good(&party);
    psbt.inputs[0].sequence = None;
    psbt.global.fallback_lock_time = None;
    let read = parse(&psbt.serialize()).unwrap();
    assert_eq!(Version2::deserialize(&read.to_bytes()).unwrap(), psbt);
    let summary = analyze(&read, &party.group).unwrap().summary;
    assert_eq!((summary.lock_time, summary.replaceable), (None, false));
}

/// The pairs of a map, as keys and values.
type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// Changes the pairs of each map of a good PSBT, short ones all, and returns why it is refused.
fn refused(change: impl Fn(Map, &mut Pairs)) -> DecodeError {
    let mut bytes = &good(&Party::new(2)).serialize()[5..];
    let mut written = b"psbt\xff".to_vec();
    for map in [Map::Global, Map::Input(0), Map::Input(1), Map::Output(0), Map::Output(1)] {
        let mut pairs = Pairs::new();
        while bytes[0] != 0 {
            let mut take = || {
                let (taken, rest) = bytes[1..].split_at(bytes[0].into());
                bytes = rest;
                taken.to_vec()
            };
            pairs.push((take(), take()));
        }
        bytes = &bytes[1..];
        change(map, &mut pairs);
        for part in pairs.iter().flat_map(|(key, value)| [key, value]) {
            written.push(part.len() as u8);
            written.extend(part);
        }
        written.push(0);
    }
    match parse(&written).unwrap_err() {
        PsbtError::Decode(error) => error,
        other => panic!("{other}"),
    }
}

#[test]
fn a_field_that_version_2_must_have_is_missed() {
    let must = [
        (Map::Global, &[0x02, 0x04, 0x05][..]),
        (Map::Input(0), &[0x0e, 0x0f]),
        (Map::Input(1), &[0x0e, 0x0f]),
        (Map::Output(0), &[0x03, 0x04]),
        (Map::Output(1), &[0x03, 0x04]),
    ];
    for (of, key_types) in must {
        for key_type in key_types.iter().copied() {
            let error = refused(|map, pairs| {
                pairs.retain(|(key, _)| map != of || key[0] != key_type);
            });
            assert_eq!(error, DecodeError::MissingField { map: of, key_type });
        }
    }
    let error = refused(|map, pairs| {
        if map == Map::Output(1) {
            pairs.clear();
        }
    });
    assert_eq!(error, DecodeError::MissingField { map: Map::Output(1), key_type: 0x03 });
    assert_eq!(error.to_string(), "output 1 lacks the field 0x03 (amount) of version 2");
}

#[test]
fn fields_of_version_2_that_are_malformed_or_twice_there_are_named() {
    for (of, key_type, value) in [
        (Map::Global, 0x02, &[2, 0, 0][..]),
        (Map::Global, 0x03, &[0; 5]),
        (Map::Global, 0x04, &[2, 0]),
        (Map::Global, 0x05, &[0xfd, 2, 0]),
        (Map::Global, 0x06, &[]),
        (Map::Input(0), 0x0e, &[7; 31]),
        (Map::Input(1), 0x0f, &[0; 3]),
        (Map::Input(1), 0x10, &[0; 8]),
        // A time that is a height, a height of 0, and one that is a time.
        (Map::Input(0), 0x11, &499_999_999_u32.to_le_bytes()),
        (Map::Input(0), 0x12, &[0; 4]),
        (Map::Input(0), 0x12, &500_000_000_u32.to_le_bytes()),
        (Map::Output(1), 0x03, &[1; 7]),
    ] {
        let put = |again: bool| {
            refused(|map, pairs| {
                if map == of {
                    let (key, value) = (vec![key_type], value.to_vec());
                    pairs.retain(|(key, _)| again || key[0] != key_type);
                    pairs.insert(0, (key, value));
                }
            })
        };
        let DecodeError::Field { map, key_type: seen, .. } = put(false) else {
            panic!("{of} {key_type:#04x}: {}", put(false))
        };
        assert_eq!((map, seen), (of, key_type));
    }
    for (of, key_type) in [(Map::Input(0), 0x0e), (Map::Output(0), 0x04), (Map::Global, 0x02)] {
        let error = refused(|map, pairs| {
            if map == of {
                let pair = pairs.iter().find(|(key, _)| key[0] == key_type).unwrap().clone();
                pairs.push(pair);
            }
        });
        let is_named = matches!(error, DecodeError::DuplicateField { map, key_type: seen, .. }
            if (map, seen) == (of, key_type));
        assert!(is_named, "{error}");
    }
    // More inputs than there are bytes, and key data where there is none.
    let many = refused(|map, pairs| {
        if map == Map::Global {
            pairs.iter_mut().filter(|(key, _)| key[0] == 4).for_each(|(_, it)| *it = vec![0xfc]);
        }
    });
    assert!(matches!(many, DecodeError::Truncated { .. } | DecodeError::MissingField { .. }));
    let long = refused(|_, pairs| {
        pairs.iter_mut().filter(|(key, _)| *key == [0x0e]).for_each(|(key, _)| key.push(1));
    });
    assert!(matches!(long, DecodeError::Field { key_type: 0x0e, .. }), "{long}");
}

#[test]
fn one_version_has_no_fields_of_the_other() {
    let party = Party::new(2);
    let psbt = funded(&party, &[(9_000, ensign_wire::KeyTweak::ADDRESS)], &[8_000]);
    let tx = bitcoin::consensus::serialize(&psbt.unsigned_tx);
    let error = refused(|map, pairs| {
        if map == Map::Global {
            pairs.insert(0, (vec![0], tx.clone()));
        }
    });
    let DecodeError::EarlierField { map: Map::Global, key_type: 0, .. } = error else {
        panic!("{error}")
    };
    for version in [1_u32, 3] {
        let error = refused(|map, pairs| {
            let version = version.to_le_bytes().to_vec();
            let it = pairs.iter_mut().filter(|(key, _)| map == Map::Global && key[0] == 0xfb);
            it.for_each(|(_, value)| value.clone_from(&version));
        });
        assert_eq!(error, DecodeError::Version { seen: version });
    }
}

#[test]
fn maps_without_bytes_make_no_room() {
    // A million inputs of nothing: the first one is missed, and no room is made for the others.
    let mut bytes =
        b"psbt\xff\x01\x02\x04\x02\0\0\0\x01\x04\x05\xfe\0\0\x0f\0\x01\x05\x01\0".to_vec();
    bytes.extend(b"\x01\xfb\x04\x02\0\0\0\0");
    bytes.resize(bytes.len() + 0x0f_0000, 0);
    let error = parse(&bytes).unwrap_err();
    let missing = DecodeError::MissingField { map: Map::Input(0), key_type: 0x0e };
    assert_eq!(error, PsbtError::Decode(missing));
}
