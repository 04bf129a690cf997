//! The loop: world to engine, engine to world.

use std::{collections::BTreeMap, sync::Arc};

use ensign_engine::{
    Engine, EngineConfig, Input, Output, PEERS_LIMIT, PEERS_MAX, POSITION_JOB, Record,
    STRANGERS_MAX,
    peers::{self, PeersConfig},
    ratelimit::Meter,
    signing::{self, Known, NOTE_PAUSE},
};
use ensign_identity::SignerKey;
use ensign_ledger::{
    self as ledger, About, Answer, AskedBefore, Before, Outlines, Subject, enter_live,
};
use ensign_primitives::{GroupId, Network, PeerId, RequestId, StateMachine};
use ensign_review::{GuardReport, Matter, NetPeer, Reviewer, note_banned, problem};
use ensign_signer::Randomness;
use ensign_solving::Solving;
use ensign_transport::{BOOTSTRAP_LINKS_MAX, CONNECTIONS_MAX, LINKS_MAX, TransportEvent};
use ensign_wire::AbortReason;
use tokio::{
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval, sleep_until},
};

use crate::{
    CommandError, GroupInfo, LedgerError, Problem, Records, Wait,
    callers::Callers,
    clock::Clock,
    command::{Command, Form, Look},
    error::{of_decision, of_engine},
    fault,
    links::Links,
    net::Walks,
    parts::{self, Parts},
    report,
    signing::SignerPort,
    storage::{Heard, Looked, Storage},
    stream::Publisher,
};

/// The engine decides who stays: what it keeps, the transport has room for beside whoever comes and goes.
const _: () = assert!(STRANGERS_MAX < PEERS_MAX && PEERS_MAX < LINKS_MAX);
const _: () = assert!(PEERS_LIMIT < BOOTSTRAP_LINKS_MAX);
const _: () = assert!(LINKS_MAX < CONNECTIONS_MAX);

/// The one task that owns the engine.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) engine: Engine,
    pub(crate) clock: Clock,
    pub(crate) randomness: Randomness,
    pub(crate) network: Network,
    /// What our user knows and says: of each request until the engine forgets it, because signatures
    /// may follow a failure.
    pub(crate) reviewer: Reviewer,
    pub(crate) node: PeerId,
    pub(crate) signer_key: SignerKey,
    /// What the store says about the time before, until its groups are joined.
    pub(crate) before: Before,
    pub(crate) callers: Callers,
    /// Why requests end that we end by ourselves.
    pub(crate) given_up: BTreeMap<RequestId, Problem>,
    pub(crate) links: Links,
    meter: Meter,
    pub(crate) signer: SignerPort,
    pub(crate) solving: Solving,
    /// Works for our position, beside what others ask of us.
    pub(crate) working: Solving,
    pub(crate) walks: Walks,
    pub(crate) storage: Storage,
    pub(crate) events: Publisher,
    commands: mpsc::Receiver<Command>,
}

impl Driver {
    pub(crate) fn new(parts: Parts, events: Publisher, commands: mpsc::Receiver<Command>) -> Self {
        let mut randomness = parts.randomness;
        let listening = report::listening(parts.transport.0.local_addr());
        let overlay = parts.overlay.map(|it| report::listens(it, &listening));
        let config = EngineConfig {
            network: parts.network,
            // Without entropy nothing is signed, and two such processes look like one.
            instance: randomness.draw().unwrap_or_default(),
            listening,
            timeouts: parts.timeouts,
            limits: parts.limits,
            peers: PeersConfig::default(),
            strangers: parts.strangers,
            overlay,
        };
        let (keys, signer) = parts.keys.into_parts();
        let signer = SignerPort::new(signer, &randomness, &parts.clock);
        let (node, signer_key) = (keys.node_key.peer_id(), keys.signer);
        let mut before = parts.before;
        let restored = parts::restored(&mut before, parts.network);
        let now = parts.clock.now();
        let seed = randomness.draw().unwrap_or_default();
        let (solving, working) =
            (Solving::new(parts.clock.workers()), Solving::new(parts.clock.workers()));
        let engine = Engine::new(config, keys, seed, now, restored);
        let outlines = Outlines::new(parts.handles, std::mem::take(&mut before.past.outlines));
        let signed_coins = std::mem::take(&mut before.past.signed_coins);
        Self {
            engine,
            clock: parts.clock,
            randomness,
            network: parts.network,
            reviewer: Reviewer::new(node, parts.policy, outlines, signed_coins),
            node,
            signer_key,
            before,
            callers: Callers::default(),
            given_up: BTreeMap::new(),
            links: Links::new(parts.transport),
            meter: Meter::default(),
            signer,
            solving,
            working,
            walks: Walks::default(),
            storage: parts.storage,
            events,
            commands,
        }
    }

