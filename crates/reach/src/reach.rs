//! The machine.

use alloc::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    vec::Vec,
};
use core::net::SocketAddr;

use ensign_book::Area;
use ensign_diversity::PrefixTable;
use ensign_primitives::{Instant, Now, Occupancy, PeerId, StateMachine, Wakeup};
use ensign_wire::{DialBackAsk, DialBackNonce, DialBackOutcome, DialBackRefusal, DialBackTold};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use crate::{
    ANSWER_TIMEOUT, Announce, CANDIDATES_MAX, FAVOUR_PORT_MIN, HELPERS_MAX, Input, LATE_MAX,
    Offense, Output, REFRESHED, ReachConfig, Status, Verdict,
    favours::Favours,
    observers::Observers,
    trials::{Basis, Trial, sync},
};

/// A node that we have dialled, which can be asked.
#[derive(Clone, Copy, Debug)]
struct Helper {
    remote: SocketAddr,
    area: Area,
    /// Where it sees us: elsewhere it dials nobody for us.
    seen: Option<SocketAddr>,
}

/// The one question that is open.
#[derive(Clone, Copy, Debug)]
struct Question {
    to: PeerId,
    nonce: DialBackNonce,
    address: SocketAddr,
    until: Instant,
}

/// Where a node is seen, and whether it is reached there.
#[derive(Debug)]
pub struct Reach {
    config: ReachConfig,
    prefixes: Arc<PrefixTable>,
    observers: Observers,
    helpers: BTreeMap<PeerId, Helper>,
    trials: Vec<Trial>,
    question: Option<Question>,
    /// Questions that have ended without their answer.
    late: VecDeque<(PeerId, DialBackNonce)>,
    favours: Favours,
    /// What was announced last.
    announced: Vec<SocketAddr>,
    /// What was judged last.
    verdict: Verdict,
    /// Whether nothing came since a round ended: then waiting brings nothing new.
    is_quiet: bool,
    random: ChaCha20Rng,
    outputs: VecDeque<Output>,
}

impl Reach {
    /// Makes a node that has met nobody.
    ///
    /// - `seed`: of the operating system's entropy; nonces are drawn from it.
    pub fn new(config: ReachConfig, seed: [u8; 32], now: Now, prefixes: Arc<PrefixTable>) -> Self {
        let mut config = config;
        let scope = config.scope;
        // What others cannot reach is named for others than those of the open network.
        config.given.retain(|it| scope.allows(it.ip()) && it.port() > 0);
        let mut reach = Self {
            config,
            prefixes,
            observers: Observers::default(),
            helpers: BTreeMap::new(),
            trials: Vec::new(),
            question: None,
            late: VecDeque::new(),
            favours: Favours::new(),
            announced: Vec::new(),
            verdict: Verdict::Untested,
            is_quiet: false,
            random: ChaCha20Rng::from_seed(seed),
            outputs: VecDeque::new(),
        };
        reach.announced = reach.to_announce();
        reach.step(now.instant);
        // Nobody waits for what it is at the beginning.
        reach.outputs.clear();
        reach
    }

    /// Returns where others reach us, as far as that may be said.
    pub fn announced(&self) -> &[SocketAddr] {
        &self.announced
    }

    /// Learns who announces which addresses.
    pub fn know_prefixes(&mut self, prefixes: Arc<PrefixTable>) {
        for helper in self.helpers.values_mut() {
            helper.area = Area::of(helper.remote, &prefixes);
        }
        self.prefixes = prefixes;
    }

    /// Something came from anybody: what waits for that goes on.
    pub const fn heard(&mut self) {
        self.is_quiet = false;
    }

    /// Returns one look at all of it.
    pub fn status(&self, now: Now) -> Status {
        let is_given = !self.config.given.is_empty();
        let tested = self.trials.iter().map(|it| it.status(now.instant)).collect();
        let (verdict, port) = (self.verdict, self.port());
        Status { verdict, is_given, port, seen: self.observers.seen(), tested }
    }

