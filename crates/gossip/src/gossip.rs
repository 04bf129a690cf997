//! The machine: who is there, what is wanted, what time it is.

mod beating;
mod hearing;
mod meshing;
mod spreading;

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    vec::Vec,
};
use core::{net::SocketAddr, time::Duration};

use ensign_primitives::{Direction, Instant, Now, Occupancy, PeerId, StateMachine, Wakeup};
use ensign_wire::{
    GOSSIP_DATA_BYTES_MAX, GossipControl, GossipData, GossipMessage, MessageId, Topic,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use crate::{
    BACKOFFS_MAX, Class, CommandError, EXPLICIT_MAX, Event, GossipConfig, HEARTBEAT_INTERVAL,
    HELD_BYTES_MAX, HELD_MAX, Input, LINKS_MAX, Offense, Output, PUBLISH_WITHIN, PUBLISHING_MAX,
    PULLS_MAX, SCORES_RETAINED_MAX, SEEN_MAX, SEEN_RETENTION, TOPICS_MAX, TOPICS_PER_PEER_MAX,
    UNSUBSCRIBE_BACKOFF, UNWANTED_MAX, VALIDATING_MAX,
    link::{Link, Links},
    memory::Memory,
    mesh::{Backoffs, Mesh},
    pulls::Pulls,
    score::Scores,
};

/// A router of one node.
#[derive(Debug)]
pub struct Gossip {
    config: GossipConfig,
    links: Links,
    explicit: BTreeSet<PeerId>,
    meshes: BTreeMap<Topic, Mesh>,
    /// Links for topics that we publish under and did not join, and when we last did.
    fanouts: BTreeMap<Topic, (Instant, BTreeSet<PeerId>)>,
    backoffs: Backoffs,
    memory: Memory,
    pulls: Pulls,
    scores: Scores,
    /// Ours that may not have left yet.
    publishing: Vec<Publishing>,
    beat: Beat,
    random: ChaCha20Rng,
    /// Whose outbox may have something to send.
    stirred: BTreeSet<PeerId>,
    outputs: VecDeque<Output>,
}

/// A message of ours that goes to whoever turns up, until the mesh is ready or its time is over.
#[derive(Clone, Copy, Debug)]
struct Publishing {
    id: MessageId,
    topic: Topic,
    until: Instant,
    copies: usize,
}

/// The heart.
#[derive(Debug, Default)]
struct Beat {
    /// When it beats next; `None` while it rests.
    next: Option<Instant>,
    last: Option<Instant>,
    /// How often it has.
    tick: u64,
    /// When something happened last.
    stirred: Option<Instant>,
}

/// What is known of a topic that we joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicView {
    /// Which.
    pub topic: Topic,
    /// Peers that want it.
    pub peers: usize,
    /// Links of its mesh.
    pub mesh: Vec<PeerId>,
    /// Of these, the ones that bring messages.
    pub eager: Vec<PeerId>,
    /// Whether the mesh has been ready.
    pub is_ready: bool,
}

/// How long after the last thing that happened the heart beats: until all is forgotten.
const AWAKE: Duration = Duration::from_secs(SEEN_RETENTION.as_secs() + 10);

