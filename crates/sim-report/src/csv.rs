//! Tables as comma-separated values (RFC 4180), for spreadsheets and notebooks.

use std::fmt::Write;

use crate::{FailureReport, IntentReport, Report, Sample, Traffic};

/// Lines of one table, the first of them its head.
#[derive(Debug, Default)]
pub(crate) struct Table {
    text: String,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        let mut table = Self::default();
        table.line(head.iter().map(|name| (*name).to_owned()));
        table
    }

    pub(crate) fn line(&mut self, cells: impl IntoIterator<Item = String>) {
        for (at, cell) in cells.into_iter().enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            if cell.contains([',', '"', '\n', '\r']) {
                // Writing to memory does not fail.
                let _ = write!(self.text, "\"{}\"", cell.replace('"', "\"\""));
            } else {
                self.text.push_str(&cell);
            }
        }
        self.text.push_str("\r\n");
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

/// Every intent.
pub(crate) fn intents(report: &Report) -> String {
    let mut table = Table::new(&[
        "intent",
        "mode",
        "signers",
        "proposer",
        "honest",
        "proposed_at_us",
        "turns",
        "attempts",
        "outcome",
        "latency_us",
        "reason",
    ]);
    for intent in &report.intents {
        let IntentReport { number, signers, proposer, mode, honest, .. } = intent;
        let signers: Vec<String> = signers.iter().map(u32::to_string).collect();
        table.line([
            number.to_string(),
            mode.clone(),
            signers.join(" "),
            proposer.to_string(),
            honest.to_string(),
            known(intent.proposed_at),
            intent.turns.to_string(),
            intent.attempts.to_string(),
            intent.outcome.name().to_owned(),
            known(intent.latency),
            intent.reason.clone().unwrap_or_default(),
        ]);
    }
    table.into_text()
}

/// Every failed attempt.
pub(crate) fn failures(report: &Report) -> String {
    let mut table = Table::new(&[
        "intent",
        "turn",
        "attempt",
        "request",
        "began_us",
        "ended_us",
        "node",
        "said",
        "first_cause",
    ]);
    for failure in &report.failures {
        let FailureReport { intent, turn, attempt, request, began, ended, node, .. } = failure;
        table.line([
            intent.to_string(),
            turn.to_string(),
            attempt.to_string(),
            request.clone(),
            began.to_string(),
            ended.to_string(),
            node.to_string(),
            failure.said.clone(),
            failure.first_cause.clone(),
        ]);
    }
    table.into_text()
}

/// The course of the run.
pub(crate) fn series(report: &Report) -> String {
    let mut table = Table::new(&[
        "at_ms",
        "proposed",
        "signed",
        "failed_attempts",
        "running",
        "connections",
        "frames",
        "bytes",
    ]);
    for sample in &report.series {
        let Sample { at_millis, proposed, signed, failed_attempts, .. } = sample;
        table.line([
            at_millis.to_string(),
            proposed.to_string(),
            signed.to_string(),
            failed_attempts.to_string(),
            sample.running.to_string(),
            sample.connections.to_string(),
            sample.frames.to_string(),
            sample.bytes.to_string(),
        ]);
    }
    table.into_text()
}

/// What was sent, by kind.
pub(crate) fn traffic(report: &Report) -> String {
    let mut table = Table::new(&["kind", "frames", "bytes"]);
    for Traffic { kind, frames, bytes } in &report.traffic {
        table.line([kind.clone(), frames.to_string(), bytes.to_string()]);
    }
    table.into_text()
}

fn known(number: Option<u64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}
