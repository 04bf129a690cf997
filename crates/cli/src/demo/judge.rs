//! Bitcoin Core's consensus code judges the signed transaction.

use bitcoin::consensus::encode::{deserialize, serialize};
use bitcoin::{Transaction, Witness};
use bitcoinconsensus::Utxo;

use super::coin::Coin;
use crate::catalogue as code;
use crate::failure::{Failure, Result};

/// A transaction that was accepted.
#[derive(Debug)]
pub(super) struct Verdict {
    /// Its id.
    pub(super) txid: String,
}

/// Accepts a transaction that spends the coin, if the consensus rules do; and checks that they
/// refuse the same transaction with one bit of the signature flipped.
///
/// # Errors
///
/// [`code::DEMO_REFUSED`] with what the rules say.
pub(super) fn judge(coin: &Coin, hex: &str) -> Result<Verdict> {
    let refused = |what: String| Failure::new(&code::DEMO_REFUSED, what);
    let bytes = hex::decode(hex).map_err(|error| refused(format!("no transaction: {error}")))?;
    let tx: Transaction =
        deserialize(&bytes).map_err(|error| refused(format!("no transaction: {error}")))?;
    let spends = tx.input.iter().map(|input| input.previous_output);
    if !spends.eq([coin.outpoint]) {
        return Err(refused("the transaction does not spend the coin, and it alone".to_owned()));
    }
    accepts(coin, &bytes).map_err(|error| refused(format!("refused: {error}")))?;
    if accepts(coin, &serialize(&false_twin(&tx))).is_ok() {
        return Err(refused(
            "a false signature was accepted, so the check is worthless".to_owned(),
        ));
    }
    Ok(Verdict { txid: tx.compute_txid().to_string() })
}

/// All rules that are in force, taproot among them because the spent output is given.
fn accepts(coin: &Coin, tx: &[u8]) -> Result<(), bitcoinconsensus::Error> {
    let script = coin.txout.script_pubkey.as_bytes();
    let amount = coin.txout.value.to_sat();
    let spent = Utxo {
        script_pubkey: script.as_ptr(),
        script_pubkey_len: u32::try_from(script.len()).unwrap_or(u32::MAX),
        value: i64::try_from(amount).unwrap_or(i64::MAX),
    };
    bitcoinconsensus::verify(script, amount, tx, Some(&[spent]), 0)
}

fn false_twin(tx: &Transaction) -> Transaction {
    let mut twin = tx.clone();
    for input in &mut twin.input {
        let mut items: Vec<Vec<u8>> = input.witness.to_vec();
        if let Some(byte) = items.first_mut().and_then(|signature| signature.last_mut()) {
            *byte ^= 1;
        }
        input.witness = Witness::from_slice(&items);
    }
    twin
}
