//! The machine: what happens to it, and what follows from that.

mod dialling;
mod meeting;
mod watching;

use alloc::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    vec::Vec,
};
use core::net::SocketAddr;

use ensign_diversity::PrefixTable;
use ensign_primitives::{
    BoundedMap, Direction, Instant, Now, Occupancy, PeerId, StateMachine, Wakeup,
};

use crate::{
    Area, BookConfig, EXCLUDED_MAX, Input, Kept, Listed, Note, OUTBOUND_MAX, Output, Reason,
    Restored, Source,
    agenda::{Agenda, take_due},
    alarms::{Alarms, Anchors},
    chance::Chance,
    contests::Contests,
    exchange::Exchange,
    links::Links,
    notes::{Due, Notes},
    places::Secret,
    table::{Heard, Reached, Table},
    trusted::Trusted,
    views::Views,
};

/// The address book of one node in an open network.
#[derive(Debug)]
pub struct Book<R: Listed> {
    config: BookConfig<R::Terms>,
    prefixes: Arc<PrefixTable>,
    chance: Chance,
    table: Table<R>,
    contests: Contests,
    links: Links,
    trusted: Trusted,
    excluded: BoundedMap<PeerId, ()>,
    exchange: Exchange,
    anchors: Anchors,
    /// Of the anchors of before, those that were not dialled yet.
    first: Vec<PeerId>,
    views: Views,
    alarms: Alarms,
    notes: Notes,
    agenda: Agenda,
    /// Dials in vain in a row.
    failures: u32,
    /// Places filled so far; every second one is from *new*.
    filled: u64,
    /// When signs were last looked for.
    looked_at: Instant,
    /// Nobody was left to be dialled when last looked, and nothing has changed since.
    is_exhausted: bool,
    outputs: VecDeque<Output<R>>,
}

impl<R: Listed> Book<R> {
    /// Makes the machine, with what the store still knows.
    ///
    /// The seed says which bucket anything goes to, and what is drawn; a new one at each start makes what anybody
    /// learned of the old one worthless.
    ///
    /// # Panics
    ///
    /// When `config.outbound` is not from 1 to [`OUTBOUND_MAX`].
    pub fn new(
        config: BookConfig<R::Terms>,
        now: Now,
        seed: [u8; 32],
        prefixes: Arc<PrefixTable>,
        restored: Restored<R>,
    ) -> Self {
        assert!((1..=OUTBOUND_MAX).contains(&config.outbound), "outbound places out of range");
        let mut chance = Chance::new(seed);
        let table = Table::new(Secret::new(config.network, &chance.bytes()));
        let trusted = Trusted::new(config.trusted.clone());
        let anchors = Anchors::restored(now.instant, restored.anchors);
        let mut book = Self {
            config,
            prefixes,
            chance,
            table,
            contests: Contests::default(),
            links: Links::new(),
            trusted,
            excluded: BoundedMap::new(EXCLUDED_MAX),
            exchange: Exchange::new(),
            first: anchors.all().to_vec(),
            anchors,
            views: Views::default(),
            alarms: Alarms::default(),
            notes: Notes::new(),
            agenda: Agenda { fill: Some(now.instant), ..Agenda::default() },
            failures: 0,
            filled: 0,
            looked_at: now.instant,
            is_exhausted: false,
            outputs: VecDeque::new(),
        };
        restored.kept.into_iter().for_each(|kept| book.restore(now, kept));
        book
    }

    /// Enters nobody of that identity, dials it no more and tells nobody of it: a member, who is dialled elsewhere, or
    /// somebody whom the user bans or does not list. A connection that stands is no more the book's. Beyond
    /// [`EXCLUDED_MAX`] nothing is noted; returns whether it is.
    pub fn exclude(&mut self, now: Now, peer: PeerId) -> bool {
        self.forget(&peer);
        self.links.release(&peer);
        let is_noted = self.excluded.insert(peer, ()).is_ok();
        self.is_exhausted = false;
        self.settle(now);
        is_noted
    }

    /// Treats somebody like everybody again.
    pub fn include(&mut self, peer: &PeerId) {
        self.excluded.remove(peer);
    }

