//! The node under attack: the release program, in a process of its own.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

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
}

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
        thread::spawn(move || listen(stdout, &up, &note));
        let victim = Self { child, stdin, complaint };
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
fn listen(stdout: ChildStdout, up: &mpsc::Sender<()>, complaint: &Mutex<Option<String>>) {
    let mut lines = BufReader::new(stdout);
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|count| count > 0) {
        if line.starts_with(r#"{"event":"up""#) {
            let _ = up.send(());
        } else if line.starts_with(r#"{"event":"error""#) {
            let told = Some(line.trim().to_owned());
            *complaint.lock().unwrap_or_else(PoisonError::into_inner) = told;
        }
        line.clear();
    }
}
