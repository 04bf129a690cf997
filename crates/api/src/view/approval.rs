//! What a request asks for, and what a proposal would ask for.

use ensign_coordinator::{Approval, GroupInfo, LedgerError, Preview, Records, Work};
use ensign_primitives::{Network, RequestId, UnixTime};
use ensign_psbt::{Facts, Note, Summary, Surroundings, judge, judge_blind};
use ensign_wire::{GroupKeys, Payload, SignedRequest};
use serde::{Deserialize, Serialize};

use super::words::mode_name;
use super::{NoteView, SummaryView};

/// What a request asks for, with everything that a yes rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalView {
    /// The request's id.
    pub request: String,
    /// Its name in this home, as in `#17`.
    pub handle: Option<String>,
    /// The group's name.
    pub group: String,
    /// The group's id.
    pub group_id: String,
    /// Who asks.
    pub creator: String,
    /// One line in the creator's words.
    pub purpose: String,
    /// How the session runs: `fast`, `committed` or `strict`.
    pub mode: String,
    /// When it was made, by the creator's clock.
    pub created_ms: u64,
    /// Until when it is open.
    pub expires_ms: u64,
    /// What is signed.
    #[serde(flatten)]
    pub work: WorkView,
}

/// What would be asked, judged before anybody hears of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewView {
    /// The group's name.
    pub group: String,
    /// The group's id.
    pub group_id: String,
    /// What is signed.
    #[serde(flatten)]
    pub work: WorkView,
    /// The rule of this home that refuses it, whoever says yes.
    pub refused: Option<String>,
}

/// What is signed, what is remarkable about it, and what a yes to all of it is given to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkView {
    /// Whether nobody can tell what the messages mean.
    pub blind: bool,
    /// Whether it is a drill: nobody's coins move.
    #[serde(default)]
    pub drill: bool,
    /// The 32 bytes that are signed, for each signature.
    pub messages: Vec<String>,
    /// What a PSBT does.
    #[serde(flatten)]
    pub summary: Option<SummaryView>,
    /// What is remarkable about it.
    pub notes: Vec<NoteView>,
    /// What a yes is given to; null where none is waited for.
    pub digest: Option<String>,
    /// All of it as a person reads it, in lines.
    pub text: String,
}

impl ApprovalView {
    /// Takes what a coordinator asks about.
    pub fn new(approval: &Approval) -> Self {
        let request = &approval.request.request;
        let Approval { summary, notes, .. } = approval;
        let messages: Vec<_> = request.messages.iter().map(|message| message.digest).collect();
        let facts = facts(request.payload, summary.as_deref(), &messages);
        let work = WorkView::new(&facts, messages.iter().copied(), notes);
        Self {
            request: approval.id.to_string(),
            handle: approval.handle.map(|handle| handle.to_string()),
            group: approval.group.name.clone(),
            group_id: approval.group.id.to_string(),
            creator: approval.group.name_of(request.creator).to_owned(),
            purpose: request.purpose.clone(),
            mode: mode_name(request.mode).to_owned(),
            created_ms: request.created.as_millis(),
            expires_ms: request.expires.as_millis(),
            work: WorkView { digest: Some(approval.digest.to_string()), ..work },
        }
    }
}

impl PreviewView {
    /// Takes what a coordinator would propose.
    ///
    /// - `work`: what that signs.
    pub fn new(preview: &Preview, work: &Work) -> Self {
        let Preview { group, summary, notes, digest, refused } = preview;
        let GroupInfo { name, id, .. } = &**group;
        let sighashes = |summary: &Summary| -> Vec<[u8; 32]> {
            summary.inputs.iter().map(|input| input.sighash).collect()
        };
        let (facts, messages) = match (work, summary.as_deref()) {
            (_, Some(summary)) => (Facts::Psbt(summary), sighashes(summary)),
            (Work::Messages(messages), None) => (Facts::Blind(messages), messages.clone()),
            // A PSBT has a summary. What a drill signs has the request's nonce in it.
            (Work::Psbt(_) | Work::Drill, None) => (Facts::Drill, Vec::new()),
        };
        let work = WorkView::new(&facts, messages, notes);
        let work = WorkView { digest: Some(digest.to_string()), ..work };
        let refused = refused.as_ref().map(ToString::to_string);
        Self { group: name.clone(), group_id: id.to_string(), work, refused }
    }
}