    /// Counts areas by this table from now on; who is in *tried* stays where it is until it is reached again.
    pub fn know_prefixes(&mut self, now: Now, prefixes: Arc<PrefixTable>) {
        self.links.know_prefixes(&prefixes);
        self.prefixes = prefixes;
        self.is_exhausted = false;
        self.settle(now);
    }

    /// Returns up to [`ROOTS_MAX`](crate::ROOTS_MAX) records of nodes that we have reached, whose records have not
    /// ended, spread evenly over the space of ids, at most
    /// [`TRIED_PER_NETWORK_MAX`](crate::TRIED_PER_NETWORK_MAX) of one network: the roots of walks.
    ///
    /// Cost: a walk over *tried*.
    pub fn roots(&self, now: Now) -> Vec<&R> {
        self.table.roots(now.unix)
    }

    /// Takes a question from what we may ask a node, for somebody else who asks; `false` when it would take it for
    /// one too many.
    pub fn may_ask(&mut self, now: Now, peer: PeerId) -> bool {
        self.exchange.may_ask(now.instant, peer)
    }

    /// Returns the record of somebody in the tables.
    pub fn record(&self, peer: &PeerId) -> Option<&R> {
        self.table.get(peer).map(|entry| &entry.record)
    }

    /// Returns the outbound connections that the book keeps.
    pub fn outbound(&self) -> impl Iterator<Item = (PeerId, SocketAddr)> {
        self.links.outbound().map(|(peer, link)| (*peer, link.remote))
    }

    /// Returns who is dialled first after a restart.
    pub fn anchors(&self) -> &[PeerId] {
        self.anchors.all()
    }

    /// Returns the signs that stand.
    pub fn signs(&self) -> impl Iterator<Item = Reason> {
        self.alarms.all()
    }

    /// Returns whether somebody has answered a dial of ours and is in *tried*.
    pub fn is_tried(&self, peer: &PeerId) -> bool {
        self.table.get(peer).is_some_and(|entry| entry.is_tried())
    }

    /// Returns how full each collection is that can grow, with the constant that bounds it.
    ///
    /// Always the same names in the same order. Meant for the moment after a drain.
    pub fn occupancy(&self) -> impl Iterator<Item = Occupancy> + use<R> {
        let outputs = self.outputs.len();
        let outputs = Occupancy { name: "book outputs after a drain", len: outputs, limit: 0 };
        self.table
            .occupancy()
            .into_iter()
            .chain(self.links.occupancy())
            .chain(self.exchange.occupancy())
            .chain([
                self.contests.occupancy(),
                self.excluded.occupancy("excluded nodes"),
                self.notes.occupancy(),
                outputs,
            ])
    }

    /// Enters somebody who was in *tried*; into *new*, as if it had said so itself, when its place is taken: the secret
    /// is another one at each start. A record that has ended still says whom to look for where.
    fn restore(&mut self, now: Now, kept: Kept<R>) {
        let Kept { record, address, reached_at } = kept;
        let terms = &self.config.terms;
        let is_wrong = record.check(now.unix, terms).is_err_and(|fault| fault.is_an_offense());
        if is_wrong || record.prove(terms).is_err() || !record.addresses().contains(&address) {
            return;
        }
        let (peer, area) = (record.peer(), Area::of(address, &self.prefixes));
        if self.hear_proven(now, record, area) == Some(Heard::Entered) {
            let reached_at = reached_at.min(now.unix);
            self.table.reach(reached_at, &peer, (address, area));
        }
    }

    /// Checks a record and enters it, if it may be; `None` when it may not.
    fn hear(&mut self, now: Now, record: R, source: Area) -> Option<Heard> {
        record.check(now.unix, &self.config.terms).ok()?;
        record.prove(&self.config.terms).ok()?;
        self.hear_proven(now, record, source)
    }

    /// Enters a checked record, if it may be; `None` when it may not.
    fn hear_proven(&mut self, now: Now, record: R, source: Area) -> Option<Heard> {
        let peer = record.peer();
        let is_ours = peer == self.config.local || self.trusted.contains(&peer);
        if is_ours || self.excluded.contains_key(&peer) {
            return None;
        }
        let area = Area::of(*record.addresses().first()?, &self.prefixes);
        let heard = self.table.hear(now.unix, record, area, source);
        match heard {
            Heard::Entered => self.is_exhausted = false,
            Heard::Renewed if self.is_tried(&peer) => self.notes.change(peer),
            Heard::Renewed | Heard::Known | Heard::NoRoom => {}
        }
        Some(heard)
    }

