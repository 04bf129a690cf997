//! The open network, as our node sees it.

use std::net::SocketAddr;
use std::time::Duration;

use ensign_coordinator::overlay::{
    Status,
    book::Reason,
    dht::{Contact, Heard, Hop},
};
use ensign_coordinator::{NetPeer, Traffic, Walked};
use ensign_primitives::{PeerId, UnixTime};
use ensign_wire::{DhtRecord, Key, NodeRecord, Role};
use serde::{Deserialize, Serialize};

use super::{first::NetFirstView, net::Names, reach::NetReachView};

/// What our node is in the open network, and what it sees of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetStatusView {
    /// As of when.
    pub now_ms: u64,
    /// Our node.
    pub node: String,
    /// What it is there: `signer`, `bootstrap` or `light`; `light` for a node that nobody reaches, too.
    pub role: String,
    /// What its user wants it to be.
    pub wanted_role: String,
    /// Where it says that others reach it; empty for a node that says so of no address.
    pub addresses: Vec<String>,
    /// Where others see it, and whether they reach it there.
    pub reach: NetReachView,
    /// What it says of itself; null while its position is worked for, and for a light node.
    pub record: Option<NodeRecordView>,
    /// Whether its position is being worked for.
    pub working: bool,
    /// Whether its record was handed to the network, so that others find it by its identity.
    pub published: bool,
    /// How many nodes had taken it then; null before. In a small network it may be none: there others find it
    /// through their tables.
    pub copies: Option<u16>,
    /// Connections that others have opened, members among them.
    pub peers_in: usize,
    /// Connections that we have opened, members among them.
    pub peers_out: usize,
    /// Those that the address book keeps.
    pub outbound: Vec<NetLinkView>,
    /// Further links that are open for questions.
    pub warm: usize,
    /// Dials for the open network that are under way.
    pub dials: usize,
    /// Nodes in the table of the hash table.
    pub contacts: usize,
    /// Further nodes from which its walks begin.
    pub roots: usize,
    /// Records of others that are kept.
    pub records: usize,
    /// How many nodes there are in all, as far as can be told; null before enough was seen.
    pub nodes: Option<u64>,
    /// Members that are away and looked for.
    pub looked_for: usize,
    /// Members that are away and for whom it is published, sealed, where we are.
    pub sealed_for: usize,
    /// Signs that we are cut off.
    pub alarms: Vec<NetAlarmView>,
    /// Whom it asks while it knows few others: nodes of `net.bootstrap`, then those that seeds have named.
    #[serde(default)]
    pub first: Vec<NetFirstView>,
}

/// A connection that the address book keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetLinkView {
    /// What this home calls it; null for one that has no name here.
    pub name: Option<String>,
    /// The node.
    pub node: String,
    /// Where it is.
    pub address: String,
}

/// A sign that our node is cut off from the network, or sees a part of it only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetAlarmView {
    /// `anchors_lost`, `one_group`, `views_apart` or `dense`.
    pub alarm: String,
    /// What it means.
    pub what: String,
    /// What the node does by itself, and what that costs if the alarm is false.
    pub does: String,
    /// What its user can do.
    #[serde(rename = "do")]
    pub advice: String,
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecordView {
    /// `signer`, `bootstrap` or `light`.
    pub role: String,
    /// Where it is reached.
    pub addresses: Vec<String>,
    /// When it said so.
    pub issued_ms: u64,
    /// Until when that holds.
    pub expires_ms: u64,
}

/// A node in the table of the hash table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetContactView {
    /// How many leading bits its position shares with ours: its bucket.
    pub shared_bits: u16,
    /// What this home calls it; null for one that has no name here.
    pub name: Option<String>,
    /// The node.
    pub node: String,
    /// What it says of itself.
    pub record: NodeRecordView,
    /// When it answered the last time.
    pub heard_ms: u64,
}

/// What is looked for: `POST /v1/net/trace`, with one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traced {
    /// A node, as in [`About`](super::About).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The key of a record, 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// What came of looking for a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetFoundView {
    /// What this home calls it; null for one that has no name here.
    pub name: Option<String>,
    /// The node.
    pub node: String,
    /// What it says of itself; null when nobody who was asked knows.
    pub record: Option<NodeRecordView>,
    /// How many nodes were asked.
    pub asked: usize,
    /// How long it took, in microseconds.
    pub took_us: u64,
}

