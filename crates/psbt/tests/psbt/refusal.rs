//! Each bad PSBT with the error that names what is wrong and where.

use bitcoin::hashes::Hash as _;
use bitcoin::psbt::{PsbtSighashType, raw};
use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction, TxOut, Txid};
use ensign_identity::SignerKey;
use ensign_musig::SecKey;
use ensign_primitives::{KeyPath, Network};
use ensign_psbt::{
    DecodeError, Destination, Group, INPUTS_MAX, Lookalike, Map, ParticipantsMismatch, Psbt,
    PsbtError, analyze, parse,
};
use ensign_wire::{GroupKeys, KeyTweak, PAYLOAD_BYTES_MAX};

use crate::party::{Party, ROOT, funded, read, simple};

const ADDRESS: KeyTweak = KeyTweak::ADDRESS;

fn decode_error(bytes: &[u8]) -> DecodeError {
    match parse(bytes).unwrap_err() {
        PsbtError::Decode(error) => error,
        other => panic!("{other}"),
    }
}

/// Changes a good PSBT of two inputs and returns why it is refused.
fn refusal(change: impl FnOnce(&Party, &mut bitcoin::Psbt)) -> PsbtError {
    let party = Party::new(2);
    let mut psbt = funded(&party, &[(60_000, ADDRESS), (50_000, ADDRESS)], &[100_000]);
    analyze(&read(&psbt), &party.group).unwrap();
    change(&party, &mut psbt);
    analyze(&read(&psbt), &party.group).unwrap_err()
}

#[test]
fn bytes_that_are_no_psbt_are_told_apart() {
    let magic = |bytes: &[u8]| decode_error(bytes).to_string();
    assert_eq!(decode_error(b""), DecodeError::Lookalike(Lookalike::Empty));
    assert_eq!(magic(b"psbt"), "not a PSBT: begins with the text \"psbt\"");
    assert_eq!(magic(&[2, 0, 0, 0, 1, 9]), "not a PSBT: begins with the bytes 02 00 00 00 01");
    assert_eq!(magic(b"psbt\xfe"), "not a PSBT: begins with the bytes 70 73 62 74 fe");
    assert_eq!(decode_error(b"cHNidP8B*AA="), DecodeError::Base64 { offset: 8 });
    assert_eq!(decode_error(b"cHNidP8BA"), DecodeError::Base64 { offset: 9 });
}

#[test]
fn base64_with_line_breaks_is_read() {
    let text = read(&simple(&Party::new(1))).to_base64();
    let lines: Vec<_> =
        text.as_bytes().chunks(64).map(|l| std::str::from_utf8(l).unwrap()).collect();
    let wrapped = format!("  {}\r\n", lines.join("\r\n"));
    assert_eq!(parse(wrapped.as_bytes()).unwrap(), parse(text.as_bytes()).unwrap());
}

#[test]
fn every_truncation_is_refused_with_its_place() {
    let bytes = simple(&Party::new(2)).serialize();
    for len in 5..bytes.len() {
        match decode_error(&bytes[..len]) {
            DecodeError::Truncated { offset, expected, left, .. } => {
                assert!(offset + left == len && expected > left as u64);
            }
            other => panic!("cut to {len}: {other}"),
        }
    }
}

#[test]
fn trailing_bytes_are_refused() {
    let mut bytes = simple(&Party::new(2)).serialize();
    let offset = bytes.len();
    bytes.extend([0; 3]);
    assert_eq!(decode_error(&bytes), DecodeError::Trailing { offset, extra: 3 });
}

#[test]
fn oversized_bytes_are_refused_before_they_are_read() {
    let mut bytes = b"psbt\xff".to_vec();
    bytes.resize(PAYLOAD_BYTES_MAX + 1, 0);
    let limit = PAYLOAD_BYTES_MAX;
    assert_eq!(decode_error(&bytes), DecodeError::TooLarge { seen: limit + 1, limit });
    let text = [b"cHNidP".as_slice(), &vec![b'A'; 2 * PAYLOAD_BYTES_MAX]].concat();
    assert!(matches!(decode_error(&text), DecodeError::TooLarge { .. }));
}

#[test]
fn a_huge_length_costs_nothing() {
    let bytes = b"psbt\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
    let truncated =
        DecodeError::Truncated { map: Map::Global, offset: 14, expected: u64::MAX, left: 0 };
    assert_eq!(decode_error(bytes), truncated);
    let long = DecodeError::LongLength { offset: 5, seen: 1 };
    assert_eq!(decode_error(b"psbt\xff\xfd\x01\x00\x00"), long);
}

