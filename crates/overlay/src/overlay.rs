//! The machine: commands, inputs, and what follows from them.

mod hearing;
mod issuing;
mod meeting;
mod pairing;
mod reaching;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    vec::Vec,
};
use core::net::SocketAddr;

use ensign_book::{Book, BookConfig, Input as BookInput};
use ensign_dht::{
    Contact, Dht, DhtConfig, ESTIMATES_KEPT, Input as DhtInput, OWN_RECORDS_MAX, Thoroughness,
    Trace, Verifier, WALKS_MAX,
};
use ensign_diversity::PrefixTable;
use ensign_identity::NodeKey;
use ensign_primitives::{
    Instant, Now, Occupancy, PeerId, QueryId, StateMachine, TaggedHasher, Wakeup,
};
use ensign_reach::{Input as ReachInput, Reach};
use ensign_wire::{DHT_BODY_BYTES_MAX, Key, NodeRecord, Published, RECORD_SLOTS, RecordKind};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use crate::{
    CommandError, Event, FEW_CONTACTS, Input, LINK_COMES_WITHIN, LOOKS_AGE_MAX, Looks, Message,
    Output, OverlayConfig, ROOTS_INTERVAL, Record, Restored, Status, Unreached, links::Links,
    looked_for::LookedFor, own::Own, pairs::Pairs, start::Start,
};

/// Nodes that are pinged at a time. Guess: a person's.
const PINGS_MAX: usize = 16;

/// What a child is to be told.
#[derive(Debug)]
enum Todo {
    Dht(DhtInput),
    Book(BookInput<NodeRecord>),
    Reach(ReachInput),
}

/// A node's part in the open network.
#[derive(Debug)]
pub struct Overlay {
    config: OverlayConfig,
    dht: Dht,
    book: Book<NodeRecord>,
    reach: Reach,
    own: Own,
    links: Links,
    looked_for: LookedFor,
    pairs: Pairs,
    start: Start,
    /// What children are to be told; empty after each call.
    todo: VecDeque<Todo>,
    /// Walks of our user.
    commands: BTreeSet<QueryId>,
    /// Who is pinged, since when.
    pings: BTreeMap<PeerId, Instant>,
    comparison: Option<hearing::Comparison>,
    /// Whether nobody of the network is known.
    is_alone: bool,
    /// Whether somebody was heard since roots were told; without, nobody learns anything new by waiting.
    has_heard: bool,
    /// When something came last.
    heard_at: Instant,
    /// Records that were to be issued anew while nothing came.
    lapsed: BTreeSet<Key>,
    /// Whether somebody was heard since nodes that are away were looked for.
    may_look: bool,
    /// What was noted of the looks at random points.
    noted: Vec<u64>,
    roots_at: Option<Instant>,
    random: ChaCha20Rng,
    outputs: VecDeque<Output>,
}

impl Overlay {
    /// Makes a node's part, with what the store still knows.
    ///
    /// - `seed`: of the operating system's entropy; no secret is made from it.
    ///
    /// # Panics
    ///
    /// When `config.outbound` is not from 1 to [`OUTBOUND_MAX`](ensign_book::OUTBOUND_MAX).
    pub fn new(
        config: OverlayConfig,
        key: Arc<NodeKey>,
        seed: [u8; 32],
        now: Now,
        (prefixes, restored): (Arc<PrefixTable>, Restored),
    ) -> Self {
        let (network, me, rules) = (config.network, key.peer_id(), config.rules());
        let seed = TaggedHasher::new("ensign/overlay-seed/v1", network).bytes(&seed);
        let seed = |child: &[u8]| seed.clone().var_bytes(child).finish();
        let reach = Reach::new(config.reach(), seed(b"reach"), now, Arc::clone(&prefixes));
        let own = Own::new(Arc::clone(&key), config.clone(), restored.position, reach.announced());
        let dht_config = DhtConfig::new(rules, own.role());
        let verifier = Box::new(Verifier::new());
        let mut dht = Dht::with(dht_config, me, seed(b"dht"), verifier, Arc::clone(&prefixes));
        if let Some(looks) = restored.looks.filter(|it| is_recent(it, now)) {
            let reaches = looks.reaches.into_iter().take(ESTIMATES_KEPT);
            reaches.for_each(|reach| dht.recall_reach(now, reach));
        }
        let noted = dht.reaches().collect();
        let (outbound, trusted) = (config.outbound, config.trusted.clone());
        let book = BookConfig { local: me, network, terms: rules, outbound, trusted };
        let book = Book::new(book, now, seed(b"book"), prefixes, restored.book);
        let mut random = ChaCha20Rng::from_seed(seed(b"overlay"));
        let turn = random.next_u32() as usize;
        let first = config.first.iter().filter(|(peer, _)| *peer != me).cloned().collect();
        let mut overlay = Self {
            pairs: Pairs::new(key, network),
            own,
            config,
            dht,
            book,
            reach,
            links: Links::new(),
            looked_for: LookedFor::new(),
            start: Start::new(first, turn),
            todo: VecDeque::new(),
            commands: BTreeSet::new(),
            pings: BTreeMap::new(),
            comparison: None,
            is_alone: true,
            has_heard: false,
            heard_at: now.instant,
            lapsed: BTreeSet::new(),
            may_look: false,
            noted,
            roots_at: Some(now.instant),
            random,
            outputs: VecDeque::new(),
        };
        if overlay.own.has_position(now) {
            overlay.announce(now);
        }
        overlay.settle(now);
        overlay
    }

