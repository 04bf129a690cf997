//! What reaches a running command from outside: typed lines and requests to end.

use std::io::{BufRead as _, Read as _};

use tokio::sync::mpsc;

use crate::catalogue as code;
use crate::failure::{Failure, Result};

/// Most bytes of one typed line; the answer to a question is a word.
const LINE_BYTES_MAX: u64 = 4096;

/// Lines of standard input.
///
/// A thread of its own reads them: reading cannot be interrupted, so the program ends without
/// waiting for it.
#[derive(Debug)]
pub(crate) struct Lines(mpsc::Receiver<String>);

impl Lines {
    /// Begins to read.
    pub(crate) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(1);
        std::thread::spawn(move || read_lines(|line| sender.blocking_send(line).is_ok()));
        Self(receiver)
    }

    /// Waits for the next line; `None` when input has ended.
    pub(crate) async fn next(&mut self) -> Option<String> {
        self.0.recv().await
    }
}

/// Reads standard input line by line, until it ends or nobody takes the lines any more.
pub(crate) fn read_lines(mut take: impl FnMut(String) -> bool) {
    let mut stdin = std::io::stdin().lock();
    loop {
        let mut line = String::new();
        match stdin.by_ref().take(LINE_BYTES_MAX).read_line(&mut line) {
            Ok(1..) if take(line) => {}
            Ok(_) | Err(_) => return,
        }
    }
}

/// What is wished of a command from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// It shall end.
    End,
    /// It shall read its settings again, or its terminal is gone.
    Hangup,
}

/// Ctrl-C, a request of the system to end, and on demand the end of standard input.
#[derive(Debug)]
pub(crate) struct Stop {
    hung_up: tokio::signal::unix::Signal,
    interrupted: tokio::signal::unix::Signal,
    terminated: tokio::signal::unix::Signal,
    input: Option<Lines>,
}

impl Stop {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// [`code::INTERNAL`] when the system has no signals for us.
    pub(crate) fn new(until_stdin_closes: bool) -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let refused =
            |error: std::io::Error| Failure::new(&code::INTERNAL, format!("no signals: {error}"));
        Ok(Self {
            hung_up: signal(SignalKind::hangup()).map_err(refused)?,
            interrupted: signal(SignalKind::interrupt()).map_err(refused)?,
            terminated: signal(SignalKind::terminate()).map_err(refused)?,
            input: until_stdin_closes.then(Lines::new),
        })
    }

    /// Waits until we are asked to end, by a terminal that goes away too.
    pub(crate) async fn asked(&mut self) {
        let _either = self.wish().await;
    }

    /// Waits for what is wished next.
    pub(crate) async fn wish(&mut self) -> Wish {
        let Self { hung_up, interrupted, terminated, input } = self;
        let closed = async {
            match input {
                Some(lines) => while lines.next().await.is_some() {},
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupted.recv() => Wish::End,
            _ = terminated.recv() => Wish::End,
            () = closed => Wish::End,
            _ = hung_up.recv() => Wish::Hangup,
        }
    }
}