#[test]
fn other_versions_than_0_and_2_are_refused() {
    let of = |version| {
        let global: [&[u8]; 4] =
            [&[1, 0xfb, 4, version, 0, 0, 0], &[1, 2, 4, 2, 0, 0, 0], &[1, 4, 1, 0], &[1, 5, 1, 0]];
        [b"psbt\xff", &global.concat()[..], &[0]].concat()
    };
    assert_eq!(decode_error(&of(3)), DecodeError::Version { seen: 3 });
    let later = DecodeError::LaterField { map: Map::Global, key_type: 2, offset: 12 };
    assert_eq!(decode_error(&of(0)), later);
    let empty = parse(&of(2)).unwrap();
    assert_eq!(analyze(&empty, &Party::new(2).group).unwrap_err(), PsbtError::NoInputs);
    assert_eq!(decode_error(b"psbt\xff\x00"), DecodeError::NoUnsignedTx);
}

/// Puts a raw field at the beginning of the first input's map and returns the refusal.
fn with_input_field(field: &[u8]) -> (DecodeError, usize) {
    let psbt = simple(&Party::new(1));
    let mut bytes = psbt.serialize();
    let global = bitcoin::Psbt::from_unsigned_tx(psbt.unsigned_tx).unwrap().serialize();
    // The maps of one input and one output are empty there: one byte each.
    let offset = global.len() - 2;
    bytes.splice(offset..offset, field.iter().copied());
    (decode_error(&bytes), offset)
}

#[test]
fn a_malformed_field_is_named() {
    let (error, offset) = with_input_field(&[1, 0x17, 2, 9, 9]);
    assert_eq!(error, DecodeError::Field { map: Map::Input(0), key_type: 0x17, offset });
    assert!(error.to_string().contains("taproot internal key"), "{error}");

    let same = [1, 0x03, 4, 1, 0, 0, 0];
    let (error, offset) = with_input_field(&[same, same].concat());
    let offset = offset + same.len();
    assert_eq!(error, DecodeError::DuplicateField { map: Map::Input(0), key_type: 3, offset });
}

#[test]
fn a_transaction_with_a_script_signature_is_refused() {
    let mut psbt = simple(&Party::new(1));
    psbt.unsigned_tx.input[0].script_sig = ScriptBuf::from_bytes(vec![0x51]);
    assert_eq!(decode_error(&psbt.serialize()), DecodeError::SignedTx { input: 0 });
}

#[test]
fn a_foreign_input_is_not_ours() {
    let error = refusal(|_, psbt| {
        let foreign = Party::new(3).group.script_pubkey().clone();
        psbt.inputs[1].witness_utxo.as_mut().unwrap().script_pubkey = foreign;
    });
    let locked_to = Destination::Address(Party::new(3).group.address().to_owned());
    assert_eq!(error, PsbtError::NotOurs { input: 1, locked_to });
    assert!(error.to_string().starts_with("input 1 is not ours: it is locked to bcrt1p"));
}

#[test]
fn a_foreign_script_of_any_length_gives_a_short_error() {
    let error = refusal(|_, psbt| {
        let script = ScriptBuf::from_bytes(vec![0x51; 100_000]);
        psbt.inputs[0].witness_utxo.as_mut().unwrap().script_pubkey = script;
    });
    assert!(error.to_string().len() < 500);
}

#[test]
fn the_same_keys_in_another_order_are_another_group() {
    let party = Party::new(2);
    let keys = party.group.keys().as_slice().iter().rev().copied().collect();
    let swapped = Group::new(Network::Regtest, &GroupKeys::new(keys).unwrap()).unwrap();
    let error = analyze(&read(&simple(&party)), &swapped).unwrap_err();
    assert!(matches!(error, PsbtError::NotOurs { input: 0, .. }));
}

#[test]
fn an_input_without_utxo_is_named() {
    let error = refusal(|_, psbt| psbt.inputs[1].witness_utxo = None);
    assert_eq!(error, PsbtError::MissingUtxo { input: 1 });
}

#[test]
fn foreign_sighash_types_are_refused() {
    for seen in [2, 3, 0x81, 0x82, 0x83, 0x40, 0x101] {
        let error = refusal(|_, psbt| {
            psbt.inputs[1].sighash_type = Some(PsbtSighashType::from_u32(seen));
        });
        assert_eq!(error, PsbtError::ForeignSighash { input: 1, seen });
    }
}

/// Returns a transaction with the coin of `input` at output 7, and makes the input spend it.
fn previous_tx(psbt: &mut bitcoin::Psbt, input: usize) -> Transaction {
    let coin = psbt.inputs[input].witness_utxo.clone().unwrap();
    let filler = TxOut { value: Amount::ONE_SAT, script_pubkey: ScriptBuf::new() };
    let mut tx = psbt.unsigned_tx.clone();
    tx.output = vec![filler; 7];
    tx.output.push(coin);
    psbt.unsigned_tx.input[input].previous_output = OutPoint { txid: tx.compute_txid(), vout: 7 };
    tx
}

