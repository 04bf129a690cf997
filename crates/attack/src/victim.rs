//! The node under attack: the release program, in a process of its own.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use serde_json::Value;

use crate::cores::{self, Side};

/// How long a node may take to be up, or to end when asked to.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked at while it ends.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A running `ensign up`, killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Victim {
    child: Child,
    /// Closed to ask it to end; closes by itself if we die.
    stdin: Option<ChildStdin>,
    complaint: Arc<Mutex<Option<String>>>,
    shown: Shown,
}

/// When its user was first shown a request that was taken, by the request's name in hex.
type Shown = Arc<Mutex<BTreeMap<String, Instant>>>;

/// Most requests of which that is kept.
const SHOWN_MAX: usize = 100_000;

impl Victim {
    /// Starts it, and waits until it listens.
    ///
    /// # Errors
    ///
    /// Fails if it does not start.
    pub(crate) fn start(program: &Path, home: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        // What the honest members ask for are bare messages.
        command.args(["--json", "up", "--approve", "all", "--accept-note", "blind"]);
        command.args(["--until-stdin-closes", "--home"]);
        command.arg(home).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A process keeps to the core of the thread that starts it.
        let mut child = thread::spawn(move || {
            cores::keep_to(Side::Honest);
            command.spawn()
        })
        .join()
        .map_err(|_| anyhow::anyhow!("the thread that starts the node is gone"))??;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("no output")?;
        let (up, is_up) = mpsc::channel();
        let complaint = Arc::default();
        let note = Arc::clone(&complaint);
        let shown = Shown::default();
        let list = Arc::clone(&shown);
        thread::spawn(move || listen(stdout, &up, &note, &list));
        let victim = Self { child, stdin, complaint, shown };
        if is_up.recv_timeout(PATIENCE).is_err() {
            bail!("the node does not start: {}", victim.complaint().unwrap_or_default());
        }
        Ok(victim)
    }

    /// Returns the number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns how it ended by itself, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Returns the last error that it told.
    pub(crate) fn complaint(&self) -> Option<String> {
        self.complaint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns when its user was shown which requests.
    pub(crate) fn shown(&self) -> BTreeMap<String, Instant> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks it to end, and waits; kills it if it does not.
    pub(crate) fn stop(mut self) {
        drop(self.stdin.take());
        let since = Instant::now();
        let (_never, pause) = mpsc::channel::<()>();
        while self.ended().is_none() && since.elapsed() < PATIENCE {
            let _ = pause.recv_timeout(POLL_INTERVAL);
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads what it tells, so that it never waits for a reader.
fn listen(
    stdout: ChildStdout,
    up: &mpsc::Sender<()>,
    complaint: &Mutex<Option<String>>,
    shown: &Mutex<BTreeMap<String, Instant>>,
) {
    let mut lines = BufReader::new(stdout);
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|count| count > 0) {
        if line.starts_with(r#"{"event":"up""#) {
            let _ = up.send(());
        } else if line.starts_with(r#"{"event":"error""#) {
            let told = Some(line.trim().to_owned());
            *complaint.lock().unwrap_or_else(PoisonError::into_inner) = told;
        }
        if let Some(request) = shown_in(&line) {
            let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
            if shown.len() < SHOWN_MAX {
                shown.entry(request).or_insert_with(Instant::now);
            }
        }
        line.clear();
    }
}

/// Returns the request that a line says was approved, which is told right after it was shown.
fn shown_in(line: &str) -> Option<String> {
    let told: Value = serde_json::from_str(line).ok()?;
    let is_meant = told.get("event")?.as_str()? == "approved";
    Some(told.get("request")?.as_str()?.to_owned()).filter(|_| is_meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_shown_is_read_from_what_the_program_tells() {
        let line = r#"{"event":"approved","request":"ab12","cpu_us":7}"#;
        assert_eq!(shown_in(line), Some("ab12".to_owned()));
        assert_eq!(shown_in(r#"{"event":"joined","request":"ab12"}"#), None);
        assert_eq!(shown_in("no json"), None);
    }
}
