//! From a PSBT to the messages the group signs, everything recomputed.

use std::collections::BTreeMap;

use bitcoin::hashes::Hash as _;
use bitcoin::psbt::Input;
use bitcoin::sighash::{Prevouts, SighashCache};
use bitcoin::{Amount, TapSighashType, Transaction, TxIn, TxOut};
use ensign_wire::{KeyTweak, Message};

use crate::layout::Map;
use crate::lock::key_tweak;
use crate::participants::check_participants;
use crate::{Group, Psbt, PsbtError, Summary};

/// Most inputs one session signs; each is a message of its own, about 200 bytes of wire a signer.
pub const INPUTS_MAX: usize = 32;

/// Most weight units of the signed transaction: Bitcoin Core relays nothing heavier
/// (`MAX_STANDARD_TX_WEIGHT`). It also bounds how many outputs an approval shows.
pub const WEIGHT_MAX: u64 = 400_000;

/// What a PSBT asks the group to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spend {
    /// One per input, in order: the BIP341 sighash and the key it is signed under.
    pub messages: Vec<Message>,
    /// What the messages mean.
    pub summary: Summary,
}

/// Recomputes from `psbt` what the group is asked to sign.
///
/// Every input must be the group's, by key path: locked to the aggregate key itself, or to the
/// taproot output over it or a child of it as internal key, with the merkle root of field `0x18` if
/// there is one ([BIP-0341], [BIP-0371]). Which child says the derivation field `0x16` for the
/// group's fingerprint ([BIP-0328]); without it [`Group::owns`]. Each sighash commits to the amounts and scripts of *all* inputs, so a
/// PSBT that lies about them yields a signature the network refuses.
///
/// Cost: linear in the PSBT, and up to 70 µs an input or output for its key.
///
/// # Errors
///
/// [`PsbtError`] naming the input or output, except the variants of [`finish`](crate::finish).
///
/// [BIP-0328]: <https://github.com/bitcoin/bips/blob/master/bip-0328.mediawiki>
/// [BIP-0341]: <https://github.com/bitcoin/bips/blob/master/bip-0341.mediawiki#common-signature-message>
/// [BIP-0371]: <https://github.com/bitcoin/bips/blob/master/bip-0371.mediawiki>
pub fn analyze(psbt: &Psbt, group: &Group) -> Result<Spend, PsbtError> {
    let tx = &psbt.inner.unsigned_tx;
    check_shape(tx)?;
    let inputs = || tx.input.iter().zip(&psbt.inner.inputs).enumerate();
    let mut utxos = Vec::with_capacity(tx.input.len());
    for (index, (txin, input)) in inputs() {
        utxos.push(spent_output(index, txin, input)?.clone());
    }
    let mut keys = Vec::with_capacity(utxos.len());
    for ((index, (_, input)), utxo) in inputs().zip(&utxos) {
        let tweak = key_tweak(index, input, utxo, group)?;
        keys.push((tweak, sighash_type(index, input)?));
        check_participants(index, psbt, group, tweak)?;
    }
    let weight = signed_weight(tx, keys.iter().map(|(_, sighash_type)| *sighash_type));
    if weight > WEIGHT_MAX {
        return Err(PsbtError::TooHeavy { seen: weight, limit: WEIGHT_MAX });
    }
    let messages = messages(tx, &utxos, &keys)?;
    let summary = Summary::new(group, psbt, &utxos, &messages, weight)?;
    Ok(Spend { messages, summary })
}

/// Returns the sighash type an input asks for, if it commits to the whole transaction.
pub(crate) fn sighash_type(index: usize, input: &Input) -> Result<TapSighashType, PsbtError> {
    match input.sighash_type.map_or(0, |sighash_type| sighash_type.to_u32()) {
        0 => Ok(TapSighashType::Default),
        1 => Ok(TapSighashType::All),
        seen => Err(PsbtError::ForeignSighash { input: index, seen }),
    }
}

