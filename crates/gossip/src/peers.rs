//! Who is connected, what we hold of each of them, and what goes out.

use alloc::{
    collections::{BTreeSet, VecDeque},
    vec::Vec,
};
use core::net::SocketAddr;

use ensign_primitives::{Direction, Instant, PeerId};
use ensign_wire::{GossipControl, GossipData, GossipMessage, Topic};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use crate::{
    Class, CommandError, EXPLICIT_MAX, Event, Explicit, LINKS_MAX, Offense, Output,
    link::{Link, Links},
    score::Scores,
};

/// Peers, and what is to be done about them, oldest first.
#[derive(Debug)]
pub(crate) struct Peers {
    pub(crate) links: Links,
    pub(crate) scores: Scores,
    explicit: BTreeSet<PeerId>,
    random: ChaCha20Rng,
    /// Whose outbox may have something to send.
    stirred: BTreeSet<PeerId>,
    outputs: VecDeque<Output>,
}

impl Peers {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self {
            links: Links::default(),
            scores: Scores::default(),
            explicit: BTreeSet::new(),
            random: ChaCha20Rng::from_seed(seed),
            stirred: BTreeSet::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Returns whether a link finds room beside those of others that are not explicit.
    pub(crate) fn has_room(&self, peer: &PeerId) -> bool {
        let strangers = self.links.iter().filter(|(it, _)| !self.is_explicit(it)).count();
        strangers < LINKS_MAX || self.is_explicit(peer)
    }

    pub(crate) fn up(&mut self, peer: PeerId, remote: SocketAddr, direction: Direction) {
        self.links.insert(peer, Link::new(direction, remote.ip()));
        self.scores.up(peer);
    }

    pub(crate) fn down(&mut self, now: Instant, peer: &PeerId) {
        self.scores.down(now, peer);
        self.links.remove(peer);
        self.stirred.remove(peer);
    }

    pub(crate) fn is_up(&self, peer: &PeerId) -> bool {
        self.links.get(peer).is_some()
    }

    pub(crate) fn is_explicit(&self, peer: &PeerId) -> bool {
        self.explicit.contains(peer)
    }

    pub(crate) fn explicit(&self) -> impl Iterator<Item = &PeerId> {
        self.explicit.iter()
    }

    /// Makes a peer explicit, or an ordinary one; returns whether that is new.
    pub(crate) fn set_explicit(
        &mut self,
        peer: PeerId,
        standing: Explicit,
    ) -> Result<bool, CommandError> {
        match standing {
            Explicit::Yes if self.is_explicit(&peer) => Ok(false),
            Explicit::Yes if self.explicit.len() >= EXPLICIT_MAX => {
                Err(CommandError::TooManyExplicit { limit: EXPLICIT_MAX })
            }
            Explicit::Yes => Ok(self.explicit.insert(peer)),
            Explicit::No => Ok(self.explicit.remove(&peer)),
        }
    }

    /// The score of a peer; an explicit one is not judged.
    pub(crate) fn score(&self, now: Instant, peer: &PeerId) -> i64 {
        if self.is_explicit(peer) {
            return 0;
        }
        self.scores.score(now, peer, self.links.crowd(peer))
    }

    pub(crate) fn send(&mut self, to: PeerId, class: Class, message: impl Into<Said>) {
        if let Some(link) = self.links.get_mut(&to) {
            link.outbox.push(class, message.into().0);
            self.stirred.insert(to);
        }
    }

    /// Tells everybody of topics that we join or leave.
    pub(crate) fn tell_topics(&mut self, joined: &[Topic], left: &[Topic]) {
        let all: Vec<PeerId> = self.links.iter().map(|(peer, _)| *peer).collect();
        for peer in all {
            let said = GossipControl::Topics { joined: joined.to_vec(), left: left.to_vec() };
            self.send(peer, Class::Mesh, said);
        }
    }

    /// A link has taken so many bytes.
    pub(crate) fn taken(&mut self, peer: PeerId, bytes: usize) {
        if let Some(link) = self.links.get_mut(&peer) {
            link.outbox.taken(bytes);
            self.stirred.insert(peer);
        }
    }

    pub(crate) fn tell(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn offense(&mut self, peer: PeerId, offense: Offense) {
        self.tell(Output::Offense { peer, offense });
    }

    /// What is wrong counts for the score, too.
    pub(crate) fn breach(&mut self, peer: PeerId, offense: Offense) {
        self.scores.breach(&peer, 1);
        self.offense(peer, offense);
    }

    /// Tells of whom more was dropped than before.
    pub(crate) fn tell_slow(&mut self) {
        let Self { links, outputs, .. } = self;
        for (peer, link) in links.iter_mut() {
            if let Some((class, dropped)) = link.outbox.take_dropped() {
                let peer = *peer;
                outputs.push_back(Output::Event(Event::Slow { peer, class, dropped }));
            }
        }
    }

    /// What is ready to go goes.
    pub(crate) fn flush(&mut self) {
        for peer in core::mem::take(&mut self.stirred) {
            let Some(link) = self.links.get_mut(&peer) else { continue };
            while let Some((message, bytes)) = link.outbox.pop() {
                self.outputs.push_back(Output::Send { to: peer, message, bytes });
            }
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Draws at most `count` of them, in order of drawing.
    pub(crate) fn draw(&mut self, mut from: Vec<PeerId>, count: usize) -> Vec<PeerId> {
        let count = count.min(from.len());
        for at in 0..count {
            let rest = (from.len() - at) as u64;
            let other = at + (self.random.next_u64() % rest) as usize;
            from.swap(at, other);
        }
        from.truncate(count);
        from
    }
}

/// A message to be sent.
pub(crate) struct Said(GossipMessage);

impl From<GossipControl> for Said {
    fn from(control: GossipControl) -> Self {
        Self(GossipMessage::Control(control))
    }
}

impl From<GossipData> for Said {
    fn from(data: GossipData) -> Self {
        Self(GossipMessage::Data(data))
    }
}
