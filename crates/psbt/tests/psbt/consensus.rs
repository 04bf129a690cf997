//! Bitcoin Core's consensus code judges what the group signs.
//!
//! The spent outputs are always given: without them the judge skips taproot and accepts anything.

use bitcoin::consensus::{deserialize, serialize};
use bitcoin::psbt::PsbtSighashType;
use bitcoin::{Amount, Transaction, TxOut, Witness};
use bitcoinconsensus::Utxo;
use ensign_identity::Signature;
use ensign_primitives::KeyPath;
use ensign_psbt::{Contributions, Map, MusigField, PsbtError, SignedPsbt, analyze, finish, parse};
use ensign_wire::KeyTweak;

use crate::party::{Party, ROOT, funded, read};

const ADDRESS: KeyTweak = KeyTweak::ADDRESS;
const TREE: KeyTweak = KeyTweak::Taproot { path: KeyPath::ROOT, merkle_root: Some(ROOT) };

/// Whether every input of `tx` spends its output by the rules of consensus.
pub(crate) fn accepted(tx: &[u8], spent: &[TxOut]) -> bool {
    let utxos: Vec<_> = spent
        .iter()
        .map(|txout| Utxo {
            script_pubkey: txout.script_pubkey.as_bytes().as_ptr(),
            script_pubkey_len: txout.script_pubkey.len() as u32,
            value: txout.value.to_sat() as i64,
        })
        .collect();
    spent.iter().enumerate().all(|(index, txout)| {
        let script = txout.script_pubkey.as_bytes();
        let amount = txout.value.to_sat();
        bitcoinconsensus::verify(script, amount, tx, Some(&utxos), index).is_ok()
    })
}

pub(crate) fn sign(party: &Party, psbt: &bitcoin::Psbt) -> SignedPsbt {
    let psbt = read(psbt);
    let spend = analyze(&psbt, &party.group).unwrap();
    let (by_signer, signatures) = party.sign(&spend.messages);
    let contributions = Contributions { by_signer: &by_signer, signatures: &signatures };
    finish(&psbt, &party.group, &contributions).unwrap()
}

/// The signed transaction passes, and each of its twins with one thing wrong does not.
fn check(signers: u8, tweaks: &[KeyTweak]) {
    let party = Party::new(signers);
    let coins: Vec<_> =
        tweaks.iter().enumerate().map(|(i, tweak)| (50_000 + i as u64, *tweak)).collect();
    let psbt = funded(&party, &coins, &[10_000, 20_000]);
    let spent: Vec<_> = psbt.inputs.iter().map(|i| i.witness_utxo.clone().unwrap()).collect();
    let signed = sign(&party, &psbt);
    let extracted = signed.extract_tx();
    assert_eq!(extracted.txid, psbt.unsigned_tx.compute_txid());
    assert!(accepted(&extracted.bytes, &spent));

    let tx: Transaction = deserialize(&extracted.bytes).unwrap();
    for input in 0..tx.input.len() {
        let mut flipped = tx.clone();
        let mut sig = flipped.input[input].witness[0].to_vec();
        sig[40] ^= 1;
        flipped.input[input].witness = Witness::from_slice(&[sig]);
        assert!(!accepted(&serialize(&flipped), &spent), "a flipped bit passes");

        let mut richer = spent.clone();
        richer[input].value += Amount::ONE_SAT;
        assert!(!accepted(&extracted.bytes, &richer), "a wrong amount passes");
    }
    let mut diverted = tx;
    diverted.output[0].value -= Amount::ONE_SAT;
    assert!(!accepted(&serialize(&diverted), &spent), "a changed output passes");
}

#[test]
fn one_input_at_the_groups_address_is_accepted() {
    check(3, &[ADDRESS]);
}

#[test]
fn three_inputs_locked_in_the_three_ways_are_accepted() {
    check(3, &[ADDRESS, KeyTweak::None, TREE]);
}

#[test]
fn thirty_two_inputs_are_accepted() {
    check(2, &[ADDRESS; 32]);
}

#[test]
fn a_group_of_one_and_a_group_of_twenty_are_accepted() {
    check(1, &[ADDRESS]);
    check(20, &[ADDRESS]);
}

#[test]
fn sighash_type_all_is_signed_as_all() {
    let party = Party::new(2);
    let mut psbt = funded(&party, &[(9_000, ADDRESS), (9_000, ADDRESS)], &[17_000]);
    psbt.inputs[0].sighash_type = Some(PsbtSighashType::from_u32(1));
    psbt.inputs[1].sighash_type = Some(PsbtSighashType::from_u32(0));
    let extracted = sign(&party, &psbt).extract_tx();
    let spent: Vec<_> = psbt.inputs.iter().map(|i| i.witness_utxo.clone().unwrap()).collect();
    assert!(accepted(&extracted.bytes, &spent));
    let tx: Transaction = deserialize(&extracted.bytes).unwrap();
    assert_eq!(tx.input[0].witness[0].len(), 65);
    assert_eq!(tx.input[1].witness[0].len(), 64);
}

#[test]
fn the_shown_size_is_that_of_the_signed_transaction() {
    let party = Party::new(2);
    let mut psbt = funded(&party, &[(9_000, ADDRESS), (9_000, TREE)], &[17_000]);
    psbt.inputs[0].sighash_type = Some(PsbtSighashType::from_u32(1));
    let summary = analyze(&read(&psbt), &party.group).unwrap().summary;
    let tx: Transaction = deserialize(&sign(&party, &psbt).extract_tx().bytes).unwrap();
    assert_eq!(summary.vsize, tx.vsize() as u64);
    assert_eq!(summary.fee_rate, 1_000 * 1_000 / summary.vsize);
}

