//! What a home has kept, wherever it is now: a node that runs is asked over its socket, the store of
//! one that does not is read.

use std::io::ErrorKind;
use std::sync::Arc;

use ensign_api::view::{
    About, AuditView, CaseView, DetailView, Done, GroupView, RequestView, ResultView, WordView,
    WorkView, Yes,
};
use ensign_api::{Board, ClientError, Me, Name, named_node};
use ensign_coordinator::{
    Archive, CommandError, GroupInfo, LedgerError, RequestEntry, RequestState, Word, WordError,
};
use ensign_primitives::RequestId;
use ensign_wire::AbortReason;
use serde_json::json;

use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::home::{HeldHome, Home};
use crate::node::{command_failure, words_failure};
use crate::remote::Remote;
use crate::store::{self, ledger_failure, opening_failure};
use crate::words::{self, foreign};

/// What a home has kept.
#[derive(Debug)]
pub(crate) struct Kept {
    from: From,
}

#[derive(Debug)]
enum From {
    /// A node that runs.
    Node(Remote),
    /// The store; nobody else has it as long as the home is held.
    Store(Box<Stored>),
}

/// A store that no node works with.
#[derive(Debug)]
struct Stored {
    held: HeldHome,
    archive: Archive,
    groups: Vec<(SignerGroup, Arc<GroupInfo>)>,
}

impl Kept {
    /// Connects to the node of a home, or opens its store.
    ///
    /// # Errors
    ///
    /// [`code::HOME_IN_USE`] when another process holds the home and has no socket, and what keeps
    /// the store from being read.
    pub(crate) fn open(home: Home) -> Result<Self> {
        let from = match Remote::find(&home)? {
            Some(remote) => From::Node(remote),
            None => From::Store(Box::new(Stored::open(home)?)),
        };
        Ok(Self { from })
    }

    /// What a node that runs keeps.
    pub(crate) const fn of_node(node: Remote) -> Self {
        Self { from: From::Node(node) }
    }

    /// Returns the node that runs, if one does.
    pub(crate) const fn node(&self) -> Option<&Remote> {
        match &self.from {
            From::Node(remote) => Some(remote),
            From::Store(_) => None,
        }
    }

    /// Whether a node runs.
    pub(crate) const fn is_live(&self) -> bool {
        self.node().is_some()
    }

    /// Returns everything at a glance.
    ///
    /// # Errors
    ///
    /// What keeps it from being read.
    pub(crate) fn board(&self) -> Result<Board> {
        match &self.from {
            From::Node(node) => node.get("/v1/status"),
            From::Store(stored) => stored.board(),
        }
    }

    /// Returns every request that is remembered.
    ///
    /// # Errors
    ///
    /// What keeps it from being read.
    pub(crate) fn requests(&self) -> Result<Vec<RequestView>> {
        match &self.from {
            From::Node(node) => node.get("/v1/requests"),
            From::Store(stored) => stored.requests(),
        }
    }

    /// Returns everything that is known of the request that is called so.
    ///
    /// # Errors
    ///
    /// [`code::REQUEST_UNKNOWN`], [`code::REQUEST_AMBIGUOUS`], and what keeps it from being read.
    pub(crate) fn request(&self, name: &str) -> Result<DetailView> {
        if name.trim().is_empty() {
            return Err(Failure::new(&code::REQUEST_AMBIGUOUS, "the number or the id is missing"));
        }
        match &self.from {
            From::Node(node) => node.get(&of_request(name, "")),
            From::Store(stored) => stored.request(name),
        }
    }

    /// Returns what a request gave.
    ///
    /// # Errors
    ///
    /// [`code::REQUEST_NO_RESULT`], and what keeps it from being read.
    pub(crate) fn result(&self, request: &RequestView) -> Result<ResultView> {
        match &self.from {
            From::Node(node) => node.get(&of_request(&request.request, "/result")),
            From::Store(stored) => stored.result(&stored.entry(&request.request)?),
        }
    }