/// Adds up amounts of inputs or outputs; no sum above all bitcoin there can be.
pub(crate) fn total<'a>(
    amounts: impl Iterator<Item = &'a TxOut>,
    map: impl Fn(usize) -> Map,
) -> Result<u64, PsbtError> {
    let limit = Amount::MAX_MONEY.to_sat();
    amounts.enumerate().try_fold(0_u64, |sum, (index, txout)| {
        let seen = sum.saturating_add(txout.value.to_sat());
        if seen > limit {
            Err(PsbtError::AmountOutOfRange { map: map(index), seen, limit })
        } else {
            Ok(seen)
        }
    })
}

fn check_shape(tx: &Transaction) -> Result<(), PsbtError> {
    match (tx.input.len(), tx.output.len()) {
        (0, _) => return Err(PsbtError::NoInputs),
        (_, 0) => return Err(PsbtError::NoOutputs),
        (seen, _) if seen > INPUTS_MAX => {
            return Err(PsbtError::TooManyInputs { seen, limit: INPUTS_MAX });
        }
        _ => {}
    }
    let mut first_seen = BTreeMap::new();
    for (second, txin) in tx.input.iter().enumerate() {
        let outpoint = txin.previous_output;
        if let Some(first) = first_seen.insert(outpoint, second) {
            return Err(PsbtError::DuplicateInput { first, second, outpoint });
        }
    }
    Ok(())
}

/// Returns the output an unsigned input spends, by whichever fields there are.
fn spent_output<'a>(index: usize, txin: &TxIn, input: &'a Input) -> Result<&'a TxOut, PsbtError> {
    let is_signed = input.tap_key_sig.is_some()
        || input.final_script_sig.is_some()
        || input.final_script_witness.is_some();
    if is_signed {
        return Err(PsbtError::Signed { input: index });
    }
    let previous = input.non_witness_utxo.as_ref().map(|tx| output_of(index, txin, tx));
    match (input.witness_utxo.as_ref(), previous.transpose()?) {
        (Some(witness), Some(non_witness)) if witness != non_witness => {
            Err(PsbtError::UtxoConflict {
                input: index,
                witness: witness.value.to_sat(),
                non_witness: non_witness.value.to_sat(),
            })
        }
        (Some(utxo), _) | (None, Some(utxo)) => Ok(utxo),
        (None, None) => Err(PsbtError::MissingUtxo { input: index }),
    }
}

fn output_of<'a>(index: usize, txin: &TxIn, tx: &'a Transaction) -> Result<&'a TxOut, PsbtError> {
    let (seen, expected) = (tx.compute_txid(), txin.previous_output.txid);
    if seen != expected {
        return Err(PsbtError::UtxoTxid { input: index, expected, seen });
    }
    let vout = txin.previous_output.vout;
    let output = usize::try_from(vout).ok().and_then(|vout| tx.output.get(vout));
    output.ok_or(PsbtError::UtxoIndex { input: index, vout, outputs: tx.output.len() })
}

pub(crate) fn messages(
    tx: &Transaction,
    utxos: &[TxOut],
    keys: &[(KeyTweak, TapSighashType)],
) -> Result<Vec<Message>, PsbtError> {
    let (mut cache, prevouts) = (SighashCache::new(tx), Prevouts::All(utxos));
    let sighash = |(index, (tweak, sighash_type)): (usize, &(KeyTweak, TapSighashType))| {
        let digest = cache
            .taproot_key_spend_signature_hash(index, &prevouts, *sighash_type)
            // The one way to fail is a missing prevout.
            .map_err(|_| PsbtError::MissingUtxo { input: index })?;
        Ok(Message { digest: digest.to_byte_array(), tweak: *tweak })
    };
    keys.iter().enumerate().map(sighash).collect()
}

/// Returns the weight once each input has its one signature ([BIP-0141]).
///
/// [BIP-0141]: <https://github.com/bitcoin/bips/blob/master/bip-0141.mediawiki>
pub(crate) fn signed_weight(
    tx: &Transaction,
    sighash_types: impl Iterator<Item = TapSighashType>,
) -> u64 {
    // Marker and flag; then per input the count, the length, 64 bytes and the type unless DEFAULT.
    let witness = sighash_types
        .map(|sighash_type| 66 + u64::from(sighash_type != TapSighashType::Default))
        .sum::<u64>();
    tx.weight().to_wu() + 2 + witness
}
