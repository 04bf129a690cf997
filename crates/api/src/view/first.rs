//! Whom our node asks first in the open network, and why somebody is not reached.

use ensign_coordinator::overlay::{FirstNode, Unreached};
use serde::{Deserialize, Serialize};

use super::net::Names;

/// A node that is asked while few others are known, and what came of that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetFirstView {
    /// What this home calls it; null for one that has no name here.
    pub name: Option<String>,
    /// The node.
    pub node: String,
    /// Where it was dialled last.
    pub address: String,
    /// `untried`, `answered`, or why not: `no_answer`, `other_node`, `other_network`, `ourselves`, `refused`,
    /// `no_node`.
    pub state: String,
    /// What that means; null for the first two.
    pub what: Option<String>,
    /// What its user can do; null for the first two.
    #[serde(rename = "do")]
    pub advice: Option<String>,
}

impl NetFirstView {
    pub(super) fn new(first: &FirstNode, names: &Names) -> Self {
        let unreached = first.last.and_then(Result::err).map(UnreachedWords::new);
        let state = match (&unreached, first.last) {
            (Some(words), _) => words.name,
            (None, Some(_)) => "answered",
            (None, None) => "untried",
        };
        Self {
            name: names.get(&first.peer).cloned(),
            node: first.peer.to_string(),
            address: first.address.to_string(),
            state: state.to_owned(),
            what: unreached.as_ref().map(|it| it.what.clone()),
            advice: unreached.map(|it| it.advice.to_owned()),
        }
    }
}

/// Why a node was not reached, as programs and people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreachedWords {
    /// For programs: as [`NetFirstView::state`].
    pub name: &'static str,
    /// What happened, as it goes on after where it was dialled.
    pub what: String,
    /// What its user can do.
    pub advice: &'static str,
}

impl UnreachedWords {
    /// Words a reason.
    pub fn new(why: Unreached) -> Self {
        let (name, what, advice) = match why {
            Unreached::Duplicate | Unreached::NoAnswer => (
                "no_answer",
                "nobody answers".to_owned(),
                "ask its user whether that node is up and still has this address; see that this machine is online and \
                 that UDP goes out",
            ),
            Unreached::OtherNode { found } => (
                "other_node",
                format!("another node answers, {}", found.short()),
                "the address has gone to somebody else, or the node has a new key: ask its user for a new contact code",
            ),
            Unreached::OtherNetwork => (
                "other_network",
                "a node of another network, or of another version of ensign, answers".to_owned(),
                "ask its user for which network that node is, and which version it runs",
            ),
            Unreached::Ourselves => (
                "ourselves",
                "this node itself answers".to_owned(),
                "the code is of an earlier node at this address: take it out of net.bootstrap, and name another node",
            ),
            Unreached::Refused => (
                "refused",
                "the node there is, and has no place for this one now".to_owned(),
                "nothing: it is asked again; or name a further node",
            ),
            Unreached::NoNode => (
                "no_node",
                "what answers is no node of ensign, or nobody can be dialled there".to_owned(),
                "compare the address and its port with what that node's user sees in `ensign contact show`",
            ),
        };
        Self { name, what, advice }
    }
}
