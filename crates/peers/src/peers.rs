//! The machine: commands, inputs, and what follows from them.

use alloc::collections::{BTreeSet, VecDeque};
use core::net::SocketAddr;

use ensign_primitives::{
    BoundedMap, Direction, Instant, Now, Occupancy, PeerId, StateMachine, Wakeup,
};
use ensign_wire::ADDRESSES_MAX;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::{
    CHOSEN_MAX, CONNECTED_MAX, CommandError, DialFailure, Event, Input, Output, PEERS_MAX,
    PeersConfig, Record, Restored, Why,
    addresses::{Addresses, Sighting},
    backoff,
    dialling::{Dialling, Phase},
};

/// The address book, and the dialling of everybody who is wanted.
#[derive(Debug)]
pub struct Peers {
    config: PeersConfig,
    random: ChaCha20Rng,
    book: BoundedMap<PeerId, Peer>,
    /// How many of them the application wants.
    chosen: usize,
    /// Everybody connected, wanted or not.
    connected: BoundedMap<PeerId, Connected>,
    /// Whom the user wants no connection with, whoever else wants one.
    barred: BTreeSet<PeerId>,
    /// The next round of each peer that waits for one.
    due: BTreeSet<(Instant, PeerId)>,
    outputs: VecDeque<Output>,
}

/// One peer in the address book.
#[derive(Debug, Default)]
struct Peer {
    addresses: Addresses,
    wanted: BTreeSet<Why>,
    dialling: Dialling,
}

#[derive(Clone, Copy, Debug)]
struct Connected {
    since: Instant,
    remote: SocketAddr,
}

impl Peers {
    /// Makes the machine, with what the store still knows; nobody is wanted yet.
    ///
    /// # Panics
    ///
    /// When the waits of `config` are zero or out of order.
    pub fn new(config: PeersConfig, seed: [u8; 32], restored: Restored) -> Self {
        assert!(!config.backoff_min.is_zero(), "the first wait is zero");
        assert!(config.backoff_min <= config.backoff_max, "the first wait is above the longest");
        let mut book = BoundedMap::new(PEERS_MAX);
        for (peer, seen) in restored.addresses {
            let entry = Peer { addresses: Addresses::restored(seen), ..Peer::default() };
            // What has no room is found again when it connects.
            let _ = book.insert(peer, entry);
        }
        let connected = BoundedMap::new(PEERS_MAX + CONNECTED_MAX);
        let (due, outputs) = (BTreeSet::new(), VecDeque::new());
        Self {
            config,
            random: ChaCha20Rng::from_seed(seed),
            book,
            chosen: 0,
            connected,
            barred: BTreeSet::new(),
            due,
            outputs,
        }
    }

    /// Enters addresses of a peer before those given earlier, of which the latest [`ADDRESSES_MAX`]
    /// are kept; if that changes anything and the peer is wanted, it is dialled at once.
    ///
    /// # Errors
    ///
    /// [`CommandError::BookFull`] when the peer is new and everybody in the book is wanted.
    pub fn know(&mut self, peer: PeerId, addresses: &[SocketAddr]) -> Result<(), CommandError> {
        let changes = self.entry(peer)?.addresses.give(addresses);
        if changes {
            self.try_anew(peer);
        }
        Ok(())
    }

    /// Takes what others say of where a peer is: it is dialled there after everything that is known better.
    fn hear(&mut self, peer: PeerId, addresses: &[SocketAddr]) -> Result<(), CommandError> {
        let changes = self.entry(peer)?.addresses.claim(addresses);
        if changes {
            self.try_anew(peer);
        }
        Ok(())
    }

    /// Dials a peer whose addresses have changed, if it is wanted.
    fn try_anew(&mut self, peer: PeerId) {
        let wanted = self.book.get_mut(&peer).filter(|entry| !entry.wanted.is_empty());
        let Some(entry) = wanted else { return };
        entry.dialling.failures = 0;
        if let Phase::Answer(address) = entry.dialling.phase {
            let others = entry.addresses.all().filter(|other| *other != address);
            entry.dialling.plan(others);
            self.draw_wait(peer);
        } else if !self.connected.contains_key(&peer) {
            self.begin_round(peer);
        }
    }

    /// Stays connected with a peer from now on: dials it whenever it is not, if it has an address.
    ///
    /// # Errors
    ///
    /// [`CommandError::TooManyChosen`] when the application wants [`CHOSEN_MAX`] others, and
    /// [`CommandError::BookFull`] when the peer is new and everybody in the book is wanted: never for
    /// one of [`PEERS_MAX`] less [`CHOSEN_MAX`] members.
    pub fn want(&mut self, now: Now, peer: PeerId, why: Why) -> Result<(), CommandError> {
        let (chosen, is_chosen) = (self.chosen, why == Why::Application);
        let entry = self.entry(peer)?;
        let was_wanted = !entry.wanted.is_empty();
        if is_chosen && chosen >= CHOSEN_MAX && !entry.wanted.contains(&why) {
            return Err(CommandError::TooManyChosen { limit: CHOSEN_MAX });
        }
        let is_new = entry.wanted.insert(why);
        self.chosen += usize::from(is_chosen && is_new);
        if was_wanted {
            return Ok(());
        }
        self.outputs.push_back(Output::Expect { peer });
        match self.connected.get(&peer) {
            Some(Connected { remote, .. }) => self.see(now.instant, peer, *remote),
            None => self.begin_round(peer),
        }
        Ok(())
    }

