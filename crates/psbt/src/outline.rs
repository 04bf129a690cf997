//! What can be said of a PSBT without knowing whose coins it spends.

use bitcoin::psbt::Input;
use bitcoin::{TapSighashType, TxIn, TxOut};
use ensign_primitives::{Network, UnixTime};

use crate::note::{KnownFee, judge_outline};
use crate::{Note, Psbt, Summary, spend};

/// What a PSBT does, as far as that can be said without its group.
///
/// Nothing of it was checked: the amounts of the coins are those that the PSBT claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// What the miner gets; `None` if an input does not say what it holds, or they hold too little.
    pub fee: Option<u64>,
    /// Virtual bytes of the transaction once signed: at least this, and this if
    /// [`is_size_exact`](Self::is_size_exact).
    pub vsize: u64,
    /// Whether all coins are at taproot outputs, which are spent by one signature of 64 bytes.
    pub is_size_exact: bool,
    /// The notes that need no group: about what is paid, the version, the fee and when it can
    /// confirm. What leaves a group, and other requests, are unknown.
    pub notes: Vec<Note>,
}

impl Outline {
    /// Reads it off a PSBT.
    ///
    /// Cost: linear in the PSBT.
    pub fn new(psbt: &Psbt, network: Network, now: UnixTime) -> Self {
        let tx = &psbt.inner.unsigned_tx;
        let inputs = tx.input.iter().zip(&psbt.inner.inputs);
        let utxos: Vec<_> = inputs.map(|(txin, input)| claimed_utxo(txin, input)).collect();
        let is_taproot = utxos.iter().map(|utxo| utxo.is_some_and(|it| it.script_pubkey.is_p2tr()));
        let is_taproot: Vec<bool> = is_taproot.collect();
        let held = sum(utxos.iter().map(|utxo| Some(utxo.as_ref()?.value.to_sat())));
        let paid = sum(tx.output.iter().map(|output| Some(output.value.to_sat())));
        let fee = held.zip(paid).and_then(|(held, paid)| held.checked_sub(paid));
        let signed = is_taproot.iter().filter(|is_taproot| **is_taproot);
        let weight = spend::signed_weight(tx, signed.map(|_| TapSighashType::Default));
        let summary = Summary::outline(network, tx, fee.unwrap_or(0), weight);
        let is_size_exact = is_taproot.iter().all(|is_taproot| *is_taproot);
        let known = match fee {
            None => KnownFee::Nothing,
            Some(_) if is_size_exact => KnownFee::Rate,
            Some(_) => KnownFee::Amount,
        };
        let notes = judge_outline(&summary, known, now);
        Self { fee, vsize: summary.vsize, is_size_exact, notes }
    }
}

/// Returns the output that an input says it spends.
fn claimed_utxo<'a>(txin: &TxIn, input: &'a Input) -> Option<&'a TxOut> {
    let vout = usize::try_from(txin.previous_output.vout).ok()?;
    let previous = || input.non_witness_utxo.as_ref()?.output.get(vout);
    input.witness_utxo.as_ref().or_else(previous)
}

fn sum(mut amounts: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    amounts.try_fold(0_u64, |sum, amount| sum.checked_add(amount?))
}
