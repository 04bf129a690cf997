//! What can be said of a PSBT without knowing whose coins it spends.

use bitcoin::address::Address;
use bitcoin::{TxIn, TxOut};
use ensign_api::view::NoteView;
use ensign_primitives::{Network, UnixTime};
use ensign_psbt::{Outline, Psbt};
use serde_json::json;

use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::output::Line;
use crate::words;

/// A transaction as its PSBT has it; nothing of it was checked against a group.
#[derive(Debug)]
pub(super) struct Plain {
    txid: String,
    inputs: Vec<Input>,
    /// Whom it pays, and how many satoshi.
    outputs: Vec<(String, u64)>,
    /// Fee, size and notes, as far as they can be known.
    outline: Outline,
}

#[derive(Debug)]
struct Input {
    outpoint: String,
    amount_sat: Option<u64>,
    address: Option<String>,
    is_signed: bool,
}

impl Plain {
    /// Reads a PSBT.
    ///
    /// # Errors
    ///
    /// [`code::INTERNAL`]: it was read before.
    pub(super) fn read(psbt: &Psbt, network: Network, now: UnixTime) -> Result<Self> {
        let outline = Outline::new(psbt, network, now);
        let psbt = bitcoin::Psbt::deserialize(&psbt.to_bytes())
            .map_err(|error| Failure::new(&code::INTERNAL, error.to_string()))?;
        let network = match network {
            Network::Bitcoin => bitcoin::Network::Bitcoin,
            Network::Testnet4 => bitcoin::Network::Testnet4,
            Network::Signet => bitcoin::Network::Signet,
            Network::Regtest => bitcoin::Network::Regtest,
        };
        let address = |script: &bitcoin::Script| {
            Address::from_script(script, network).map(|address| address.to_string()).ok()
        };
        let tx = &psbt.unsigned_tx;
        let input = |(index, txin): (usize, &TxIn)| {
            let input = psbt.inputs.get(index);
            let spent = input.and_then(|input| claimed_utxo(txin, input));
            let is_signed = input.is_some_and(|input| {
                input.final_script_witness.is_some()
                    || input.final_script_sig.is_some()
                    || input.tap_key_sig.is_some()
            });
            Input {
                outpoint: txin.previous_output.to_string(),
                amount_sat: spent.map(|spent| spent.value.to_sat()),
                address: spent.and_then(|spent| address(&spent.script_pubkey)),
                is_signed,
            }
        };
        let inputs: Vec<Input> = tx.input.iter().enumerate().map(input).collect();
        let outputs = tx.output.iter().map(|output| {
            let script = || format!("the script {}", output.script_pubkey.to_hex_string());
            let to = address(&output.script_pubkey).unwrap_or_else(script);
            (to, output.value.to_sat())
        });
        let outputs: Vec<_> = outputs.collect();
        Ok(Self { txid: tx.compute_txid().to_string(), inputs, outputs, outline })
    }

    /// Words it for people.
    pub(super) fn text(&self) -> String {
        let mut text = format!("transaction {}", self.txid);
        for (index, input) in self.inputs.iter().enumerate() {
            let amount = input.amount_sat.map_or("an unknown amount".to_owned(), sat);
            let at = input.address.as_deref().unwrap_or("an unknown place");
            let signed = if input.is_signed { ", signed" } else { "" };
            text += &format!(
                "\n  input {index}: {amount} at {at}{signed}\n    coin {}",
                input.outpoint
            );
        }
        for (index, (to, amount)) in self.outputs.iter().enumerate() {
            text += &format!("\n  output {index}: {} to {}", sat(*amount), words::foreign(to));
        }
        text += &format!("\n  fee {}", self.fee());
        let notes = self.outline.notes.iter().map(NoteView::new);
        notes.fold(text, |text, note| text + "\n" + &note.line())
    }

    /// Words the fee, with its rate. A signature of unknown size makes the rate lower than it looks.
    fn fee(&self) -> String {
        let Outline { fee, vsize, is_size_exact, .. } = self.outline;
        let Some(fee) = fee else {
            return "unknown: an input does not say what it holds, or not enough".to_owned();
        };
        let at_most = if is_size_exact { "" } else { "at most " };
        let hundredths = fee.saturating_mul(100).checked_div(vsize).unwrap_or(0);
        let (whole, rest) = (hundredths / 100, hundredths % 100);
        format!("{fee} sat ({at_most}{whole}.{rest:02} sat/vB)")
    }

    /// Returns it for programs.
    pub(super) fn line(&self) -> Line {
        let input = |input: &Input| {
            json!({
                "outpoint": input.outpoint,
                "amount_sat": input.amount_sat,
                "address": input.address,
                "signed": input.is_signed,
            })
        };
        let output = |(to, amount): &(String, u64)| json!({ "to": to, "amount_sat": amount });
        let Outline { fee, vsize, is_size_exact, notes } = &self.outline;
        let rate = fee
            .filter(|_| *is_size_exact)
            .and_then(|fee| fee.saturating_mul(1000).checked_div(*vsize));
        Line::new("psbt")
            .with("group", None::<String>)
            .with("txid", self.txid.as_str())
            .with("inputs", self.inputs.iter().map(input).collect::<Vec<_>>())
            .with("outputs", self.outputs.iter().map(output).collect::<Vec<_>>())
            .with("fee_sat", *fee)
            .with("fee_rate_sat_per_kvb", rate)
            .with("notes", json!(NoteView::all(notes)))
    }
}

/// Returns the output that an input says it spends.
fn claimed_utxo<'a>(txin: &TxIn, input: &'a bitcoin::psbt::Input) -> Option<&'a TxOut> {
    let vout = usize::try_from(txin.previous_output.vout).ok()?;
    let previous = || input.non_witness_utxo.as_ref()?.output.get(vout);
    input.witness_utxo.as_ref().or_else(previous)
}

fn sat(amount: u64) -> String {
    format!("{amount} sat")
}
