//! Whether our node is reached from outside, and what its user can do.

use ensign_coordinator::overlay::{
    Status,
    reach::{self, Verdict},
};
use ensign_primitives::{PeerId, UnixTime};
use serde::{Deserialize, Serialize};

use super::net::Names;

/// Where others see our node, and whether they reach it there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetReachView {
    /// `reached`: others have dialled it back; `unreached`: they tried in vain; `testing`; `unseen`: too few say where it
    /// is, or they do not agree; `untested`: its addresses hold because its settings or its network say so; `light`: it
    /// only asks.
    pub state: String,
    /// Whether its addresses are those of its settings.
    pub given: bool,
    /// The UDP port on which it listens; null where that is not known.
    pub port: Option<u16>,
    /// Where others see it, those that most say first.
    pub seen: Vec<NetSeenView>,
    /// What is tested.
    pub tested: Vec<NetTestedView>,
    /// What its user can do; null where nothing is needed.
    pub advice: Option<String>,
}

/// Where others see our node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetSeenView {
    /// Where.
    pub address: String,
    /// How many networks of addresses say so, of the eight latest of a family.
    pub networks: usize,
}

/// How the test of one address stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetTestedView {
    /// The address.
    pub address: String,
    /// Whether it is reached.
    pub reached: bool,
    /// Who has dialled it back, the latest last.
    pub by: Vec<NetDialledBackView>,
    /// How many have dialled it in vain in the last round.
    pub failed: usize,
    /// How many have refused to in it.
    pub refused: usize,
}

/// Who has dialled our node back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetDialledBackView {
    /// What this home calls it; null for one that has no name here.
    pub name: Option<String>,
    /// The node.
    pub node: String,
    /// When.
    pub at_ms: u64,
}

impl NetReachView {
    pub(super) fn new(now: UnixTime, status: &Status, names: &Names) -> Self {
        let reach = &status.reach;
        let by = |(peer, ago): &(PeerId, core::time::Duration)| NetDialledBackView {
            name: names.get(peer).cloned(),
            node: peer.to_string(),
            at_ms: now.as_millis().saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(0)),
        };
        let tested = |it: &reach::Tested| NetTestedView {
            address: it.address.to_string(),
            reached: it.is_reached,
            by: it.reached.iter().map(by).collect(),
            failed: it.failed,
            refused: it.refused,
        };
        let seen = |it: &reach::Seen| NetSeenView {
            address: it.address.to_string(),
            networks: it.networks,
        };
        Self {
            state: state(reach.verdict).to_owned(),
            given: reach.is_given,
            port: reach.port,
            seen: reach.seen.iter().map(seen).collect(),
            tested: reach.tested.iter().map(tested).collect(),
            advice: advice(status),
        }
    }
}

const fn state(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unwanted => "light",
        Verdict::Untested => "untested",
        Verdict::Reached => "reached",
        Verdict::Unseen => "unseen",
        Verdict::Testing => "testing",
        Verdict::Unreached => "unreached",
    }
}

fn advice(status: &Status) -> Option<String> {
    let reach = &status.reach;
    match reach.verdict {
        Verdict::Unwanted | Verdict::Untested | Verdict::Reached | Verdict::Testing => None,
        Verdict::Unreached if reach.is_given => {
            let what = "see that net.addresses (or advertise, or listen) names where this machine is reached from outside, \
                        and that UDP gets through to it; until then others look for it in vain";
            Some(what.to_owned())
        }
        Verdict::Unreached => {
            let port = reach.port.map_or_else(
                || "the UDP port on which this node listens".to_owned(),
                |port| format!("UDP port {port}"),
            );
            Some(format!(
                "forward {port} on the router to this machine and let it through the firewall; it is tested again by \
                 itself. Where another port of the router leads here, name it: `ensign config set net.addresses IP:PORT`. \
                 Signing with members goes on without"
            ))
        }
        Verdict::Unseen if status.network.contacts == 0 => None,
        Verdict::Unseen if reach.seen.is_empty() => {
            let what = "too few nodes say where this one is seen from; in a network of your own `ensign config set net.local \
                        true` lets private addresses count; where you know the address, name it: `ensign config set \
                        net.addresses IP:PORT`";
            Some(what.to_owned())
        }
        Verdict::Unseen => {
            let what = "two networks have to agree where this node is seen from; where you know the address, name it: \
                        `ensign config set net.addresses IP:PORT`";
            Some(what.to_owned())
        }
    }
}