/// A walk to a node or a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetTraceView {
    /// What the node is called here, if a node was looked for.
    pub name: Option<String>,
    /// The node, if one was looked for.
    pub node: Option<String>,
    /// Where what is looked for lies.
    pub key: String,
    /// Whether it was found.
    pub found: bool,
    /// What the node says of itself, if one was looked for and found.
    pub record: Option<NodeRecordView>,
    /// The record's publisher, if a record was looked for and found.
    pub publisher: Option<String>,
    /// Until when that record holds.
    pub expires_ms: Option<u64>,
    /// Each question, in the order in which they were asked.
    pub hops: Vec<HopView>,
    /// How long it took, in microseconds.
    pub took_us: u64,
}

/// One question of a walk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HopView {
    /// When it was asked, after the walk began, in microseconds.
    pub at_us: u64,
    /// What this home calls the node that was asked; null for one that has no name here.
    pub name: Option<String>,
    /// The node.
    pub node: String,
    /// How many leading bits its position shares with the key.
    pub shared_bits: u16,
    /// 0 for a contact of ours, else one more than who told of it.
    pub depth: u8,
    /// `answered`, `nothing`, `waiting` (when the walk ended), or `offense`: what no honest node answers.
    pub heard: String,
    /// After how long it answered, in microseconds.
    pub after_us: Option<u64>,
    /// How many nodes it told of that were new.
    pub new_nodes: u8,
    /// Whether it had what was looked for.
    pub has_record: bool,
}

/// Whether a node is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetPingView {
    /// What this home calls it; null for one that has no name here.
    pub name: Option<String>,
    /// The node.
    pub node: String,
    /// How its address was found: `connection`, `code`, `table` or `search`.
    pub by: String,
    /// Where it answered, or where it was dialled last; null when no address was found.
    pub address: Option<String>,
    /// Whether it is there: whoever answered has proven to be that node.
    pub there: bool,
    /// How long it took to connect, in microseconds; null for one that was connected before.
    pub connected_us: Option<u64>,
    /// How long there and back takes, in microseconds, where the connection knows.
    pub round_trip_us: Option<u64>,
    /// How many nodes were asked where it is.
    pub asked: usize,
}

impl NetStatusView {
    pub(crate) fn new(
        (me, now): (PeerId, UnixTime),
        status: &Status,
        peers: &[(NetPeer, Option<Traffic>)],
        names: &Names,
    ) -> Self {
        let dialled = peers.iter().filter(|(peer, _)| peer.dialled).count();
        let link = |(peer, address): &(PeerId, SocketAddr)| NetLinkView {
            name: names.get(peer).cloned(),
            node: peer.to_string(),
            address: address.to_string(),
        };
        let dense = status.network.dense.map(|(_, neighbours, _)| NetAlarmView::dense(neighbours));
        Self {
            now_ms: now.as_millis(),
            node: me.to_string(),
            role: role_name(status.role).to_owned(),
            wanted_role: role_name(status.wanted_role).to_owned(),
            addresses: status.addresses.iter().map(ToString::to_string).collect(),
            reach: NetReachView::new(now, status, names),
            record: status.own.as_ref().map(NodeRecordView::new),
            working: status.is_solving,
            published: status.copies.is_some(),
            copies: status.copies,
            peers_in: peers.len().saturating_sub(dialled),
            peers_out: dialled,
            outbound: status.outbound.iter().map(link).collect(),
            warm: status.warm,
            dials: status.dials,
            contacts: status.network.contacts,
            roots: status.network.roots,
            records: status.network.records,
            nodes: status.network.nodes,
            looked_for: status.looked_for,
            sealed_for: status.sealed_for,
            alarms: status.signs.iter().map(NetAlarmView::new).chain(dense).collect(),
            first: status.first.iter().map(|it| NetFirstView::new(it, names)).collect(),
        }
    }
}

impl NetAlarmView {
    /// Words a sign of being cut off.
    pub fn new(reason: &Reason) -> Self {
        match reason {
            Reason::AnchorsLost => Self::of(
                "anchors_lost",
                "none of the nodes with which this one has long been connected is there any more",
                "it connects with two others; if those nodes were only switched off, that is all it costs",
                "check that this machine is online; if it happens often, name nodes that you know in net.trusted",
            ),
            Reason::OneGroup { .. } => Self::of(
                "one_group",
                "all connections into the open network lead into one network of addresses: whoever runs it \
                 decides what this node sees",
                "it gives up one of them for another at once; in a small network that costs one connection",
                "name nodes that you know, elsewhere, in net.trusted or net.bootstrap",
            ),
            Reason::ViewsApart => Self::of(
                "views_apart",
                "what the nodes to which this one is connected show, and what others show, are different worlds: \
                 one of the two may be made for you",
                "it changes half of its connections, one after the other, and asks the nodes that you trust; if it \
                 is a false alarm that costs six connections",
                "name nodes that you know in net.trusted; do not take the silence of a member for an absence \
                 before you have reached it by another way",
            ),
        }
    }

