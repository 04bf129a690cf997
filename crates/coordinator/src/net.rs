//! Who is connected, whom the guards hold back, our user's word about a node, and the open network, which is told by
//! [`Event::Network`](crate::Event::Network).

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use ensign_engine::{
    Engine,
    overlay::{
        self, CommandError as Refused, Overlay, Status,
        dht::{Contact, Hop, Outcome, Thoroughness},
    },
    reputation::Word,
};
use ensign_primitives::{Now, PeerId, QueryId};
use ensign_review::{GuardReport, NetPeer};
use ensign_transport::Traffic;
use ensign_wire::{DhtRecord, Key, NodeRecord, RecordKind};
use tokio::sync::oneshot;

use crate::{
    CommandError, Coordinator,
    command::{Command, Form, Walk},
};

/// What came of a walk, with the way it took.
#[derive(Clone, Debug)]
pub struct Walked<T> {
    /// What was looked for; `None` when nobody who was asked has it.
    pub found: Option<T>,
    /// Each question, in the order in which they were asked.
    pub hops: Vec<Hop>,
    /// How long it took.
    pub took: Duration,
}

/// A walk that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    outcome: Outcome,
    hops: Vec<Hop>,
    took: Duration,
}

/// Who waits for walks, and for pings.
#[derive(Debug, Default)]
pub(crate) struct Walks {
    walks: BTreeMap<QueryId, oneshot::Sender<Ended>>,
    /// One ping of a node answers all who wait for it.
    pings: BTreeMap<PeerId, Vec<oneshot::Sender<Option<Duration>>>>,
}

impl Walks {
    pub(crate) fn wait(&mut self, query: QueryId, reply: oneshot::Sender<Ended>) {
        self.walks.insert(query, reply);
    }

    pub(crate) fn wait_for(&mut self, peer: PeerId, reply: oneshot::Sender<Option<Duration>>) {
        self.pings.entry(peer).or_default().push(reply);
    }

    /// Answers who waits; `false` for an event that is no answer. A caller that waits no more has dropped its future.
    pub(crate) fn told(&mut self, engine: &Engine, event: &overlay::Event) -> bool {
        match event {
            overlay::Event::Ended { query, outcome, took, .. } => {
                let Some(reply) = self.walks.remove(query) else { return true };
                let trace = engine.overlay().and_then(|it| it.trace(*query));
                let hops = trace.map_or_else(Vec::new, |it| it.hops);
                drop(reply.send(Ended { outcome: outcome.clone(), hops, took: *took }));
                true
            }
            overlay::Event::Pinged { peer, after } => {
                let replies = self.pings.remove(peer).unwrap_or_default();
                for reply in replies {
                    // A caller that waits no more has dropped its future.
                    let _ = reply.send(*after);
                }
                true
            }
            overlay::Event::Positioned
            | overlay::Event::Published { .. }
            | overlay::Event::Joined { .. }
            | overlay::Event::Alone
            | overlay::Event::FirstUnreached { .. }
            | overlay::Event::Found { .. }
            | overlay::Event::Dense { .. }
            | overlay::Event::Alarm { .. }
            | overlay::Event::Over { .. }
            | overlay::Event::Reachable { .. }
            | overlay::Event::Unreachable => false,
        }
    }
}

impl Coordinator {
    /// Returns what the guards do: whom they hold back, since when and why, and what it costs.
    ///
    /// # Errors
    ///
    /// [`CommandError::Stopped`].
    pub async fn guard(&self) -> Result<GuardReport, CommandError> {
        self.ask(Command::Guard).await
    }

    /// Returns every connection, strangers' too, with how it fares; `None` where it has just ended.
    ///
    /// # Errors
    ///
    /// [`CommandError::Stopped`].
    pub async fn net_peers(&self) -> Result<Vec<(NetPeer, Option<Traffic>)>, CommandError> {
        self.ask(Command::NetPeers).await
    }

    /// Takes our user's word about a node, or takes it back; it beats every score. Groups with a banned node
    /// cannot sign. Returns, once it is durable, what had been said before.
    ///
    /// # Errors
    ///
    /// [`CommandError::OwnNode`], [`CommandError::Words`] when there are too many words,
    /// [`CommandError::Stopped`].
    pub async fn say(
        &self,
        peer: PeerId,
        word: Option<Word>,
    ) -> Result<Option<Word>, CommandError> {
        let before = self.ask(|reply| Command::Say(peer, word, reply)).await??;
        // A look sees what was to be written before it.
        self.look(|_| ()).await?;
        Ok(before)
    }