    fn verdict(&self) -> Verdict {
        if self.config.announce == Announce::Nothing {
            Verdict::Unwanted
        } else if self.trials.iter().any(Trial::is_reached) {
            Verdict::Reached
        } else if self.trials.iter().any(Trial::is_in_vain) {
            Verdict::Unreached
        } else if !self.announced.is_empty() {
            Verdict::Untested
        } else if self.trials.is_empty() {
            Verdict::Unseen
        } else {
            Verdict::Testing
        }
    }

    /// Returns how full each collection is that can grow, with the constant that bounds it.
    pub fn occupancy(&self) -> impl Iterator<Item = Occupancy> + use<> {
        let of = |name, len, limit| Occupancy { name, len, limit };
        let own = [
            of("nodes that may dial back", self.helpers.len(), HELPERS_MAX),
            of("addresses tested", self.trials.len(), CANDIDATES_MAX),
            of("late dial backs", self.late.len(), LATE_MAX),
            of("reach outputs after a drain", self.outputs.len(), 0),
            self.observers.occupancy(),
        ];
        own.into_iter().chain(self.favours.occupancy())
    }

    fn area(&self, address: SocketAddr) -> Area {
        Area::of(address, &self.prefixes)
    }

    fn port(&self) -> Option<u16> {
        self.config.listening.iter().map(SocketAddr::port).find(|port| *port > 0)
    }

    /// What may be said now.
    fn to_announce(&self) -> Vec<SocketAddr> {
        let ReachConfig { scope, given, listening, announce } = &self.config;
        let allowed = |all: &[SocketAddr]| {
            all.iter().copied().filter(|it| scope.allows(it.ip()) && it.port() > 0).collect()
        };
        match announce {
            Announce::Nothing => Vec::new(),
            _ if !given.is_empty() => given.clone(),
            Announce::Listening => allowed(listening),
            Announce::Tested => {
                let reached = self.trials.iter().filter(|it| it.is_reached());
                reached.map(|it| it.address).collect()
            }
        }
    }

    /// What is to be tested: what our user names, else our own interfaces, and where others see us, at the port on which
    /// we listen and at the one that they see.
    fn candidates(&self) -> Vec<(SocketAddr, Basis)> {
        let ReachConfig { scope, given, listening, announce } = &self.config;
        if *announce != Announce::Tested {
            return Vec::new();
        }
        let named = if given.is_empty() { listening } else { given };
        let mut all: Vec<_> = named.iter().map(|it| (*it, Basis::Own)).collect();
        if given.is_empty() {
            for (ip, port) in self.observers.believed() {
                let ports = self.port().into_iter().chain(port);
                all.extend(ports.map(|port| (SocketAddr::new(ip, port), Basis::Seen)));
            }
        }
        let mut wanted: Vec<(SocketAddr, Basis)> = Vec::new();
        for it in all {
            let is_fit = scope.allows(it.0.ip()) && it.0.port() >= FAVOUR_PORT_MIN;
            if is_fit && wanted.iter().all(|(other, _)| *other != it.0) {
                wanted.push(it);
            }
        }
        wanted.truncate(CANDIDATES_MAX);
        wanted
    }

    fn on_met(
        &mut self,
        now: Instant,
        peer: PeerId,
        (remote, seen): (SocketAddr, Option<SocketAddr>),
    ) {
        let area = self.area(remote);
        let seen = seen.map(|it| SocketAddr::new(it.ip().to_canonical(), it.port()));
        if let Some(seen) = seen.filter(|it| self.config.scope.allows(it.ip()) && it.port() > 0) {
            self.observers.hear(area, seen);
        }
        // One of each area: nobody fills the list with his own.
        let has_area = self.helpers.iter().any(|(other, it)| it.area == area && *other != peer);
        let has_room = self.helpers.len() < HELPERS_MAX || self.helpers.contains_key(&peer);
        if has_area || !has_room {
            return;
        }
        self.helpers.insert(peer, Helper { remote, area, seen });
        let prefixes = &self.prefixes;
        for trial in &mut self.trials {
            if seen.is_some_and(|seen| seen.ip() == trial.address.ip()) {
                trial.meet(now, area, Area::of(trial.address, prefixes));
            }
        }
    }

