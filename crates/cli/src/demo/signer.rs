//! A signer of the demo: this program as `ensign`, in a process of its own.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::catalogue as code;
use crate::failure::{Failure, Result};

/// How long a signer may take to end once it is asked to.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// What was heard of a signer.
#[derive(Debug)]
pub(super) struct Heard {
    /// Which signer, from 0.
    pub(super) signer: usize,
    /// What.
    pub(super) word: Word,
}

/// One word of a signer.
#[derive(Debug)]
pub(super) enum Word {
    /// The JSON line it wrote.
    Line(Map<String, Value>),
    /// It writes no more.
    Silence,
}

/// A process that is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Signer {
    index: usize,
    child: Child,
    /// Closed to ask it to end; closes by itself if we die.
    stdin: Option<ChildStdin>,
}

impl Signer {
    /// Starts this program with a home and arguments, and listens to what it writes.
    ///
    /// # Errors
    ///
    /// [`code::DEMO_SIGNER`].
    pub(super) fn start(
        index: usize,
        home: &Path,
        arguments: &[OsString],
        heard: mpsc::Sender<Heard>,
    ) -> Result<Self> {
        let failed = |error: std::io::Error| {
            Failure::new(&code::DEMO_SIGNER, format!("cannot start a signer: {error}"))
        };
        let mut child = Command::new(std::env::current_exe().map_err(failed)?)
            .arg(super::AS_SIGNER)
            .args(arguments)
            .args(["--json", "--until-stdin-closes", "--home"])
            .arg(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let stdin = child.stdin.take();
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(listen(index, stdout, heard));
        }
        Ok(Self { index, child, stdin })
    }

    /// Asks the process to end.
    pub(super) fn ask_to_end(&mut self) {
        drop(self.stdin.take());
    }

    /// Asks the process to end, and waits; a process that does not end is killed.
    ///
    /// # Errors
    ///
    /// [`code::DEMO_SIGNER`] when it ends with a failure, or does not end by itself.
    pub(super) async fn end(mut self, names: &[String]) -> Result<()> {
        self.ask_to_end();
        let name = names.get(self.index).cloned().unwrap_or_default();
        let how = match timeout(END_TIMEOUT, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => return Ok(()),
            Ok(Ok(status)) => format!("ended with {status}"),
            Ok(Err(error)) => format!("cannot be waited for: {error}"),
            Err(_) => "did not end when asked to".to_owned(),
        };
        Err(Failure::new(&code::DEMO_SIGNER, format!("{name} {how}")).who([name]))
    }
}

async fn listen(signer: usize, stdout: ChildStdout, heard: mpsc::Sender<Heard>) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(Value::Object(fields)) = serde_json::from_str(&line) {
            let word = Word::Line(fields);
            if heard.send(Heard { signer, word }).await.is_err() {
                return;
            }
        }
    }
    // Nobody listens at the end of the demo.
    let _ = heard.send(Heard { signer, word: Word::Silence }).await;
}
