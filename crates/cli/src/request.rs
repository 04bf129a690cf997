//! A request as the person sees it who shall sign.

use std::time::Duration;

use ensign_api::view::SummaryView;
use ensign_coordinator::Approval;
use ensign_primitives::{GroupId, RequestId, UnixTime};
use ensign_psbt::Summary;
use ensign_wire::SignedRequest;

use crate::args::mode_name;
use crate::group::SignerGroup;
use crate::output::{Line, unix_micros};
use crate::question::{Question, Subject, Wanted};
use crate::views;
use crate::words::{self, foreign};

/// What is asked, and what it was found to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// The request.
    pub(crate) request: &'a SignedRequest,
    /// What its PSBT does; `None` for bare messages.
    pub(crate) summary: Option<&'a Summary>,
}

impl<'a> Asked<'a> {
    /// Takes what the coordinator shows.
    pub(crate) fn of(approval: &'a Approval) -> Self {
        Self { request: &approval.request, summary: approval.summary.as_deref() }
    }

    pub(crate) fn id(&self) -> RequestId {
        self.request.request.id()
    }

    fn group(&self) -> GroupId {
        let request = &self.request.request;
        request.signers.group_id(request.network)
    }
}

/// Returns a request as text: who asks, what for, and what it does; blind ones are marked.
pub(crate) fn text(asked: &Asked<'_>, group: Option<&SignerGroup>) -> String {
    let request = &asked.request.request;
    let group_name = group.map_or_else(|| asked.group().short(), |group| group.name.clone());
    let mut text = format!(
        "request {} by {} to group {group_name}: mode {}, open for {}",
        asked.id().short(),
        creator(asked, group),
        mode_name(asked.request.request.mode),
        words::duration(left(request.expires)),
    );
    if !request.purpose.is_empty() {
        text += &format!("\n  purpose, in their words: {}", foreign(&request.purpose));
    }
    text + &work(asked)
}

/// Returns the question about a request, under a verb: `sign`, `join`.
pub(crate) fn question(verb: &str, asked: &Asked<'_>, group: Option<&SignerGroup>) -> Question {
    let name = asked.id().short();
    let stake = stake(verb, &name, asked.summary);
    let wanted = match asked.request.request.messages.last() {
        Some(message) if asked.summary.is_none() => {
            Wanted::digits(&hex::encode(message.digest), "the last message", vec!["blind"])
        }
        Some(_) | None => Wanted::Yes,
    };
    let subject = Subject::Request(asked.id());
    let question = Question::plain(subject, name, text(asked, group), stake);
    Question { wanted, ..question }
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

/// Returns what a request has us sign, as lines below another.
pub(crate) fn work(asked: &Asked<'_>) -> String {
    if let Some(summary) = asked.summary {
        return indented(&summary.to_string());
    }
    let messages = &asked.request.request.messages;
    let digests: Vec<_> = messages.iter().map(|message| hex::encode(message.digest)).collect();
    indented(&blind(&digests))
}

/// Returns the question whether to propose something.
pub(crate) fn own_question(summary: Option<&Summary>, message: Option<&[u8; 32]>) -> Question {
    let stake = stake("propose and sign", "this", summary);
    let message = message.map(hex::encode);
    let Some(summary) = summary else {
        let digests: Vec<_> = message.into_iter().collect();
        let last = digests.last().cloned().unwrap_or_default();
        let wanted = Wanted::digits(&last, "the message", vec!["blind"]);
        return Question { wanted, ..Question::own(blind(&digests), stake) };
    };
    Question::own(summary.to_string(), stake)
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
pub(crate) fn line(event: &'static str, asked: &Asked<'_>, group: Option<&SignerGroup>) -> Line {
    let request = &asked.request.request;
    let messages: Vec<_> =
        request.messages.iter().map(|message| hex::encode(message.digest)).collect();
    let line = Line::new(event)
        .with("request", asked.id().to_string())
        .with("group", group.map_or_else(|| asked.group().to_string(), |g| g.name.clone()))
        .with("creator", creator(asked, group))
        .with("purpose", foreign(&request.purpose))
        .with("mode", mode_name(asked.request.request.mode))
        .with("expires_ms", request.expires.as_millis())
        .with("blind", asked.summary.is_none())
        .with("messages", messages);
    match asked.summary {
        Some(summary) => with_summary(line, summary),
        None => line,
    }
}

/// Adds every field of a summary, as the home's socket names them.
fn with_summary(line: Line, summary: &Summary) -> Line {
    let fields = views::fields(&SummaryView::new(summary)).into_iter();
    fields.fold(line, |line, (name, value)| line.with_owned(name, value))
}

fn creator(asked: &Asked<'_>, group: Option<&SignerGroup>) -> String {
    let index = asked.request.request.creator;
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
