//! One node: its machine, and what the kernel plays for it: transport, disk, clocks, entropy, person.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use ensign_engine::{Engine, EngineConfig, Event, Input, Output, Proposal, Restored};
use ensign_musig::NonceEntropy;
use ensign_primitives::{Instant, RequestId, SessionId, StateMachine, sha256};
use ensign_session::Entropy;
use ensign_wire::{AbortReason, Header, KeyTweak, Kind, Message, TxType};

mod disk;
mod person;
mod transport;

use self::{
    disk::Disk,
    person::Person,
    transport::{Change, Transport},
};
use crate::{
    NETWORK, NodeIndex, Seen, Sight,
    actor::Actor,
    cast::address,
    clock::Clock,
    event::{Entry, Key, Outbox, Packet, What, Wish},
    plan::{CrashPoint, Intent, Plan},
    random::Random,
    trace::Trace,
};

/// How long a person waits before proposing again what ended without a signature.
const PATIENCE: Duration = Duration::from_secs(2);

/// One node.
#[derive(Debug)]
pub(crate) struct Host {
    node: NodeIndex,
    /// Its machine while its process runs.
    actor: Option<Actor>,
    /// How often its process has started.
    boot: u32,
    clock: Clock,
    /// For everything around the machine.
    random: Random,
    /// For nonces: what the operating system gives.
    entropy: Random,
    transport: Transport,
    disk: Disk,
    person: Person,
    /// When the next timer event is in the queue.
    timer: Option<Instant>,
    /// Events that wait for the processor.
    inbox: VecDeque<What>,
    busy_until: Instant,
    crash_point: Option<CrashPoint>,
    boundaries: u32,
    next_event: u64,
    next_sight: u64,
    trace: Trace,
    pub(crate) handled: u64,
}

/// What a host may touch while it handles one event.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pub(crate) env: &'a Plan,
    pub(crate) now: Instant,
    /// When what it sends leaves: later than now when the processor is slow.
    depart: Instant,
    node: NodeIndex,
    boot: u32,
    random: &'a mut Random,
    next_event: &'a mut u64,
    out: &'a mut Outbox,
}

impl Turn<'_> {
    fn event(&mut self, node: NodeIndex, at: Instant, what: What) {
        let key = Key { at, cause: self.node, number: *self.next_event };
        *self.next_event += 1;
        self.out.events.push(Entry { key, node, what });
    }

    fn later(&mut self, at: Instant, what: What) {
        self.event(self.node, at, what);
    }

    fn to(&mut self, peer: NodeIndex, at: Instant, packet: Packet) {
        let from = self.node;
        self.event(peer, at, What::Packet { from, packet });
    }
}

/// Borrows the parts of a host that a turn needs, beside the part it calls.
macro_rules! turn {
    ($host:expr, $env:expr, $now:expr, $out:expr) => {
        Turn {
            env: $env,
            now: $now,
            depart: $host.busy_until.max($now),
            node: $host.node,
            boot: $host.boot,
            random: &mut $host.random,
            next_event: &mut $host.next_event,
            out: $out,
        }
    };
}

impl Host {
    pub(crate) fn new(plan: &Plan, node: NodeIndex) -> Self {
        let mut random = Random::new(plan.seed, "host", node.0.into());
        Self {
            node,
            actor: None,
            boot: 0,
            clock: Clock::draw(&mut random, &plan.scenario.clock),
            entropy: Random::new(plan.seed, "entropy", node.0.into()),
            random,
            transport: Transport::default(),
            disk: Disk::default(),
            person: Person::default(),
            timer: None,
            inbox: VecDeque::new(),
            busy_until: Instant::from_micros(0),
            crash_point: plan.crash_point(node),
            boundaries: 0,
            next_event: 0,
            next_sight: 0,
            trace: Trace::default(),
            handled: 0,
        }
    }

    /// The digest of everything this node did and met.
    pub(crate) fn digest(&mut self) -> [u8; 32] {
        self.trace.digest()
    }