    /// Consents to exactly what was shown of a request.
    ///
    /// # Errors
    ///
    /// [`code::REQUEST_NEEDS_UP`] when no node runs, and why the node refuses.
    pub(crate) fn approve(&self, name: &str, yes: &Yes) -> Result<()> {
        match &self.from {
            From::Node(node) => node.post(&of_request(name, "/approve"), yes).map(said),
            From::Store(_) => {
                let what = format!("no node runs that could sign `{}` now", foreign(name));
                Err(Failure::new(&code::REQUEST_NEEDS_UP, what))
            }
        }
    }

    /// Ends a request for everybody: now, or durably so that the others hear it from the next
    /// `ensign up`.
    ///
    /// # Errors
    ///
    /// [`code::REQUEST_NOT_OPEN`] when it is over already, and what keeps it from being written.
    pub(crate) fn end(&mut self, request: &RequestView, reason: AbortReason) -> Result<()> {
        match &mut self.from {
            From::Node(node) => {
                let is_cancel = reason == AbortReason::Cancelled;
                let how = if is_cancel { "/cancel" } else { "/decline" };
                node.post(&of_request(&request.request, how), &json!({})).map(said)
            }
            From::Store(stored) => {
                let entry = stored.entry(&request.request)?;
                if request.is_over() {
                    return Err(not_open(request));
                }
                let closed = stored.archive.close(entry.id, entry.group, reason, words::now());
                closed.map_err(|error| ledger_failure(&error))
            }
        }
    }

    /// Takes our user's word about a node, or takes it back; a node that does not run heeds it from its next
    /// start on.
    ///
    /// # Errors
    ///
    /// [`code::NODE_UNKNOWN`], [`code::NODE_OWN`], [`code::NODE_FULL`], and what keeps it from being written.
    pub(crate) fn say(&mut self, name: &str, word: Option<Word>) -> Result<WordView> {
        match &mut self.from {
            From::Node(node) => {
                let verb = match word {
                    Some(Word::Banned) => "ban",
                    Some(Word::Trusted) => "trust",
                    None => "unban",
                };
                node.post(&format!("/v1/net/{verb}"), &About { peer: name.to_owned() })
            }
            From::Store(stored) => stored.say(name, word),
        }
    }

    /// Takes back what our user has said yes to.
    ///
    /// # Errors
    ///
    /// [`code::REQUEST_NEEDS_UP`] when no node runs, and what keeps the node from it.
    pub(crate) fn withdraw(&self, request: &RequestView) -> Result<()> {
        match &self.from {
            From::Node(node) => {
                node.post(&of_request(&request.request, "/withdraw"), &json!({})).map(said)
            }
            From::Store(_) => {
                let called = request.handle.as_deref().unwrap_or(&request.request);
                let what = format!("no node runs that could tell the others of `{called}`");
                Err(Failure::new(&code::REQUEST_NEEDS_UP, what))
            }
        }
    }

    /// Notes that a result was written out.
    pub(crate) fn received(&mut self, request: &RequestView) {
        // A node that runs writes results out by itself.
        if let From::Store(stored) = &mut self.from
            && let Ok(entry) = stored.entry(&request.request)
        {
            // It is told again at the next start then.
            let _ = stored.archive.received(&entry.id, words::now());
        }
    }

    /// Returns evidence and claims, the oldest first.
    ///
    /// # Errors
    ///
    /// What keeps it from being read.
    pub(crate) fn cases(&self) -> Result<Vec<CaseView>> {
        match &self.from {
            From::Node(node) => node.get("/v1/evidence"),
            From::Store(stored) => {
                let cases = stored.archive.records().cases();
                let cases = cases.map_err(|error| ledger_failure(&error))?;
                Ok(cases.iter().map(CaseView::new).collect())
            }
        }
    }

