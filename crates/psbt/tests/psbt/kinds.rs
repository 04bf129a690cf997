//! Bitcoin Core's consensus code judges what is said of odd scripts: whom they ask for nothing, and
//! whom they can never be fulfilled by.

use bitcoin::absolute::LockTime;
use bitcoin::consensus::serialize;
use bitcoin::transaction::Version;
use bitcoin::{Amount, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness};
use bitcoinconsensus::Utxo;
use ensign_psbt::OutputKind;
use proptest::prelude::*;

use crate::shape::{Shape, script};

/// A public key.
const KEY: &str = "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9";

/// Whether an output with this script can be spent with this script signature and no witness.
fn spendable(script: &[u8], script_sig: &[u8]) -> bool {
    let tx = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: Shape::outpoint(0),
            script_sig: ScriptBuf::from_bytes(script_sig.to_vec()),
            sequence: Sequence::MAX,
            witness: Witness::new(),
        }],
        output: vec![TxOut { value: Amount::ZERO, script_pubkey: ScriptBuf::new() }],
    };
    let utxo = Utxo {
        script_pubkey: script.as_ptr(),
        script_pubkey_len: script.len() as u32,
        value: 1_000,
    };
    bitcoinconsensus::verify(script, 1_000, &serialize(&tx), Some(&[utxo]), 0).is_ok()
}

/// What a spender may try who knows no key and no secret.
const SCRIPT_SIGS: [&str; 6] = ["", "51", "00", "5151", "0051", "510051"];

fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let tries = SCRIPT_SIGS.map(|script_sig| spendable(bytes, &script(script_sig)));
    let kind = OutputKind::of(&ScriptBuf::from_bytes(bytes.to_vec()));
    match kind {
        OutputKind::FutureWitness { .. } | OutputKind::Anchor => {
            prop_assert!(tries[0], "{kind:?} {bytes:02x?}");
        }
        // A multisig of no signature drops one element, and OP_NOP alone needs a true one.
        OutputKind::AnyoneCanSpend => {
            prop_assert!(tries.contains(&true), "{kind:?} {bytes:02x?}");
        }
        // Its true comes from the script signature.
        OutputKind::Empty => prop_assert!(tries[1]),
        OutputKind::Unspendable | OutputKind::Data { .. } | OutputKind::NotAPoint => {
            prop_assert_eq!(tries, [false; 6], "{:?} {:02x?}", kind, bytes);
        }
        _ => {}
    }
    Ok(())
}

#[test]
fn the_odd_scripts_of_the_table_are_as_they_are_called() {
    let witness =
        |version: &str, bytes: usize| format!("{version}{bytes:02x}{}", "02".repeat(bytes));
    let scripts = [
        "", "51", "0101", "0051", "00", "0180", "516a", "0201", "637e68", "5150", "6a", "51024e73",
        "6151", "61", "0000ae",
    ];
    let (key, off) = (format!("21{KEY}"), format!("2102{}", "ff".repeat(32)));
    let multisigs = [
        format!("00{key}51ae"),
        format!("00{off}51ae"),
        format!("52{key}51ae"),
        format!("51{off}51ae"),
        format!("52{key}{off}52ae"),
        format!("51{key}{off}52ae"),
        format!("{}51", "61".repeat(201)),
        format!("{}51", "61".repeat(202)),
    ];
    let witnesses = [witness("51", 33), witness("52", 32), witness("60", 2), witness("00", 21)];
    let long = ["61".repeat(10_001), format!("5120{}", "ff".repeat(32))];
    let all = scripts.map(str::to_owned).into_iter().chain(witnesses).chain(long).chain(multisigs);
    all.for_each(|hex| check(&script(&hex)).unwrap());
}

#[test]
fn each_kind_has_its_word() {
    let word = |hex: &str| OutputKind::of(&ScriptBuf::from_bytes(script(hex))).as_str();
    assert_eq!(word(&format!("0014{}", "21".repeat(20))), "p2wpkh");
    assert_eq!(word(&format!("76a914{}88ac", "21".repeat(20))), "p2pkh");
    assert_eq!(word("6a"), "data");
    assert_eq!(word("51"), "anyone_can_spend");
    assert_eq!(word("b1"), "nonstandard");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn random_scripts_are_as_they_are_called(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "00", "51", "52", "60", "4f", "50", "61", "6a", "62", "63", "64", "65", "67", "68",
                "69", "74", "75", "76", "7e", "82", "89", "91", "a9", "ae", "b0", "b1", "b3", "ba", "ff", "0101", "0180", "0200",
                "4c01", "4d0100", "4c00", "4e",
            ]),
            0..8,
        ),
    ) {
        check(&script(&pieces.concat()))?;
    }
}
