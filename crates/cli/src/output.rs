//! The only place that writes to the terminal: text for people, or JSON lines for programs.

mod queue;
mod wrap;
mod writer;

use std::borrow::Cow;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ensign_coordinator::Risk;
use ensign_primitives::UnixTime;
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use serde_json::Value;
use tokio::sync::Notify;

use crate::catalogue::Exit;
use crate::failure::{Failure, retry_in_words, risk_in_words};
use crate::words;

use self::queue::Class;
use self::wrap::wrapped;
use self::writer::{STDERR, STDOUT};

/// Where a command's results go.
///
/// Results and JSON lines go to standard output; talk, questions and failures as text to standard
/// error. A reader that has gone away is no failure: signing goes on. A command that only prints waits for its reader;
/// one that runs a node [detaches](Self::detach) and waits for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// One event: a name, when, and its fields in order.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    event: &'static str,
    time_us: u64,
    fields: Vec<(Cow<'static, str>, Value)>,
}

impl Line {
    /// Begins an event that happens now.
    pub(crate) fn new(event: &'static str) -> Self {
        Self { event, time_us: unix_micros(), fields: Vec::new() }
    }

    /// Adds a field.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((Cow::Borrowed(name), value.into()));
        self
    }

    /// Adds a field whose name a view has.
    #[must_use]
    pub(crate) fn with_owned(mut self, name: String, value: Value) -> Self {
        self.fields.push((Cow::Owned(name), value));
        self
    }

    /// Returns the event as one line of JSON.
    fn to_json(&self) -> String {
        // A map with string keys and plain values always serializes.
        format!("{}\n", serde_json::to_string(self).unwrap_or_default())
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2 + self.fields.len()))?;
        map.serialize_entry("event", self.event)?;
        map.serialize_entry("time_us", &self.time_us)?;
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Output {
    /// Chooses by the flag `--json`.
    pub(crate) const fn new(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }

    /// Returns whether a program reads.
    pub(crate) const fn is_json(self) -> bool {
        matches!(self, Self::Json)
    }

    /// From now on a reader that does not read holds nothing up: a node runs in this process.
    ///
    /// A thread for each stream writes what waits. When too much does, lines of
    /// [progress](Self::progress) are dropped and counted; decisions, questions, endings and
    /// results are not, within the bounds of [`queue`].
    pub(crate) fn detach(self) {
        STDOUT.detach(self, std::io::stdout());
        STDERR.detach(self, std::io::stderr());
    }

    /// Waits until everything was read, however long that takes, or the reader has gone away.
    pub(crate) async fn read_by_all() {
        let waited = tokio::task::spawn_blocking(|| {
            STDOUT.wait();
            STDERR.wait();
        });
        // A runtime that ends waits for nothing.
        let _ended = waited.await;
    }

    /// Waits as long as somebody reads what is still to be read, for the end of the program; returns
    /// whether all of it was read.
    pub(crate) fn finish() -> bool {
        STDERR.let_out(std::io::stderr());
        // Both, whatever became of the first.
        STDOUT.finish() & STDERR.finish()
    }

    /// Tells a result, in the form that this output has, on standard output.
    pub(crate) fn tell(self, line: &Line, text: impl AsRef<str>) {
        match self {
            Self::Text => self.text(text),
            Self::Json => self.json(line),
        }
    }

    /// Tells what happens on the way to a result: people read it on standard error.
    pub(crate) fn talk(self, line: &Line, text: impl AsRef<str>) {
        self.say(Class::Kept, line, Some(text.as_ref()));
    }

    /// Tells how far something is; the first to be dropped when nobody reads. Without text it is
    /// for programs alone.
    pub(crate) fn progress(self, line: &Line, text: Option<&str>) {
        self.say(Class::Progress, line, text);
    }

    /// Tells people how far something is; programs were told before.
    pub(crate) fn text_progress(self, text: &str) {
        if self == Self::Text {
            Self::write_text(Class::Progress, text);
        }
    }

    fn say(self, class: Class, line: &Line, text: Option<&str>) {
        match (self, text) {
            (Self::Text, Some(text)) => Self::write_text(class, text),
            (Self::Text, None) => {}
            (Self::Json, _) => STDOUT.write(class, line.to_json(), std::io::stdout()),
        }
    }

    fn write_text(class: Class, text: &str) {
        let text = match std::io::stderr().is_terminal() {
            true => fitted(text),
            false => Cow::Owned(stamped(text)),
        };
        STDERR.write(class, line_of(&text), std::io::stderr());
    }

    /// Writes text for people; a program does not see it.
    pub(crate) fn text(self, text: impl AsRef<str>) {
        if self == Self::Text {
            STDOUT.write(Class::Kept, line_of(text.as_ref()), std::io::stdout());
        }
    }

    /// Writes a result to standard output as it is, and waits for its reader: with text for people,
    /// standard output has nothing but results.
    ///
    /// # Errors
    ///
    /// What the system says, also when the reader has gone away.
    pub(crate) fn raw(bytes: &[u8]) -> std::io::Result<()> {
        STDOUT.wait();
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(bytes)?;
        stdout.flush()
    }

    /// Draws a screen anew on the terminal that standard output is.
    ///
    /// # Errors
    ///
    /// What the system says, also when the terminal has gone away.
    pub(crate) fn redraw(text: &str) -> std::io::Result<()> {
        // To the first line, and everything below it is wiped.
        Self::raw(format!("\u{1b}[H\u{1b}[2J{}", line_of(text)).as_bytes())
    }

    /// Tells a result as [`tell`](Self::tell) does, and says when nobody reads it any more.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn tell_reader(self, line: &Line, text: &str) -> std::io::Result<()> {
        match self {
            Self::Text => Self::raw(line_of(text).as_bytes()),
            Self::Json => Self::raw(line.to_json().as_bytes()),
        }
    }

    /// Tells a person something that is no result, on standard error; a program does not see it.
    pub(crate) fn notice(self, text: impl AsRef<str>) {
        if self == Self::Text {
            STDERR.write(Class::Kept, line_of(&fitted(text.as_ref())), std::io::stderr());
        }
    }

    /// Asks a question without ending the line, whatever is [held back](Self::hold); a program does
    /// not see it. Calls back when it was written.
    pub(crate) fn prompt(self, text: &str, written: impl FnOnce() + Send + 'static) {
        if self == Self::Text {
            STDERR.write_over(fitted(text).into_owned(), Box::new(written), std::io::stderr());
        }
    }

    /// Holds back what is said to people from now on: a question shall be the last on the screen.
    /// Whoever asks it is told when something waits.
    pub(crate) fn hold(self, asker: &Arc<Notify>) {
        if self == Self::Text {
            STDERR.hold(Arc::clone(asker));
        }
    }

    /// Whether something is held back.
    pub(crate) fn has_held(self) -> bool {
        self == Self::Text && STDERR.has_held()
    }

    /// Writes what was held back, and holds nothing back any more.
    pub(crate) fn let_out(self) {
        if self == Self::Text {
            STDERR.let_out(std::io::stderr());
        }
    }

    /// Writes an event for programs; a person does not see it.
    pub(crate) fn json(self, line: &Line) {
        if self == Self::Json {
            STDOUT.write(Class::Kept, line.to_json(), std::io::stdout());
        }
    }

    /// Tells something that is no failure of the command, with what to do where something is at
    /// risk or has to be set right.
    pub(crate) fn warning(self, failure: &Failure) {
        let mut text = format!("note {}: {}{}", failure.entry.code, failure.what, named(failure));
        let is_grave = failure.entry.risk != Risk::None || failure.entry.exit == Exit::NotReady;
        if is_grave {
            text += &format!("\n  {}", failure.advice());
        }
        let class = if is_grave { Class::Kept } else { Class::Progress };
        self.say(class, &failure_line("warning", failure), Some(&text));
    }

    /// Tells a failure: what, who, what to do, what is at risk, whether a retry is safe.
    pub(crate) fn failure(self, failure: &Failure) {
        match self {
            Self::Text => self.notice(failure_text(failure)),
            Self::Json => self.json(&failure_line("error", failure)),
        }
    }
}

