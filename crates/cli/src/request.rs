//! A request as the person sees it who shall sign.

use std::time::Duration;

use ensign_coordinator::Approval;
use ensign_primitives::UnixTime;
use ensign_psbt::Summary;
use serde_json::{Value, json};

use crate::args::mode_name;
use crate::group::SignerGroup;
use crate::output::{Line, unix_micros};
use crate::words::{self, foreign};

/// Returns a request as text: who asks, what for, and what it does; blind ones are marked.
pub(crate) fn text(approval: &Approval, group: Option<&SignerGroup>) -> String {
    let request = &approval.request.request;
    let group_name = group.map_or_else(|| approval.group.short(), |group| group.name.clone());
    let mut text = format!(
        "request {} by {} to group {group_name}: mode {}, open for {}",
        approval.id.short(),
        creator(approval, group),
        mode_name(approval.mode()),
        words::duration(left(request.expires)),
    );
    if !request.purpose.is_empty() {
        text += &format!("\n  purpose, in their words: {}", foreign(&request.purpose));
    }
    text + &work(approval)
}

/// Returns what a request has us sign, as lines below another.
pub(crate) fn work(approval: &Approval) -> String {
    if let Some(summary) = &approval.summary {
        return indented(&summary.to_string());
    }
    let messages = &approval.request.request.messages;
    let digests: Vec<_> = messages.iter().map(|message| hex::encode(message.digest)).collect();
    indented(&blind(&digests))
}

/// Returns what a PSBT does, or what is signed blindly, before it is proposed.
pub(crate) fn work_text(summary: Option<&Summary>, message: Option<&[u8; 32]>) -> String {
    match (summary, message) {
        (Some(summary), _) => summary.to_string(),
        (None, message) => blind(&message.map(hex::encode).into_iter().collect::<Vec<_>>()),
    }
}

fn blind(digests: &[String]) -> String {
    let mut text = String::from(
        "BLIND: these bytes are signed as they are, nobody can tell what they mean.\nThey may move \
         coins that are locked to the group's aggregate key.",
    );
    for digest in digests {
        text += &format!("\n  message {digest}");
    }
    text
}

/// Returns a request as an event.
pub(crate) fn line(event: &'static str, approval: &Approval, group: Option<&SignerGroup>) -> Line {
    let request = &approval.request.request;
    let messages: Vec<_> =
        request.messages.iter().map(|message| hex::encode(message.digest)).collect();
    let line = Line::new(event)
        .with("request", approval.id.to_string())
        .with("group", group.map_or_else(|| approval.group.to_string(), |g| g.name.clone()))
        .with("creator", creator(approval, group))
        .with("purpose", foreign(&request.purpose))
        .with("mode", mode_name(approval.mode()))
        .with("expires_ms", request.expires.as_millis())
        .with("blind", approval.is_blind())
        .with("messages", messages);
    match &approval.summary {
        Some(summary) => with_summary(line, summary),
        None => line,
    }
}

fn with_summary(line: Line, summary: &Summary) -> Line {
    let inputs = summary.inputs.iter().map(|input| -> Value {
        json!({
            "outpoint": input.outpoint.to_string(),
            "amount_sat": input.amount,
            "address": input.address,
            "sighash": hex::encode(input.sighash),
        })
    });
    let outputs = summary.outputs.iter().map(|output| -> Value {
        json!({
            "to": output.destination.to_string(),
            "amount_sat": output.amount,
            "ours": output.ours,
        })
    });
    line.with("txid", summary.txid.to_string())
        .with("inputs", inputs.collect::<Vec<_>>())
        .with("outputs", outputs.collect::<Vec<_>>())
        .with("fee_sat", summary.fee)
        .with("vsize", summary.vsize)
}

fn creator(approval: &Approval, group: Option<&SignerGroup>) -> String {
    let index = approval.request.request.creator;
    group.map_or_else(|| format!("signer {index}"), |group| group.name_of(index))
}

/// Returns how long a request is still open, in whole seconds.
fn left(expires: UnixTime) -> Duration {
    let left = expires.since(UnixTime::from_millis(unix_micros() / 1000));
    Duration::from_secs(left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("\n  {line}")).collect()
}
