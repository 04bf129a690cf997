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

#[cfg(test)]
mod tests {
    use super::*;
    use ensign_identity::SignerKey;
    use ensign_musig::SecKey;
    use ensign_primitives::Network;
    use ensign_wire::GroupKeys;

    fn coin() -> Coin {
        let keys = [1, 2].map(|byte| SecKey::from_secret_bytes([byte; 32]).unwrap().public_key());
        let keys = GroupKeys::new(keys.map(SignerKey::from_public_key).to_vec()).unwrap();
        Coin::of(&ensign_psbt::Group::new(Network::Regtest, &keys).unwrap())
    }

    #[test]
    fn a_transaction_without_a_true_signature_is_refused() {
        let coin = coin();
        let mut tx = bitcoin::Psbt::deserialize(&coin.psbt()).unwrap().unsigned_tx;
        for witness in [Witness::new(), Witness::from_slice(&[[0x11; 64]])] {
            tx.input[0].witness = witness;
            let refused = judge(&coin, &hex::encode(serialize(&tx))).unwrap_err();
            assert_eq!(refused.entry.code, "E-DEM-002");
        }
    }

    #[test]
    fn a_transaction_that_spends_another_coin_is_refused() {
        let coin = coin();
        let mut tx = bitcoin::Psbt::deserialize(&coin.psbt()).unwrap().unsigned_tx;
        tx.input[0].previous_output.vout += 1;
        let refused = judge(&coin, &hex::encode(serialize(&tx))).unwrap_err();
        assert!(refused.what.contains("does not spend the coin"), "{}", refused.what);
        assert_eq!(judge(&coin, "zz").unwrap_err().entry.code, "E-DEM-002");
    }
}