    /// Handles one event, now or when the processor has time.
    pub(crate) fn handle(&mut self, env: &Plan, now: Instant, what: What, out: &mut Outbox) {
        let needs_time = matches!(
            what,
            What::Packet { .. } | What::Timer | What::Written { .. } | What::Person(_)
        );
        if let What::Free = what {
            if let Some(what) = self.inbox.pop_front() {
                self.act(env, now, what, out);
            }
            self.ask_for_time(env, now, out);
        } else if needs_time && (self.busy_until > now || !self.inbox.is_empty()) {
            if self.inbox.is_empty() {
                let at = self.busy_until;
                turn!(self, env, now, out).later(at, What::Free);
            }
            self.inbox.push_back(what);
        } else {
            self.act(env, now, what, out);
        }
    }

    fn ask_for_time(&mut self, env: &Plan, now: Instant, out: &mut Outbox) {
        if !self.inbox.is_empty() {
            let at = self.busy_until.max(now);
            turn!(self, env, now, out).later(at, What::Free);
        }
    }

    fn act(&mut self, env: &Plan, now: Instant, what: What, out: &mut Outbox) {
        if self.actor.is_none() && !matches!(what, What::Start | What::Person(_)) {
            return;
        }
        self.handled += 1;
        match what {
            What::Start => self.start(env, now, out),
            What::Crash => self.crash(env, now, out),
            What::Stop => self.stop(env, now, out),
            What::Packet { from, packet } => self.on_packet(env, now, (from, packet), out),
            What::Timer => self.on_timer(env, now, out),
            What::Written { boot } if boot == self.boot => {
                if let Some((token, record)) = self.disk.on_written() {
                    self.see(now, out, Seen::Durable { record });
                    self.feed(env, now, Input::Persisted { token }, out);
                }
            }
            What::Dial { peer, boot } if boot == self.boot => {
                self.transport.dial(&mut turn!(self, env, now, out), peer);
            }
            What::Written { .. } | What::Dial { .. } | What::Free => {}
            What::DialTimeout { peer, conn } => {
                self.transport.on_dial_timeout(&mut turn!(self, env, now, out), peer, conn);
            }
            What::Silence { peer, conn } => {
                let changes = self.transport.lose(&mut turn!(self, env, now, out), peer, conn);
                self.apply(env, now, changes, out);
            }
            What::Idle { peer, conn } => {
                let changes = self.transport.on_idle(&mut turn!(self, env, now, out), peer, conn);
                self.apply(env, now, changes, out);
            }
            What::Break => {
                if let Some(peer) = self.transport.draw_victim(&mut self.random)
                    && self.transport.close(&mut turn!(self, env, now, out), peer)
                {
                    self.apply(env, now, vec![Change::Down(peer)], out);
                }
            }
            What::PathsChanged => {
                self.transport.on_paths_changed(&mut turn!(self, env, now, out));
            }
            What::Person(wish) => self.on_wish(env, now, wish, out),
        }
    }

    /// Starts the process: from its journal, with its groups, with what its person still wants.
    fn start(&mut self, env: &Plan, now: Instant, out: &mut Outbox) {
        if self.actor.is_some() {
            return;
        }
        let Some(person) = env.cast.person(self.node) else { return };
        self.boot += 1;
        let (boot, records) = (self.boot, self.disk.len());
        self.see(now, out, Seen::Started { boot, records });
        let config = EngineConfig {
            network: NETWORK,
            listening: vec![address(self.node)],
            timeouts: env.timeouts,
        };
        let engine = Engine::new(config, person.keys.clone());
        self.actor = Some(Actor::new(engine, env, self.node, self.boot));
        let Restored { open, ended } = Restored::from_records(self.disk.records());
        let group = env.cast.group_of(self.node).map(|group| group.config.clone());
        let moment = self.clock.read(now);
        self.command(env, now, out, |engine| {
            for (id, group, ending) in ended {
                engine.remember_ended(id, group, ending);
            }
            group.map_or(Ok(()), |group| engine.add_group(group).map(drop))
        });
        for open in open {
            self.command(env, now, out, |engine| {
                engine.resume(moment, open.request, open.payload, open.attempts).map(drop)
            });
        }
        for peer in env.overlay(self.node) {
            self.transport.want(&mut turn!(self, env, now, out), peer);
        }
        if self.boot > 1 {
            let engine = self.actor.as_ref().map(Actor::engine);
            let is_open = |id: &RequestId| engine.is_some_and(|it| it.request(id).is_some());
            for intent in self.person.forgotten(is_open) {
                let at = now.after(PATIENCE);
                turn!(self, env, now, out).later(at, What::Person(Wish::Propose { intent }));
            }
        }
    }