    /// Wants a peer no more for that reason; without another one, forgets it with its addresses.
    pub fn forget(&mut self, peer: PeerId, why: Why) {
        let Some(entry) = self.book.get_mut(&peer) else { return };
        if !entry.wanted.remove(&why) {
            return;
        }
        if why == Why::Formation {
            entry.addresses.claim(&[]);
        }
        let is_wanted = !entry.wanted.is_empty();
        self.chosen -= usize::from(why == Why::Application);
        if is_wanted {
            return;
        }
        self.set_phase(peer, Phase::Rest);
        self.book.remove(&peer);
        self.outputs.push_back(Output::Forget { peer });
    }

    /// Dials a peer no more, whoever wants it; takes back only what this has said. Whoever calls bounds of how
    /// many it says so.
    pub fn bar(&mut self, peer: PeerId) {
        self.barred.insert(peer);
        self.set_phase(peer, Phase::Rest);
    }

    /// Dials a barred peer again, if it is wanted.
    pub fn unbar(&mut self, peer: PeerId) {
        if self.barred.remove(&peer) {
            self.try_anew(peer);
        }
    }

    /// Returns whether somebody wants to be connected with a peer.
    pub fn is_wanted(&self, peer: &PeerId) -> bool {
        self.book.get(peer).is_some_and(|entry| !entry.wanted.is_empty())
    }

    /// Returns where a peer may be reached, in the order in which it is dialled.
    pub fn addresses(&self, peer: &PeerId) -> impl Iterator<Item = SocketAddr> {
        self.book.get(peer).into_iter().flat_map(|entry| entry.addresses.all())
    }

    /// Returns how full each collection is that can grow, with the constant that bounds it.
    ///
    /// Always the same names in the same order. Meant for the moment after a drain. Cost: a walk over
    /// the address book.
    pub fn occupancy(&self) -> impl Iterator<Item = Occupancy> + use<> {
        let fullest = |measure: fn(&Peer) -> usize| {
            self.book.iter().map(|(_, entry)| measure(entry)).max().unwrap_or(0)
        };
        let given = fullest(|entry| entry.addresses.given());
        let claimed = fullest(|entry| entry.addresses.claimed());
        let round = fullest(|entry| entry.dialling.left());
        [
            self.book.occupancy("address book"),
            Occupancy { name: "given addresses of a peer", len: given, limit: ADDRESSES_MAX },
            Occupancy { name: "claimed addresses of a peer", len: claimed, limit: ADDRESSES_MAX },
            Occupancy { name: "addresses of a round", len: round, limit: 2 * ADDRESSES_MAX + 1 },
            Occupancy { name: "chosen peers", len: self.chosen, limit: CHOSEN_MAX },
            self.connected.occupancy("connected peers"),
            Occupancy { name: "rounds that wait", len: self.due.len(), limit: PEERS_MAX },
            Occupancy { name: "dialling outputs after a drain", len: self.outputs.len(), limit: 0 },
        ]
        .into_iter()
    }

    fn entry(&mut self, peer: PeerId) -> Result<&mut Peer, CommandError> {
        if !self.book.contains_key(&peer) {
            if self.book.is_full() {
                let unwanted = self.book.iter().find(|(_, entry)| entry.wanted.is_empty());
                let unwanted = unwanted.map(|(peer, _)| *peer);
                unwanted.map(|peer| self.book.remove(&peer));
            }
            let _ = self.book.insert(peer, Peer::default());
        }
        self.book.get_mut(&peer).ok_or(CommandError::BookFull { limit: PEERS_MAX })
    }

    fn on_up(&mut self, now: Instant, peer: PeerId, (remote, direction): (SocketAddr, Direction)) {
        let is_wanted = self.is_wanted(&peer);
        if direction == Direction::Outbound && !is_wanted {
            // Its dial was under way when it was forgotten.
            self.outputs.push_back(Output::Forget { peer });
        }
        if is_wanted || self.connected.len() < CONNECTED_MAX {
            // The map has room for everybody who is wanted besides; others are not kept in mind.
            let _ = self.connected.insert(peer, Connected { since: now, remote });
        }
        self.set_phase(peer, Phase::Rest);
        if let Some(entry) = self.book.get_mut(&peer) {
            entry.dialling.end_round();
        }
        self.see(now, peer, remote);
    }