/// Returns whom a failure concerns, for the end of a line that does not name them.
pub(crate) fn named(failure: &Failure) -> String {
    let Failure { what, who, .. } = failure;
    if who.is_empty() || who.iter().all(|who| what.contains(who.as_str())) {
        return String::new();
    }
    format!(" ({})", who.join(", "))
}

/// Returns a failure as lines for people.
pub(crate) fn failure_text(failure: &Failure) -> String {
    let Failure { entry, what, who, .. } = failure;
    let mut text = format!("error {}: {what}", entry.code);
    if !who.is_empty() {
        text += &format!("\n  who:   {}", who.join(", "));
    }
    text += &format!("\n  do:    {}", failure.advice());
    text += &format!("\n  risk:  {}", risk_in_words(entry.risk));
    text += &format!("\n  retry: {}", retry_in_words(entry));
    text += &format!("\n  more:  ensign explain {}", entry.code);
    text
}

/// Returns a failure as an event.
pub(crate) fn failure_line(event: &'static str, failure: &Failure) -> Line {
    let Failure { entry, what, who, .. } = failure;
    Line::new(event)
        .with("code", entry.code)
        .with("what", what.as_str())
        .with("who", who.clone())
        .with("do", failure.advice())
        .with("risk", risk_in_words(entry.risk))
        .with("retry_is_safe", entry.retry_is_safe)
        .with("exit", entry.exit as u8)
}

/// Returns text as wide as the terminal that standard error is.
fn fitted(text: &str) -> Cow<'_, str> {
    let stderr = std::io::stderr();
    match rustix::termios::tcgetwinsize(&stderr) {
        Ok(size) if stderr.is_terminal() => wrapped(text, size.ws_col.into()),
        Ok(_) | Err(_) => Cow::Borrowed(text),
    }
}

/// Returns text as a line of a log: behind the time of the day in UTC.
fn stamped(text: &str) -> String {
    let date = words::date(UnixTime::from_millis(unix_micros() / 1000));
    let time = date.split_once('T').map_or("", |(_, time)| time);
    format!("{time} {text}")
}

fn line_of(text: &str) -> String {
    format!("{}\n", text.trim_end())
}

/// Returns the wall clock in microseconds since the Unix epoch.
pub(crate) fn unix_micros() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}