    fn on_asked(&mut self, now: Instant, (from, remote): (PeerId, SocketAddr), ask: DialBackAsk) {
        let begun = if self.config.announce == Announce::Nothing {
            Err(DialBackRefusal::Unwilling)
        } else {
            let area = self.area(remote);
            self.favours.begin(now, (from, remote, area), ask, self.config.scope)
        };
        let DialBackAsk { nonce, address } = ask;
        self.outputs.push_back(match begun {
            Ok(()) => Output::DialBack { peer: from, address, nonce },
            Err(why) => {
                let outcome = DialBackOutcome::Refused(why);
                Output::Tell { to: from, told: DialBackTold { nonce, outcome } }
            }
        });
    }

    fn on_told(&mut self, from: PeerId, told: DialBackTold) {
        let DialBackTold { nonce, outcome } = told;
        if let Some(place) = self.late.iter().position(|it| *it == (from, nonce)) {
            self.late.remove(place);
            return;
        }
        let Some(question) = self.question.filter(|it| (it.to, it.nonce) == (from, nonce)) else {
            let offense = Offense::Unasked;
            return self.outputs.push_back(Output::Offense { peer: from, offense });
        };
        if outcome == DialBackOutcome::Reached {
            // What counts is what came; it may be on its way.
            return;
        }
        self.question = None;
        if let Some(trial) = self.trials.iter_mut().find(|it| it.address == question.address) {
            trial.told(Some(outcome));
        }
    }

    /// Somebody came: it counts if it brings what one node alone was told, and not from where that node is connected.
    fn on_dialled_back(&mut self, now: Instant, remote: SocketAddr, nonce: DialBackNonce) {
        let Some(question) = self.question.filter(|it| it.nonce == nonce) else { return };
        let Some(helper) = self.helpers.get(&question.to).copied() else { return };
        if helper.remote == remote {
            return;
        }
        self.end_question(question);
        if let Some(trial) = self.trials.iter_mut().find(|it| it.address == question.address) {
            trial.came(now, question.to, helper.area);
        }
    }

    /// The question is over, and its answer may come yet.
    fn end_question(&mut self, question: Question) {
        self.question = None;
        self.late.push_back((question.to, question.nonce));
        if self.late.len() > LATE_MAX {
            self.late.pop_front();
        }
    }

    /// Asks whoever can be asked for what is due, and says what follows.
    fn step(&mut self, now: Instant) {
        let wanted = self.candidates();
        sync(&mut self.trials, now, &wanted);
        let is_tested = |address| wanted.iter().any(|(it, _)| *it == address);
        if let Some(question) = self.question.filter(|it| !is_tested(it.address)) {
            self.end_question(question);
        }
        self.close_rounds(now, false);
        if self.question.is_none() && !self.ask_somebody(now) {
            self.close_rounds(now, true);
        }
        let announced = self.to_announce();
        if announced != self.announced {
            self.announced = announced;
            self.outputs.push_back(Output::Changed);
        }
        let verdict = self.verdict();
        if verdict != self.verdict {
            self.verdict = verdict;
            self.outputs.push_back(Output::Judged(verdict));
        }
    }