    fn crash(&mut self, env: &Plan, now: Instant, out: &mut Outbox) {
        let (pending, survived) = self.disk.tear(&mut self.random);
        self.see(now, out, Seen::Crashed { pending, survived });
        self.transport.die(&mut turn!(self, env, now, out));
        self.end_process(env, now, out);
    }

    fn stop(&mut self, env: &Plan, now: Instant, out: &mut Outbox) {
        self.disk.flush();
        self.see(now, out, Seen::Stopped);
        let peers: Vec<_> = self.transport.up().map(|(peer, _)| peer).collect();
        for peer in peers {
            self.transport.close(&mut turn!(self, env, now, out), peer);
        }
        self.transport.reset();
        self.end_process(env, now, out);
    }

    fn end_process(&mut self, env: &Plan, now: Instant, out: &mut Outbox) {
        self.actor = None;
        self.timer = None;
        self.inbox.clear();
        self.busy_until = now;
        let downtime = self.random.within(env.scenario.faults.downtime);
        turn!(self, env, now, out).later(now.after(downtime), What::Start);
    }

    fn on_packet(
        &mut self,
        env: &Plan,
        now: Instant,
        (from, packet): (NodeIndex, Packet),
        out: &mut Outbox,
    ) {
        if let Packet::Frame { conn, frame } = &packet
            && self.transport.knows(from, *conn)
        {
            return self.on_frame(env, now, (from, frame), out);
        }
        let changes = self.transport.on_packet(&mut turn!(self, env, now, out), from, &packet);
        self.apply(env, now, changes, out);
    }

    fn on_frame(
        &mut self,
        env: &Plan,
        now: Instant,
        (from, frame): (NodeIndex, &Arc<[u8]>),
        out: &mut Outbox,
    ) {
        let header = Header::decode(frame).ok().flatten();
        let kind = header.map(|header| header.kind);
        self.see(now, out, Seen::Received { from, kind, frame: Arc::clone(frame) });
        let body = header.and_then(|header| frame.get(header.header_len..));
        let (Some(kind), Some(body)) = (kind, body) else {
            // As the transport does with a header that cannot be read.
            if self.transport.close(&mut turn!(self, env, now, out), from) {
                self.apply(env, now, vec![Change::Down(from)], out);
            }
            return;
        };
        let Some(person) = env.cast.person(from) else { return };
        self.spend(env, now, kind);
        self.feed(env, now, Input::Frame { peer: person.peer, kind, body: body.to_vec() }, out);
    }

    /// What handling a frame costs: envelopes are verified, announcements more than that.
    fn spend(&mut self, env: &Plan, now: Instant, kind: Kind) {
        let cpu = env.scenario.cpu;
        let operations = match kind {
            Kind::Hello | Kind::Ping | Kind::Pong | Kind::Payload => 0,
            Kind::SessionAnnounce | Kind::SessionJoin | Kind::SignatureFinalized => 3,
            Kind::SessionReady
            | Kind::NonceShare
            | Kind::NonceAck
            | Kind::NoncesComplete
            | Kind::PartialSigShare
            | Kind::PartialSigAck
            | Kind::PartialSigsComplete
            | Kind::SessionAbort
            | Kind::ValidationError => 1,
        };
        self.busy_until = self.busy_until.max(now).after(cpu.message + cpu.curve * operations);
    }

