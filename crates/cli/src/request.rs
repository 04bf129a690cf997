//! A request as the person sees it who shall sign.

use std::collections::BTreeSet;
use std::time::Duration;

use ensign_api::view::{NoteView, SummaryView};
use ensign_coordinator::{Approval, GroupInfo, Handle, Preview, RequestRef};
use ensign_primitives::{RequestId, UnixTime};
use ensign_psbt::{ConsentDigest, Note, Severity, Summary};
use ensign_wire::SignedRequest;
use serde_json::Value;

use crate::args::mode_name;
use crate::output::{Line, unix_micros};
use crate::question::{Question, Subject, Wanted};
use crate::views;
use crate::words::{self, foreign};

/// What is asked, and what it was found to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// The request.
    pub(crate) request: &'a SignedRequest,
    /// Its name in this home, where it has one.
    pub(crate) handle: Option<Handle>,
    /// Who shall sign, where that is known.
    pub(crate) group: Option<&'a GroupInfo>,
    /// What its PSBT does; `None` for bare messages.
    pub(crate) summary: Option<&'a Summary>,
    /// What is remarkable about it.
    pub(crate) notes: &'a [Note],
    /// What a yes is given to, where one is waited for.
    pub(crate) digest: Option<ConsentDigest>,
}

impl<'a> Asked<'a> {
    /// Takes what the coordinator shows.
    pub(crate) fn of(approval: &'a Approval) -> Self {
        Self {
            request: &approval.request,
            handle: approval.handle,
            group: Some(&approval.group),
            summary: approval.summary.as_deref(),
            notes: &approval.notes,
            digest: Some(approval.digest),
        }
    }

    pub(crate) fn id(&self) -> RequestId {
        self.request.request.id()
    }

    /// Returns how people call it: by its handle, or by 8 digits.
    pub(crate) fn name(&self) -> String {
        self.handle.map_or_else(|| self.id().short(), |handle| handle.to_string())
    }

    fn group_name(&self) -> String {
        let request = &self.request.request;
        let id = || request.signers.group_id(request.network).short();
        self.group.map_or_else(id, |group| group.name.clone())
    }

    fn creator(&self) -> String {
        let creator = self.request.request.creator;
        if let Some(group) = self.group {
            return group.name_of(creator).to_owned();
        }
        // Who knows no names knows keys.
        let key = self.request.request.signers.get(creator);
        let key = key.map(|key| key.to_string().chars().take(10).collect::<String>());
        format!("the signer {}", key.unwrap_or_default())
    }

    fn messages(&self) -> Vec<String> {
        let messages = self.request.request.messages.iter();
        messages.map(|message| hex::encode(message.digest)).collect()
    }
}

/// Returns how people call a request: by its handle, or by 8 digits.
pub(crate) fn name(request: &RequestRef) -> String {
    request.handle.map_or_else(|| request.id.short(), |handle| handle.to_string())
}

/// Returns a request as text: who asks, what for, and what it does; blind ones are marked.
pub(crate) fn text(asked: &Asked<'_>) -> String {
    let request = &asked.request.request;
    let mut text = format!(
        "request {} by {} to group {}: open for {} (id {}, mode {})",
        asked.name(),
        asked.creator(),
        asked.group_name(),
        words::duration(left(request.expires)),
        asked.id().short(),
        mode_name(request.mode),
    );
    if !request.purpose.is_empty() {
        text += &format!("\n  purpose, in their words: {}", foreign(&request.purpose));
    }
    text + &work(asked)
}

/// Returns the question about a request, under a verb: `sign`, `join`.
pub(crate) fn question(verb: &str, asked: &Asked<'_>) -> Question {
    let name = asked.name();
    let stake = stake(verb, &name, asked.summary);
    let wanted = wanted(asked.summary, &asked.messages(), asked.notes);
    let question = Question::plain(Subject::Request(asked.id()), name, text(asked), stake);
    let digest = asked.digest.map_or(question.digest, |digest| digest.0);
    Question { wanted, digest, ..question }
}

/// Returns the question whether to propose something.
pub(crate) fn own_question(preview: &Preview, message: Option<&[u8; 32]>) -> Question {
    let Preview { summary, notes, digest, .. } = preview;
    let messages: Vec<_> = message.map(hex::encode).into_iter().collect();
    let stake = stake("propose and sign", "this", summary.as_deref());
    let wanted = wanted(summary.as_deref(), &messages, notes);
    let question = Question::own(lines(summary.as_deref(), &messages, notes), stake);
    Question { wanted, digest: digest.0, ..question }
}