    /// Returns the file of a piece of evidence.
    ///
    /// # Errors
    ///
    /// [`code::EVIDENCE_UNKNOWN`], and what keeps it from being read.
    pub(crate) fn case(&self, case: &CaseView) -> Result<Vec<u8>> {
        match &self.from {
            From::Node(node) => node.bytes(&format!("/v1/evidence/{}", case.id)),
            From::Store(stored) => {
                let cases = stored.archive.records().cases();
                let cases = cases.map_err(|error| ledger_failure(&error))?;
                let found = cases.into_iter().find(|kept| hex::encode(kept.id) == case.id);
                let gone = || Failure::new(&code::EVIDENCE_UNKNOWN, "the evidence is gone");
                Ok(found.ok_or_else(gone)?.bytes)
            }
        }
    }

    /// Audits the nonces.
    ///
    /// # Errors
    ///
    /// What keeps the marks from being read.
    pub(crate) fn audit(&self) -> Result<AuditView> {
        match &self.from {
            From::Node(node) => node.get("/v1/nonces/audit"),
            From::Store(stored) => {
                let audit = stored.archive.records().audit();
                Ok(AuditView::new(audit.map_err(|error| ledger_failure(&error))?))
            }
        }
    }
}

impl Stored {
    fn open(home: Home) -> Result<Self> {
        let groups = home.groups()?;
        let held = home.hold()?;
        let archive = Archive::open(held.home.path());
        let mut archive = archive.map_err(|error| opening_failure(&error))?;
        if let Some(warning) = store::void_if_lost(&mut archive)? {
            held.home.output().warning(&warning);
        }
        let groups = groups.into_iter().map(|group| {
            let info = Arc::new(group.info());
            (group, info)
        });
        Ok(Self { held, archive, groups: groups.collect() })
    }

    fn board(&self) -> Result<Board> {
        let settings = self.held.home.settings();
        let me = Me {
            name: settings.name.clone(),
            network: settings.network.name().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Me::default()
        };
        let mut requests = self.requests()?;
        requests.retain(|request| !request.is_over());
        let groups = self.groups.iter().map(|(_, info)| GroupView::new(info)).collect();
        Ok(Board { requests, groups, ..Board::new(me) })
    }

    fn say(&mut self, name: &str, word: Option<Word>) -> Result<WordView> {
        let own = self.held.home.public_keys()?.node;
        let groups = || self.groups.iter().map(|(_, info)| &**info);
        let known = self.archive.nodes().map_err(|error| ledger_failure(&error))?;
        let called = (Some(own), &*self.held.home.settings().name);
        let peer = named_node(name, called, groups(), known)
            .map_err(|error| Failure::new(&code::NODE_UNKNOWN, error.to_string()))?;
        if peer == own && word.is_some() {
            return Err(command_failure(&CommandError::OwnNode));
        }
        let before = self.archive.say(peer, word, words::now()).map_err(|error| match &error {
            WordError::Ledger(error) => ledger_failure(error),
            WordError::TooMany(error) => words_failure(error),
            _ => Failure::new(&code::INTERNAL, error.to_string()),
        })?;
        Ok(WordView::new(&peer, (before, word), groups()))
    }

    fn entries(&self) -> Result<Vec<RequestEntry>> {
        self.archive.records().requests().map_err(|error| ledger_failure(&error))
    }

    fn requests(&self) -> Result<Vec<RequestView>> {
        Ok(self.entries()?.iter().map(|entry| self.view(entry)).collect())
    }

    fn view(&self, entry: &RequestEntry) -> RequestView {
        RequestView::new(entry, self.group(entry).map(|(_, info)| &**info), words::now())
    }

    fn group(&self, entry: &RequestEntry) -> Option<&(SignerGroup, Arc<GroupInfo>)> {
        self.groups.iter().find(|(group, _)| group.id() == entry.group)
    }

