//! One node: its machine, and what the kernel plays for it: transport, disk, clocks, entropy, person.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use ensign_engine::{CommandError, Engine, Input, ratelimit::Meter};
use ensign_primitives::{Instant, LinkId, StateMachine};
use ensign_session::LocalSigner;
use ensign_wire::{Header, Kind};

mod disk;
mod output;
mod person;
mod process;
mod sleep;
mod transport;

use self::{
    disk::Disk,
    person::Person,
    sleep::Sleep,
    transport::{Change, Transport},
};
use crate::{
    NodeIndex, Seen, Sight,
    actor::Actor,
    cast::address,
    clock::Clock,
    event::{Entry, Key, Outbox, Packet, What},
    plan::{CrashPoint, Plan},
    random::Random,
    trace::Trace,
};

/// How long a person waits before proposing again what ended without a signature.
const PATIENCE: Duration = Duration::from_secs(2);

/// One node.
#[derive(Debug)]
pub(crate) struct Host {
    desk: Desk,
    /// Its machine while its process runs.
    actor: Option<Actor>,
    /// What waits while it is asleep.
    asleep: Option<Sleep>,
    /// Its signer, in the same process: what it holds dies with it.
    signer: Option<LocalSigner>,
    clock: Clock,
    /// For nonces: what the operating system gives.
    entropy: Random,
    transport: Transport,
    /// The names of the connections that are up.
    links: BTreeMap<NodeIndex, LinkId>,
    next_link: u64,
    disk: Disk,
    person: Person,
    /// When the next timer event is in the queue.
    timer: Option<Instant>,
    /// Events that wait for the processor.
    inbox: VecDeque<(Instant, What)>,
    /// How busy it is, as whoever drives a node measures it.
    meter: Meter,
    crash_point: Option<CrashPoint>,
    boundaries: u32,
    next_sight: u64,
    trace: Trace,
    pub(crate) handled: u64,
}

/// What every part of a host needs to cause events.
#[derive(Debug)]
struct Desk {
    node: NodeIndex,
    /// How often its process has started.
    boot: u32,
    /// For everything around the machine.
    random: Random,
    busy_until: Instant,
    next_event: u64,
}

/// The moment of an event, and where to put what follows from it.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) now: Instant,
    pub(crate) out: &'a mut Outbox,
}

/// A part of a host at work on one event.
#[derive(Debug)]
struct Turn<'a> {
    plan: &'a Plan,
    now: Instant,
    /// When what it sends leaves: later than now when the processor is slow.
    depart: Instant,
    node: NodeIndex,
    boot: u32,
    random: &'a mut Random,
    next_event: &'a mut u64,
    out: &'a mut Outbox,
}

impl Desk {
    fn turn<'a>(&'a mut self, scene: &'a mut Scene<'_>) -> Turn<'a> {
        Turn {
            plan: scene.plan,
            now: scene.now,
            depart: self.busy_until.max(scene.now),
            node: self.node,
            boot: self.boot,
            random: &mut self.random,
            next_event: &mut self.next_event,
            out: scene.out,
        }
    }
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

