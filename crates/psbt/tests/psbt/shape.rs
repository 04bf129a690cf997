//! Transactions written down by what matters about them.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash as _;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness};
use ensign_psbt::{Note, Summary, analyze};
use ensign_wire::KeyTweak;

use crate::party::{Party, read};

/// The version of every good transaction here, a coin of one bitcoin, and a fee of 1,000.
pub(crate) const COIN: u64 = 100_000_000;
pub(crate) const FEE: u64 = 1_000;

/// An unsigned transaction that spends coins at the group's address.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) version: i32,
    pub(crate) lock_time: u32,
    /// Amount and sequence of each coin; coin number i is output i of transaction `11..11`.
    pub(crate) coins: Vec<(u64, u32)>,
    /// Amount and script of each output.
    pub(crate) outputs: Vec<(u64, Vec<u8>)>,
}

impl Shape {
    /// One coin, all but the fee paid to one P2WPKH address.
    pub(crate) fn plain() -> Self {
        let outputs = vec![(COIN - FEE, p2wpkh())];
        Self { version: 2, lock_time: 0, coins: vec![(COIN, u32::MAX)], outputs }
    }

    /// As [`plain`](Self::plain), with `amount` moved from the first payment to a further script.
    pub(crate) fn and(mut self, amount: u64, script: &[u8]) -> Self {
        self.outputs[0].0 -= amount;
        self.outputs.push((amount, script.to_vec()));
        self
    }

    pub(crate) fn version(self, version: i32) -> Self {
        Self { version, ..self }
    }

    pub(crate) fn lock_time(self, lock_time: u32) -> Self {
        Self { lock_time, ..self }
    }

    pub(crate) fn sequence(mut self, sequence: u32) -> Self {
        self.coins[0].1 = sequence;
        self
    }

    /// Pays `paid` to somebody and `fee` to the miner; what is left comes back to the group.
    pub(crate) fn paying(party: &Party, paid: u64, fee: u64) -> Self {
        let change = COIN.checked_sub(paid + fee).unwrap();
        let mut shape = Self::plain();
        shape.outputs = vec![(paid, p2wpkh()), (change, own(party))];
        shape.outputs.retain(|(amount, _)| *amount > 0);
        shape
    }

    pub(crate) fn outpoint(coin: usize) -> OutPoint {
        OutPoint { txid: Txid::from_byte_array([0x11; 32]), vout: coin as u32 }
    }

    pub(crate) fn psbt(&self, party: &Party) -> bitcoin::Psbt {
        let txout = |(amount, script): &(u64, Vec<u8>)| TxOut {
            value: Amount::from_sat(*amount),
            script_pubkey: ScriptBuf::from_bytes(script.clone()),
        };
        let txin = |(coin, (_, sequence)): (usize, &(u64, u32))| TxIn {
            previous_output: Self::outpoint(coin),
            script_sig: ScriptBuf::new(),
            sequence: Sequence(*sequence),
            witness: Witness::new(),
        };
        let tx = Transaction {
            version: Version(self.version),
            lock_time: LockTime::from_consensus(self.lock_time),
            input: self.coins.iter().enumerate().map(txin).collect(),
            output: self.outputs.iter().map(txout).collect(),
        };
        let mut psbt = bitcoin::Psbt::from_unsigned_tx(tx).unwrap();
        for ((amount, _), input) in self.coins.iter().zip(&mut psbt.inputs) {
            let script_pubkey = party.script(KeyTweak::ADDRESS);
            input.witness_utxo = Some(TxOut { value: Amount::from_sat(*amount), script_pubkey });
        }
        psbt
    }

    pub(crate) fn summary(&self, party: &Party) -> Summary {
        analyze(&read(&self.psbt(party)), &party.group).unwrap().summary
    }
}

/// Returns notes as lines: severity, name, place.
pub(crate) fn lines(notes: &[Note]) -> Vec<String> {
    let line = |note: &Note| format!("{} {} {}", note.severity(), note.name(), note.place());
    notes.iter().map(line).collect()
}

pub(crate) fn own(party: &Party) -> Vec<u8> {
    party.group.script_pubkey().to_bytes()
}

pub(crate) fn script(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

pub(crate) fn p2wpkh() -> Vec<u8> {
    [&[0x00, 0x14][..], &[0x21; 20]].concat()
}
