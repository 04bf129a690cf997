//! Who is connected, what each wants, and how much of its shares it has used.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::net::IpAddr;

use ensign_primitives::{Direction, PeerId};
use ensign_wire::{MessageId, Topic};

use crate::{TOPIC_CHANGES_MAX, TOPICS_PER_PEER_MAX, UNWANTED_MAX, outbox::Outbox, pulls::Rank};

/// A peer with a link.
#[derive(Debug)]
pub(crate) struct Link {
    direction: Direction,
    /// The network it is in, where that says something.
    network: Option<IpAddr>,
    topics: BTreeSet<Topic>,
    pub(crate) outbox: Outbox,
    pub(crate) used: Used,
    /// What it does not want, and with which heartbeat that is forgotten; the oldest first.
    unwanted: VecDeque<(MessageId, u64)>,
    /// How often it was asked for a message and did not bring it in time.
    pub(crate) slow_pulls: u32,
    /// How often it had named a message, out of the mesh, before the mesh brought it: of each topic.
    early: BTreeMap<Topic, u32>,
}

/// What a peer has done since the last heartbeat.
#[derive(Debug, Default)]
pub(crate) struct Used {
    pub(crate) named: usize,
    pub(crate) wanted: usize,
    changes: usize,
}

impl Link {
    pub(crate) fn new(direction: Direction, remote: IpAddr) -> Self {
        Self {
            direction,
            network: telling_network(remote),
            topics: BTreeSet::new(),
            outbox: Outbox::default(),
            used: Used::default(),
            unwanted: VecDeque::new(),
            slow_pulls: 0,
            early: BTreeMap::new(),
        }
    }

    pub(crate) fn is_outbound(&self) -> bool {
        self.direction == Direction::Outbound
    }

    pub(crate) fn wants(&self, topic: &Topic) -> bool {
        self.topics.contains(topic)
    }

    /// Takes what a peer says of its topics; returns whether it is within its bounds, and what is new.
    pub(crate) fn change(&mut self, joined: &[Topic], left: &[Topic]) -> bool {
        self.used.changes = self.used.changes.saturating_add(joined.len() + left.len());
        if self.used.changes > TOPIC_CHANGES_MAX {
            return false;
        }
        left.iter().for_each(|it| {
            self.topics.remove(it);
        });
        for topic in joined {
            if self.topics.len() >= TOPICS_PER_PEER_MAX && !self.topics.contains(topic) {
                return false;
            }
            self.topics.insert(*topic);
        }
        true
    }

    pub(crate) fn reject(&mut self, ids: &[MessageId], until: u64) {
        for id in ids {
            if self.unwanted.len() >= UNWANTED_MAX {
                self.unwanted.pop_front();
            }
            self.unwanted.push_back((*id, until));
        }
    }

    pub(crate) fn does_not_want(&self, id: &MessageId) -> bool {
        self.unwanted.iter().any(|(it, _)| it == id)
    }

    pub(crate) fn beat(&mut self, tick: u64) {
        self.used = Used::default();
        while self.unwanted.front().is_some_and(|(_, until)| *until <= tick) {
            self.unwanted.pop_front();
        }
    }

    /// It had a message before the mesh brought it.
    pub(crate) fn was_early(&mut self, topic: Topic) {
        let count = self.early.entry(topic).or_default();
        *count = count.saturating_add(1);
    }

    pub(crate) fn early(&self, topic: Topic) -> u32 {
        self.early.get(&topic).copied().unwrap_or_default()
    }

    /// Forgets half of how often it was early.
    pub(crate) fn halve_early(&mut self, topic: Topic) {
        if let Some(count) = self.early.get_mut(&topic) {
            *count /= 2;
        }
        self.early.retain(|_, it| *it > 0);
    }

    pub(crate) fn unwanted(&self) -> usize {
        self.unwanted.len()
    }

    pub(crate) fn topics(&self) -> usize {
        self.topics.len()
    }
}

/// Everybody with a link.
#[derive(Debug, Default)]
pub(crate) struct Links {
    of: BTreeMap<PeerId, Link>,
    /// Links in each network.
    crowds: BTreeMap<IpAddr, usize>,
}

impl Links {
    pub(crate) fn insert(&mut self, peer: PeerId, link: Link) {
        self.remove(&peer);
        if let Some(network) = link.network {
            *self.crowds.entry(network).or_default() += 1;
        }
        self.of.insert(peer, link);
    }

    pub(crate) fn remove(&mut self, peer: &PeerId) -> Option<Link> {
        let link = self.of.remove(peer)?;
        if let Some(network) = link.network {
            let is_empty = self.crowds.get_mut(&network).is_some_and(|count| {
                *count = count.saturating_sub(1);
                *count == 0
            });
            if is_empty {
                self.crowds.remove(&network);
            }
        }
        Some(link)
    }

    pub(crate) fn get(&self, peer: &PeerId) -> Option<&Link> {
        self.of.get(peer)
    }

    pub(crate) fn get_mut(&mut self, peer: &PeerId) -> Option<&mut Link> {
        self.of.get_mut(peer)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PeerId, &Link)> {
        self.of.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&PeerId, &mut Link)> {
        self.of.iter_mut()
    }

    pub(crate) fn len(&self) -> usize {
        self.of.len()
    }

    pub(crate) fn is_outbound(&self, peer: &PeerId) -> bool {
        self.get(peer).is_some_and(Link::is_outbound)
    }

    /// Who is asked first for what it has named.
    pub(crate) fn rank(&self, peer: &PeerId) -> Option<Rank> {
        self.get(peer).map(|it| (it.slow_pulls, !it.is_outbound()))
    }

    /// How many peers are in the network of this one, with it.
    pub(crate) fn crowd(&self, peer: &PeerId) -> usize {
        let network = self.get(peer).and_then(|it| it.network);
        network.and_then(|it| self.crowds.get(&it)).copied().unwrap_or_default()
    }

    /// Who wants a topic.
    pub(crate) fn wanting(&self, topic: Topic) -> impl Iterator<Item = (&PeerId, &Link)> {
        self.of.iter().filter(move |(_, link)| link.wants(&topic))
    }
}

/// Who shares a network of the internet may be one person; who shares a local one is a neighbour.
fn telling_network(remote: IpAddr) -> Option<IpAddr> {
    let is_local = match remote.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    };
    (!is_local).then(|| ensign_diversity::network(remote))
}
