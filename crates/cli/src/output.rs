//! The only place that writes to the terminal: text for people, or JSON lines for programs.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use ensign_coordinator::Risk;
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use serde_json::Value;

use crate::catalogue::Exit;
use crate::failure::{Failure, retry_in_words, risk_in_words};

/// Where a command's results go.
///
/// Text and JSON lines go to standard output, failures as text to standard error. A reader that
/// has gone away is no failure: signing goes on.
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
    fields: Vec<(&'static str, Value)>,
}

impl Line {
    /// Begins an event that happens now.
    pub(crate) fn new(event: &'static str) -> Self {
        Self { event, time_us: unix_micros(), fields: Vec::new() }
    }

    /// Adds a field.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((name, value.into()));
        self
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

    /// Tells one event, in the form that this output has.
    pub(crate) fn tell(self, line: &Line, text: impl AsRef<str>) {
        match self {
            Self::Text => self.text(text),
            Self::Json => self.json(line),
        }
    }

    /// Writes text for people; a program does not see it.
    pub(crate) fn text(self, text: impl AsRef<str>) {
        if self == Self::Text {
            write_line(std::io::stdout().lock(), text.as_ref());
        }
    }

    /// Tells a person something that is no result, on standard error; a program does not see it.
    pub(crate) fn notice(self, text: impl AsRef<str>) {
        if self == Self::Text {
            write_line(std::io::stderr().lock(), text.as_ref());
        }
    }

    /// Asks a question without ending the line; a program does not see it.
    pub(crate) fn prompt(self, text: &str) {
        if self == Self::Text {
            let mut stdout = std::io::stdout().lock();
            let _gone = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        }
    }

    /// Writes an event for programs; a person does not see it.
    pub(crate) fn json(self, line: &Line) {
        if self == Self::Json {
            // A map with string keys and plain values always serializes.
            let json = serde_json::to_string(line).unwrap_or_default();
            write_line(std::io::stdout().lock(), &json);
        }
    }

    /// Tells something that is no failure of the command, with what to do where something is at
    /// risk or has to be set right.
    pub(crate) fn warning(self, failure: &Failure) {
        let mut text = format!("note {}: {}{}", failure.entry.code, failure.what, named(failure));
        if failure.entry.risk != Risk::None || failure.entry.exit == Exit::NotReady {
            text += &format!("\n  {}", failure.advice());
        }
        self.tell(&failure_line("warning", failure), text);
    }

    /// Tells a failure: what, who, what to do, what is at risk, whether a retry is safe.
    pub(crate) fn failure(self, failure: &Failure) {
        match self {
            Self::Text => write_line(std::io::stderr().lock(), &failure_text(failure)),
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

fn write_line(mut stream: impl std::io::Write, text: &str) {
    let line = format!("{}\n", text.trim_end());
    // Nobody reads any more; what is being signed goes on all the same.
    let _gone = stream.write_all(line.as_bytes()).and_then(|()| stream.flush());
}

/// Returns the wall clock in microseconds since the Unix epoch.
pub(crate) fn unix_micros() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}
