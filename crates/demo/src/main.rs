//! The program `ensign-demo`: signers as processes of their own sign one real transaction.
//!
//! A program of its own, so that Bitcoin Core's consensus code, which is C++ and judges the result, is not in
//! the program that holds people's keys.

use std::process::ExitCode;

use bitcoin::TxOut;
use bitcoinconsensus::Utxo;

fn main() -> ExitCode {
    ensign_cli::run_demo(accepts)
}

/// All rules that are in force, taproot among them because the spent output is given.
fn accepts(spent: &TxOut, transaction: &[u8]) -> Result<(), String> {
    let script = spent.script_pubkey.as_bytes();
    let amount = spent.value.to_sat();
    let utxo = Utxo {
        script_pubkey: script.as_ptr(),
        script_pubkey_len: u32::try_from(script.len()).unwrap_or(u32::MAX),
        value: i64::try_from(amount).unwrap_or(i64::MAX),
    };
    bitcoinconsensus::verify(script, amount, transaction, Some(&[utxo]), 0)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use bitcoin::consensus::encode::serialize;
    use bitcoin::{
        Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, Witness, absolute::LockTime,
        transaction::Version,
    };

    use super::*;

    /// Spends an output of this script with this witness.
    fn check(script: &[u8], witness: Witness) -> Result<(), String> {
        let spent = TxOut {
            value: Amount::from_sat(1000),
            script_pubkey: ScriptBuf::from_bytes(script.to_vec()),
        };
        let input = TxIn {
            previous_output: OutPoint::null(),
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness,
        };
        let (version, lock_time) = (Version::TWO, LockTime::ZERO);
        let output = vec![spent.clone()];
        let tx = Transaction { version, lock_time, input: vec![input], output };
        accepts(&spent, &serialize(&tx))
    }

    /// A taproot output of the generator point.
    fn taproot() -> Vec<u8> {
        const X: &str = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
        let digits = X.as_bytes().chunks(2);
        let bytes = digits.map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap());
        [0x51, 0x20].into_iter().chain(bytes).collect()
    }

    #[test]
    fn what_anybody_may_spend_is_accepted() {
        assert_eq!(check(&[0x51], Witness::new()), Ok(()));
    }

    #[test]
    fn taproot_is_in_force_and_wants_a_true_signature() {
        assert!(check(&taproot(), Witness::new()).is_err());
        assert!(check(&taproot(), Witness::from_slice(&[[0x11; 64]])).is_err());
    }
}