    /// Returns the one request that is called so.
    fn entry(&self, text: &str) -> Result<RequestEntry> {
        let name = Name::new(text);
        let entries = self.entries()?.into_iter();
        let mut found: Vec<_> =
            entries.filter(|entry| name.is_of(&entry.id, entry.handle())).collect();
        let shown = foreign(text);
        match (found.pop(), &found[..]) {
            (Some(only), []) => Ok(only),
            (None, _) => {
                let what = format!("no request is called `{shown}`");
                Err(Failure::new(&code::REQUEST_UNKNOWN, what))
            }
            (Some(last), more) => {
                let all: Vec<_> = more.iter().chain([&last]).map(|it| it.id.short()).collect();
                let what = format!("`{shown}` begins {}", words::list(&all));
                Err(Failure::new(&code::REQUEST_AMBIGUOUS, what))
            }
        }
    }

    fn request(&self, name: &str) -> Result<DetailView> {
        let entry = self.entry(name)?;
        let work = self.work(&entry).map_err(|error| ledger_failure(&error))?;
        let mut request = self.view(&entry);
        if let Some(summary) = work.as_ref().and_then(|work| work.summary.as_ref()) {
            request.add(summary);
        }
        let is_signed = matches!(entry.state, RequestState::Signed { .. });
        let result = is_signed.then(|| self.result(&entry)).transpose()?;
        Ok(DetailView { request, work, result })
    }

    fn work(&self, entry: &RequestEntry) -> Result<Option<WorkView>, LedgerError> {
        let Some((_, info)) = self.group(entry) else { return Ok(None) };
        let Some(request) = &entry.request else { return Ok(None) };
        WorkView::read(self.archive.records(), &entry.id, request, info, words::now())
    }

    fn result(&self, entry: &RequestEntry) -> Result<ResultView> {
        let none = || {
            let what = format!("request {} has no signatures", entry.id.short());
            Failure::new(&code::REQUEST_NO_RESULT, what)
        };
        let (group, _) = self.group(entry).ok_or_else(none)?;
        let outcome = self.archive.records().outcome(&entry.id, &group.keys);
        let outcome = outcome.map_err(|error| ledger_failure(&error))?;
        Ok(ResultView::new(&outcome.ok_or_else(none)?, &group.keys))
    }
}

/// The path of something about a request; what is special in a path is encoded.
pub(crate) fn of_request(name: &str, what: &str) -> String {
    let mut path = String::from("/v1/requests/");
    for byte in name.trim().bytes() {
        if byte.is_ascii_alphanumeric() {
            path.push(char::from(byte));
        } else {
            path += &format!("%{byte:02X}");
        }
    }
    path + what
}

fn not_open(request: &RequestView) -> Failure {
    let how = match (request.state.as_str(), &request.reason) {
        ("signed", _) => "is over: all have signed".to_owned(),
        (_, Some(reason)) => format!("is over: {}", foreign(reason)),
        (_, None) => "is over".to_owned(),
    };
    let id: String = request.request.chars().take(8).collect();
    Failure::new(&code::REQUEST_NOT_OPEN, format!("request {id} {how}"))
}

/// The node says in one word what it did.
fn said(_: Done) {}

/// Returns the board of the node of a home, if one runs.
///
/// # Errors
///
/// [`code::CONTROL`].
pub(crate) fn board_of_node(home: &Home) -> Result<Option<Board>> {
    Remote::find(home)?.map(|node| node.get("/v1/status")).transpose()
}

/// Whether an error of the socket says that nobody serves the home.
pub(crate) fn is_absent(error: &ClientError) -> bool {
    let ClientError::Absent(error) = error else { return false };
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
}

/// Returns the id of a request that a view names.
///
/// # Errors
///
/// [`code::CONTROL`] when a node said something that is no name.
pub(crate) fn id_of(request: &str) -> Result<RequestId> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(request, &mut bytes)
        .map_err(|_| Failure::new(&code::CONTROL, "the running node gave no id"))?;
    Ok(RequestId::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_special_in_a_path_is_encoded() {
        assert_eq!(of_request("#17", "/approve"), "/v1/requests/%2317/approve");
        assert_eq!(of_request(" ab/../c ", ""), "/v1/requests/ab%2F%2E%2E%2Fc");
    }
}