/// What counts as a yes: digits of what was shown where something is grave.
fn wanted(summary: Option<&Summary>, messages: &[String], notes: &[Note]) -> Wanted {
    let grave = grave(notes);
    match (summary, messages.last()) {
        _ if grave.is_empty() => Wanted::Yes,
        (Some(summary), _) => Wanted::digits(&summary.txid.to_string(), "the txid", grave),
        (None, Some(message)) => Wanted::digits(message, "the last message", grave),
        // Nothing is signed then.
        (None, None) => Wanted::digits("", "the last message", grave),
    }
}

/// Returns the names of the notes that want more than a yes, each once.
pub(crate) fn grave(notes: &[Note]) -> Vec<&'static str> {
    let grave = notes.iter().filter(|note| note.severity() == Severity::Grave);
    let names: BTreeSet<_> = grave.map(Note::name).collect();
    names.into_iter().collect()
}

/// Says what is at stake, in one line: what is paid to whom, and the fee.
fn stake(verb: &str, name: &str, summary: Option<&Summary>) -> String {
    let Some(summary) = summary else { return format!("{verb} {name} BLINDLY") };
    let paid: Vec<_> = summary.outputs.iter().filter(|output| !output.ours).collect();
    let sum = paid.iter().map(|output| output.amount).fold(0, u64::saturating_add);
    let what = match paid[..] {
        [] => "nothing to others".to_owned(),
        [only] => format!("{} BTC to {}", btc(sum), only.destination),
        [..] => format!("{} BTC to {} payees", btc(sum), paid.len()),
    };
    format!("{verb} {name}: {what}, fee {} BTC", btc(summary.fee))
}

/// Returns satoshi in bitcoin, without zeros at the end.
fn btc(satoshi: u64) -> String {
    let (whole, rest) = (satoshi / 100_000_000, satoshi % 100_000_000);
    let digits = format!("{whole}.{rest:08}");
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Returns what a request has us sign, as lines below another, with the notes on it.
pub(crate) fn work(asked: &Asked<'_>) -> String {
    let lines = lines(asked.summary, &asked.messages(), asked.notes);
    lines.lines().map(|line| format!("\n  {line}")).collect()
}

/// Words what is signed, and the notes on it: the gravest is the last above a question.
fn lines(summary: Option<&Summary>, messages: &[String], notes: &[Note]) -> String {
    let mut text = summary.map_or_else(|| blind(messages), ToString::to_string);
    let mut notes: Vec<_> = notes.iter().collect();
    notes.sort_by_key(|note| note.severity());
    for note in notes {
        text += &format!("\n{}", NoteView::new(note).line());
    }
    text
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
pub(crate) fn line(event: &'static str, asked: &Asked<'_>) -> Line {
    let request = &asked.request.request;
    let group_id = request.signers.group_id(request.network).to_string();
    let line = Line::new(event)
        .with("request", asked.id().to_string())
        .with("handle", asked.handle.map(|handle| handle.to_string()))
        .with("group", asked.group.map_or_else(|| group_id.clone(), |group| group.name.clone()))
        .with("group_id", group_id)
        .with("creator", asked.creator())
        .with("purpose", foreign(&request.purpose))
        .with("mode", mode_name(request.mode))
        .with("expires_ms", request.expires.as_millis())
        .with("messages", asked.messages())
        .with("digest", asked.digest.map(|digest| digest.to_string()));
    with_work(line, asked.summary, asked.notes)
}

/// Returns what would be proposed as an event.
pub(crate) fn preview_line(preview: &Preview) -> Line {
    let line = Line::new("preview")
        .with("group", preview.group.name.as_str())
        .with("digest", preview.digest.to_string());
    with_work(line, preview.summary.as_deref(), &preview.notes)
}

fn with_work(line: Line, summary: Option<&Summary>, notes: &[Note]) -> Line {
    let notes = NoteView::all(notes);
    let notes: Vec<_> = notes.iter().map(|note| Value::Object(views::fields(note))).collect();
    let line = line.with("blind", summary.is_none()).with("notes", notes);
    match summary {
        Some(summary) => with_summary(line, summary),
        None => line,
    }
}

/// Adds every field of a summary, as the home's socket names them.
fn with_summary(line: Line, summary: &Summary) -> Line {
    let fields = views::fields(&SummaryView::new(summary)).into_iter();
    fields.fold(line, |line, (name, value)| line.with_owned(name, value))
}

/// Returns how long a request is still open, in whole seconds.
fn left(expires: UnixTime) -> Duration {
    let left = expires.since(UnixTime::from_millis(unix_micros() / 1000));
    Duration::from_secs(left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
}