impl Host {
    pub(crate) fn new(plan: &Plan, node: NodeIndex) -> Self {
        let mut random = Random::new(plan.seed, "host", node.0.into());
        let clock = Clock::draw(&mut random, &plan.scenario.clock);
        let busy_until = Instant::from_micros(0);
        Self {
            desk: Desk { node, boot: 0, random, busy_until, next_event: 0 },
            actor: None,
            asleep: None,
            signer: None,
            clock,
            entropy: Random::new(plan.seed, "entropy", node.0.into()),
            transport: Transport::default(),
            links: BTreeMap::new(),
            next_link: 0,
            disk: Disk::default(),
            person: Person::default(),
            timer: None,
            inbox: VecDeque::new(),
            meter: Meter::default(),
            crash_point: plan.crash_point(node),
            boundaries: 0,
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
    pub(crate) fn handle(&mut self, scene: &mut Scene<'_>, what: What) {
        if self.asleep.is_some() {
            return self.sleep_through(scene, what);
        }
        let needs_time = matches!(
            what,
            What::Packet { .. } | What::Timer | What::Written { .. } | What::Person(_)
        );
        if let What::Free = what {
            if let Some((since, what)) = self.inbox.pop_front() {
                self.act_measured(scene, since, what);
            }
            self.ask_for_time(scene);
        } else if needs_time && (self.desk.busy_until > scene.now || !self.inbox.is_empty()) {
            if self.inbox.is_empty() {
                let at = self.desk.busy_until;
                self.desk.turn(scene).later(at, What::Free);
            }
            self.inbox.push_back((scene.now, what));
        } else {
            let now = scene.now;
            self.act_measured(scene, now, what);
        }
    }

    /// Tells the machine how busy it is, too: what it does takes time on a slow processor, and waits there.
    fn act_measured(&mut self, scene: &mut Scene<'_>, since: Instant, what: What) {
        let began = self.desk.busy_until.max(scene.now);
        self.act(scene, what);
        let took = self.desk.busy_until.since(began);
        let moment = self.clock.read(scene.now).instant;
        let waited = scene.now.since(since);
        if let Some(load) = self.meter.note((moment, moment.after(took)), waited) {
            self.feed(scene, Input::Load(load));
        }
    }

    fn ask_for_time(&mut self, scene: &mut Scene<'_>) {
        if !self.inbox.is_empty() {
            let at = self.desk.busy_until.max(scene.now);
            self.desk.turn(scene).later(at, What::Free);
        }
    }

    fn act(&mut self, scene: &mut Scene<'_>, what: What) {
        if self.actor.is_none() && !matches!(what, What::Start | What::Person(_)) {
            return;
        }
        self.handled += 1;
        match what {
            What::Start => self.start(scene),
            What::Crash => self.crash(scene),
            What::LoseDisk => self.lose_disk(scene),
            What::Stop => self.stop(scene),
            What::Sleep => self.fall_asleep(scene),
            What::Packet { from, packet } => self.on_packet(scene, (from, packet)),
            What::Timer => self.on_timer(scene),
            What::Written { boot } if boot == self.desk.boot => {
                if let Some((token, record)) = self.disk.on_written() {
                    self.see(scene, Seen::Durable { record });
                    self.feed(scene, Input::Persisted { token });
                }
            }
            What::Solved { job, proof, boot } if boot == self.desk.boot => {
                self.feed(scene, Input::Solved { job, proof });
            }
            What::DialFailed { peer, boot, why } if boot == self.desk.boot => {
                self.apply(scene, vec![Change::DialFailed(peer, why)]);
            }
            What::Written { .. }
            | What::DialFailed { .. }
            | What::Solved { .. }
            | What::Free
            | What::Wake => {}
            What::Initial { peer, conn, pause } => {
                self.transport.say_hello(&mut self.desk.turn(scene), peer, conn, pause);
            }
            What::DialTimeout { peer, conn } => {
                let changes = self.transport.on_dial_timeout(peer, conn);
                self.apply(scene, changes);
            }
            What::Silence { peer, conn } => {
                let changes = self.transport.lose(peer, conn);
                self.apply(scene, changes);
            }
            What::Idle { peer, conn } => {
                let changes = self.transport.on_idle(&mut self.desk.turn(scene), peer, conn);
                self.apply(scene, changes);
            }
            What::Break => {
                if let Some(peer) = self.transport.draw_victim(&mut self.desk.random)
                    && self.transport.close(&mut self.desk.turn(scene), peer)
                {
                    self.apply(scene, vec![Change::Down(peer)]);
                }
            }
            What::PathsChanged => {
                self.transport.on_paths_changed(&mut self.desk.turn(scene));
            }
            What::Person(wish) => self.on_wish(scene, wish),
        }
    }

    fn on_packet(&mut self, scene: &mut Scene<'_>, (from, packet): (NodeIndex, Packet)) {
        if let Packet::Frame { conn, frame } = &packet
            && self.transport.knows(from, *conn)
        {
            return self.on_frame(scene, (from, frame));
        }
        let changes = self.transport.on_packet(&mut self.desk.turn(scene), from, &packet);
        self.apply(scene, changes);
    }

    fn on_frame(&mut self, scene: &mut Scene<'_>, (from, frame): (NodeIndex, &Arc<[u8]>)) {
        let header = Header::decode(frame).ok().flatten();
        let kind = header.map(|header| header.kind);
        if kind.is_some_and(|kind| self.transport.holds_back(from, kind, frame)) {
            return;
        }
        self.see(scene, Seen::Received { from, kind, frame: Arc::clone(frame) });
        let body = header.and_then(|header| frame.get(header.header_len..));
        let (Some(kind), Some(body)) = (kind, body) else {
            // As the transport does with a header that cannot be read.
            if self.transport.close(&mut self.desk.turn(scene), from) {
                self.apply(scene, vec![Change::Down(from)]);
            }
            return;
        };
        let Some(link) = self.links.get(&from).copied() else { return };
        self.spend(scene, kind);
        self.feed(scene, Input::Frame { link, kind, body: body.to_vec() });
    }

    /// What handling a frame costs: envelopes are verified, announcements more than that.
    fn spend(&mut self, scene: &mut Scene<'_>, kind: Kind) {
        let cpu = scene.plan.scenario.cpu;
        let operations = match kind {
            Kind::Hello
            | Kind::Ping
            | Kind::Pong
            | Kind::Price
            | Kind::Proof
            | Kind::Payload
            | Kind::Groups
            | Kind::Welcome => 0,
            // Mostly the one that is known.
            Kind::Delegation => 0,
            Kind::EvidenceSeen => 0,
            // Its statements and the delegation.
            Kind::Evidence => 3,
            Kind::Consent => 2,
            Kind::LinkReport => 1,
            Kind::FormationSeat | Kind::FormationSeated => 0,
            Kind::FormationRoster | Kind::FormationCertificate => 3,
            Kind::DhtHave | Kind::DhtPull | Kind::PeersAsk | Kind::GossipControl => 0,
            // What is published is signed.
            Kind::GossipData => 1,
            Kind::DialBackAsk | Kind::DialBackTold | Kind::DialBack => 0,
            Kind::DhtFind | Kind::DhtStore | Kind::FormationStatement => 1,
            // A signature for each node that it tells of.
            Kind::DhtReply | Kind::PeersTold => 20,
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
        self.desk.busy_until =
            self.desk.busy_until.max(scene.now).after(cpu.message + cpu.curve * operations);
    }

    fn apply(&mut self, scene: &mut Scene<'_>, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Up(peer) => self.on_up(scene, peer),
                Change::Down(peer) => {
                    debug_assert!(!self.transport.is_up(peer), "{peer:?}");
                    let Some(link) = self.links.remove(&peer) else { continue };
                    self.see(scene, Seen::Disconnected { peer });
                    self.feed(scene, Input::Down { link });
                }
                Change::DialFailed(peer, why) => {
                    let Some(person) = scene.plan.cast.person(peer) else { continue };
                    let input =
                        Input::DialFailed { peer: person.peer, address: address(peer), why };
                    self.feed(scene, input);
                }
            }
        }
    }

    fn on_up(&mut self, scene: &mut Scene<'_>, peer: NodeIndex) {
        debug_assert!(self.transport.is_up(peer), "{peer:?}");
        let Some(person) = scene.plan.cast.person(peer) else { return };
        let link = LinkId(self.next_link);
        self.next_link += 1;
        self.links.insert(peer, link);
        self.see(scene, Seen::Connected { peer });
        let (remote, direction) = (address(peer), self.transport.direction(peer));
        let exporter = self.transport.exporter(self.desk.node, peer);
        self.feed(
            scene,
            Input::Up { link, peer: person.peer, remote, direction, exporter, round_trip: None },
        );
    }

    fn on_timer(&mut self, scene: &mut Scene<'_>) {
        if self.timer.is_none_or(|at| at > scene.now) {
            return;
        }
        self.timer = None;
        let moment = self.clock.read(scene.now);
        let due = self.actor.as_ref().and_then(Actor::poll_timeout);
        if let Some(wakeup) = due.filter(|wakeup| wakeup.at <= moment.instant) {
            self.see(scene, Seen::Woke { reason: wakeup.reason });
        }
        if let Some(actor) = &mut self.actor {
            actor.handle_timeout(moment);
        }
        self.drain(scene);
    }

    fn feed(&mut self, scene: &mut Scene<'_>, input: Input) {
        let moment = self.clock.read(scene.now);
        if let Some(actor) = &mut self.actor {
            actor.handle_input(moment, input);
        }
        self.drain(scene);
    }

    fn command(
        &mut self,
        scene: &mut Scene<'_>,
        command: impl FnOnce(&mut Engine) -> Result<(), CommandError>,
    ) -> bool {
        let moment = self.clock.read(scene.now);
        let Some(actor) = &mut self.actor else { return false };
        let result = actor.command(moment, command);
        let done = result.is_ok();
        if let Err(why) = result {
            self.see(scene, Seen::Refused { why });
        }
        self.drain(scene);
        done
    }

    fn see(&mut self, scene: &mut Scene<'_>, what: Seen) {
        let at = scene.now;
        self.trace.add(at, &what);
        let order = self.next_sight;
        self.next_sight += 1;
        scene.out.sights.push(Sight { at, node: self.desk.node, order, what });
    }
}