    /// Looks for a node by its identity; ends with [`Event::Ended`].
    ///
    /// # Errors
    ///
    /// [`CommandError::Dht`].
    pub fn find_node(&mut self, now: Now, peer: PeerId) -> Result<QueryId, CommandError> {
        let query = self.dht.find_node(now, peer)?;
        Ok(self.begun(now, query))
    }

    /// Looks for the record of a key; ends with [`Event::Ended`].
    ///
    /// # Errors
    ///
    /// [`CommandError::Dht`].
    pub fn get(
        &mut self,
        now: Now,
        key: Key,
        thoroughness: Thoroughness,
    ) -> Result<QueryId, CommandError> {
        let query = self.dht.get(now, key, thoroughness)?;
        Ok(self.begun(now, query))
    }

    /// Publishes a record under our key, and goes on until it is [withdrawn](Self::withdraw); ends with
    /// [`Event::Ended`]. Returns where it lies, too.
    ///
    /// - `kind`: any but [`RecordKind::NODE`], which is published of itself.
    /// - `slot`: which of our records of that kind, below [`RECORD_SLOTS`].
    /// - `body`: 1 to [`DHT_BODY_BYTES_MAX`] bytes.
    ///
    /// # Errors
    ///
    /// [`CommandError`] says why not.
    pub fn put(
        &mut self,
        now: Now,
        (kind, slot): (RecordKind, u8),
        body: Vec<u8>,
    ) -> Result<(QueryId, Key), CommandError> {
        if !(1..=DHT_BODY_BYTES_MAX).contains(&body.len()) {
            return Err(CommandError::Body { limit: DHT_BODY_BYTES_MAX });
        }
        if slot >= RECORD_SLOTS {
            return Err(CommandError::Slot { limit: RECORD_SLOTS });
        }
        let said = Published { kind, slot, expires: now.unix, body };
        let bad = CommandError::Dht(ensign_dht::CommandError::BadRecord);
        let is_ours_to_say = kind != RecordKind::NODE;
        let record = self.own.sign(now, said.clone()).filter(|_| is_ours_to_say).ok_or(bad)?;
        let key = record.key();
        let query = self.dht.put(now, record)?;
        self.own.keep(key, said);
        Ok((self.begun(now, query), key))
    }

    /// Publishes a record no more; it leaves the network when it expires. `false` when it was none of ours.
    pub fn withdraw(&mut self, key: &Key) -> bool {
        self.dht.withdraw(key);
        self.own.drop(key)
    }

    /// Sees whether a node answers at an address; ends with [`Event::Pinged`].
    ///
    /// # Errors
    ///
    /// [`CommandError::Barred`] or [`CommandError::TooManyPings`].
    pub fn ping(
        &mut self,
        now: Now,
        peer: PeerId,
        address: SocketAddr,
    ) -> Result<(), CommandError> {
        if self.links.is_barred(&peer) {
            return Err(CommandError::Barred);
        }
        if self.pings.len() >= PINGS_MAX {
            return Err(CommandError::TooManyPings { limit: PINGS_MAX });
        }
        self.pings.insert(peer, now.instant);
        if self.links.is_up(&peer) {
            self.pinged(now, &peer, true);
        } else {
            self.dial(now, peer, address, |_| {});
        }
        self.settle(now);
        Ok(())
    }

    /// Adds one of the first nodes, whom a seed names.
    pub fn know_first(&mut self, now: Now, peer: PeerId, addresses: Vec<SocketAddr>) {
        self.start.add(peer, addresses);
        self.settle(now);
    }

    /// Learns who announces which addresses; those who are known are judged by it when they come again.
    pub fn know_prefixes(&mut self, now: Now, prefixes: Arc<PrefixTable>) {
        self.reach.know_prefixes(Arc::clone(&prefixes));
        self.book.know_prefixes(now, prefixes);
        self.settle(now);
    }

