//! What the signers report, as one story.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::party::Party;
use super::{Heard, Word};
use crate::args::SessionMode;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::output::{Line, Output};
use crate::words;

/// How long nobody must have said anything before what was heard is told. Guess: lines of several
/// processes arrive within a fraction of it, and nobody sees the delay.
const QUIET: Duration = Duration::from_millis(20);

/// Something a signer did, and when by the clock of this machine.
#[derive(Debug)]
pub(super) struct Deed {
    /// Which signer, from 0.
    pub(super) signer: usize,
    /// The event's name; a phase is named `phase:` and its name.
    pub(super) what: String,
    /// Microseconds since the Unix epoch.
    pub(super) time_us: u64,
    /// The processor time of the signer's process so far, where it said so.
    pub(super) cpu_us: Option<u64>,
}

/// The story so far.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) names: Vec<String>,
    pub(super) mode: SessionMode,
    /// What each signer did, in the order in which we heard of it.
    pub(super) deeds: Vec<Deed>,
    connected: BTreeMap<usize, BTreeSet<String>>,
    /// What is still to be told, with its time.
    untold: Vec<(u64, String)>,
    output: Output,
}

impl Story {
    pub(super) fn new(party: &Party, mode: SessionMode, output: Output) -> Self {
        let names = party.names.clone();
        let (connected, untold) = (BTreeMap::new(), Vec::new());
        Self { names, mode, deeds: Vec::new(), connected, untold, output }
    }

    /// Tells what is heard until something has happened.
    ///
    /// # Errors
    ///
    /// [`code::DEMO_SIGNER`] when a signer fails or ends early.
    pub(super) async fn follow(
        &mut self,
        heard: &mut mpsc::Receiver<Heard>,
        happened: impl Fn(&Self) -> bool,
    ) -> Result<()> {
        while !happened(self) {
            let Ok(word) = timeout(QUIET, heard.recv()).await else {
                self.tell_all();
                continue;
            };
            match word {
                None => return Err(Failure::new(&code::DEMO_SIGNER, "all signers are silent")),
                Some(Heard { signer, word: Word::Line(fields) }) => self.hear(signer, fields)?,
                Some(Heard { signer, .. }) if self.did(signer, "done").is_some() => {}
                Some(Heard { signer, .. }) => {
                    return Err(self.failure(signer, "ended early", None));
                }
            }
        }
        self.tell_all();
        Ok(())
    }

    /// Tells in the order in which it happened: the signers' lines come on separate ways.
    fn tell_all(&mut self) {
        self.untold.sort_by_key(|(time_us, _)| *time_us);
        for (_, text) in self.untold.drain(..) {
            self.output.text(text);
        }
    }

    /// Returns whether a signer's node runs.
    pub(super) fn is_up(&self, signer: usize) -> bool {
        self.did(signer, "up").is_some()
    }

    /// Returns whether everybody but the proposer is connected with each other.
    pub(super) fn waiters_are_connected(&self) -> bool {
        let others = self.names.len().saturating_sub(2);
        (1..self.names.len())
            .all(|signer| self.connected.get(&signer).map_or(0, BTreeSet::len) >= others)
    }

    /// Returns whether every signer holds the signature.
    pub(super) fn all_have_signed(&self) -> bool {
        (0..self.names.len()).all(|signer| self.did(signer, "done").is_some())
    }

    /// Returns what a signer did first under a name.
    pub(super) fn did(&self, signer: usize, what: &str) -> Option<&Deed> {
        self.deeds.iter().find(|deed| deed.signer == signer && deed.what == what)
    }

    fn hear(&mut self, signer: usize, fields: Map<String, Value>) -> Result<()> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let event = text("event").to_owned();
        let who = text("who").to_owned();
        let time_us = fields.get("time_us").and_then(Value::as_u64).unwrap_or_default();
        let cpu_us = fields.get("cpu_us").and_then(Value::as_u64);
        let what = match event.as_str() {
            "error" | "failed" => {
                return Err(self.failure(signer, text("what"), Some(text("code"))));
            }
            "connected" => {
                self.connected.entry(signer).or_default().insert(who.clone());
                event.clone()
            }
            "phase" => format!("phase:{}", text("phase")),
            _ => event.clone(),
        };
        let is_own = who.is_empty() || self.names.get(signer) == Some(&who);
        let listen = text("listen").to_owned();
        let name = self.name(signer);
        let report = Value::Object(fields);
        self.output.json(&Line::new("signer").with("signer", name).with("report", report));
        let what = if is_own { what } else { format!("saw:{what}") };
        self.deeds.push(Deed { signer, what, time_us, cpu_us });
        if is_own {
            self.note(signer, &event, time_us, &listen);
        }
        Ok(())
    }

    /// Puts a deed into words, to be told soon.
    fn note(&mut self, signer: usize, event: &str, time_us: u64, listen: &str) {
        let name = self.name(signer);
        let what = match (event, self.mode) {
            ("up", _) => {
                self.untold.push((time_us, format!("  {name} is up on {listen}")));
                return;
            }
            ("proposed", _) => "proposes, and so consents".to_owned(),
            ("request", _) => "recomputed the sighash from the PSBT: it is the same".to_owned(),
            ("approved", _) => "approves".to_owned(),
            ("joined", SessionMode::Fast) => "joined, nonces with it".to_owned(),
            ("joined", _) => "joined, committed to its nonces".to_owned(),
            ("revealed", SessionMode::Fast) => return,
            ("revealed", _) => "revealed its nonces".to_owned(),
            ("confirmed", _) => "confirmed that all see the same nonces".to_owned(),
            ("signed", _) => "signed its part".to_owned(),
            ("done", _) => "holds the final signature, and it verifies".to_owned(),
            _ => return,
        };
        let began = self.did(0, "proposed").map_or(time_us, |deed| deed.time_us);
        let since = words::micros(time_us.saturating_sub(began));
        self.untold.push((time_us, format!("  {since:>9}  {name} {what}")));
    }

    fn name(&self, signer: usize) -> String {
        self.names.get(signer).cloned().unwrap_or_default()
    }

    fn failure(&self, signer: usize, what: &str, error: Option<&str>) -> Failure {
        let name = self.name(signer);
        let error = error.map(|error| format!(" ({error})")).unwrap_or_default();
        let what = format!("{name}: {}{error}", words::foreign(what));
        Failure::new(&code::DEMO_SIGNER, what).who([name])
    }
}