    fn see(&mut self, now: Instant, peer: PeerId, remote: SocketAddr) {
        let entry = self.book.get_mut(&peer).filter(|entry| !entry.wanted.is_empty());
        if entry.is_some_and(|entry| entry.addresses.see(now, remote) == Sighting::Due) {
            self.outputs.push_back(Output::Note(Record::Address { peer, address: remote }));
        }
    }

    fn on_down(&mut self, now: Instant, peer: PeerId) {
        let Some(connected) = self.connected.remove(&peer) else { return };
        let wanted = self.book.get_mut(&peer).filter(|entry| !entry.wanted.is_empty());
        let Some(entry) = wanted else { return };
        if now.since(connected.since) >= self.config.backoff_max {
            entry.dialling.failures = 0;
        }
        self.draw_wait(peer);
        self.wait(now, peer);
    }

    fn on_dial_failed(
        &mut self,
        now: Instant,
        (peer, address): (PeerId, SocketAddr),
        why: DialFailure,
    ) {
        let Some(entry) = self.book.get_mut(&peer) else { return };
        if entry.dialling.phase != Phase::Answer(address) {
            return;
        }
        if why == DialFailure::Duplicate {
            entry.dialling.end_round();
            return self.wait(now.after(self.config.duplicate_wait), peer);
        }
        let retry_in = entry.dialling.wait;
        self.outputs.push_back(Output::Event(Event::DialFailed { peer, address, why, retry_in }));
        if !self.dial_next(peer) {
            self.wait(now, peer);
        }
    }

    /// Tries every address of a peer, from the first.
    fn begin_round(&mut self, peer: PeerId) {
        let Some(entry) = self.book.get_mut(&peer) else { return };
        entry.dialling.plan(entry.addresses.all());
        if entry.dialling.left() == 0 || self.barred.contains(&peer) {
            return self.set_phase(peer, Phase::Rest);
        }
        self.draw_wait(peer);
        self.dial_next(peer);
    }

    /// Dials the next address of the round, if there is one.
    fn dial_next(&mut self, peer: PeerId) -> bool {
        let next = self.book.get_mut(&peer).and_then(|entry| entry.dialling.next());
        let Some(address) = next else { return false };
        self.set_phase(peer, Phase::Answer(address));
        self.outputs.push_back(Output::Dial { peer, address });
        true
    }

    /// Draws how long to wait after what happens now.
    fn draw_wait(&mut self, peer: PeerId) {
        let Some(entry) = self.book.get_mut(&peer) else { return };
        let failures = entry.dialling.failures;
        entry.dialling.wait = backoff::wait(&self.config, failures, &mut self.random);
    }

    /// Lets a peer rest for the wait that was drawn, counted from `since`.
    fn wait(&mut self, since: Instant, peer: PeerId) {
        let Some(entry) = self.book.get_mut(&peer) else { return };
        entry.dialling.failures = entry.dialling.failures.saturating_add(1);
        let until = since.after(entry.dialling.wait);
        self.set_phase(peer, Phase::Round(until));
    }

    /// The only place where a phase changes, so that `due` stays true to it.
    fn set_phase(&mut self, peer: PeerId, phase: Phase) {
        let Some(entry) = self.book.get_mut(&peer) else { return };
        // A wait would end in a dial.
        let phase = if self.barred.contains(&peer) { Phase::Rest } else { phase };
        if let Phase::Round(at) = entry.dialling.phase {
            self.due.remove(&(at, peer));
        }
        if let Phase::Round(at) = phase {
            self.due.insert((at, peer));
        }
        entry.dialling.phase = phase;
    }
}

impl StateMachine for Peers {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Now, input: Input) {
        match input {
            Input::Up { peer, remote, direction } => {
                self.on_up(now.instant, peer, (remote, direction));
            }
            Input::Down { peer } => self.on_down(now.instant, peer),
            Input::DialFailed { peer, address, why } => {
                self.on_dial_failed(now.instant, (peer, address), why);
            }
            Input::Want { peer, addresses, why } => {
                // Members and the application are named by our user, a roster by who invites.
                let _ = match why {
                    Why::Formation => self.hear(peer, &addresses),
                    Why::Member | Why::Application => self.know(peer, &addresses),
                };
                let _ = self.want(now, peer, why);
            }
            Input::Found { peer, addresses } => {
                if self.is_wanted(&peer) {
                    let _ = self.hear(peer, &addresses);
                }
            }
            Input::Forget { peer, why } => self.forget(peer, why),
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        while let Some((at, peer)) = self.due.first().copied().filter(|(at, _)| *at <= now.instant)
        {
            self.due.remove(&(at, peer));
            self.begin_round(peer);
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wakeup> {
        self.due.first().map(|(at, _)| Wakeup { at: *at, reason: "dial" })
    }
}
