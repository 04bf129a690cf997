//! Payloads of a megabyte, cancelled once joined, until no more is taken.

use anyhow::Result;
use bitcoin::{
    Amount, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness,
    absolute::LockTime, hashes::Hash as _, psbt::raw, transaction::Version,
};
use ensign_primitives::sha256;
use ensign_psbt::{Group, analyze, parse};
use ensign_wire::{Frame, Mode, Payload};

use super::{
    Insider,
    churn::{Small, findings},
    requests::{Flood, Source, Until},
};
use crate::{
    figures::Findings,
    line::random,
    member::{Asked, Wanted},
    scene::Scene,
};

/// How many are open at a time: a member may have two payloads read at once.
const WINDOW: usize = 4;
/// Bytes of the field that nobody reads: a payload stays below its limit of 1 MiB.
const BALLAST_BYTES: usize = 1_000_000;
/// Small requests that take what room the large ones leave.
const SMALL: u64 = 600;
/// How many of those are open at a time.
const SMALL_WINDOW: usize = 20;

struct Heavy(Group);

impl Source for Heavy {
    fn next(&mut self, insider: &Insider<'_>) -> Result<(Asked, Option<Vec<u8>>)> {
        let bytes = heavy(&self.0)?;
        let spend = analyze(&parse(&bytes)?, &self.0)?;
        let payload = Payload::Psbt { digest: sha256(&bytes), len: u32::try_from(bytes.len())? };
        let amount = spend.summary.amount_spent();
        let wanted = Wanted { messages: spend.messages, payload, amount, mode: Mode::Committed };
        let asked = insider.member.ask_for(wanted)?;
        let payload = Frame::Payload { request: asked.id, bytes }.encode();
        Ok((asked, Some(payload)))
    }
}

/// Makes a PSBT of the group's with a field that means nothing.
fn heavy(group: &Group) -> Result<Vec<u8>> {
    let script = group.script_pubkey().clone();
    let previous_output = OutPoint { txid: Txid::from_byte_array(random()?), vout: 0 };
    let txin = TxIn {
        previous_output,
        script_sig: ScriptBuf::new(),
        sequence: Sequence::MAX,
        witness: Witness::new(),
    };
    let txout = |value| TxOut { value: Amount::from_sat(value), script_pubkey: script.clone() };
    let mut psbt = Psbt::from_unsigned_tx(Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![txin],
        output: vec![txout(90_000)],
    })?;
    for input in &mut psbt.inputs {
        input.witness_utxo = Some(txout(100_000));
    }
    let key = raw::Key { type_value: 0xf0, key: random::<8>()?.to_vec() };
    psbt.unknown.insert(key, vec![7; BALLAST_BYTES]);
    Ok(psbt.serialize())
}

/// Fills the store, then the gaps that are too small for a payload.
///
/// # Errors
///
/// Fails if the victim does not let the member in.
pub(crate) async fn fill(scene: &mut Scene<'_>) -> Result<Findings> {
    let (door, member) = scene.member()?;
    let mut insider = Insider::new(member, door, scene.deadline()).await?;
    let group = Group::new(member.network, &member.signers)?;
    let flood = Flood { count: scene.amounts.megabytes, window: WINDOW, until: Until::Joined };
    let large = flood.run(&mut insider, &mut Heavy(group)).await?;
    let flood = Flood { count: SMALL, window: SMALL_WINDOW, until: Until::Joined };
    let small = flood.run(&mut insider, &mut Small(Mode::Committed)).await?;
    let mut findings = findings(&large, insider.connections);
    findings.note("payload MB said", large.bytes as f64 / 1e6);
    findings.note("small: announced", small.announced as f64);
    findings.note("small: joined", small.joined as f64);
    Ok(findings)
}