    fn apply(&mut self, env: &Plan, now: Instant, changes: Vec<Change>, out: &mut Outbox) {
        for change in changes {
            let (peer, input, seen) = match change {
                Change::Up(peer) => {
                    let Some(person) = env.cast.person(peer) else { continue };
                    let input = Input::Connected { peer: person.peer, remote: address(peer) };
                    (peer, input, Seen::Connected { peer })
                }
                Change::Down(peer) => {
                    let Some(person) = env.cast.person(peer) else { continue };
                    let input = Input::Disconnected { peer: person.peer };
                    (peer, input, Seen::Disconnected { peer })
                }
            };
            debug_assert_eq!(matches!(input, Input::Connected { .. }), self.transport.is_up(peer));
            self.see(now, out, seen);
            self.feed(env, now, input, out);
        }
    }

    fn on_timer(&mut self, env: &Plan, now: Instant, out: &mut Outbox) {
        if self.timer.is_none_or(|at| at > now) {
            return;
        }
        self.timer = None;
        let moment = self.clock.read(now);
        let due = self.actor.as_ref().and_then(Actor::poll_timeout);
        if let Some(wakeup) = due.filter(|wakeup| wakeup.at <= moment.instant) {
            self.see(now, out, Seen::Woke { reason: wakeup.reason });
        }
        if let Some(actor) = &mut self.actor {
            actor.handle_timeout(moment);
        }
        self.drain(env, now, out);
    }

    fn feed(&mut self, env: &Plan, now: Instant, input: Input, out: &mut Outbox) {
        let moment = self.clock.read(now);
        if let Some(actor) = &mut self.actor {
            actor.handle_input(moment, input);
        }
        self.drain(env, now, out);
    }

    fn command(
        &mut self,
        env: &Plan,
        now: Instant,
        out: &mut Outbox,
        command: impl FnOnce(&mut Engine) -> Result<(), ensign_engine::CommandError>,
    ) -> bool {
        let moment = self.clock.read(now);
        let Some(actor) = &mut self.actor else { return false };
        let result = actor.command(moment, command);
        let done = result.is_ok();
        if let Err(why) = result {
            self.see(now, out, Seen::Refused { why });
        }
        self.drain(env, now, out);
        done
    }

    /// Carries out what the machine asks for until it asks for nothing; then sets its alarm.
    fn drain(&mut self, env: &Plan, now: Instant, out: &mut Outbox) {
        loop {
            let mut drawn = Vec::new();
            while let Some(output) = self.actor.as_mut().and_then(Actor::poll_output) {
                if let Output::NeedEntropy { session, nonces } = output {
                    self.see(now, out, Seen::Drew { session, nonces });
                    drawn.push((session, nonces));
                } else {
                    self.carry_out(env, now, output, out);
                }
            }
            if drawn.is_empty() || self.actor.is_none() {
                break;
            }
            for (session, nonces) in drawn {
                let input = self.entropy_for(session, nonces);
                let moment = self.clock.read(now);
                if let Some(actor) = &mut self.actor {
                    actor.handle_input(moment, input);
                }
            }
        }
        self.check_bounds(now, out);
        self.set_alarm(env, now, out);
    }

    fn entropy_for(&mut self, session: SessionId, nonces: usize) -> Input {
        let drawn = (0..nonces).filter_map(|_| NonceEntropy::new(self.entropy.bytes()).ok());
        let nonces = drawn.collect();
        let entropy = Entropy { nonces, salt: self.entropy.bytes() };
        Input::Entropy { session, entropy }
    }

    fn set_alarm(&mut self, env: &Plan, now: Instant, out: &mut Outbox) {
        let Some(wakeup) = self.actor.as_ref().and_then(Actor::poll_timeout) else { return };
        let at = self.clock.when(wakeup.at).max(now);
        if self.timer.is_none_or(|known| at < known || known < now) {
            self.timer = Some(at);
            turn!(self, env, now, out).later(at, What::Timer);
        }
    }

    fn check_bounds(&mut self, now: Instant, out: &mut Outbox) {
        let Some(actor) = &self.actor else { return };
        let over = actor.engine().occupancy().into_iter().find(|it| it.len > it.limit);
        if let Some(over) = over {
            let seen = Seen::Overfull { name: over.name, len: over.len, limit: over.limit };
            self.see(now, out, seen);
        }
    }

