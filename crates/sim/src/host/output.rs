//! What a machine asks for, carried out: frames, records, entropy, alarms; and where it crashes.

use std::{sync::Arc, time::Duration};

use ensign_engine::{
    Event, Input, Output, Record,
    pow::{Puzzle, Solver},
    signing::{Record as SigningRecord, SignerAnswer, SignerQuestion, ask_local_signer},
};
use ensign_musig::NonceEntropy;
use ensign_primitives::{LinkId, StateMachine};
use ensign_session::{Entropy, LocalSigner};
use ensign_wire::Kind;

use super::{Host, Scene, process::BITS_SPARED};
use crate::{NodeIndex, Seen, actor::Actor, event::What};

/// What a try at a puzzle takes: as long as those that it stands for, of which one core makes 9.8 million a second.
const TRY: Duration = Duration::from_nanos(102 << BITS_SPARED);

impl Host {
    /// Carries out what the machine asks for until it asks for nothing; then sets its alarm.
    pub(super) fn drain(&mut self, scene: &mut Scene<'_>) {
        loop {
            let mut answers = Vec::new();
            while let Some(output) = self.actor.as_mut().and_then(Actor::poll_output) {
                match output {
                    Output::Signer(question) => {
                        answers.extend(self.ask_signer(scene, question).map(Input::Signer));
                    }
                    Output::Dial { .. }
                    | Output::Expect { .. }
                    | Output::Forget { .. }
                    | Output::Admit { .. }
                    | Output::Close { .. }
                    | Output::Send { .. }
                    | Output::Solve { .. }
                    | Output::DialBack { .. }
                    | Output::StopSolving { .. }
                    | Output::Persist {
                        record:
                            Record::Signing(_)
                            | Record::Peers(_)
                            | Record::Formation(_)
                            | Record::Overlay(_),
                        ..
                    }
                    | Output::Note(_)
                    | Output::Event(_) => self.carry_out(scene, output),
                    Output::Recall { request } => {
                        let known = self.disk.recall(&request);
                        answers.push(Input::Recalled { request, known });
                    }
                    // No node forgets while it runs, and what it holds of others lives in its memory.
                    Output::Persist { token, record: Record::Reputation(_) } => {
                        answers.push(Input::Persisted { token });
                    }
                }
            }
            if answers.is_empty() || self.actor.is_none() {
                break;
            }
            for answer in answers {
                let moment = self.clock.read(scene.now);
                if let Some(actor) = &mut self.actor {
                    actor.handle_input(moment, answer);
                }
            }
        }
        self.check_bounds(scene);
        self.set_alarm(scene);
    }

    fn ask_signer(
        &mut self,
        scene: &mut Scene<'_>,
        question: SignerQuestion,
    ) -> Option<SignerAnswer> {
        if let SignerQuestion::Nonces { order, .. } = &question {
            let (session, nonces) = (order.session, order.request.request.messages.len());
            self.see(scene, Seen::Drew { session, nonces });
        } else if let SignerQuestion::Partials { session, .. } = &question {
            self.see(scene, Seen::Signs { session: *session });
        } else if let SignerQuestion::Forget { session } = &question {
            self.see(scene, Seen::Forgot { session: *session });
        }
        let draw = |nonces| {
            let drawn = (0..nonces).filter_map(|_| NonceEntropy::new(self.entropy.bytes()).ok());
            let nonces = drawn.collect();
            Some(Entropy { nonces, salt: self.entropy.bytes() })
        };
        ask_local_signer(self.signer.as_mut()?, self.clock.read(scene.now), question, draw)
    }

    fn set_alarm(&mut self, scene: &mut Scene<'_>) {
        let Some(wakeup) = self.actor.as_ref().and_then(Actor::poll_timeout) else { return };
        let at = self.clock.when(wakeup.at).max(scene.now);
        if self.timer.is_none_or(|known| at < known || known < scene.now) {
            self.timer = Some(at);
            self.desk.turn(scene).later(at, What::Timer);
        }
    }

    fn check_bounds(&mut self, scene: &mut Scene<'_>) {
        let Some(actor) = &self.actor else { return };
        let signer = self.signer.iter().flat_map(LocalSigner::occupancy);
        let over = actor.occupancy().chain(signer).find(|it| it.len > it.limit);
        if let Some(over) = over {
            let seen = Seen::Overfull { name: over.name, len: over.len, limit: over.limit };
            self.see(scene, seen);
        }
    }