    /// Runs until it is told to stop or nobody holds a handle any more.
    pub(crate) async fn run(mut self) {
        self.tell_found();
        let now = self.clock.now().unix;
        self.reviewer.outlines().expire(now);
        // Also of groups that are not formed any more: all of them share the bounds.
        for AskedBefore { request, payload } in &self.before.past.asked {
            let bytes = payload.as_ref().map_or(0, Vec::len);
            self.reviewer.outlines().is_kept(request.request.id(), request.peer, bytes);
        }
        let asked = self.serve().await;
        if asked.is_some() {
            self.settle().await;
        }
        // The exact one: nothing is skipped after an end in order.
        let next = ledger::set_handles(self.reviewer.outlines().next_handle());
        self.storage.note_entry(next, About::Kept);
        self.storage.write_notes(self.clock.now().unix);
        self.links.close().await;
        self.storage.close().await;
        if let Some(reply) = asked {
            let _ = reply.send(());
        }
    }

    async fn serve(&mut self) -> Option<oneshot::Sender<()>> {
        let mut notes = interval(NOTE_PAUSE);
        notes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let wakeup = self.engine.poll_timeout();
            let due = async {
                match wakeup {
                    Some(wakeup) => sleep_until(self.clock.at(wakeup.at)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // Peers come last: however much they send, it holds up nothing else.
                biased;
                () = due => self.engine.handle_timeout(self.clock.now()),
                _ = notes.tick(), if self.storage.has_notes() => {
                    self.storage.write_notes(self.clock.now().unix);
                }
                heard = self.storage.next() => match heard {
                    Heard::Wrote(answer) => if let Err(error) = self.on_answer(answer) {
                        self.emit_warning(None, error);
                        return None;
                    },
                    Heard::Looked(looked) => self.on_looked(looked),
                },
                answer = self.signer.next() => self.on_signer(answer),
                worked = self.solving.next() => self.on_worked(worked),
                worked = self.working.next() => self.on_worked(worked),
                command = self.commands.recv() => match command {
                    Some(Command::Shutdown(reply)) => return Some(reply),
                    Some(command) => self.on_command(command),
                    None => return None,
                },
                arrival = self.links.next() => self.on_arrival(arrival),
            }
            self.carry_out();
        }
    }

    /// Without a store nothing may go on: what waits for it would wait for ever.
    fn on_answer(&mut self, answer: Option<Answer>) -> Result<(), Problem> {
        match answer.ok_or_else(problem::of_lost_store)? {
            Answer::Durable(About::Record { token, .. }) => {
                self.engine.handle_input(self.clock.now(), Input::Persisted { token });
            }
            Answer::Durable(About::Kept | About::Hint)
            | Answer::Refused(About::Hint, _)
            | Answer::Contradicts(About::Hint, _) => {}
            Answer::Durable(About::Handles { end }) => {
                self.reviewer.outlines().block_is_durable(end)
            }
            Answer::Refused(About::Record { of: Subject::Begins(id), .. }, error) => {
                self.give_up(id, problem::of_full_store(&error));
                self.callers.refuse(&id, &error.into());
            }
            Answer::Refused(About::Record { .. }, error) => {
                return Err(problem::of_store(&error.into()));
            }
            Answer::Refused(About::Handles { .. }, _)
            | Answer::Contradicts(About::Handles { .. }, _) => {
                self.reviewer.outlines().block_is_refused();
            }
            Answer::Refused(About::Kept, error) => {
                self.emit_warning(None, problem::of_full_store(&error))
            }
            Answer::Contradicts(About::Record { of, .. }, error) => self.contradicted(of, &error),
            Answer::Contradicts(About::Kept, error) => {
                self.emit_warning(None, problem::of_contradiction(&error));
            }
            Answer::Failed(error) => {
                self.callers.fail(&error);
                return Err(problem::of_store(&error));
            }
        }
        Ok(())
    }

    /// What a peer can cause ends a request, never the node.
    fn contradicted(&mut self, of: Subject, error: &LedgerError) {
        let Some(id) = of.request() else { return };
        let problem = problem::of_contradiction(error);
        self.emit_warning(None, problem.clone());
        self.give_up(id, problem);
        self.callers.refuse(&id, error);
    }

    /// Says what only waits for the disk: the others may wait to hear that our signatures are durable.
    async fn settle(&mut self) {
        let (written, mut all) = oneshot::channel();
        self.storage.read(move |_| {
            let _ = written.send(());
        });
        loop {
            let answer = tokio::select! {
                biased;
                answer = self.storage.answer() => answer,
                _ = &mut all => return,
            };
            if self.on_answer(answer).is_err() {
                return;
            }
            self.carry_out();
        }
    }

    fn on_arrival(&mut self, arrival: TransportEvent) {
        let input = match arrival {
            TransportEvent::Up { link, peer, remote, direction, exporter, round_trip } => {
                let round_trip = Some(round_trip);
                self.links.connected(self.clock.now().unix, peer, (remote, direction));
                Input::Up { link, peer, remote, direction, exporter, round_trip }
            }
            TransportEvent::Down { link, peer, reason } => {
                if let Some(problem) = fault::of_disconnect(&reason) {
                    self.warn_of(peer, problem);
                }
                self.look_for_a_copy(peer, &reason);
                let is_member = self.engine.signing().is_member(&peer);
                self.links.disconnected(self.clock.now().unix, peer, (&reason, is_member));
                Input::Down { link }
            }
            TransportEvent::Frame { link, kind, body } => Input::Frame { link, kind, body },
            TransportEvent::Dropped { link, lane, frames } => Input::Dropped { link, lane, frames },
            TransportEvent::DialFailed { peer, address, error, .. } => {
                Input::DialFailed { peer, address, why: report::dial_failure(error) }
            }
            TransportEvent::BackDialled { peer, is_reached } => {
                Input::BackDialled { peer, is_reached }
            }
            _ => return,
        };
        let began = self.clock.now();
        self.engine.handle_input(began, input);
        let (now, waited) = (self.clock.now(), self.links.take_waited());
        if let Some(load) = self.meter.note((began.instant, now.instant), waited) {
            self.engine.handle_input(now, Input::Load(load));
        }
    }

    /// Reads the next request that waits in the store for room.
    pub(crate) fn load_next(&mut self) {
        if let Some(id) = self.before.past.waiting.pop() {
            self.storage.load(id);
        }
    }

    fn on_looked(&mut self, looked: Looked) {
        match looked {
            Looked::Loaded(Ok(Some(unfinished))) => {
                let request = &unfinished.open.request.request;
                let group = request.signers.group_id(self.network);
                self.before.past.open.push(*unfinished);
                if self.reviewer.groups().contains_key(&group) {
                    self.resume(group);
                }
            }
            Looked::Loaded(Ok(None)) => {}
            Looked::Loaded(Err(error)) => self.emit_warning(None, problem::of_unreadable(&error)),
            Looked::Recalled(request, known) => {
                let known = known.unwrap_or_else(|error| {
                    self.emit_warning(None, problem::of_unreadable(&error));
                    // What cannot be read may have been joined.
                    Known::Begun
                });
                self.engine.handle_input(self.clock.now(), Input::Recalled { request, known });
            }
        }
    }

    fn on_command(&mut self, command: Command) {
        let now = self.clock.now();
        // A caller that no longer waits for its answer has dropped its future.
        match command {
            Command::AddGroup(group, reply) => drop(reply.send(self.add_group(group))),
            Command::ForgetGroup(id, reply) => drop(reply.send(self.forget_group(id))),
            Command::Groups(reply) => drop(reply.send(self.groups())),
            Command::Peers(reply) => drop(reply.send(self.peers(now.unix))),
            Command::Guard(reply) => {
                drop(reply.send(GuardReport::new(&self.engine, now, self.links.sent_away())))
            }
            Command::NetPeers(reply) => {
                drop(reply.send(self.links.fares(NetPeer::all(&self.engine, now))));
            }
            Command::Say(peer, word, reply) => drop(reply.send(self.say(peer, word))),
            Command::Readiness(group, reply) => drop(reply.send(self.readiness(&group))),
            Command::KnowPrefixes(it) => self.links.know_prefixes(&mut self.engine, now, it),
            Command::SetPolicy(policy) => self.reviewer.set_policy(now.unix, *policy),
            Command::Preview(job, reply) => {
                let preview = self.reviewer.preview(now.unix, &job);
                drop(reply.send(preview.map_err(CommandError::from)));
            }
            Command::Propose(job, consent, reply) => self.take_proposal(job, consent, reply),
            Command::Approve(id, consent, reply) => self.approve(id, &consent, reply),
            Command::Decline(id, reply) => self.end(id, AbortReason::Declined, reply),
            Command::Cancel(id, reply) => self.end(id, AbortReason::Cancelled, reply),
            Command::Withdraw(id, reply) => self.withdraw(id, reply),
            Command::Received(id) => self.storage.keep(now.unix, ledger::received(&id)),
            Command::Lacking(id, reply) => self.tell_lacking(id, reply),
            Command::Stay(id, reply) => {
                if self.reviewer.matter(&id).is_some_and(Matter::waits_for_others) {
                    self.callers.stays(id, reply);
                }
            }
            Command::Form(Form(form)) => form(&mut self.engine, now, self.randomness.draw()),
            Command::Walk(walk, reply, done) => self.begin_walk(walk, reply, done),
            Command::Ping(whom, reply, done) => self.ping(whom, reply, done),
            Command::Requests(reply) => {
                let mut live = self.engine.signing().open_requests(now);
                for status in live.iter_mut().filter(|it| self.reviewer.is_void(&it.id)) {
                    status.consented = false;
                }
                self.storage.write_notes(now.unix);
                self.storage.read(move |store| {
                    let entries = Records::new(store).requests().map(|mut entries| {
                        enter_live(&mut entries, live);
                        entries
                    });
                    drop(reply.send(entries.map_err(CommandError::Store)));
                });
            }
            Command::Look(Look(look)) => {
                self.storage.write_notes(now.unix);
                self.storage.read(move |store| look(Records::new(store)));
            }
            Command::Shutdown(_) => {}
        }
    }

    fn groups(&self) -> Vec<Arc<GroupInfo>> {
        self.reviewer.groups().values().map(|group| Arc::clone(&group.info)).collect()
    }

    fn readiness(&self, id: &GroupId) -> Option<Wait> {
        let mut wait = self.engine.signing().readiness(id, self.clock.now())?;
        if let Some(group) = self.reviewer.groups().get(id) {
            note_banned(&self.engine, &mut wait, &group.info);
        }
        Some(wait)
    }

    pub(crate) fn stop(&mut self, id: RequestId, reason: AbortReason) -> Result<(), CommandError> {
        self.engine.stop(self.clock.now(), id, reason).map_err(of_decision)
    }

    fn forget_group(&mut self, id: GroupId) -> Result<(), CommandError> {
        self.engine.forget_group(self.clock.now(), &id).map_err(of_engine)?;
        self.reviewer.leave(&id);
        Ok(())
    }

    /// Carries out everything the engine asks.
    pub(crate) fn carry_out(&mut self) {
        self.tell();
        // Before the records: what goes with them shares their commit.
        self.note_outlines();
        self.carry_out_all();
        self.note_outlines();
    }

    fn persist(&mut self, token: u64, record: signing::Record) {
        if let signing::Record::Burned { request, .. } = &record {
            return self.burn(*request, token, record);
        }
        let node = self.node;
        self.storage.persist(self.clock.now().unix, token, &record, node);
    }

    fn note(&mut self, record: &signing::Record) {
        if let signing::Record::Case(_) = record {
            // Each has a place of its own: they do not gather.
            return self.storage.keep(self.clock.now().unix, ledger::entry(record));
        }
        self.storage.note(record);
    }

    /// Writes down where a member was reached, to find it there after a restart.
    fn keep_address(&mut self, record: peers::Record) {
        let peers::Record::Address { peer, address } = record;
        self.storage.keep(self.clock.now().unix, ledger::address(&peer, address));
    }

    fn note_outlines(&mut self) {
        for entry in self.reviewer.outlines().take_notes() {
            self.storage.note_entry(entry, About::Kept);
        }
        if let Some(end) = self.reviewer.outlines().needs_block() {
            self.storage.note_entry(ledger::set_handles(end), About::Handles { end });
        }
    }

    fn carry_out_all(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Dial { peer, address } => self.links.dial(peer, address),
                Output::DialBack { peer, address, frame } => {
                    let entropy = self.randomness.draw().unwrap_or_default();
                    self.links.dial_back((peer, address), frame, entropy);
                }
                Output::Expect { peer } => self.links.expect(peer),
                Output::Forget { peer } => self.links.forget(&peer),
                Output::Admit { link } => self.links.admit(link),
                Output::Close { link, reason } => self.links.disconnect(link, reason),
                Output::Send { link, kind, frame, .. } => self.links.send(link, kind, frame),
                Output::Solve { job: POSITION_JOB, peer, puzzle, start } => {
                    self.working.begin(POSITION_JOB, (peer, puzzle), start);
                }
                Output::Solve { job, peer, puzzle, start } => {
                    self.solving.begin(job, (peer, puzzle), start);
                }
                Output::StopSolving { job } => self.solving.stop(job),
                Output::Signer(question) => self.ask_signer(question),
                Output::Persist { token, record: Record::Signing(record) } => {
                    self.persist(token, record);
                }
                Output::Note(Record::Signing(record)) => self.note(&record),
                Output::Note(Record::Peers(record)) => self.keep_address(record),
                Output::Note(Record::Overlay(record)) => {
                    self.storage.note_entry(parts::outside(&record), About::Hint);
                }
                Output::Persist { token, record: Record::Formation(record) } => {
                    let at = self.clock.now().unix;
                    self.storage.persist_entry(at, token, ledger::formation(&record));
                }
                Output::Persist { token, record: Record::Reputation(record) } => {
                    let at = self.clock.now().unix;
                    self.storage.persist_entry(at, token, ledger::reputation(&record));
                }
                Output::Note(Record::Reputation(record)) => {
                    self.storage.note_entry(ledger::reputation(&record), About::Kept);
                }
                // Nobody waits for what peers note, and formation notes nothing.
                Output::Persist { record: Record::Peers(_) | Record::Overlay(_), .. }
                | Output::Note(Record::Formation(_)) => {}
                Output::Recall { request } => self.storage.recall(request),
                Output::Event(event) => self.on_event(event),
            }
            self.tell();
        }
    }
}