    /// Returns one look at all of it.
    pub fn status(&self, now: Now) -> Status {
        Status {
            role: self.own.role(),
            wanted_role: self.config.role,
            addresses: self.reach.announced().to_vec(),
            reach: self.reach.status(now),
            own: self.own.record().cloned(),
            is_solving: self.own.is_solving(),
            copies: self.own.copies(),
            outbound: self.book.outbound().collect(),
            warm: self.links.warm(),
            dials: self.links.dials(),
            network: self.dht.network(now),
            signs: self.book.signs().collect(),
            looked_for: self.looked_for.len(),
            sealed_for: self.pairs.len(),
            first: self.start.nodes().collect(),
        }
    }

    /// Returns the contacts of the hash table, by rising nearness.
    pub fn contacts(&self, now: Now) -> Vec<Contact> {
        self.dht.table(now)
    }

    /// Returns how a walk goes or went, while it is among the last.
    pub fn trace(&self, query: QueryId) -> Option<Trace> {
        self.dht.trace(query)
    }

    /// Returns whether a link, or a dial, is there for the open network alone.
    pub fn holds(&self, peer: &PeerId) -> bool {
        self.links.holds(peer) && !self.looked_for.is_wanted(peer)
    }

    /// Returns how full each collection is that can grow, with the constant that bounds it.
    pub fn occupancy(&self) -> impl Iterator<Item = Occupancy> + use<> {
        let of = |name, len, limit| Occupancy { name, len, limit };
        let own = [
            self.own.occupancy(),
            of("walks of our user", self.commands.len(), WALKS_MAX),
            of("nodes pinged", self.pings.len(), PINGS_MAX),
            of("lapsed records", self.lapsed.len(), OWN_RECORDS_MAX),
            of("overlay outputs after a drain", self.outputs.len(), 0),
        ];
        let rooms = self.links.occupancy().into_iter().chain(self.looked_for.occupancy());
        let rooms = rooms.chain(self.pairs.occupancy());
        let rooms: Vec<_> = rooms.chain(self.start.occupancy()).chain(own).collect();
        let children: Vec<_> = self.dht.occupancy().chain(self.book.occupancy()).collect();
        rooms.into_iter().chain(children).chain(self.reach.occupancy())
    }

    fn begun(&mut self, now: Now, query: QueryId) -> QueryId {
        self.commands.insert(query);
        self.settle(now);
        query
    }

    /// Nothing here needs this link, or its dial has come to nothing.
    fn leave(&mut self, peer: PeerId) {
        if !self.looked_for.is_wanted(&peer) {
            self.outputs.push_back(Output::Leave { peer });
        }
    }

    fn send(&mut self, to: PeerId, message: Message) {
        self.links.touch(&to);
        self.outputs.push_back(Output::Send { to, message });
    }

    /// Gives the hash table nodes that we have reached, as roots of its walks.
    fn tell_roots(&mut self, now: Now) {
        let roots: Vec<_> = self.book.roots(now).into_iter().cloned().collect();
        for record in roots {
            self.todo.push_back(Todo::Dht(DhtInput::Learned { record }));
        }
    }

    fn on_due(&mut self, now: Now) {
        for (peer, address) in self.start.take_due(now.instant) {
            if self.links.is_up(&peer) {
                self.ask_first(now, peer);
            } else if !self.links.is_barred(&peer) {
                self.dial(now, peer, address, |dial| dial.is_first = true);
            }
        }
        if self.roots_at.take_if(|at| *at <= now.instant).is_some() {
            self.has_heard = false;
            self.tell_roots(now);
        }
        for (peer, address) in self.links.overdue(now.instant) {
            self.on_dial_failed(now, (peer, address), Unreached::NoAnswer);
        }
        if self.own.is_due(now.instant) {
            self.publish(now);
        }
    }
}

