//! What a signer is shown before it is asked.

use bitcoin::absolute::LockTime;
use bitcoin::{Amount, ScriptBuf, Sequence, TxOut};
use ensign_psbt::{Destination, Summary, analyze};
use ensign_wire::KeyTweak;

use crate::party::{Party, ROOT, funded, read, simple};

const ADDRESS: KeyTweak = KeyTweak::Taproot { merkle_root: None };

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
    let sighash = |index: usize| hex::encode(spend.messages[index].digest);
    let lines = [
        format!("transaction {} on regtest", psbt.unsigned_tx.compute_txid()),
        "spends 1.00050000 BTC of the group:".to_owned(),
        format!("  input 0: 1.00000000 BTC at {address}"),
        format!("    coin {}:7, sighash {}", "01".repeat(32), sighash(0)),
        format!("  input 1: 0.00050000 BTC at {}", spend.summary.inputs[1].address),
        format!("    coin {}:7, sighash {}", "02".repeat(32), sighash(1)),
        "pays:".to_owned(),
        "  output 0: 0.60000000 BTC to bcrt1qeyfruphg6lcfvmzarngqqqqqqqqqp242wxqc6f".to_owned(),
        format!("  output 1: 0.40000000 BTC to the group itself, {address}"),
    ];
    assert!(text.starts_with(&lines.join("\n")), "{text}");
    assert!(text.lines().last().unwrap().starts_with("fee 0.00050000 BTC ("), "{text}");
    assert_eq!(spend.summary.amount_spent(), 100_050_000);
    assert_eq!(spend.summary.amount_leaving(), 60_050_000);
}

#[test]
fn only_outputs_that_nobody_else_can_spend_are_ours() {
    let party = Party::new(2);
    let tree = KeyTweak::Taproot { merkle_root: Some(ROOT) };
    // Even paying back to where an input came from: its tree may hold a leaf of one person.
    let mut psbt = funded(&party, &[(100_000, ADDRESS), (10_000, tree)], &[1_000]);
    for tweak in [ADDRESS, KeyTweak::None, tree] {
        pay(&mut psbt, 20_000, party.script(tweak));
    }
    let ours: Vec<_> = summary(&party, &psbt).outputs.iter().map(|output| output.ours).collect();
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
    assert!(text.contains("it carries data, script 6a4c78"), "{text}");
    assert!(text.contains(".. and 43 bytes more\n"), "{text}");
    assert!(text.contains("0.00000001 BTC to the script 51\n"), "{text}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn a_high_fee_is_pointed_out() {
    let party = Party::new(1);
    let text = |paid| summary(&party, &funded(&party, &[(100_000, ADDRESS)], &[paid])).to_string();
    assert!(text(89_999).contains("warning: the fee is more than 10 % of what is spent"));
    assert!(!text(90_000).contains("warning"));
}

#[test]
fn what_keeps_a_transaction_from_confirming_is_shown() {
    let party = Party::new(1);
    let mut psbt = funded(&party, &[(10_000, ADDRESS), (10_000, ADDRESS)], &[19_000]);
    assert_eq!(summary(&party, &psbt).to_string().lines().last().unwrap().find("fee"), Some(0));

    psbt.unsigned_tx.lock_time = LockTime::from_height(800_000).unwrap();
    assert_eq!(summary(&party, &psbt).lock_time, None, "no input enables it");
    psbt.unsigned_tx.input[0].sequence = Sequence::from_height(144);
    let with_locks = summary(&party, &psbt);
    assert!(with_locks.replaceable);
    assert!(with_locks.to_string().ends_with(
        "\ncannot confirm up to block 800000\ninput 0 must be 144 blocks old\nmay be replaced by \
         another transaction until it confirms"
    ));
    psbt.unsigned_tx.input[0].sequence = Sequence::ZERO;
    assert!(summary(&party, &psbt).relative_lock_times.is_empty());
}
