//! Who takes part: people with keys, their groups, where they live, and who of them is honest.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use ensign_engine::{GroupConfig, Keys};
use ensign_identity::{Delegation, DelegationProof, NodeKey, Signature, SignerKey, Terms};
use ensign_musig::SecKey;
use ensign_primitives::{GroupId, Network, PeerId, UnixTime};
use ensign_wire::GroupKeys;

use crate::{nat::Nat, plan::turn_of, random::Random, scenario::Scenario};

/// The chain of every run.
pub const NETWORK: Network = Network::Regtest;

/// The wall clock at the start of every run: 2026-01-01 00:00 UTC.
pub const START: UnixTime = UnixTime::from_millis(1_767_225_600_000);

/// How long delegations hold: as long as nodes ask for, and not renewed within any run.
const DELEGATION_LIFETIME: Duration = Duration::from_secs(183 * 24 * 3600);

/// A node's number, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(pub u32);

impl NodeIndex {
    /// Returns the number as an index into a slice.
    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }
}

impl core::fmt::Display for NodeIndex {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

/// One node and its owner.
#[derive(Clone, Debug)]
pub struct Person {
    /// Node key, public signer key and delegation, from the seed.
    pub keys: Keys,
    /// The secret signer key.
    pub sec_key: Arc<SecKey>,
    /// The node's name.
    pub peer: PeerId,
    /// What its node does instead of the protocol; `None` for honest nodes.
    pub act: Option<String>,
    /// Whether checkers take it for honest all the same: how they are shown a broken engine.
    pub vouched: bool,
    /// How it can be reached.
    pub nat: Nat,
    /// Which group it signs with.
    pub group: Option<usize>,
}

impl Person {
    /// Returns whether the node keeps to the protocol, or is taken to.
    pub const fn is_honest(&self) -> bool {
        self.act.is_none() || self.vouched
    }

    /// Returns the key it signs with.
    pub fn signer_key(&self) -> SignerKey {
        self.keys.signer
    }
}

/// Who signs together.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub id: GroupId,
    /// What each engine is told.
    pub config: GroupConfig,
    /// Its nodes, in key order.
    pub members: Vec<NodeIndex>,
}

/// Everybody in a run.
#[derive(Debug)]
pub struct Cast {
    people: Vec<Person>,
    groups: Vec<Group>,
    by_peer: BTreeMap<PeerId, NodeIndex>,
}

impl Cast {
    /// Draws everybody from the seed. Cost: about 60 µs for each node.
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        let strangers = scenario.adversaries.strangers;
        let mut random = Random::new(seed, "cast", 0);
        let total = scenario.nodes.saturating_add(strangers);
        let mut people: Vec<Person> =
            (0..total).map(|index| person(seed, index, Nat::draw(&mut random, scenario))).collect();
        for (stranger, person) in people.iter_mut().skip(scenario.nodes as usize).enumerate() {
            let turn = turn_of(stranger, strangers as usize, seed);
            person.act = pick(&scenario.adversaries.stranger_kinds, turn);
        }
        let by_peer =
            (0..total).zip(&people).map(|(index, person)| (person.peer, NodeIndex(index)));
        let mut cast = Self { by_peer: by_peer.collect(), people, groups: Vec::new() };
        cast.form_groups(scenario, seed);
        cast
    }

    fn form_groups(&mut self, scenario: &Scenario, seed: u64) {
        let size = scenario.load.signers;
        let fitting = scenario.nodes / size.max(1);
        let count = if scenario.load.groups == 0 { fitting } else { scenario.load.groups };
        let hostile = (f64::from(count.min(fitting)) * scenario.adversaries.groups).round() as u32;
        for group in 0..count.min(fitting) {
            let members: Vec<_> = (0..size).map(|at| NodeIndex(group * size + at)).collect();
            let bad = if group < hostile { scenario.adversaries.signers.min(size) } else { 0 };
            for (at, member) in members.iter().enumerate() {
                let Some(person) = self.people.get_mut(member.as_usize()) else { continue };
                person.group = Some(group as usize);
                // The last signers are hostile, the proposer is not: what it asks is its own affair.
                if at >= (size - bad) as usize {
                    let turn = turn_of(group as usize, hostile as usize, seed);
                    person.act = pick(&scenario.adversaries.kinds, turn);
                }
            }
            let known: Vec<&Person> =
                members.iter().filter_map(|member| self.people.get(member.as_usize())).collect();
            let keys = known.iter().map(|person| person.signer_key()).collect();
            let Ok(keys) = GroupKeys::new(keys) else { continue };
            let peers = known.iter().map(|person| person.peer).collect();
            let id = keys.group_id(NETWORK);
            self.groups.push(Group { id, config: GroupConfig { keys, peers }, members });
        }
    }

    /// Returns how many nodes there are.
    pub const fn len(&self) -> usize {
        self.people.len()
    }

    /// Returns whether there is nobody.
    pub const fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Returns a node's owner.
    pub fn person(&self, node: NodeIndex) -> Option<&Person> {
        self.people.get(node.as_usize())
    }

    /// Returns a node's number.
    pub fn node(&self, peer: &PeerId) -> Option<NodeIndex> {
        self.by_peer.get(peer).copied()
    }

    /// Returns whether the node keeps to the protocol, or is taken to.
    pub fn is_honest(&self, node: NodeIndex) -> bool {
        self.person(node).is_some_and(Person::is_honest)
    }

    /// Returns all groups.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Returns the group of a node.
    pub fn group_of(&self, node: NodeIndex) -> Option<&Group> {
        self.groups.get(self.person(node)?.group?)
    }

    /// Returns the group of that name.
    pub fn group(&self, id: &GroupId) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == *id)
    }

    /// Gives one node another part than its group's.
    #[cfg(test)]
    pub(crate) fn play(&mut self, node: NodeIndex, act: &str) {
        if let Some(person) = self.people.get_mut(node.as_usize()) {
            person.act = Some(act.to_owned());
        }
    }

    /// Takes a node for honest, whatever it does: how checkers are shown a broken engine.
    pub fn vouch_for(&mut self, node: NodeIndex) {
        if let Some(person) = self.people.get_mut(node.as_usize()) {
            person.vouched = true;
        }
    }
}

/// Returns the address a node is seen at: neighbours by number are in networks of their own.
pub(crate) fn address(node: NodeIndex) -> SocketAddr {
    let [_, high, middle, low] = node.0.to_be_bytes();
    SocketAddr::from(([10, low, middle, high], 9735))
}

fn pick(kinds: &[String], turn: u64) -> Option<String> {
    kinds.get(turn.checked_rem(kinds.len() as u64)? as usize).cloned()
}

fn person(seed: u64, index: u32, nat: Nat) -> Person {
    let mut random = Random::new(seed, "person", index.into());
    let (node_key, sec_key) = loop {
        let keys =
            (NodeKey::from_secret_bytes(random.bytes()), SecKey::from_secret_bytes(random.bytes()));
        if let (Ok(node_key), Ok(sec_key)) = keys {
            break (node_key, sec_key);
        }
    };
    let expires = START.after(DELEGATION_LIFETIME);
    let signer = SignerKey::from_public_key(sec_key.public_key());
    let peer = node_key.peer_id();
    let digest = Delegation::digest(&signer, &peer, NETWORK, Terms { number: 1, expires });
    let delegation =
        DelegationProof { number: 1, expires, signature: Signature(sec_key.sign_schnorr(&digest)) };
    let keys = Keys { node_key: Arc::new(node_key), signer, delegation };
    let sec_key = Arc::new(sec_key);
    Person { keys, sec_key, peer, act: None, vouched: false, nat, group: None }
}