#[test]
fn a_signed_psbt_carries_the_fields_of_every_signer_and_reads_back() {
    let party = Party::new(3);
    let signed = sign(&party, &funded(&party, &[(9_000, ADDRESS), (9_000, KeyTweak::None)], &[1]));
    assert_eq!(parse(&signed.bytes()).unwrap(), *signed.psbt());
    assert_eq!(parse(signed.base64().as_bytes()).unwrap(), *signed.psbt());
    let refused = analyze(signed.psbt(), &party.group);
    assert_eq!(refused.unwrap_err(), PsbtError::Signed { input: 0 });

    let raw = bitcoin::Psbt::deserialize(&signed.bytes()).unwrap();
    assert!(raw.inputs.iter().all(|i| i.tap_key_sig.is_some() && i.final_script_witness.is_some()));
    let aggregate = party.group.aggregate_key();
    assert_eq!(
        raw.inputs[0].tap_internal_key.unwrap().serialize(),
        aggregate.x_only_public_key().0.to_byte_array()
    );
    assert_eq!(raw.inputs[1].tap_internal_key, None);
    for (input, tweak) in [ADDRESS, KeyTweak::None].into_iter().enumerate() {
        let named = party.group.key_agg_ctx(tweak).unwrap().agg_key_full();
        let fields = signed.psbt().musig_fields(Map::Input(input));
        assert_eq!(fields.len(), 1 + 3 + 3);
        for field in fields {
            match field {
                MusigField::Participants { aggregate: key, participants } => {
                    assert_eq!(key, aggregate);
                    assert_eq!(participants, party.group.keys().as_slice());
                }
                MusigField::PubNonce { slot, .. } | MusigField::PartialSig { slot, .. } => {
                    assert_eq!((slot.aggregate, slot.leaf), (named, None));
                }
            }
        }
    }
}

#[test]
fn finish_replaces_what_an_earlier_attempt_has_left() {
    let party = Party::new(2);
    let psbt = funded(&party, &[(9_000, ADDRESS)], &[8_000]);
    let other = funded(&party, &[(9_000, ADDRESS)], &[7_000]);
    let mut stale = psbt.clone();
    let left = bitcoin::Psbt::deserialize(&sign(&party, &other).bytes()).unwrap();
    stale.inputs[0].unknown = left.inputs[0].unknown.clone();
    // Some software names the untweaked aggregate key.
    for (mut key, value) in left.inputs[0].unknown.clone() {
        if key.type_value != 0x1a {
            key.key[33..66].copy_from_slice(&party.group.aggregate_key().serialize());
            stale.inputs[0].unknown.insert(key, value);
        }
    }
    assert_eq!(stale.inputs[0].unknown.len(), 1 + 4 + 4);
    assert_eq!(sign(&party, &stale), sign(&party, &psbt));
}

#[test]
fn finish_writes_no_false_signature() {
    let party = Party::new(2);
    let psbt = read(&funded(&party, &[(9_000, ADDRESS), (9_000, ADDRESS)], &[8_000]));
    let (by_signer, mut signatures) = party.sign(&analyze(&psbt, &party.group).unwrap().messages);
    signatures[1].0[63] ^= 1;
    let contributions = Contributions { by_signer: &by_signer, signatures: &signatures };
    let refused = finish(&psbt, &party.group, &contributions).unwrap_err();
    assert_eq!(refused, PsbtError::WrongSignature { input: 1 });

    signatures.swap(0, 1);
    let contributions = Contributions { by_signer: &by_signer, signatures: &signatures };
    let refused = finish(&psbt, &party.group, &contributions).unwrap_err();
    assert_eq!(refused, PsbtError::WrongSignature { input: 0 });
}

#[test]
fn finish_counts_signatures_and_contributions() {
    let party = Party::new(2);
    let psbt = read(&funded(&party, &[(9_000, ADDRESS), (9_000, ADDRESS)], &[8_000]));
    let (mut by_signer, signatures) = party.sign(&analyze(&psbt, &party.group).unwrap().messages);
    let finish = |by_signer: &[_], signatures: &[Signature]| {
        finish(&psbt, &party.group, &Contributions { by_signer, signatures }).unwrap_err()
    };
    assert_eq!(
        finish(&by_signer, &signatures[..1]),
        PsbtError::SignatureCount { expected: 2, seen: 1 }
    );
    assert_eq!(
        finish(&by_signer[..1], &signatures),
        PsbtError::ContributionCount { expected: 2, seen: 1 }
    );
    by_signer[1].partial_sigs.as_mut().unwrap().pop();
    assert_eq!(
        finish(&by_signer, &signatures).to_string(),
        "signer 1 contributes 1 items for 2 messages"
    );
}

#[test]
fn finish_leaves_out_what_does_not_belong_to_the_signature() {
    let party = Party::new(3);
    let psbt = read(&funded(&party, &[(9_000, ADDRESS)], &[8_000]));
    let (mut by_signer, signatures) = party.sign(&analyze(&psbt, &party.group).unwrap().messages);
    by_signer[1].partial_sigs.as_mut().unwrap()[0][31] ^= 1;
    by_signer[2].partial_sigs = None;
    let contributions = Contributions { by_signer: &by_signer, signatures: &signatures };
    let signed = finish(&psbt, &party.group, &contributions).unwrap();
    // The participants, three nonces, the one true partial signature.
    assert_eq!(signed.psbt().musig_fields(Map::Input(0)).len(), 1 + 3 + 1);

    by_signer[0].pub_nonces.as_mut().unwrap()[0].0[0] = 9;
    let contributions = Contributions { by_signer: &by_signer, signatures: &signatures };
    let signed = finish(&psbt, &party.group, &contributions).unwrap();
    assert_eq!(signed.psbt().musig_fields(Map::Input(0)).len(), 1 + 2);
}
