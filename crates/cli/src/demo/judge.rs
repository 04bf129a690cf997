//! Bitcoin's consensus rules judge the signed transaction, and have to show that they can say no.

use super::{Accepts, coin::Coin};
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use bitcoin::consensus::encode::{deserialize, serialize};
use bitcoin::{Transaction, Witness};

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
pub(super) fn judge(coin: &Coin, accepts: Accepts, hex: &str) -> Result<Verdict> {
    let refused = |what: String| Failure::new(&code::DEMO_REFUSED, what);
    let bytes = hex::decode(hex).map_err(|error| refused(format!("no transaction: {error}")))?;
    let tx: Transaction =
        deserialize(&bytes).map_err(|error| refused(format!("no transaction: {error}")))?;
    let spends = tx.input.iter().map(|input| input.previous_output);
    if !spends.eq([coin.outpoint]) {
        return Err(refused("the transaction does not spend the coin, and it alone".to_owned()));
    }
    accepts(&coin.txout, &bytes).map_err(|error| refused(format!("refused: {error}")))?;
    if accepts(&coin.txout, &serialize(&false_twin(&tx))).is_ok() {
        return Err(refused(
            "a false signature was accepted, so the check is worthless".to_owned(),
        ));
    }
    Ok(Verdict { txid: tx.compute_txid().to_string() })
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
    use bitcoin::{Psbt, TxOut};
    use ensign_identity::SignerKey;
    use ensign_musig::SecKey;
    use ensign_primitives::Network;
    use ensign_wire::GroupKeys;

    fn coin() -> Coin {
        let keys = [1, 2].map(|byte| SecKey::from_secret_bytes([byte; 32]).unwrap().public_key());
        let keys = GroupKeys::new(keys.map(SignerKey::from_public_key).to_vec()).unwrap();
        Coin::of(&ensign_psbt::Group::new(Network::Regtest, &keys).unwrap())
    }

    fn nothing(_: &TxOut, _: &[u8]) -> Result<(), String> {
        Err("no".to_owned())
    }

    fn everything(_: &TxOut, _: &[u8]) -> Result<(), String> {
        Ok(())
    }

    #[test]
    fn a_transaction_that_the_rules_refuse_is_refused() {
        let (coin, tx) = (coin(), Psbt::deserialize(&coin().psbt()).unwrap().unsigned_tx);
        let refused = judge(&coin, nothing, &hex::encode(serialize(&tx))).unwrap_err();
        assert_eq!((refused.entry.code, &*refused.what), ("E-DEM-002", "refused: no"));
    }

    #[test]
    fn rules_that_accept_a_false_signature_too_are_worthless() {
        let (coin, tx) = (coin(), Psbt::deserialize(&coin().psbt()).unwrap().unsigned_tx);
        let refused = judge(&coin, everything, &hex::encode(serialize(&tx))).unwrap_err();
        assert!(refused.what.contains("worthless"), "{}", refused.what);
    }

    #[test]
    fn a_transaction_that_spends_another_coin_is_refused() {
        let coin = coin();
        let mut tx = Psbt::deserialize(&coin.psbt()).unwrap().unsigned_tx;
        tx.input[0].previous_output.vout += 1;
        let refused = judge(&coin, everything, &hex::encode(serialize(&tx))).unwrap_err();
        assert!(refused.what.contains("does not spend the coin"), "{}", refused.what);
        assert_eq!(judge(&coin, everything, "zz").unwrap_err().entry.code, "E-DEM-002");
    }
}