    fn carry_out(&mut self, scene: &mut Scene<'_>, output: Output) {
        match output {
            Output::Send { link, kind, frame, .. } => {
                if self.dies_here(scene, kind != Kind::Hello) {
                    return;
                }
                if let Some(to) = self.node_of(link) {
                    self.send(scene, (to, kind, frame));
                }
                self.dies_after(scene, kind != Kind::Hello);
            }
            Output::Persist { token, record: Record::Signing(record) } => {
                self.keep(scene, token, Arc::new(record));
            }
            Output::Dial { peer, .. } => {
                if let Some(peer) = scene.plan.cast.node(&peer) {
                    self.see(scene, Seen::Dials { peer });
                    self.transport.dial(&mut self.desk.turn(scene), peer);
                }
            }
            Output::Close { link, reason } => {
                if let Some(peer) = self.node_of(link)
                    && self.transport.close(&mut self.desk.turn(scene), peer)
                {
                    self.links.remove(&peer);
                    self.see(scene, Seen::Closed { peer, reason });
                }
            }
            Output::Event(Event::Signing(event)) => self.on_event(scene, event),
            Output::Event(Event::Offense { peer, offense, sentence, .. }) => {
                self.see(scene, Seen::Offense { peer, offense, sentence });
            }
            Output::Admit { link } => {
                if let Some(peer) = self.node_of(link) {
                    self.transport.admit(&mut self.desk.turn(scene), peer);
                }
            }
            Output::Solve { job, puzzle, start, .. } => self.solve(scene, job, &puzzle, start),
            Output::Note(Record::Signing(record)) => self.disk.note(scene.now, Arc::new(record)),
            // Answered before; and an answer that nobody waits for changes nothing when it comes.
            Output::Recall { .. }
            | Output::Signer(_)
            | Output::StopSolving { .. }
            // Its homes are closed.
            | Output::DialBack { .. }
            | Output::Persist { record: Record::Reputation(_), .. } => {}
            // Everybody is let in, nobody leaves a group, no lane has a bound, and nobody waits for
            // what peers note: a node is always where it was.
            Output::Expect { .. }
            | Output::Forget { .. }
            | Output::Event(Event::Peers(_) | Event::Dropped { .. } | Event::Paying(_))
            | Output::Note(Record::Peers(_))
            | Output::Persist { record: Record::Peers(_), .. } => {}
            // Reputation: as what is persisted of it. Formation: groups are there from the beginning, and how
            // they form is simulated in its crate. Overlay: homes are closed here.
            Output::Event(Event::Formation(_) | Event::Overlay(_))
            | Output::Note(Record::Reputation(_) | Record::Formation(_) | Record::Overlay(_))
            | Output::Persist { record: Record::Formation(_) | Record::Overlay(_), .. } => {}
        }
    }

    /// Has the disk keep a record, unless the process dies just before.
    fn keep(&mut self, scene: &mut Scene<'_>, token: u64, record: Arc<SigningRecord>) {
        if self.dies_here(scene, true) {
            return;
        }
        self.see(scene, Seen::Persist { record: Arc::clone(&record) });
        self.disk.write(&mut self.desk.turn(scene), token, record);
        self.dies_after(scene, true);
    }

    /// Solves a puzzle at once; the answer comes when one core of a machine would have found it.
    fn solve(&mut self, scene: &mut Scene<'_>, job: u64, puzzle: &Puzzle, start: u64) {
        let mut solver = Solver::new(puzzle, start);
        let proof = std::iter::repeat_with(|| solver.step(4096)).find_map(|found| found);
        let at = scene.now.after(TRY * u32::try_from(solver.tried()).unwrap_or(u32::MAX));
        let boot = self.desk.boot;
        self.desk.turn(scene).later(at, What::Solved { job, proof, boot });
    }

    /// Who is at the other end of a connection that is up.
    fn node_of(&self, link: LinkId) -> Option<NodeIndex> {
        self.links.iter().find(|(_, known)| **known == link).map(|(node, _)| *node)
    }

    fn send(&mut self, scene: &mut Scene<'_>, (to, kind, frame): (NodeIndex, Kind, Arc<[u8]>)) {
        if kind != Kind::Hello && kind != Kind::Payload {
            self.desk.busy_until =
                self.desk.busy_until.max(scene.now).after(scene.plan.scenario.cpu.curve);
        }
        let copy = Arc::clone(&frame);
        let carried = self.transport.send(&mut self.desk.turn(scene), to, kind, copy);
        self.see(scene, Seen::Sent { to, kind, frame, carried });
    }

    /// Crashes at its crash point, before what was to happen there has happened.
    fn dies_here(&mut self, scene: &mut Scene<'_>, counts: bool) -> bool {
        let Some(point) = self.crash_point.filter(|_| counts) else { return false };
        let dies = self.boundaries == point.boundary && !point.after;
        if dies {
            self.crash_point = None;
            self.crash(scene);
        }
        dies
    }

    /// As [`dies_here`](Self::dies_here), right after it has happened.
    fn dies_after(&mut self, scene: &mut Scene<'_>, counts: bool) {
        let Some(point) = self.crash_point.filter(|_| counts) else { return };
        if self.boundaries == point.boundary && point.after {
            self.crash_point = None;
            self.crash(scene);
        }
        self.boundaries += 1;
    }
}