impl StateMachine for Overlay {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Now, input: Input) {
        match input {
            Input::Up { peer, remote, direction } => self.on_up(now, peer, (remote, direction)),
            Input::Down { peer } => self.on_down(now, peer),
            Input::DialFailed { peer, why: Unreached::Duplicate, .. } => {
                self.links.comes(&peer, now.instant.after(LINK_COMES_WITHIN));
            }
            Input::DialFailed { peer, address, why } => {
                self.on_dial_failed(now, (peer, address), why);
            }
            Input::Message { from, message } => self.on_message(now, from, message),
            Input::Wanted { peer } => self.on_wanted(now, peer),
            Input::Unwanted { peer } => self.on_unwanted(peer),
            Input::Paired { peer } => self.on_paired(now, peer),
            Input::Unpaired { peer } => self.on_unpaired(peer),
            Input::Barred { peer, is_barred } => self.on_barred(now, peer, is_barred),
            Input::Seen { peer, address } => self.on_seen_at(peer, address),
            Input::DialledBack { remote, nonce } => self.on_dialled_back(remote, nonce),
            Input::BackDialled { peer, is_reached } => {
                self.todo.push_back(Todo::Reach(ReachInput::Dialled { peer, is_reached }));
            }
            Input::Solved { proof } => {
                if let Some(proof) = self.own.solved(proof) {
                    self.outputs.push_back(Output::Note(Record::Position(proof)));
                    self.outputs.push_back(Output::Event(Event::Positioned));
                    self.announce(now);
                }
            }
        }
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Now) {
        if self.poll_timeout().is_none_or(|wakeup| wakeup.at > now.instant) {
            return;
        }
        self.on_due(now);
        self.settle(now);
        self.dht.handle_timeout(now);
        self.settle(now);
        self.book.handle_timeout(now);
        self.settle(now);
        self.reach.handle_timeout(now);
        self.settle(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wakeup> {
        let looks = self.looked_for.next_at().filter(|_| !self.is_alone && self.may_look);
        let own = [
            (self.start.next_at(), "first nodes"),
            (self.roots_at, "roots"),
            (self.own.next_at(), "our record"),
            (self.links.next_at(), "a link that is to come"),
            (looks, "a node that is away"),
            (self.pairs.next_at().filter(|_| !self.is_alone), "our record for a member"),
        ];
        let own = own.into_iter().filter_map(|(at, reason)| Some(Wakeup { at: at?, reason }));
        let reach = self.reach.poll_timeout();
        own.chain(self.dht.poll_timeout()).chain(self.book.poll_timeout()).chain(reach).min()
    }
}

impl Overlay {
    /// Hears both children until they are silent, and sets what follows from it.
    fn settle(&mut self, now: Now) {
        if self.own.is_ahead(now) {
            self.publish(now);
        }
        if now.instant.since(self.heard_at).is_zero() {
            let lapsed = core::mem::take(&mut self.lapsed);
            lapsed.into_iter().for_each(|key| self.issue(now, key));
        }
        loop {
            if let Some(output) = self.dht.poll_output() {
                self.on_dht(now, output);
            } else if let Some(output) = self.book.poll_output() {
                self.on_book(now, output);
            } else if let Some(output) = self.reach.poll_output() {
                self.on_reach(now, output);
            } else {
                match self.todo.pop_front() {
                    Some(Todo::Dht(input)) => self.dht.handle_input(now, input),
                    Some(Todo::Book(input)) => self.book.handle_input(now, input),
                    Some(Todo::Reach(input)) => self.reach.handle_input(now, input),
                    None if self.look(now) || self.tell_pairs(now) => {}
                    None => break,
                }
            }
        }
        self.see_contacts(now);
        self.note_looks(now);
        if let Some(puzzle) = self.own.begin_work(now) {
            let start = self.random.next_u64();
            self.outputs.push_back(Output::Solve { puzzle, start });
        }
    }

    /// Keeps what was seen of the network's size, when something was seen.
    fn note_looks(&mut self, now: Now) {
        if self.dht.reaches().eq(self.noted.iter().copied()) {
            return;
        }
        self.noted = self.dht.reaches().collect();
        let looks = Looks { at: now.unix, reaches: self.noted.clone() };
        self.outputs.push_back(Output::Note(Record::Looks(looks)));
    }

    fn see_contacts(&mut self, now: Now) {
        if self.has_heard && self.roots_at.is_none() {
            self.roots_at = Some(now.instant.after(ROOTS_INTERVAL));
        }
        let contacts = self.dht.contacts();
        self.start.arm(now.instant, contacts < FEW_CONTACTS);
        self.own.arm(now.instant, contacts > 0 && self.own.serves() && self.own.has_position(now));
        if self.is_alone != (contacts == 0) {
            self.is_alone = contacts == 0;
            let event = if self.is_alone { Event::Alone } else { Event::Joined { contacts } };
            self.outputs.push_back(Output::Event(event));
        }
    }

    fn give_up(&mut self, peer: PeerId) {
        if self.links.leave(&peer) {
            self.leave(peer);
        }
    }
}

/// Whether what was seen before a restart still says something.
fn is_recent(looks: &Looks, now: Now) -> bool {
    looks.at <= now.unix && now.unix.since(looks.at) <= LOOKS_AGE_MAX
}
