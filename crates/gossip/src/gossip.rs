//! The machine: who is there, what is wanted, what time it is.

mod beating;
mod hearing;
mod spreading;

use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};
use core::{net::SocketAddr, time::Duration};

use ensign_primitives::{Direction, Instant, Now, Occupancy, PeerId, StateMachine, Wakeup};
use ensign_wire::{
    GOSSIP_DATA_BYTES_MAX, GossipControl, GossipData, GossipMessage, MessageId, Topic,
};

use crate::{
    BACKOFFS_MAX, Class, CommandError, Event, GossipConfig, HEARTBEAT_INTERVAL, HELD_BYTES_MAX,
    HELD_MAX, Input, LINKS_MAX, Offense, Output, PUBLISH_WITHIN, PUBLISHING_MAX, PULLS_MAX,
    SCORES_RETAINED_MAX, SEEN_MAX, SEEN_RETENTION, TOPICS_MAX, TOPICS_PER_PEER_MAX, UNWANTED_MAX,
    VALIDATING_MAX, link::Link, memory::Memory, meshes::Meshes, peers::Peers, pulls::Pulls,
};

/// A router of one node.
#[derive(Debug)]
pub struct Gossip {
    config: GossipConfig,
    peers: Peers,
    meshes: Meshes,
    /// Links for topics that we publish under and did not join, and when we last did.
    fanouts: BTreeMap<Topic, (Instant, BTreeSet<PeerId>)>,
    memory: Memory,
    pulls: Pulls,
    /// Ours that may not have left yet.
    publishing: Vec<Publishing>,
    beat: Beat,
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
            peers: Peers::new(seed),
            meshes: Meshes::new(config.eager_links),
            fanouts: BTreeMap::new(),
            memory: Memory::default(),
            pulls: Pulls::default(),
            publishing: Vec::new(),
            beat: Beat::default(),
            config,
        }
    }

    /// Joins a topic: its messages are asked for and handed on from now on. Links are grafted at once.
    ///
    /// # Errors
    ///
    /// [`CommandError::TooManyTopics`].
    pub fn subscribe(&mut self, now: Now, topic: Topic) -> Result<(), CommandError> {
        if self.meshes.has(&topic) {
            return Ok(());
        }
        if self.meshes.topics().len() >= TOPICS_MAX {
            return Err(CommandError::TooManyTopics { limit: TOPICS_MAX });
        }
        self.stir(now.instant);
        self.meshes.join(now.instant, topic);
        let fanout = self.fanouts.remove(&topic).map(|(_, peers)| peers).unwrap_or_default();
        self.peers.tell_topics(&[topic], &[]);
        self.meshes.fill(now.instant, topic, &fanout, &mut self.peers);
        self.settle(now.instant);
        Ok(())
    }

    /// Leaves a topic; nothing happens when it was not joined.
    pub fn unsubscribe(&mut self, now: Now, topic: Topic) {
        if !self.meshes.leave(now.instant, topic, &mut self.peers) {
            return;
        }
        self.stir(now.instant);
        self.pulls.forget_topic(topic);
        self.peers.scores.forget_topic(topic);
        self.peers.tell_topics(&[], &[topic]);
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
        if !self.meshes.has(&topic)
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
        if !self.peers.set_explicit(peer, standing)? {
            return Ok(());
        }
        if standing == Explicit::Yes {
            self.stir(now.instant);
            self.meshes.prune_all(now.instant, peer, &mut self.peers);
        }
        self.settle(now.instant);
        Ok(())
    }

    /// Returns the score of a peer, in thousandths of a point; 0 of whom nothing is known.
    pub fn score(&self, now: Now, peer: &PeerId) -> i64 {
        self.peers.score(now.instant, peer)
    }

    /// Returns what is known of each topic that we joined.
    pub fn topics(&self) -> impl Iterator<Item = TopicView> {
        self.meshes.iter().map(|(topic, mesh)| TopicView {
            topic: *topic,
            peers: self.peers.links.wanting(*topic).count(),
            mesh: mesh.members.keys().copied().collect(),
            eager: mesh.members.iter().filter(|it| it.1.is_eager).map(|it| *it.0).collect(),
            is_ready: mesh.is_ready,
        })
    }

    /// Returns how full each collection is that a peer can fill.
    pub fn occupancy(&self) -> impl Iterator<Item = Occupancy> {
        let of = |name, len, limit| Occupancy { name, len, limit };
        let links = || self.peers.links.iter().map(|(_, link)| link);
        let (topics, largest, backoffs) = self.meshes.fullness();
        let (held, held_bytes) = self.memory.held();
        let explicit = self.peers.explicit().filter(|it| self.peers.is_up(it)).count();
        let limit = LINKS_MAX + explicit;
        [
            of("links", self.peers.links.len(), limit),
            of("topics", topics.max(self.fanouts.len()), TOPICS_MAX),
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
            of("links of a mesh", largest, limit),
            of("backoffs", backoffs, BACKOFFS_MAX),
            of("names seen", self.memory.len(), SEEN_MAX),
            of("messages judged", self.memory.waiting(), VALIDATING_MAX),
            of("messages held", held, HELD_MAX),
            of("messages held, bytes", held_bytes, HELD_BYTES_MAX),
            of("messages looked for", self.pulls.len(), PULLS_MAX),
            of("scores", self.peers.scores.len(), limit + SCORES_RETAINED_MAX),
            of("scores of the gone", self.peers.scores.retained(), SCORES_RETAINED_MAX),
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
        if !self.peers.is_up(&peer) && !self.peers.has_room(&peer) {
            // The owner keeps fewer; what is above hears and tells nothing.
            return;
        }
        self.on_down(now, peer);
        self.peers.up(peer, remote, direction);
        let joined = self.meshes.topics();
        if !joined.is_empty() {
            let said = GossipControl::Topics { joined, left: Vec::new() };
            self.peers.send(peer, Class::Mesh, said);
        }
    }

    fn on_down(&mut self, now: Instant, peer: PeerId) {
        if !self.peers.is_up(&peer) {
            return;
        }
        self.meshes.down(now, peer, &mut self.peers);
        for (_, peers) in self.fanouts.values_mut() {
            peers.remove(&peer);
        }
        self.peers.down(now, &peer);
        self.pulls.forget(&peer);
    }

    /// Ends a call: what is ready to go goes.
    fn settle(&mut self, now: Instant) {
        self.end_publishing(now);
        self.peers.flush();
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
            Input::Taken { peer, bytes } => self.peers.taken(peer, bytes),
            Input::Judged { id, verdict } => self.on_judged(at, id, verdict),
            Input::Regarded { peer, points } => self.peers.scores.regard(&peer, points),
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
        self.peers.poll()
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
