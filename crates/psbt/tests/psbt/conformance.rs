//! What BIP174, BIP370 and BIP371 say of fields that mean nothing to the group.

use ensign_psbt::{
    Contributions, DecodeError, Form, Lookalike, Map, ParticipantsMismatch, PsbtError, analyze,
    finish, parse,
};

use crate::party::{Party, read, simple};

const TREE: &[u8] = include_bytes!("../vectors/bip371_tree.psbt");

#[test]
fn regression_fields_of_version_2_are_refused_in_version_0() {
    // From the invalid PSBTs of BIP370: each one field too many in a PSBT of version 0.
    let vectors = include_str!("../vectors/bip370_in_version_0.tsv");
    let refused: Vec<_> = vectors
        .lines()
        .map(|line| {
            let (_, base64) = line.split_once('\t').unwrap();
            match parse(base64.as_bytes()).unwrap_err() {
                PsbtError::Decode(DecodeError::LaterField { map, key_type, .. }) => (map, key_type),
                other => panic!("{line}: {other}"),
            }
        })
        .collect();
    let global = [2, 3, 4, 5, 6].map(|key_type| (Map::Global, key_type));
    let input = [0x0e, 0x0f, 0x10, 0x11, 0x12].map(|key_type| (Map::Input(0), key_type));
    let output = [3, 4].map(|key_type| (Map::Output(0), key_type));
    let expected: Vec<_> = global.into_iter().chain(input).chain(output).collect();
    assert_eq!(refused, expected);
}

#[test]
fn a_field_of_version_2_is_named() {
    let vectors = include_str!("../vectors/bip370_in_version_0.tsv");
    let (_, base64) = vectors.lines().nth(10).unwrap().split_once('\t').unwrap();
    let error = parse(base64.as_bytes()).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("output 0 has the field 0x03 (amount) at offset "), "{text}");
    assert!(text.ends_with(", which belongs to version 2"), "{text}");
    assert!(error.advice().contains("version 0"));
}

#[test]
fn regression_a_valid_tree_of_bip371_keeps_every_byte() {
    let psbt = parse(TREE).unwrap();
    assert_eq!(psbt.to_base64().as_bytes(), TREE);
    assert_eq!(parse(&psbt.to_bytes()).unwrap(), psbt);
}

/// Puts raw pairs at the end of the global map and of the first output's.
fn with_fields(psbt: &bitcoin::Psbt, global: &[u8], output: &[u8]) -> Vec<u8> {
    let mut bytes = psbt.serialize();
    let end_of_global = bitcoin::Psbt::from_unsigned_tx(psbt.unsigned_tx.clone()).unwrap();
    let end_of_global = end_of_global.serialize().len() - 3;
    let end = bytes.len() - 1;
    bytes.splice(end..end, output.iter().copied());
    bytes.splice(end_of_global..end_of_global, global.iter().copied());
    bytes
}

#[test]
fn regression_a_tree_in_any_order_and_an_explicit_version_outlive_signing() {
    let party = Party::new(2);
    let leaf = |depth: u8, code: u8| [depth, 0xc0, 1, code];
    let tree = [leaf(2, 0x51), leaf(2, 0x52), leaf(1, 0x53)].concat();
    let tree = [&[1, 6, tree.len() as u8][..], &tree].concat();
    let version = [1, 0xfb, 4, 0, 0, 0, 0];
    let bytes = with_fields(&simple(&party), &version, &tree);
    let psbt = parse(&bytes).unwrap();
    assert_eq!(psbt.to_bytes(), bytes);
    assert_ne!(bitcoin::Psbt::deserialize(&bytes).unwrap().serialize(), bytes);

    let (by_signer, signatures) = party.sign(&analyze(&psbt, &party.group).unwrap().messages);
    let contributions = Contributions { by_signer: &by_signer, signatures: &signatures };
    let signed = finish(&psbt, &party.group, &contributions).unwrap().bytes();
    let holds = |pair: &[u8]| signed.windows(pair.len()).any(|window| window == pair);
    assert!(holds(&version) && holds(&tree));
    assert_eq!(parse(&signed).unwrap().to_bytes(), signed);
}

#[test]
fn an_explicit_version_stands_before_the_fields_of_programs() {
    let psbt = simple(&Party::new(1));
    let global = [&[1, 0xfb, 4, 0, 0, 0, 0][..], &[4, 0xfc, 1, b'x', 0, 1, 9]].concat();
    let bytes = with_fields(&psbt, &global, &[]);
    assert_eq!(parse(&bytes).unwrap().to_bytes(), bytes);
}

#[test]
fn a_result_is_given_back_in_the_form_of_the_request() {
    let party = Party::new(2);
    let psbt = read(&simple(&party));
    let (by_signer, signatures) = party.sign(&analyze(&psbt, &party.group).unwrap().messages);
    let contributions = Contributions { by_signer: &by_signer, signatures: &signatures };
    let signed = finish(&psbt, &party.group, &contributions).unwrap();
    assert_eq!(signed.to_form(Form::Binary), signed.bytes());
    assert_eq!(signed.to_form(Form::default()), format!("{}\n", signed.base64()).into_bytes());
}

#[test]
fn advice_is_by_cause() {
    let decode = |error: DecodeError| PsbtError::Decode(error).advice();
    let version = decode(DecodeError::Version { seen: 2 });
    assert!(version.contains("version 0"));
    let others = [
        decode(DecodeError::Truncated { map: Map::Global, offset: 5, expected: 1, left: 0 }),
        decode(DecodeError::Base64 { offset: 3 }),
        decode(DecodeError::Magic { seen: vec![] }),
        decode(DecodeError::Lookalike(Lookalike::SignedTx)),
        decode(DecodeError::Lookalike(Lookalike::Empty)),
        PsbtError::TooManyInputs { seen: 33, limit: 32 }.advice(),
        PsbtError::Signed { input: 0 }.advice(),
        PsbtError::MissingUtxo { input: 0 }.advice(),
        PsbtError::ForeignSighash { input: 0, seen: 0x83 }.advice(),
        PsbtError::NegativeFee { inputs: 1, outputs: 2 }.advice(),
        ParticipantsMismatch::Order.advice(),
        ParticipantsMismatch::Group.advice(),
    ];
    assert!(others.iter().all(|advice| !advice.contains("version")));
    let different: std::collections::BTreeSet<_> = others.iter().collect();
    assert_eq!(different.len(), others.len());
    assert!(others.iter().all(|advice| !advice.ends_with('.') && advice.len() < 200));
}
