//! Coins of a group, PSBTs that spend them, and Bitcoin Core's judgement.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash as _;
use bitcoin::transaction::Version;
use bitcoin::{
    Address, Amount, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness,
};
use bitcoinconsensus::Utxo;

use crate::ensign::Signer;

/// Returns a coin at the address of the signer's group.
pub(crate) fn coin(signer: &Signer) -> TxOut {
    let group =
        signer.json(&["group", "descriptor", "treasury", "--uncertified"]).succeeded().last();
    let address: Address<_> = group["address"].as_str().unwrap().parse().unwrap();
    let script_pubkey = address.require_network(bitcoin::Network::Regtest).unwrap().script_pubkey();
    TxOut { value: Amount::from_sat(50_000), script_pubkey }
}

/// Returns a PSBT that spends these coins and pays all but 1000 satoshi.
pub(crate) fn psbt(coins: &[TxOut]) -> Psbt {
    let txin = |index: usize| TxIn {
        previous_output: OutPoint { txid: Txid::from_byte_array([7; 32]), vout: index as u32 },
        script_sig: ScriptBuf::new(),
        sequence: Sequence::MAX,
        witness: Witness::new(),
    };
    let total: Amount = coins.iter().map(|coin| coin.value).sum();
    let paid = TxOut {
        value: total - Amount::from_sat(1_000),
        script_pubkey: ScriptBuf::from_hex("00142121212121212121212121212121212121212121").unwrap(),
    };
    let mut psbt = Psbt::from_unsigned_tx(Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: (0..coins.len()).map(txin).collect(),
        output: vec![paid],
    })
    .unwrap();
    for (input, coin) in psbt.inputs.iter_mut().zip(coins) {
        input.witness_utxo = Some(coin.clone());
    }
    psbt
}

/// Returns whether the consensus rules accept every input.
pub(crate) fn accepted(tx: &[u8], coins: &[TxOut]) -> bool {
    let spent: Vec<_> = coins
        .iter()
        .map(|coin| Utxo {
            script_pubkey: coin.script_pubkey.as_bytes().as_ptr(),
            script_pubkey_len: coin.script_pubkey.len() as u32,
            value: coin.value.to_sat() as i64,
        })
        .collect();
    coins.iter().enumerate().all(|(index, coin)| {
        let (script, amount) = (coin.script_pubkey.as_bytes(), coin.value.to_sat());
        bitcoinconsensus::verify(script, amount, tx, Some(&spent), index).is_ok()
    })
}