    fn close_rounds(&mut self, now: Instant, is_over: bool) {
        let mut lost = Vec::new();
        for trial in &mut self.trials {
            let was_reached = trial.is_reached();
            if trial.close(now, is_over) {
                self.is_quiet = true;
                lost.extend((was_reached && !trial.is_reached()).then(|| trial.address.ip()));
            }
        }
        // Connections that stood through a change still say where we were.
        for ip in lost {
            self.observers.forget(ip);
            let seen = |it: &Helper| it.seen.is_some_and(|seen| seen.ip() == ip);
            let old = self.helpers.iter().filter(|(_, it)| seen(it)).take(REFRESHED);
            self.outputs.extend(old.map(|(peer, _)| Output::Refresh { peer: *peer }));
        }
    }

    /// Returns whether a question is open now.
    fn ask_somebody(&mut self, now: Instant) -> bool {
        for place in 0..self.trials.len() {
            let Some(trial) = self.trials.get_mut(place) else { break };
            if !trial.runs(now) {
                continue;
            }
            let (address, own) = (trial.address, Area::of(trial.address, &self.prefixes));
            let sees_us_there =
                |it: &Helper| it.seen.is_some_and(|seen| seen.ip() == address.ip().to_canonical());
            let fit = self.helpers.iter().filter(|(_, it)| sees_us_there(it));
            let fit: Vec<_> = fit.filter(|(_, it)| trial.may_ask(it.area, own)).collect();
            if fit.is_empty() {
                continue;
            }
            let chosen = self.random.next_u32() as usize % fit.len();
            let Some((to, area)) = fit.get(chosen).map(|(to, it)| (**to, it.area)) else {
                continue;
            };
            trial.ask(area);
            let mut nonce = DialBackNonce([0; 16]);
            self.random.fill_bytes(&mut nonce.0);
            let until = now.after(ANSWER_TIMEOUT);
            self.question = Some(Question { to, nonce, address, until });
            self.outputs.push_back(Output::Ask { to, ask: DialBackAsk { nonce, address } });
            return true;
        }
        false
    }
}

impl StateMachine for Reach {
    type Input = Input;
    type Output = Output;

    fn handle_input(&mut self, now: Now, input: Input) {
        self.is_quiet = false;
        let at = now.instant;
        match input {
            Input::Met { peer, remote, seen } => self.on_met(at, peer, (remote, seen)),
            Input::Left { peer } => {
                self.helpers.remove(&peer);
                if let Some(question) = self.question.filter(|it| it.to == peer) {
                    self.end_question(question);
                }
            }
            Input::Asked { from, remote, ask } => self.on_asked(at, (from, remote), ask),
            Input::Dialled { peer, is_reached } => {
                if let Some(nonce) = self.favours.end(&peer) {
                    self.tell(peer, nonce, is_reached);
                }
            }
            Input::Told { from, told } => self.on_told(from, told),
            Input::DialledBack { remote, nonce } => self.on_dialled_back(at, remote, nonce),
        }
        self.step(at);
    }

    fn handle_timeout(&mut self, now: Now) {
        if self.poll_timeout().is_none_or(|wakeup| wakeup.at > now.instant) {
            return;
        }
        for (peer, nonce) in self.favours.take_overdue(now.instant) {
            self.tell(peer, nonce, false);
        }
        if let Some(question) = self.question.filter(|it| it.until <= now.instant) {
            self.end_question(question);
        }
        self.step(now.instant);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wakeup> {
        let rounds = self.trials.iter().map(Trial::next_at).min();
        let rounds = rounds.filter(|_| !self.is_quiet && !self.helpers.is_empty());
        let trials = self.question.map_or(rounds, |question| Some(question.until));
        let own = [(trials, "a dial back"), (self.favours.next_at(), "a dial for somebody else")];
        own.into_iter().filter_map(|(at, reason)| Some(Wakeup { at: at?, reason })).min()
    }
}

impl Reach {
    fn tell(&mut self, to: PeerId, nonce: DialBackNonce, is_reached: bool) {
        let outcome =
            if is_reached { DialBackOutcome::Reached } else { DialBackOutcome::Unreached };
        self.outputs.push_back(Output::Tell { to, told: DialBackTold { nonce, outcome } });
    }
}
