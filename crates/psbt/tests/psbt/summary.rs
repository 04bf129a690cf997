//! What a signer is shown before it is asked.

use bitcoin::absolute::LockTime;
use bitcoin::{Amount, ScriptBuf, Sequence, TxOut};
use ensign_primitives::KeyPath;
use ensign_psbt::{Destination, RelativeLockTime, Summary, analyze};
use ensign_wire::KeyTweak;

use crate::party::{Party, ROOT, funded, read, simple};

const ADDRESS: KeyTweak = KeyTweak::ADDRESS;

fn summary(party: &Party, psbt: &bitcoin::Psbt) -> Summary {
    analyze(&read(psbt), &party.group).unwrap().summary
}

fn pay(psbt: &mut bitcoin::Psbt, amount: u64, script_pubkey: ScriptBuf) {
    psbt.unsigned_tx.output.push(TxOut { value: Amount::from_sat(amount), script_pubkey });
    psbt.outputs.push(Default::default());
}

#[test]
fn an_approval_shows_amounts_outputs_and_fee_in_plain_words() {
    let party = Party::new(2);
    let mut psbt =
        funded(&party, &[(100_000_000, ADDRESS), (50_000, KeyTweak::None)], &[60_000_000]);
    pay(&mut psbt, 40_000_000, party.group.script_pubkey().clone());
    let spend = analyze(&read(&psbt), &party.group).unwrap();
    let text = spend.summary.to_string();
    let address = party.group.address();
    let vsize = spend.summary.vsize;
    let lines = [
        format!("transaction on regtest, version 2, {vsize} vB"),
        format!("  {}", psbt.unsigned_tx.compute_txid()),
        "spends 1.00050000 BTC of the group, 2 coins:".to_owned(),
        "  1.00000000 BTC (input 0) at".to_owned(),
        format!("    {address}"),
        format!("    {}:7", "01".repeat(32)),
        "  0.00050000 BTC (input 1) at".to_owned(),
        format!("    {}", spend.summary.inputs[1].address),
        format!("    {}:7", "02".repeat(32)),
        "pays 0.60000000 BTC to others:".to_owned(),
        "  0.60000000 BTC (output 0) to".to_owned(),
        "    bcrt1qeyfruphg6lcfvmzarngqqqqqqqqqp242wxqc6f".to_owned(),
        "change 0.40000000 BTC back to the group itself:".to_owned(),
        "  0.40000000 BTC (output 1) to".to_owned(),
        format!("    {address}"),
        format!("fee 0.00050000 BTC ({}.{:02} sat/vB)", 50_000 / vsize, 5_000_000 / vsize % 100),
        "leaves the group: 0.60050000 BTC, fee included".to_owned(),
    ];
    assert_eq!(text, lines.join("\n"));
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    assert_eq!(spend.summary.amount_spent(), 100_050_000);
    assert_eq!(spend.summary.amount_leaving(), 60_050_000);
    assert_eq!(spend.summary.amount_paid_to_others(), 60_000_000);
    assert_eq!(spend.summary.amount_change(), 40_000_000);
}

#[test]
fn only_outputs_that_nobody_else_can_spend_are_ours() {
    let party = Party::new(2);
    let tree = KeyTweak::Taproot { path: KeyPath::ROOT, merkle_root: Some(ROOT) };
    // Even paying back to where an input came from: its tree may hold a leaf of one person.
    let mut psbt = funded(&party, &[(100_000, ADDRESS), (10_000, tree)], &[1_000]);
    for tweak in [ADDRESS, KeyTweak::None, tree] {
        pay(&mut psbt, 20_000, party.script(tweak));
    }
    let ours: Vec<_> = summary(&party, &psbt).outputs.iter().map(|it| it.ours.is_some()).collect();
    assert_eq!(ours, [false, true, true, false]);
}

#[test]
fn scripts_and_data_are_shown_as_hex_and_cut() {
    let party = Party::new(1);
    let mut psbt = simple(&party);
    let hidden = [b"\x6a\x4c\x78", "\u{1b}[2Jpay bob\n".repeat(10).as_bytes()].concat();
    pay(&mut psbt, 0, ScriptBuf::from_bytes(hidden.clone()));
    pay(&mut psbt, 1, ScriptBuf::from_bytes(vec![0x51]));
    let summary = summary(&party, &psbt);
    assert_eq!(summary.outputs[1].destination, Destination::Data(ScriptBuf::from_bytes(hidden)));
    let text = summary.to_string();
    assert!(text.contains("(output 1) to nobody, it carries data:\n    6a4c78"), "{text}");
    assert!(text.contains("\n    and 43 bytes more\n"), "{text}");
    assert!(text.contains("0.00000001 BTC (output 2) to the script:\n    51\n"), "{text}");
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    let one_line = summary.outputs[1].destination.to_string();
    assert!(one_line.starts_with("nobody, it carries data, script 6a4c78"), "{one_line}");
    assert!(one_line.ends_with(".. and 43 bytes more"), "{one_line}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn a_summary_without_payment_says_so() {
    let party = Party::new(1);
    let mut psbt = funded(&party, &[(10_000, ADDRESS)], &[]);
    pay(&mut psbt, 9_000, party.group.script_pubkey().clone());
    let text = summary(&party, &psbt).to_string();
    assert!(text.contains("\npays nobody else\nchange 0.00009000 BTC back"), "{text}");
    assert!(text.ends_with("\nleaves the group: 0.00001000 BTC, fee included"), "{text}");
}

#[test]
fn what_keeps_a_transaction_from_confirming_is_found() {
    let party = Party::new(1);
    let mut psbt = funded(&party, &[(10_000, ADDRESS), (10_000, ADDRESS)], &[19_000]);
    psbt.unsigned_tx.lock_time = LockTime::from_height(800_000).unwrap();
    assert_eq!(summary(&party, &psbt).lock_time, None, "no input enables it");
    psbt.unsigned_tx.input[0].sequence = Sequence::from_height(144);
    let with_locks = summary(&party, &psbt);
    assert!(with_locks.replaceable);
    assert_eq!(with_locks.lock_time, Some(psbt.unsigned_tx.lock_time));
    assert_eq!(with_locks.relative_lock_times, [(0, RelativeLockTime::from_height(144))]);
    psbt.unsigned_tx.input[0].sequence = Sequence::ZERO;
    assert!(summary(&party, &psbt).relative_lock_times.is_empty());
}