    /// Takes somebody out.
    fn forget(&mut self, peer: &PeerId) {
        if self.is_tried(peer) {
            self.notes.change(*peer);
        }
        self.table.remove(peer);
        self.contests.end(peer);
    }

    /// Does all that follows from what has just happened; nothing when nothing has.
    fn settle(&mut self, now: Now) {
        self.look_for_signs(now);
        if self.change_for_signs(now) {
            // Who was given up may have been the last anchor.
            self.look_for_signs(now);
        }
        self.dial_trusted(now);
        self.fill(now);
        self.write(now.instant);
        self.arm(now);
    }

    fn write(&mut self, now: Instant) {
        while let Some(due) = self.notes.next(now) {
            let Due::Node(peer) = due else {
                let anchors = self.anchors.all().to_vec();
                self.outputs.push_back(Output::Note(Note::Anchors(anchors)));
                continue;
            };
            let entry = self.table.get(&peer).filter(|entry| entry.is_tried());
            let kept = entry.and_then(|entry| {
                let (address, reached_at) = entry.reached?;
                Some(Note::Kept(Kept { record: entry.record.clone(), address, reached_at }))
            });
            self.outputs.push_back(Output::Note(kept.unwrap_or(Note::Gone { peer })));
        }
    }

    /// When each outbound connection began.
    fn ages(&self) -> BTreeMap<PeerId, Instant> {
        self.links.outbound().map(|(peer, link)| (*peer, link.since)).collect()
    }
}

impl<R: Listed> StateMachine for Book<R> {
    type Input = Input<R>;
    type Output = Output<R>;

    fn handle_input(&mut self, now: Now, input: Input<R>) {
        match input {
            Input::Up { peer, remote, direction: Direction::Outbound } => {
                self.on_up(now, peer, remote);
            }
            Input::Up { peer, remote, direction: Direction::Inbound } => {
                // Whoever calls shows nothing: what its record says is tested by a dial of ours.
                self.links.up(peer, remote);
            }
            Input::Down { peer } => self.on_down(now, peer),
            Input::DialFailed { peer, address } => self.on_dial_failed(now, peer, address),
            Input::Learned { record, source } => {
                let source = match source {
                    Source::User => Area::Own,
                    Source::Seed(number) => Area::Seed(number),
                    Source::Node(address) => Area::of(address, &self.prefixes),
                };
                self.hear(now, record, source);
            }
            Input::Asked { from } => self.on_asked(now, from),
            Input::Told { from, records } => self.on_told(now, from, records),
            Input::Compared { round, near, apart } => self.views.end(round, &near, &apart),
        }
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Now) {
        if take_due(&mut self.agenda.sweep, now.instant) {
            let gone = self.table.sweep(now.unix);
            gone.into_iter().for_each(|peer| self.notes.change(peer));
        }
        if take_due(&mut self.agenda.feeler, now.instant) {
            self.test_somebody(now);
        }
        if take_due(&mut self.agenda.rotation, now.instant) {
            self.rotate(now);
        }
        if take_due(&mut self.agenda.round, now.instant) {
            self.ask_everybody(now);
        }
        if take_due(&mut self.agenda.comparison, now.instant) {
            self.compare(now);
        }
        self.settle(now);
    }

    fn poll_output(&mut self) -> Option<Output<R>> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wakeup> {
        let notes = self.notes.wake_at().map(|at| Wakeup { at, reason: "note" });
        let change = self.alarms.change_at().map(|at| Wakeup { at, reason: "change" });
        let anchors = self.anchors_wake_at().map(|at| Wakeup { at, reason: "anchors" });
        let trusted = self.trusted.wake_at(|peer| self.links.is_free(peer));
        let trusted = trusted.map(|at| Wakeup { at, reason: "trusted" });
        let others = [notes, change, anchors, trusted].into_iter().flatten();
        self.agenda.wakeups().chain(others).min_by_key(|wakeup| wakeup.at)
    }
}

/// What is reported of a connection that came up, for the rooms above.
pub(crate) const fn is_in_tried(reached: Reached) -> bool {
    match reached {
        Reached::Entered | Reached::Still => true,
        Reached::Contested(_) | Reached::Crowded | Reached::Unknown => false,
    }
}
