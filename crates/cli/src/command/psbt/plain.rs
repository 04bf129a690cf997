//! What can be said of a PSBT without knowing whose coins it spends.

use bitcoin::address::Address;
use ensign_primitives::Network;
use ensign_psbt::Psbt;
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
    /// Known where every input says what it holds.
    fee_sat: Option<u64>,
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
    pub(super) fn read(psbt: &Psbt, network: Network) -> Result<Self> {
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
        let input = |(index, txin): (usize, &bitcoin::TxIn)| {
            let spent = psbt.spend_utxo(index).ok();
            let input = psbt.inputs.get(index);
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
        let held = sum(inputs.iter().map(|input| input.amount_sat));
        let paid = sum(outputs.iter().map(|(_, amount)| Some(*amount)));
        let fee_sat = held.zip(paid).and_then(|(held, paid)| held.checked_sub(paid));
        Ok(Self { txid: tx.compute_txid().to_string(), inputs, outputs, fee_sat })
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
        let fee =
            self.fee_sat.map_or("unknown: an input does not say what it holds".to_owned(), sat);
        text + &format!("\n  fee {fee}")
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
        Line::new("psbt")
            .with("group", None::<String>)
            .with("txid", self.txid.as_str())
            .with("inputs", self.inputs.iter().map(input).collect::<Vec<_>>())
            .with("outputs", self.outputs.iter().map(output).collect::<Vec<_>>())
            .with("fee_sat", self.fee_sat)
    }
}

fn sum(mut amounts: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    amounts.try_fold(0_u64, |sum, amount| sum.checked_add(amount?))
}

fn sat(amount: u64) -> String {
    format!("{amount} sat")
}