#[test]
fn a_whole_previous_transaction_is_as_good_as_a_witness_utxo() {
    let party = Party::new(2);
    let mut psbt = simple(&party);
    psbt.inputs[0].non_witness_utxo = Some(previous_tx(&mut psbt, 0));
    let both = analyze(&read(&psbt), &party.group).unwrap();
    psbt.inputs[0].witness_utxo = None;
    assert_eq!(analyze(&read(&psbt), &party.group).unwrap(), both);
}

#[test]
fn another_previous_transaction_is_refused() {
    let error = refusal(|_, psbt| {
        let mut tx = previous_tx(psbt, 1);
        tx.output[0].value = Amount::from_sat(2);
        psbt.inputs[1].non_witness_utxo = Some(tx);
    });
    assert!(matches!(error, PsbtError::UtxoTxid { input: 1, .. }), "{error}");

    let error = refusal(|_, psbt| {
        psbt.inputs[1].non_witness_utxo = Some(previous_tx(psbt, 1));
        psbt.unsigned_tx.input[1].previous_output.vout = 8;
    });
    assert_eq!(error, PsbtError::UtxoIndex { input: 1, vout: 8, outputs: 8 });
}

#[test]
fn conflicting_amounts_are_refused() {
    let error = refusal(|_, psbt| {
        psbt.inputs[1].non_witness_utxo = Some(previous_tx(psbt, 1));
        psbt.inputs[1].witness_utxo.as_mut().unwrap().value = Amount::from_sat(49_999);
    });
    let conflict = PsbtError::UtxoConflict { input: 1, witness: 49_999, non_witness: 50_000 };
    assert_eq!(error, conflict);
}

#[test]
fn a_signed_input_is_refused() {
    let error = refusal(|_, psbt| psbt.inputs[1].final_script_witness = Some(Default::default()));
    assert_eq!(error, PsbtError::Signed { input: 1 });
    let error = refusal(|_, psbt| psbt.inputs[0].final_script_sig = Some(ScriptBuf::new()));
    assert_eq!(error, PsbtError::Signed { input: 0 });
}

#[test]
fn the_same_coin_twice_is_refused() {
    let error = refusal(|_, psbt| {
        psbt.unsigned_tx.input[1].previous_output = psbt.unsigned_tx.input[0].previous_output;
    });
    let outpoint = OutPoint { txid: Txid::from_byte_array([1; 32]), vout: 7 };
    assert_eq!(error, PsbtError::DuplicateInput { first: 0, second: 1, outpoint });
}

#[test]
fn more_than_32_inputs_are_refused() {
    let party = Party::new(1);
    let analyzed = |inputs: usize| {
        analyze(&read(&funded(&party, &vec![(1_000, ADDRESS); inputs], &[900])), &party.group)
    };
    assert_eq!(analyzed(32).unwrap().messages.len(), 32);
    let limit = INPUTS_MAX;
    assert_eq!(analyzed(33).unwrap_err(), PsbtError::TooManyInputs { seen: 33, limit });
}

#[test]
fn a_transaction_without_inputs_or_outputs_is_refused() {
    let party = Party::new(1);
    let analyzed = |coins: &[_], paid: &[_]| {
        analyze(&read(&funded(&party, coins, paid)), &party.group).unwrap_err()
    };
    assert_eq!(analyzed(&[], &[1]), PsbtError::NoInputs);
    assert_eq!(analyzed(&[(1, ADDRESS)], &[]), PsbtError::NoOutputs);
}

#[test]
fn a_transaction_nobody_relays_is_refused() {
    let party = Party::new(1);
    let psbt = funded(&party, &[(1_000_000, ADDRESS)], &[1; 4_000]);
    let error = analyze(&read(&psbt), &party.group).unwrap_err();
    assert!(matches!(error, PsbtError::TooHeavy { limit: 400_000, .. }));
}

#[test]
fn a_negative_fee_is_refused() {
    let error = refusal(|_, psbt| psbt.unsigned_tx.output[0].value = Amount::from_sat(110_001));
    assert_eq!(error, PsbtError::NegativeFee { inputs: 110_000, outputs: 110_001 });
    let party = Party::new(1);
    let free = funded(&party, &[(5, ADDRESS)], &[5]);
    assert_eq!(analyze(&read(&free), &party.group).unwrap().summary.fee, 0);
}

#[test]
fn amounts_beyond_all_bitcoin_are_refused() {
    let limit = 2_100_000_000_000_000;
    let error = refusal(|_, psbt| {
        psbt.inputs[1].witness_utxo.as_mut().unwrap().value = Amount::from_sat(limit);
    });
    let seen = limit + 60_000;
    assert_eq!(error, PsbtError::AmountOutOfRange { map: Map::Input(1), seen, limit });
    let error = refusal(|_, psbt| psbt.unsigned_tx.output[0].value = Amount::from_sat(u64::MAX));
    let seen = u64::MAX;
    assert_eq!(error, PsbtError::AmountOutOfRange { map: Map::Output(0), seen, limit });
}

