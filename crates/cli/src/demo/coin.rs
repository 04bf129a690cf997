//! The coin that the demo spends, and the transaction that spends it.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash as _;
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, WPubkeyHash,
    Witness,
};

/// What the group holds, in satoshi.
const COIN_SAT: u64 = 100_000_000;
/// What it pays, in satoshi.
const PAID_SAT: u64 = 60_000_000;
/// What the miner gets, in satoshi: about 7 a virtual byte.
const FEE_SAT: u64 = 1_000;

/// One coin of the group.
#[derive(Clone, Debug)]
pub(super) struct Coin {
    /// Where it is.
    pub(super) outpoint: OutPoint,
    /// How much, and what it is locked to.
    pub(super) txout: TxOut,
}

impl Coin {
    /// Makes a transaction up that pays a group, and returns its coin.
    pub(super) fn of(group: &ensign_psbt::Group) -> Self {
        let script = ScriptBuf::from_bytes(group.script_pubkey().to_bytes());
        let txout = TxOut { value: Amount::from_sat(COIN_SAT), script_pubkey: script };
        let origin = OutPoint { txid: Txid::from_byte_array(*group.id().as_bytes()), vout: 0 };
        let funding = transaction(origin, vec![txout.clone()]);
        Self { outpoint: OutPoint { txid: funding.compute_txid(), vout: 0 }, txout }
    }

    /// Returns a PSBT that pays most of the coin to somebody and the rest back to the group.
    pub(super) fn psbt(&self) -> Vec<u8> {
        let payee = ScriptBuf::new_p2wpkh(&WPubkeyHash::from_byte_array([0x21; 20]));
        let paid = TxOut { value: Amount::from_sat(PAID_SAT), script_pubkey: payee };
        let change = TxOut {
            value: Amount::from_sat(COIN_SAT - PAID_SAT - FEE_SAT),
            script_pubkey: self.txout.script_pubkey.clone(),
        };
        let tx = transaction(self.outpoint, vec![paid, change]);
        let inputs = vec![bitcoin::psbt::Input {
            witness_utxo: Some(self.txout.clone()),
            ..Default::default()
        }];
        let outputs = vec![Default::default(); tx.output.len()];
        let psbt = Psbt {
            unsigned_tx: tx,
            version: 0,
            xpub: Default::default(),
            proprietary: Default::default(),
            unknown: Default::default(),
            inputs,
            outputs,
        };
        psbt.serialize()
    }
}

fn transaction(spent: OutPoint, output: Vec<TxOut>) -> Transaction {
    let input = TxIn {
        previous_output: spent,
        script_sig: ScriptBuf::new(),
        sequence: Sequence::MAX,
        witness: Witness::new(),
    };
    Transaction { version: Version::TWO, lock_time: LockTime::ZERO, input: vec![input], output }
}
