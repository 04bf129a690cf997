//! One router among peers that say what a test wants.

use core::time::Duration;
use std::{vec, vec::Vec};

use ensign_primitives::{Direction, Instant, Network, Now, PeerId, StateMachine, UnixTime};
use ensign_wire::{GossipControl, GossipData, GossipMessage, MessageId, Topic};

use crate::{
    CommandError, Event, Explicit, Gossip, GossipConfig, Input, Offense, Output, TopicView, Verdict,
};

pub(super) const NETWORK: Network = Network::Regtest;
pub(super) const START: Now = Now {
    instant: Instant::from_micros(1_000_000),
    unix: UnixTime::from_millis(1_760_000_000_000),
};

pub(super) fn topic() -> Topic {
    Topic::of(NETWORK, "advert")
}

pub(super) fn peer(number: u16) -> PeerId {
    let mut bytes = [7; 32];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    PeerId::from_bytes(bytes)
}

pub(super) fn number(peer: &PeerId) -> u16 {
    u16::from_be_bytes(*peer.as_bytes().first_chunk().unwrap())
}

pub(super) fn data(number: u16, bytes: usize) -> GossipData {
    let mut data = number.to_be_bytes().to_vec();
    data.resize(bytes, 0);
    GossipData { topic: topic(), data: data.into() }
}

pub(super) fn id(data: &GossipData) -> MessageId {
    MessageId::of(NETWORK, data.topic, &data.data)
}

/// The router, what time it is, and what it has said.
pub(super) struct Node {
    pub(super) gossip: Gossip,
    pub(super) now: Now,
    pub(super) said: Vec<(u16, GossipMessage)>,
    pub(super) events: Vec<Event>,
    pub(super) offenses: Vec<(u16, Offense)>,
    pub(super) asked: Vec<(MessageId, u16)>,
    /// Whether links take what they are given.
    pub(super) links_take: bool,
}

impl Node {
    pub(super) fn new() -> Self {
        Self::with(GossipConfig::new(NETWORK))
    }

    pub(super) fn with(config: GossipConfig) -> Self {
        let gossip = Gossip::new(config, [3; 32]);
        let (said, events, offenses, asked) = (vec![], vec![], vec![], vec![]);
        Self { gossip, now: START, said, events, offenses, asked, links_take: true }
    }

    /// A router that has joined the topic, with these peers, which want it; the first `dialled` are dialled by us.
    pub(super) fn among(peers: u16, dialled: u16) -> Self {
        let mut node = Self::new();
        node.join();
        for number in 1..=peers {
            let is_dialled = number <= dialled;
            node.up(number, if is_dialled { Direction::Outbound } else { Direction::Inbound });
            node.says(number, GossipControl::Topics { joined: vec![topic()], left: vec![] });
        }
        node
    }

    pub(super) fn join(&mut self) {
        self.gossip.subscribe(self.now, topic()).unwrap();
        self.drain();
    }

    pub(super) fn leave(&mut self) {
        self.gossip.unsubscribe(self.now, topic());
        self.drain();
    }

    pub(super) fn publish(&mut self, data: &GossipData) -> Result<MessageId, CommandError> {
        let done = self.gossip.publish(self.now, data.topic, data.data.clone());
        self.drain();
        done
    }

    pub(super) fn set_explicit(
        &mut self,
        number: u16,
        standing: Explicit,
    ) -> Result<(), CommandError> {
        let done = self.gossip.set_explicit(self.now, peer(number), standing);
        self.drain();
        done
    }

    pub(super) fn up(&mut self, number: u16, direction: Direction) {
        let [high, low] = number.to_be_bytes();
        let remote = ([8, high, low, 1], 4000).into();
        self.input(Input::Up { peer: peer(number), remote, direction });
    }

    pub(super) fn input(&mut self, input: Input) {
        self.gossip.handle_input(self.now, input);
        self.drain();
    }

    pub(super) fn says(&mut self, from: u16, control: GossipControl) {
        let message = GossipMessage::Control(control);
        self.input(Input::Message { from: peer(from), message });
    }

    pub(super) fn sends(&mut self, from: u16, data: &GossipData) {
        let message = GossipMessage::Data(data.clone());
        self.input(Input::Message { from: peer(from), message });
    }

    pub(super) fn judge(&mut self, data: &GossipData, verdict: Verdict) {
        self.input(Input::Judged { id: id(data), verdict });
    }

    /// A message comes and is accepted.
    pub(super) fn hears(&mut self, from: u16, data: &GossipData) {
        self.sends(from, data);
        self.judge(data, Verdict::Accept);
    }

    /// Lets so much time pass, with every deadline on its moment.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now.instant.after(time);
        while let Some(due) = self.gossip.poll_timeout().filter(|it| it.at <= end) {
            self.now.instant = self.now.instant.max(due.at);
            self.gossip.handle_timeout(self.now);
            self.drain();
        }
        self.now.instant = end;
    }

    fn drain(&mut self) {
        while let Some(output) = self.gossip.poll_output() {
            match output {
                Output::Send { to, message, bytes } => {
                    if self.links_take {
                        self.gossip.handle_input(self.now, Input::Taken { peer: to, bytes });
                    }
                    self.said.push((number(&to), message));
                }
                Output::Validate { id, from, message: _ } => self.asked.push((id, number(&from))),
                Output::Offense { peer, offense } => self.offenses.push((number(&peer), offense)),
                Output::Event(event) => self.events.push(event),
            }
        }
        for full in self.gossip.occupancy() {
            assert!(full.is_within_limit(), "{full:?}");
        }
    }

    pub(super) fn view(&self) -> TopicView {
        self.gossip.topics().next().unwrap()
    }

    pub(super) fn mesh(&self) -> Vec<u16> {
        self.view().mesh.iter().map(number).collect()
    }

    /// Whom this was said to, since it was asked last.
    pub(super) fn told(&mut self, is: impl Fn(&GossipControl) -> bool) -> Vec<u16> {
        let said = std::mem::take(&mut self.said);
        let is = |it: &GossipMessage| matches!(it, GossipMessage::Control(it) if is(it));
        said.into_iter().filter(|(_, it)| is(it)).map(|(to, _)| to).collect()
    }

    /// To whom a message was sent, since anything was asked last; sorted.
    pub(super) fn sent(&mut self, data: &GossipData) -> Vec<u16> {
        let said = std::mem::take(&mut self.said);
        let is = |it: &GossipMessage| matches!(it, GossipMessage::Data(it) if it == data);
        let mut to: Vec<u16> = said.into_iter().filter(|(_, it)| is(it)).map(|it| it.0).collect();
        to.sort_unstable();
        to
    }

    pub(super) fn score(&self, number: u16) -> i64 {
        self.gossip.score(self.now, &peer(number))
    }
}

pub(super) const fn is_graft(control: &GossipControl) -> bool {
    matches!(control, GossipControl::Graft { .. })
}

pub(super) const fn is_prune(control: &GossipControl) -> bool {
    matches!(control, GossipControl::Prune { .. })
}