impl WorkView {
    /// Takes what was recomputed; the digest is added where a yes is waited for.
    pub fn new(
        facts: &Facts<'_>,
        messages: impl IntoIterator<Item = [u8; 32]>,
        notes: &[Note],
    ) -> Self {
        let messages: Vec<_> = messages.into_iter().map(hex::encode).collect();
        let notes = NoteView::all(notes);
        let text = text(facts, &messages, &notes);
        let (blind, drill, summary) = match facts {
            Facts::Psbt(summary) => (false, false, Some(SummaryView::new(summary))),
            Facts::Blind(_) => (true, false, None),
            Facts::Drill => (false, true, None),
        };
        Self { blind, drill, messages, summary, notes, digest: None, text }
    }

    /// Recomputes it from what is kept; nothing where a PSBT is not. Ages are as of now, coins of other
    /// requests are not looked for.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the store cannot be read.
    pub fn read(
        records: Records<'_>,
        id: &RequestId,
        request: &SignedRequest,
        group: &GroupInfo,
        now: UnixTime,
    ) -> Result<Option<Self>, LedgerError> {
        let request = &request.request;
        let messages = request.messages.iter().map(|message| message.digest);
        if request.payload == Payload::Blind {
            let notes = judge_blind(request.messages.len());
            let messages: Vec<_> = messages.collect();
            let facts = Facts::Blind(&messages);
            return Ok(Some(Self::new(&facts, messages.iter().copied(), &notes)));
        }
        if request.payload == Payload::Drill {
            return Ok(Some(Self::new(&Facts::Drill, messages, &[])));
        }
        let payload = records.payload(id)?;
        let keys = keys(request.network, group);
        Ok(payload.zip(keys).and_then(|(payload, keys)| {
            let psbt = ensign_psbt::parse(&payload).ok()?;
            let summary = ensign_psbt::analyze(&psbt, &keys).ok()?.summary;
            let notes = judge(&summary, &Surroundings { now, coins: &[] });
            Some(Self::new(&Facts::Psbt(&summary), messages, &notes))
        }))
    }

    /// Returns the names of the notes that want more than a yes, each once.
    pub fn grave(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.notes.iter().filter(|note| note.is_grave()).collect();
        names.dedup_by_key(|note| &note.name);
        let mut names: Vec<_> = names.into_iter().map(|note| note.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Aggregates the keys of a group.
pub(crate) fn keys(network: Network, group: &GroupInfo) -> Option<ensign_psbt::Group> {
    let keys = group.members.iter().map(|member| member.signer).collect();
    ensign_psbt::Group::new(network, &GroupKeys::new(keys).ok()?).ok()
}

/// What a drill is, for whoever is asked.
const DRILL: &str = "A DRILL: nobody's coins move. What is signed is no transaction, and cannot become one;\nthat it \
                     is signed shows that all of the group can sign.";

/// Returns what a request has its signers sign.
pub fn facts<'a>(
    payload: Payload,
    summary: Option<&'a Summary>,
    messages: &'a [[u8; 32]],
) -> Facts<'a> {
    match (summary, payload) {
        (Some(summary), _) => Facts::Psbt(summary),
        (None, Payload::Drill) => Facts::Drill,
        (None, Payload::Blind | Payload::Psbt { .. }) => Facts::Blind(messages),
    }
}

/// Words it for a person: what is signed, then the notes.
fn text(facts: &Facts<'_>, messages: &[String], notes: &[NoteView]) -> String {
    let mut text = match facts {
        Facts::Psbt(summary) => summary.to_string(),
        Facts::Drill => String::from(DRILL),
        Facts::Blind(_) => {
            let mut text = String::from(
                "BLIND: these bytes are signed as they are, nobody can tell what they mean.\nThey \
                 may move coins that are locked to the group's aggregate key.",
            );
            for message in messages {
                text += &format!("\n  message {message}");
            }
            text
        }
    };
    // The gravest last: it is the nearest to a question below.
    for severity in ["info", "warning", "grave"] {
        for note in notes.iter().filter(|note| note.severity == severity) {
            text += &format!("\n{}", note.line());
        }
    }
    text
}