#[test]
fn taproot_fields_that_tell_another_story_are_refused() {
    let root = |root: [u8; 32]| Some(bitcoin::TapNodeHash::from_byte_array(root));
    let error = refusal(|_, psbt| psbt.inputs[1].tap_merkle_root = root(ROOT));
    assert_eq!(error, PsbtError::TaprootField { input: 1, key_type: 0x18 });

    let stranger = SecKey::from_secret_bytes([99; 32]).unwrap().public_key().x_only_public_key().0;
    let stranger = bitcoin::XOnlyPublicKey::from_slice(&stranger.to_byte_array()).unwrap();
    let error = refusal(|_, psbt| psbt.inputs[0].tap_internal_key = Some(stranger));
    assert_eq!(error, PsbtError::TaprootField { input: 0, key_type: 0x17 });

    let error = refusal(|party, psbt| {
        psbt.inputs[0].witness_utxo.as_mut().unwrap().script_pubkey = party.script(KeyTweak::None);
        psbt.inputs[0].tap_internal_key = Some(stranger);
    });
    assert!(error.to_string().contains("0x17 (taproot internal key)"), "{error}");
}

fn participants(aggregate: [u8; 33], keys: &[SignerKey]) -> (raw::Key, Vec<u8>) {
    let key = raw::Key { type_value: 0x1a, key: aggregate.to_vec() };
    (key, keys.iter().flat_map(SignerKey::to_bytes).collect())
}

#[test]
fn participants_must_be_the_groups_keys_in_their_order() {
    let party = Party::new(3);
    let (aggregate, keys) =
        (party.group.aggregate_key().serialize(), party.group.keys().as_slice());
    let mut psbt = simple(&party);
    psbt.inputs[0].unknown.extend([participants(aggregate, keys)]);
    analyze(&read(&psbt), &party.group).unwrap();

    let refused = |aggregate: [u8; 33], keys: &[SignerKey]| {
        let mut psbt = simple(&party);
        psbt.inputs[0].unknown.extend([participants(aggregate, keys)]);
        match analyze(&read(&psbt), &party.group).unwrap_err() {
            PsbtError::ForeignParticipants { input: 0, aggregate: seen, cause } => {
                assert_eq!(seen.serialize(), aggregate);
                cause
            }
            other => panic!("{other}"),
        }
    };
    let swapped = [keys[1], keys[0], keys[2]];
    assert_eq!(refused(aggregate, &swapped), ParticipantsMismatch::Order);
    let other_order = group_of(&swapped).aggregate_key().serialize();
    assert_eq!(refused(other_order, &swapped), ParticipantsMismatch::Order);
    assert_eq!(refused(aggregate, &keys[..2]), ParticipantsMismatch::Keys);

    let mut negated = aggregate;
    negated[0] ^= 1;
    assert_eq!(refused(negated, keys), ParticipantsMismatch::Sign);
    let output = party.group.key_agg_ctx(ADDRESS).unwrap().agg_key_full().serialize();
    assert_eq!(refused(output, keys), ParticipantsMismatch::OutputKey);
    let two = Party::new(2).group;
    let stranger = two.aggregate_key().serialize();
    assert_eq!(refused(stranger, two.keys().as_slice()), ParticipantsMismatch::Group);
    assert_eq!(refused(stranger, keys), ParticipantsMismatch::Group);
}

fn group_of(keys: &[SignerKey]) -> Group {
    Group::new(Network::Regtest, &GroupKeys::new(keys.to_vec()).unwrap()).unwrap()
}

#[test]
fn other_aggregate_keys_are_named_beside_a_script_tree_only() {
    let party = Party::new(3);
    let other = Party::new(2).group;
    let field = participants(other.aggregate_key().serialize(), other.keys().as_slice());
    let analyzed = |tweak| {
        let mut psbt = funded(&party, &[(1_000, tweak)], &[900]);
        psbt.inputs[0].unknown.extend([field.clone()]);
        analyze(&read(&psbt), &party.group)
    };
    let aggregate = other.aggregate_key();
    let cause = ParticipantsMismatch::Group;
    let foreign = PsbtError::ForeignParticipants { input: 0, aggregate, cause };
    assert_eq!(analyzed(ADDRESS).unwrap_err(), foreign);
    analyzed(KeyTweak::Taproot { path: KeyPath::ROOT, merkle_root: Some(ROOT) }).unwrap();
}

#[test]
fn the_binary_form_is_the_same_however_the_psbt_came() {
    let psbt: Psbt = read(&simple(&Party::new(2)));
    let again = parse(psbt.to_base64().as_bytes()).unwrap();
    assert_eq!(again.to_bytes(), psbt.to_bytes());
}