    fn carry_out(&mut self, env: &Plan, now: Instant, output: Output, out: &mut Outbox) {
        match output {
            Output::Send { peer, kind, frame } => {
                if self.dies_here(env, now, kind != Kind::Hello, out) {
                    return;
                }
                if let Some(to) = env.cast.node(&peer) {
                    self.send(env, now, (to, kind, frame), out);
                }
                self.dies_after(env, now, kind != Kind::Hello, out);
            }
            Output::Persist { token, record } => {
                if self.dies_here(env, now, true, out) {
                    return;
                }
                let record = Arc::new(record);
                self.see(now, out, Seen::Persist { record: Arc::clone(&record) });
                self.disk.write(&mut turn!(self, env, now, out), token, record);
                self.dies_after(env, now, true, out);
            }
            Output::Connect { peer } => {
                if let Some(peer) = env.cast.node(&peer) {
                    self.transport.want(&mut turn!(self, env, now, out), peer);
                }
            }
            Output::Disconnect { peer, reason } => {
                if let Some(peer) = env.cast.node(&peer) {
                    self.see(now, out, Seen::Closed { peer, reason });
                    self.transport.close(&mut turn!(self, env, now, out), peer);
                }
            }
            Output::Event(event) => self.on_event(env, now, event, out),
            // Streams for strangers and members are alike here; entropy was answered before.
            Output::Admit { .. } | Output::NeedEntropy { .. } => {}
        }
    }

    fn send(
        &mut self,
        env: &Plan,
        now: Instant,
        (to, kind, frame): (NodeIndex, Kind, Arc<[u8]>),
        out: &mut Outbox,
    ) {
        if kind != Kind::Hello && kind != Kind::Payload {
            self.busy_until = self.busy_until.max(now).after(env.scenario.cpu.curve);
        }
        let copy = Arc::clone(&frame);
        let carried = self.transport.send(&mut turn!(self, env, now, out), to, kind, copy);
        self.see(now, out, Seen::Sent { to, kind, frame, carried });
    }

    /// Crashes at its crash point, before what was to happen there has happened.
    fn dies_here(&mut self, env: &Plan, now: Instant, counts: bool, out: &mut Outbox) -> bool {
        let Some(point) = self.crash_point.filter(|_| counts) else { return false };
        let dies = self.boundaries == point.boundary && !point.after;
        if dies {
            self.crash_point = None;
            self.crash(env, now, out);
        }
        dies
    }

    /// As [`dies_here`](Self::dies_here), right after it has happened.
    fn dies_after(&mut self, env: &Plan, now: Instant, counts: bool, out: &mut Outbox) {
        let Some(point) = self.crash_point.filter(|_| counts) else { return };
        if self.boundaries == point.boundary && point.after {
            self.crash_point = None;
            self.crash(env, now, out);
        }
        self.boundaries += 1;
    }

    fn on_event(&mut self, env: &Plan, now: Instant, event: Event, out: &mut Outbox) {
        match &event {
            Event::Review(review) => {
                let pause = self.random.within(env.scenario.load.think);
                let wish = Wish::Decide(review.id);
                turn!(self, env, now, out).later(now.after(pause), What::Person(wish));
            }
            Event::Closed { request, failure, .. } => {
                let willed = matches!(
                    failure.reason,
                    AbortReason::Declined | AbortReason::Cancelled | AbortReason::PayloadMismatch
                );
                if let Some(intent) = self.person.proposed.get(request).copied() {
                    if willed {
                        self.person.wanted.remove(&intent);
                    } else {
                        let wish = Wish::Propose { intent };
                        let at = now.after(PATIENCE);
                        turn!(self, env, now, out).later(at, What::Person(wish));
                    }
                }
            }
            Event::Session { request, event: ensign_session::Event::Done(_), .. } => {
                if let Some(intent) = self.person.proposed.get(request) {
                    self.person.wanted.remove(intent);
                }
            }
            Event::PeerUp { .. }
            | Event::PeerDown { .. }
            | Event::Attempt { .. }
            | Event::Session { .. }
            | Event::Offense { .. } => {}
        }
        self.see(now, out, Seen::Event(event));
    }