    /// Looks for a node by its identity.
    ///
    /// # Errors
    ///
    /// [`CommandError::Closed`] in a closed home, [`CommandError::Network`] says why nothing was asked;
    /// [`CommandError::Stopped`].
    pub async fn find_node(&self, peer: PeerId) -> Result<Walked<NodeRecord>, CommandError> {
        let ended = self.walk(move |it, now| it.find_node(now, peer)).await?;
        Ok(ended.map(|outcome| match outcome {
            Outcome::Node(record) => Some(record),
            Outcome::Record { .. }
            | Outcome::NotFound
            | Outcome::Stored { .. }
            | Outcome::Seen { .. } => None,
        }))
    }

    /// Looks for the record of a key.
    ///
    /// # Errors
    ///
    /// As [`find_node`](Self::find_node).
    pub async fn get(
        &self,
        key: Key,
        thoroughness: Thoroughness,
    ) -> Result<Walked<DhtRecord>, CommandError> {
        let ended = self.walk(move |it, now| it.get(now, key, thoroughness)).await?;
        Ok(ended.map(|outcome| match outcome {
            Outcome::Record { record, .. } => Some(record),
            Outcome::Node(_)
            | Outcome::NotFound
            | Outcome::Stored { .. }
            | Outcome::Seen { .. } => None,
        }))
    }

    /// Publishes a record under our key until the node stops; returns how many nodes have taken it.
    ///
    /// - `slot`: which of our records of that kind; `body`: 1 to 1,024 bytes.
    ///
    /// # Errors
    ///
    /// As [`find_node`](Self::find_node).
    pub async fn put(
        &self,
        kind: RecordKind,
        slot: u8,
        body: Vec<u8>,
    ) -> Result<Walked<u16>, CommandError> {
        let put =
            move |it: &mut Overlay, now| it.put(now, (kind, slot), body).map(|(query, _)| query);
        let ended = self.walk(put).await?;
        Ok(ended.map(|outcome| match outcome {
            Outcome::Stored { copies } => Some(copies),
            Outcome::Record { .. }
            | Outcome::Node(_)
            | Outcome::NotFound
            | Outcome::Seen { .. } => None,
        }))
    }

    /// Sees whether a node answers at an address, and after how long; `None` when it does not.
    ///
    /// # Errors
    ///
    /// As [`find_node`](Self::find_node).
    pub async fn ping(
        &self,
        peer: PeerId,
        address: SocketAddr,
    ) -> Result<Option<Duration>, CommandError> {
        let (reply, answer) = oneshot::channel();
        let done = self.ask(|done| Command::Ping((peer, address), reply, done)).await?;
        done?;
        answer.await.map_err(|_| CommandError::Stopped)
    }

    /// Returns what our node is in the open network, and what it sees of it.
    ///
    /// # Errors
    ///
    /// [`CommandError::Closed`] in a closed home; [`CommandError::Stopped`].
    pub async fn network(&self) -> Result<Status, CommandError> {
        self.see(|it, now| it.status(now)).await
    }

    /// Returns whom the hash table of our node knows, by rising nearness.
    ///
    /// # Errors
    ///
    /// As [`network`](Self::network).
    pub async fn contacts(&self) -> Result<Vec<Contact>, CommandError> {
        self.see(|it, now| it.contacts(now)).await
    }

    /// Names nodes to be asked first, and where they are: what a seed has answered.
    ///
    /// # Errors
    ///
    /// As [`network`](Self::network).
    pub async fn know_first(
        &self,
        nodes: Vec<(PeerId, Vec<SocketAddr>)>,
    ) -> Result<(), CommandError> {
        self.ask(|reply| {
            Command::Form(Form(Box::new(move |engine, now, _| {
                let done = engine.outside(now, |it| {
                    nodes.into_iter().for_each(|(peer, at)| it.know_first(now, peer, at));
                    Ok(())
                });
                drop(reply.send(done.map(|_| ()).ok_or(CommandError::Closed)));
            })))
        })
        .await?
    }

    async fn see<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Overlay, Now) -> T + Send + 'static,
    ) -> Result<T, CommandError> {
        self.ask(|reply| {
            Command::Form(Form(Box::new(move |engine, now, _| {
                let seen = engine.overlay().map(|it| look(it, now));
                drop(reply.send(seen.ok_or(CommandError::Closed)));
            })))
        })
        .await?
    }

    async fn walk(
        &self,
        begin: impl FnOnce(&mut Overlay, Now) -> Result<QueryId, Refused> + Send + 'static,
    ) -> Result<Ended, CommandError> {
        let (reply, answer) = oneshot::channel();
        let begin = move |engine: &mut Engine, now| engine.outside(now, |it| begin(it, now));
        self.ask(|done| Command::Walk(Walk(Box::new(begin)), reply, done)).await??;
        answer.await.map_err(|_| CommandError::Stopped)
    }
}

impl Ended {
    fn map<T>(self, found: impl FnOnce(Outcome) -> Option<T>) -> Walked<T> {
        Walked { found: found(self.outcome), hops: self.hops, took: self.took }
    }
}