impl Gossip {
    /// Makes a router without links or topics.
    ///
    /// - `seed`: of the operating system's entropy; equal seeds draw equally.
    pub fn new(config: GossipConfig, seed: [u8; 32]) -> Self {
        Self {
            config,
            links: Links::default(),
            explicit: BTreeSet::new(),
            meshes: BTreeMap::new(),
            fanouts: BTreeMap::new(),
            backoffs: Backoffs::default(),
            memory: Memory::default(),
            pulls: Pulls::default(),
            scores: Scores::default(),
            publishing: Vec::new(),
            beat: Beat::default(),
            random: ChaCha20Rng::from_seed(seed),
            stirred: BTreeSet::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Joins a topic: its messages are asked for and handed on from now on. Links are grafted at once.
    ///
    /// # Errors
    ///
    /// [`CommandError::TooManyTopics`].
    pub fn subscribe(&mut self, now: Now, topic: Topic) -> Result<(), CommandError> {
        if self.meshes.contains_key(&topic) {
            return Ok(());
        }
        if self.meshes.len() >= TOPICS_MAX {
            return Err(CommandError::TooManyTopics { limit: TOPICS_MAX });
        }
        self.stir(now.instant);
        self.meshes.insert(topic, Mesh::new(now.instant));
        let fanout = self.fanouts.remove(&topic).map(|(_, peers)| peers).unwrap_or_default();
        let peers: Vec<PeerId> = self.links.iter().map(|(peer, _)| *peer).collect();
        for peer in peers {
            let said = GossipControl::Topics { joined: [topic].into(), left: Vec::new() };
            self.send(peer, Class::Mesh, said);
        }
        self.fill(now.instant, topic, &fanout);
        self.settle(now.instant);
        Ok(())
    }

    /// Leaves a topic; nothing happens when it was not joined.
    pub fn unsubscribe(&mut self, now: Now, topic: Topic) {
        let Some(mesh) = self.meshes.remove(&topic) else { return };
        self.stir(now.instant);
        for peer in mesh.members.into_keys() {
            self.scores.left(now.instant, &peer, topic);
            self.backoffs.set(now.instant, topic, peer, UNSUBSCRIBE_BACKOFF);
            let backoff = UNSUBSCRIBE_BACKOFF.as_secs() as u16;
            self.send(peer, Class::Mesh, GossipControl::Prune { topic, backoff });
        }
        self.pulls.forget_topic(topic);
        self.scores.forget_topic(topic);
        let peers: Vec<PeerId> = self.links.iter().map(|(peer, _)| *peer).collect();
        for peer in peers {
            let said = GossipControl::Topics { joined: Vec::new(), left: [topic].into() };
            self.send(peer, Class::Mesh, said);
        }
        self.settle(now.instant);
    }

    /// Publishes a message; it leaves at once to whoever wants its topic. [`Event::Published`] or
    /// [`Event::Unpublished`] follows within [`PUBLISH_WITHIN`].
    ///
    /// # Errors
    ///
    /// [`CommandError`] says why not.
    pub fn publish(
        &mut self,
        now: Now,
        topic: Topic,
        data: Arc<[u8]>,
    ) -> Result<MessageId, CommandError> {
        if data.is_empty() || data.len() > GOSSIP_DATA_BYTES_MAX {
            return Err(CommandError::Size { seen: data.len() });
        }
        let id = MessageId::of(self.config.network, topic, &data);
        if self.memory.has(&id) {
            return Err(CommandError::Known { id });
        }
        if self.publishing.len() >= PUBLISHING_MAX || !self.memory.can_wait() {
            return Err(CommandError::Busy { limit: PUBLISHING_MAX });
        }
        if !self.meshes.contains_key(&topic)
            && !self.fanouts.contains_key(&topic)
            && self.fanouts.len() >= TOPICS_MAX
        {
            return Err(CommandError::TooManyTopics { limit: TOPICS_MAX });
        }
        self.stir(now.instant);
        self.spread_own(now.instant, id, GossipData { topic, data });
        self.settle(now.instant);
        Ok(id)
    }

    /// Makes a peer explicit, or an ordinary one again: what is new goes to it always, it is in no mesh and is not judged.
    ///
    /// # Errors
    ///
    /// [`CommandError::TooManyExplicit`].
    pub fn set_explicit(
        &mut self,
        now: Now,
        peer: PeerId,
        standing: Explicit,
    ) -> Result<(), CommandError> {
        match standing {
            Explicit::Yes if self.explicit.contains(&peer) => return Ok(()),
            Explicit::Yes if self.explicit.len() >= EXPLICIT_MAX => {
                return Err(CommandError::TooManyExplicit { limit: EXPLICIT_MAX });
            }
            Explicit::Yes => {
                self.stir(now.instant);
                self.explicit.insert(peer);
                let topics: Vec<Topic> = self.meshes.keys().copied().collect();
                topics.into_iter().for_each(|topic| self.prune(now.instant, topic, peer));
            }
            Explicit::No => {
                self.explicit.remove(&peer);
            }
        }
        self.settle(now.instant);
        Ok(())
    }

    /// Returns the score of a peer, in thousandths of a point; 0 of whom nothing is known.
    pub fn score(&self, now: Now, peer: &PeerId) -> i64 {
        self.score_of(now.instant, peer)
    }

    /// Returns what is known of each topic that we joined.
    pub fn topics(&self) -> impl Iterator<Item = TopicView> {
        self.meshes.iter().map(|(topic, mesh)| TopicView {
            topic: *topic,
            peers: self.links.wanting(*topic).count(),
            mesh: mesh.members.keys().copied().collect(),
            eager: mesh.members.iter().filter(|it| it.1.is_eager).map(|it| *it.0).collect(),
            is_ready: mesh.is_ready,
        })
    }

    /// Returns how full each collection is that a peer can fill.
    pub fn occupancy(&self) -> impl Iterator<Item = Occupancy> {
        let of = |name, len, limit| Occupancy { name, len, limit };
        let links = || self.links.iter().map(|(_, link)| link);
        let (held, held_bytes) = self.memory.held();
        let explicit = self.explicit.iter().filter(|it| self.links.get(it).is_some()).count();
        let limit = LINKS_MAX + explicit;
        [
            of("links", self.links.len(), limit),
            of("topics", self.meshes.len().max(self.fanouts.len()), TOPICS_MAX),
            of(
                "topics of a peer",
                links().map(Link::topics).max().unwrap_or(0),
                TOPICS_PER_PEER_MAX,
            ),
            of("unwanted by a peer", links().map(Link::unwanted).max().unwrap_or(0), UNWANTED_MAX),
            of(
                "outbox, thousandths",
                links().map(|it| it.outbox.fullness()).max().unwrap_or(0),
                1000,
            ),
            of("links of a mesh", self.meshes.values().map(Mesh::len).max().unwrap_or(0), limit),
            of("backoffs", self.backoffs.len(), BACKOFFS_MAX),
            of("names seen", self.memory.len(), SEEN_MAX),
            of("messages judged", self.memory.waiting(), VALIDATING_MAX),
            of("messages held", held, HELD_MAX),
            of("messages held, bytes", held_bytes, HELD_BYTES_MAX),
            of("messages looked for", self.pulls.len(), PULLS_MAX),
            of("scores", self.scores.len(), limit + SCORES_RETAINED_MAX),
            of("scores of the gone", self.scores.retained(), SCORES_RETAINED_MAX),
            of("messages of ours that wait", self.publishing.len(), PUBLISHING_MAX),
        ]
        .into_iter()
    }

    /// Something happens: the heart beats for a while.
    fn stir(&mut self, now: Instant) {
        self.beat.stirred = Some(now);
        let soon = now.after(HEARTBEAT_INTERVAL);
        self.beat.next = Some(self.beat.next.map_or(soon, |next| next.min(soon)));
    }

    fn on_up(&mut self, now: Instant, peer: PeerId, remote: SocketAddr, direction: Direction) {
        let is_known = self.links.get(&peer).is_some();
        let strangers = self.links.iter().filter(|(it, _)| !self.explicit.contains(*it)).count();
        if !is_known && strangers >= LINKS_MAX && !self.explicit.contains(&peer) {
            // The owner keeps fewer; what is above hears and tells nothing.
            return;
        }
        if is_known {
            self.on_down(now, peer);
        }
        self.links.insert(peer, Link::new(direction, remote.ip()));
        self.scores.up(peer);
        let joined: Vec<Topic> = self.meshes.keys().copied().collect();
        if !joined.is_empty() {
            self.send(peer, Class::Mesh, GossipControl::Topics { joined, left: Vec::new() });
        }
    }

    fn on_down(&mut self, now: Instant, peer: PeerId) {
        if self.links.get(&peer).is_none() {
            return;
        }
        for (topic, mesh) in &mut self.meshes {
            if mesh.members.remove(&peer).is_some() {
                self.scores.left(now, &peer, *topic);
            }
        }
        for (_, peers) in self.fanouts.values_mut() {
            peers.remove(&peer);
        }
        self.scores.down(now, &peer);
        self.links.remove(&peer);
        self.pulls.forget(&peer);
        self.stirred.remove(&peer);
    }

    fn score_of(&self, now: Instant, peer: &PeerId) -> i64 {
        if self.explicit.contains(peer) {
            return 0;
        }
        self.scores.score(now, peer, self.links.crowd(peer))
    }

    fn send(&mut self, to: PeerId, class: Class, message: impl Into<Said>) {
        if let Some(link) = self.links.get_mut(&to) {
            link.outbox.push(class, message.into().0);
            self.stirred.insert(to);
        }
    }

    fn offense(&mut self, peer: PeerId, offense: Offense) {
        self.outputs.push_back(Output::Offense { peer, offense });
    }

    /// Ends a call: what is ready to go goes.
    fn settle(&mut self, now: Instant) {
        self.end_publishing(now);
        for peer in core::mem::take(&mut self.stirred) {
            let Some(link) = self.links.get_mut(&peer) else { continue };
            while let Some((message, bytes)) = link.outbox.pop() {
                self.outputs.push_back(Output::Send { to: peer, message, bytes });
            }
        }
    }

    /// Draws at most `count` of them, in order of drawing.
    fn draw(&mut self, mut from: Vec<PeerId>, count: usize) -> Vec<PeerId> {
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

/// Whether a peer is one that our user vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Explicit {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// A message to be sent.
struct Said(GossipMessage);

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

impl StateMachine for Gossip {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Now, input: Input) {
        let at = now.instant;
        match input {
            Input::Up { peer, remote, direction } => {
                self.stir(at);
                self.on_up(at, peer, remote, direction);
            }
            Input::Down { peer } => {
                self.stir(at);
                self.on_down(at, peer);
            }
            Input::Message { from, message } => self.on_message(at, from, message),
            Input::Taken { peer, bytes } => {
                if let Some(link) = self.links.get_mut(&peer) {
                    link.outbox.taken(bytes);
                    self.stirred.insert(peer);
                }
            }
            Input::Judged { id, verdict } => self.on_judged(at, id, verdict),
            Input::Regarded { peer, points } => self.scores.regard(&peer, points),
        }
        self.settle(at);
    }

    fn handle_timeout(&mut self, now: Now) {
        let at = now.instant;
        if self.pulls.next().is_some_and(|due| due <= at) {
            self.pull(at);
        }
        if self.beat.next.is_some_and(|due| due <= at) {
            self.heartbeat(at);
        }
        self.settle(at);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wakeup> {
        let publishing = self.publishing.iter().map(|it| it.until).min();
        let wakeups = [
            self.pulls.next().map(|at| Wakeup { at, reason: "pull" }),
            publishing.map(|at| Wakeup { at, reason: "publish" }),
            self.beat.next.map(|at| Wakeup { at, reason: "heartbeat" }),
        ];
        wakeups.into_iter().flatten().min_by_key(|it| it.at)
    }
}