    fn on_wish(&mut self, env: &Plan, now: Instant, wish: Wish, out: &mut Outbox) {
        match wish {
            Wish::Propose { intent } => self.propose(env, now, intent, out),
            Wish::Decide(request) => self.decide(env, now, request, out),
        }
    }

    fn propose(&mut self, env: &Plan, now: Instant, number: u32, out: &mut Outbox) {
        let Some(intent) = env.intent(number) else { return };
        if !self.person.turns.contains_key(&number) {
            self.person.wanted.insert(number);
        }
        // A person whose computer is off finds out when it starts.
        let Some(actor) = &self.actor else { return };
        let engine = actor.engine();
        let is_open = |id: &RequestId| engine.request(id).is_some();
        let turn = self.person.turns.get(&number).copied().unwrap_or(0) + 1;
        let over = turn > env.scenario.load.proposals_max.max(1);
        if over || !self.person.forgotten(is_open).contains(&number) {
            return;
        }
        self.person.turns.insert(number, turn);
        let proposal = proposal(env, intent, number, turn);
        let nonce = self.random.bytes();
        let nonce = nonce.first_chunk().copied().unwrap_or_default();
        let moment = self.clock.read(now);
        let mut proposed = None;
        // Who asks has said yes: known before the machine reports anything.
        let Some(actor) = &mut self.actor else { return };
        let result = actor.command(moment, |engine| {
            engine.propose(moment, proposal, nonce).map(|id| proposed = Some(id))
        });
        if let Some(request) = proposed {
            self.person.proposed.insert(request, number);
            self.person.approved.insert(request);
            self.see(now, out, Seen::Proposed { intent: number, turn, request });
        }
        if let Err(why) = result {
            self.see(now, out, Seen::Refused { why });
            let wish = Wish::Propose { intent: number };
            turn!(self, env, now, out).later(now.after(PATIENCE), What::Person(wish));
        }
        self.drain(env, now, out);
    }

    fn decide(&mut self, env: &Plan, now: Instant, request: RequestId, out: &mut Outbox) {
        let known = self.actor.as_ref().is_some_and(|it| it.engine().request(&request).is_some());
        if !known || self.person.declined.contains(&request) {
            return;
        }
        let declines = !self.person.approved.contains(&request)
            && self.random.happens(env.scenario.load.decline);
        let moment = self.clock.read(now);
        if declines {
            self.person.declined.insert(request);
            self.see(now, out, Seen::Declined { request });
            self.command(env, now, out, |engine| {
                engine.stop(moment, request, AbortReason::Declined)
            });
        } else {
            self.person.approved.insert(request);
            self.see(now, out, Seen::Approved { request });
            self.command(env, now, out, |engine| engine.approve(moment, request));
        }
    }

    fn see(&mut self, at: Instant, out: &mut Outbox, what: Seen) {
        self.trace.add(at, &what);
        let order = self.next_sight;
        self.next_sight += 1;
        out.sights.push(Sight { at, node: self.node, order, what });
    }
}

/// What a person asks the group to sign: messages and payload that follow from the intent.
fn proposal(env: &Plan, intent: &Intent, number: u32, turn: u32) -> Proposal {
    let load = &env.scenario.load;
    let message = |at: u32| Message {
        digest: sha256(&[number.to_le_bytes(), at.to_le_bytes()].concat()),
        tweak: if at.is_multiple_of(2) {
            KeyTweak::Taproot { merkle_root: None }
        } else {
            KeyTweak::None
        },
    };
    let bytes = load.payload_bytes as usize;
    let payload = (bytes > 0).then(|| number.to_le_bytes().into_iter().cycle().take(bytes));
    Proposal {
        group: intent.group,
        messages: (0..load.messages).map(message).collect(),
        payload: payload.map(Iterator::collect),
        purpose: format!("intent {number}, turn {turn}"),
        tx_type: TxType::Spend,
        amount: 1000,
        lifetime: intent.lifetime,
        mode: intent.mode,
    }
}
