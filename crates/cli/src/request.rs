//! A request as the person sees it who shall sign.

use std::collections::BTreeSet;
use std::time::Duration;

use ensign_api::view::{ApprovalView, PreviewView, WorkView};
use ensign_coordinator::{Approval, Claim, GroupInfo, Handle, RequestRef};
use ensign_primitives::{GroupId, RequestId, UnixTime};
use ensign_psbt::{ConsentDigest, NOTE_NAMES, Note, Severity};
use ensign_wire::SignedRequest;

use crate::args::mode_name;
use crate::output::{Line, unix_micros};
use crate::question::{By, Question, Subject, Wanted};
use crate::views::{self, btc};
use crate::words::{self, foreign};

/// What is asked, and what it was found to do.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    /// The request.
    pub(crate) request: &'a SignedRequest,
    /// Its name in this home, where it has one.
    pub(crate) handle: Option<Handle>,
    /// Who shall sign, where that is known.
    pub(crate) group: Option<&'a GroupInfo>,
    /// What is signed, what is remarkable about it, and what a yes is given to.
    pub(crate) work: WorkView,
}

impl<'a> Asked<'a> {
    /// Takes what the coordinator shows.
    pub(crate) fn of(approval: &'a Approval) -> Self {
        let (request, group) = (&approval.request, Some(&*approval.group));
        Self { request, handle: approval.handle, group, work: ApprovalView::new(approval).work }
    }

    pub(crate) fn id(&self) -> RequestId {
        self.request.request.id()
    }

    /// Returns how people call it: by its handle, or by 8 digits.
    pub(crate) fn name(&self) -> String {
        self.handle.map_or_else(|| self.id().short(), |handle| handle.to_string())
    }

    fn group_id(&self) -> GroupId {
        let request = &self.request.request;
        request.signers.group_id(request.network)
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
        asked.group.map_or_else(|| asked.group_id().short(), |group| group.name.clone()),
        words::duration(left(request.expires)),
        asked.id().short(),
        mode_name(request.mode),
    );
    if !request.purpose.is_empty() {
        text += &format!("\n  purpose, in their words: {}", foreign(&request.purpose));
    }
    text.extend(asked.work.text.lines().map(|line| format!("\n  {line}")));
    text
}

/// Returns the question about a request, under a verb: `sign`, `join`.
pub(crate) fn question(verb: &str, asked: &Asked<'_>) -> Question {
    let (name, work) = (asked.name(), &asked.work);
    let by = By { name: asked.creator(), claim: Claim::of(&asked.request.request) };
    let question = of_work(Subject::Request(asked.id()), (verb, &name), text(asked), work);
    Question { by: Some(by), ..question }
}

/// Returns the question whether to propose something.
pub(crate) fn own_question(work: &WorkView) -> Question {
    of_work(Subject::Own, ("propose and sign", "this"), work.text.clone(), work)
}

/// Returns the question about what is signed, under a verb and a name.
pub(crate) fn of_work(
    subject: Subject,
    (verb, name): (&str, &str),
    shown: String,
    work: &WorkView,
) -> Question {
    let question = Question::plain(subject, name, shown, stake(verb, name, work));
    let digest = work.digest.as_deref().and_then(|digest| digest.parse().ok());
    let digest = digest.map_or(question.digest, |ConsentDigest(digest)| digest);
    Question { wanted: wanted(work), digest, ..question }
}

/// Says what is at stake, in one line: what is paid to whom, and the fee.
fn stake(verb: &str, name: &str, work: &WorkView) -> String {
    if work.drill {
        return format!("{verb} {name}: a drill, nobody's coins move");
    }
    let Some(summary) = &work.summary else { return format!("{verb} {name} BLINDLY") };
    let paid: Vec<_> = summary.outputs.iter().filter(|output| !output.ours).collect();
    let sum = paid.iter().map(|output| output.amount_sat).fold(0, u64::saturating_add);
    let what = match paid[..] {
        [] => "nothing to others".to_owned(),
        [only] => format!("{} to {}", btc(sum), foreign(&only.to)),
        [..] => format!("{} to {} payees", btc(sum), paid.len()),
    };
    format!("{verb} {name}: {what}, fee {}", btc(summary.fee_sat))
}

/// What counts as a yes to something: digits of what was shown where something is grave.
fn wanted(work: &WorkView) -> Wanted {
    let grave = work.grave();
    let notes: Vec<_> = NOTE_NAMES.into_iter().filter(|name| grave.contains(name)).collect();
    match (&work.summary, work.messages.last()) {
        _ if grave.is_empty() => Wanted::Yes,
        (Some(summary), _) => Wanted::digits(&summary.txid, "the txid", notes),
        (None, Some(message)) => Wanted::digits(message, "the last message", notes),
        // Nothing is signed then.
        (None, None) => Wanted::digits("", "the last message", notes),
    }
}

/// Returns the names of the notes that want more than a yes, each once.
pub(crate) fn grave(notes: &[Note]) -> Vec<&'static str> {
    let grave = notes.iter().filter(|note| note.severity() == Severity::Grave);
    let names: BTreeSet<_> = grave.map(Note::name).collect();
    names.into_iter().collect()
}

/// Returns a request as an event.
pub(crate) fn line(event: &'static str, asked: &Asked<'_>) -> Line {
    let request = &asked.request.request;
    let group_id = asked.group_id().to_string();
    let line = Line::new(event)
        .with("request", asked.id().to_string())
        .with("handle", asked.handle.map(|handle| handle.to_string()))
        .with("group", asked.group.map_or_else(|| group_id.clone(), |group| group.name.clone()))
        .with("group_id", group_id)
        .with("creator", asked.creator())
        .with("purpose", foreign(&request.purpose))
        .with("mode", mode_name(request.mode))
        .with("created_ms", request.created.as_millis())
        .with("expires_ms", request.expires.as_millis());
    with_work(line, &asked.work)
}

/// Returns what would be proposed as an event.
pub(crate) fn preview_line(preview: &PreviewView) -> Line {
    let line = Line::new("preview")
        .with("group", preview.group.as_str())
        .with("group_id", preview.group_id.as_str());
    with_work(line, &preview.work)
}

/// Adds what is signed; its text is for people.
fn with_work(line: Line, work: &WorkView) -> Line {
    let fields = views::fields(work).into_iter().filter(|(name, _)| name != "text");
    fields.fold(line, |line, (name, value)| line.with_owned(name, value))
}

/// Returns how long a request is still open, in whole seconds.
fn left(expires: UnixTime) -> Duration {
    let left = expires.since(UnixTime::from_millis(unix_micros() / 1000));
    Duration::from_secs(left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
}