    /// Words that more nodes lie around a key than chance puts there.
    pub fn dense(neighbours: usize) -> Self {
        Self {
            what: format!(
                "more nodes lie around something that was looked for than chance puts there ({neighbours} were \
                 seen): somebody may have placed himself around it, to hide it"
            ),
            ..Self::of(
                "dense",
                "",
                "it asks twice as many nodes for it; if it is a false alarm that costs these questions",
                "if what you look for is not found, try again later, or ask whoever it is for a new contact code",
            )
        }
    }

    fn of(alarm: &str, what: &str, does: &str, advice: &str) -> Self {
        let [alarm, what, does, advice] = [alarm, what, does, advice].map(str::to_owned);
        Self { alarm, what, does, advice }
    }
}

impl NodeRecordView {
    pub(crate) fn new(record: &NodeRecord) -> Self {
        let node = record.node();
        Self {
            role: role_name(node.role).to_owned(),
            addresses: node.addresses.iter().map(ToString::to_string).collect(),
            issued_ms: record.issued().as_millis(),
            expires_ms: node.expires.as_millis(),
        }
    }
}

impl NetContactView {
    pub(crate) fn new(contact: &Contact, now: UnixTime, names: &Names) -> Self {
        let peer = contact.record.peer();
        let heard = u64::try_from(contact.heard.as_millis()).unwrap_or(u64::MAX);
        Self {
            shared_bits: contact.bucket,
            name: names.get(&peer).cloned(),
            node: peer.to_string(),
            record: NodeRecordView::new(&contact.record),
            heard_ms: now.as_millis().saturating_sub(heard),
        }
    }
}

impl NetFoundView {
    pub(crate) fn new(peer: &PeerId, walked: &Walked<NodeRecord>, names: &Names) -> Self {
        Self {
            name: names.get(peer).cloned(),
            node: peer.to_string(),
            record: walked.found.as_ref().map(NodeRecordView::new),
            asked: walked.hops.len(),
            took_us: micros(walked.took),
        }
    }
}

impl NetTraceView {
    /// A walk to a node, which lies at `key`.
    pub(crate) fn of_node(
        (peer, key): (&PeerId, Key),
        walked: &Walked<NodeRecord>,
        names: &Names,
    ) -> Self {
        let record = walked.found.as_ref().map(NodeRecordView::new);
        Self {
            name: names.get(peer).cloned(),
            node: Some(peer.to_string()),
            record,
            ..Self::of(key, walked, names)
        }
    }

    /// A walk to a record.
    pub(crate) fn of_record(key: Key, walked: &Walked<DhtRecord>, names: &Names) -> Self {
        let found = walked.found.as_ref();
        Self {
            publisher: found.map(|record| record.publisher().to_string()),
            expires_ms: found.map(|record| record.expires().as_millis()),
            ..Self::of(key, walked, names)
        }
    }

    fn of<T>(key: Key, walked: &Walked<T>, names: &Names) -> Self {
        Self {
            name: None,
            node: None,
            key: hex::encode(key.0),
            found: walked.found.is_some(),
            record: None,
            publisher: None,
            expires_ms: None,
            hops: walked.hops.iter().map(|hop| HopView::new(hop, names)).collect(),
            took_us: micros(walked.took),
        }
    }
}

impl HopView {
    fn new(hop: &Hop, names: &Names) -> Self {
        let (heard, answer) = match hop.heard {
            Heard::Waiting => ("waiting", None),
            Heard::Nothing => ("nothing", None),
            Heard::Offense => ("offense", None),
            Heard::Answered { after, new_nodes, has_record } => {
                ("answered", Some((after, new_nodes, has_record)))
            }
        };
        Self {
            at_us: micros(hop.at),
            name: names.get(&hop.peer).cloned(),
            node: hop.peer.to_string(),
            shared_bits: hop.shared_bits,
            depth: hop.depth,
            heard: heard.to_owned(),
            after_us: answer.map(|(after, ..)| micros(after)),
            new_nodes: answer.map_or(0, |(_, new_nodes, _)| new_nodes),
            has_record: answer.is_some_and(|(.., has_record)| has_record),
        }
    }
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Returns the name of a role in the open network.
pub(crate) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Signer => "signer",
        Role::Bootstrap => "bootstrap",
        Role::Light => "light",
    }
}
