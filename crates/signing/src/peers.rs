//! Connected nodes: what each said of its groups, and what it said too early.

use alloc::{
    boxed::Box,
    collections::{BTreeSet, VecDeque},
};

use ensign_primitives::{GroupId, Instant, Now, PeerId, UnixTime, Wakeup};
use ensign_wire::{Envelope, Frame};

use crate::{
    EARLY_ENVELOPES_MAX, Event, Introduction, Message, Offense, Output, Signing,
    payload::EarlyPayloads,
};

/// One connected node.
#[derive(Debug)]
pub(crate) struct Peer {
    /// How far its clock was ahead of ours when it told it.
    clock_offset_millis: i64,
    /// The groups that it says it shares with us.
    pub(crate) told: BTreeSet<GroupId>,
    pub(crate) has_told: bool,
    /// Whether we have said ours.
    pub(crate) has_heard: bool,
    /// When a difference between the two lists is told.
    pub(crate) compare_at: Option<Instant>,
    /// A member's statements about a session that was not announced yet; the oldest give way.
    pub(crate) early: VecDeque<Box<Envelope>>,
    pub(crate) early_payloads: EarlyPayloads,
}

impl Peer {
    fn new(clock_offset_millis: i64) -> Self {
        Self {
            clock_offset_millis,
            told: BTreeSet::new(),
            has_told: false,
            has_heard: false,
            compare_at: None,
            early: VecDeque::new(),
            early_payloads: EarlyPayloads::default(),
        }
    }

    pub(crate) fn wakeup(&self) -> Option<Wakeup> {
        self.compare_at.map(|at| Wakeup { at, reason: "groups" })
    }

    pub(crate) fn keep_early(&mut self, envelope: Box<Envelope>) {
        if self.early.len() >= EARLY_ENVELOPES_MAX {
            self.early.pop_front();
        }
        self.early.push_back(envelope);
    }
}

impl Signing {
    pub(crate) fn on_up(&mut self, now: Now, peer: PeerId, introduction: Introduction) {
        if self.is_up(&peer) {
            self.on_down(peer);
        }
        let Introduction { clock, instance } = introduction;
        // A member that does not have our group yet tells no clock: nothing is known about it.
        let offset = clock.map_or(0, |clock| offset_millis(now.unix, clock));
        // Whoever counts connections lets no more in than have a place here.
        if self.peers.insert(peer, Peer::new(offset)).is_err() || !self.is_member(&peer) {
            return;
        }
        self.event(Event::PeerUp { peer, clock_offset_millis: offset });
        if instance.is_some_and(|number| self.instances.see(peer, number, now.instant)) {
            self.event(Event::PeerCopied { peer });
        }
        self.say_groups(peer);
    }

    pub(crate) fn on_down(&mut self, peer: PeerId) {
        if self.peers.remove(&peer).is_some() && self.is_member(&peer) {
            self.event(Event::PeerDown { peer });
        }
        self.forget_sent_payloads(&peer);
    }

    pub(crate) fn on_message(&mut self, now: Now, peer: PeerId, message: Message) {
        if !self.is_up(&peer) {
            return;
        }
        let is_member = self.is_member(&peer);
        match message {
            Message::Groups(groups) => self.on_groups(now, peer, groups),
            Message::Payload { request, bytes } if is_member => {
                self.on_payload(now, peer, request, bytes);
            }
            Message::Statement(envelope) if is_member => self.on_envelope(now, peer, envelope),
            Message::Payload { .. } | Message::Statement(_) => {}
        }
    }

    /// A group was formed while its member was already connected as a stranger.
    pub(crate) fn admit(&mut self, peer: PeerId) {
        if let Some(known) = self.peers.get(&peer) {
            let clock_offset_millis = known.clock_offset_millis;
            self.event(Event::PeerUp { peer, clock_offset_millis });
        }
    }

    /// Reports an offense.
    pub(crate) fn offense(&mut self, peer: PeerId, offense: Offense) {
        self.outputs.push_back(Output::Offense { peer, offense });
    }

    /// Returns whether a node belongs to one of our groups.
    pub fn is_member(&self, peer: &PeerId) -> bool {
        self.members.contains(peer)
    }

    pub(crate) fn send(&mut self, peer: PeerId, frame: &Frame) {
        let kind = frame.kind();
        self.outputs.push_back(Output::Send { peer, kind, frame: frame.encode().into() });
    }
}

/// How far another clock is ahead of ours, in milliseconds.
fn offset_millis(ours: UnixTime, theirs: UnixTime) -> i64 {
    let signed = |time: UnixTime| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    signed(theirs).saturating_sub(signed(ours))
}
