//! The side that asks: a node that runs, or the store of one that does not.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use ensign_coordinator::Archive;
use ensign_primitives::RequestId;
use ensign_wire::AbortReason;
use serde::de::DeserializeOwned;

use super::{Ask, REPLY_BYTES_MAX, Reply, SOCKET, VERSION, What};
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::home::{HeldHome, Home};
use crate::request_view::{AuditView, CaseView, RequestView, ResultView};
use crate::store::{self, ledger_failure, opening_failure};
use crate::work_view::WorkView;

/// What a home has kept, wherever it is now.
#[derive(Debug)]
pub(crate) struct Kept {
    groups: Vec<SignerGroup>,
    from: From,
}

#[derive(Debug)]
enum From {
    /// A node that runs.
    Node(BufReader<UnixStream>),
    /// The store; nobody else has it as long as the home is held.
    Store(Archive, #[expect(dead_code, reason = "holds the lock")] HeldHome),
}

impl Kept {
    /// Connects to the node of a home, or opens its store.
    ///
    /// # Errors
    ///
    /// [`code::HOME_IN_USE`] when another process holds the home and has no socket, and what keeps
    /// the store from being read.
    pub(crate) fn open(home: Home) -> Result<Self> {
        let groups = home.groups()?;
        let from = match UnixStream::connect(home.path().join(SOCKET)) {
            Ok(stream) => From::Node(BufReader::new(stream)),
            Err(_) => {
                let held = home.hold()?;
                if let Some(warning) = store::replace_lost(held.home.path())? {
                    held.home.output().warning(&warning);
                }
                let archive =
                    Archive::open(held.home.path()).map_err(|error| opening_failure(&error))?;
                From::Store(archive, held)
            }
        };
        Ok(Self { groups, from })
    }

    /// Returns the group with an id.
    pub(crate) fn group(&self, id: &str) -> Option<&SignerGroup> {
        self.groups.iter().find(|group| group.id().to_string() == id)
    }

    /// Returns all groups.
    pub(crate) fn groups(&self) -> &[SignerGroup] {
        &self.groups
    }

    /// Whether a node runs.
    pub(crate) const fn is_live(&self) -> bool {
        matches!(self.from, From::Node(_))
    }

    /// Returns every request that is remembered.
    ///
    /// # Errors
    ///
    /// What keeps it from being read.
    pub(crate) fn requests(&mut self) -> Result<Vec<RequestView>> {
        match &mut self.from {
            From::Node(node) => ask(node, What::Requests),
            From::Store(archive, _) => {
                let entries = archive.records().requests().map_err(|e| ledger_failure(&e))?;
                Ok(entries.iter().map(RequestView::new).collect())
            }
        }
    }

    /// Returns what a request has us sign, where that is known.
    ///
    /// # Errors
    ///
    /// What keeps it from being read.
    pub(crate) fn work(&mut self, id: &RequestId) -> Result<Option<WorkView>> {
        match &mut self.from {
            From::Node(node) => ask(node, What::Work { id: id.to_string() }),
            From::Store(archive, _) => WorkView::read(archive.records(), id, &self.groups),
        }
    }

    /// Returns what a request gave.
    ///
    /// # Errors
    ///
    /// [`code::REQUEST_NO_RESULT`], and what keeps it from being read.
    pub(crate) fn result(&mut self, id: &RequestId) -> Result<ResultView> {
        match &mut self.from {
            From::Node(node) => ask(node, What::Result { id: id.to_string() }),
            From::Store(archive, _) => ResultView::read(archive.records(), id, &self.groups),
        }
    }

    /// Consents to a request.
    ///
    /// # Errors
    ///
    /// [`code::REQUEST_NEEDS_UP`] when no node runs, [`code::REQUEST_NOT_OPEN`] when it was decided
    /// before, and why the node refuses.
    pub(crate) fn approve(&mut self, view: &RequestView) -> Result<()> {
        let (id, _) = view.names()?;
        if view.is_over() || view.state == "open" {
            return Err(decided_before(view, &id));
        }
        match &mut self.from {
            From::Node(node) => ask(node, What::Approve { id: id.to_string() }).map(said),
            From::Store(..) => {
                let what = format!("no node runs that could show {} now", id.short());
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
    pub(crate) fn end(&mut self, view: &RequestView, reason: AbortReason) -> Result<()> {
        let (id, group) = view.names()?;
        if view.is_over() {
            return Err(decided_before(view, &id));
        }
        match &mut self.from {
            From::Node(node) => {
                let id = id.to_string();
                let is_cancel = reason == AbortReason::Cancelled;
                let what = if is_cancel { What::Cancel { id } } else { What::Decline { id } };
                ask(node, what).map(said)
            }
            From::Store(archive, _) => {
                archive.close(id, group, reason).map_err(|error| ledger_failure(&error))
            }
        }
    }

    /// Notes that a result was written out.
    pub(crate) fn received(&mut self, id: &RequestId) {
        // A node that runs writes results out by itself.
        if let From::Store(archive, _) = &mut self.from {
            // It is told again at the next start then.
            let _ = archive.received(id);
        }
    }

    /// Returns evidence and claims, the oldest first.
    ///
    /// # Errors
    ///
    /// What keeps it from being read.
    pub(crate) fn cases(&mut self) -> Result<Vec<CaseView>> {
        match &mut self.from {
            From::Node(node) => ask(node, What::Cases),
            From::Store(archive, _) => CaseView::read(archive.records()),
        }
    }

    /// Audits the nonces.
    ///
    /// # Errors
    ///
    /// What keeps the marks from being read.
    pub(crate) fn audit(&mut self) -> Result<AuditView> {
        match &mut self.from {
            From::Node(node) => ask(node, What::Audit),
            From::Store(archive, _) => AuditView::read(archive.records()),
        }
    }
}

fn decided_before(view: &RequestView, id: &RequestId) -> Failure {
    let how = match (view.state.as_str(), &view.reason) {
        ("open", _) => "was approved before; `ensign up` goes on with it".to_owned(),
        ("signed", _) => "is over: all have signed".to_owned(),
        (_, Some(reason)) => format!("is over: {reason}"),
        (_, None) => "is over".to_owned(),
    };
    let what = format!("request {} {how}", id.short());
    Failure::new(&code::REQUEST_NOT_OPEN, what)
}

/// The node says in one word what it did.
fn said(_: String) {}

fn ask<T: DeserializeOwned>(node: &mut BufReader<UnixStream>, what: What) -> Result<T> {
    let broken = |reason: String| Failure::new(&code::CONTROL, reason);
    let mut line =
        serde_json::to_vec(&Ask { v: VERSION, what }).map_err(|error| broken(error.to_string()))?;
    line.push(b'\n');
    node.get_mut().write_all(&line).map_err(|error| broken(error.to_string()))?;
    let mut reply = Vec::new();
    node.by_ref()
        .take(REPLY_BYTES_MAX)
        .read_until(b'\n', &mut reply)
        .map_err(|error| broken(error.to_string()))?;
    let reply: Reply = serde_json::from_slice(&reply)
        .map_err(|_| broken("the running node gave no answer".to_owned()))?;
    match (reply.ok, reply.error) {
        (_, Some(refused)) => {
            let entry = code::find(&refused.code).unwrap_or(&code::CONTROL);
            Err(Failure::new(entry, refused.what))
        }
        (Some(value), None) => {
            serde_json::from_value(value).map_err(|error| broken(error.to_string()))
        }
        (None, None) => Err(broken("the running node gave an empty answer".to_owned())),
    }
}
