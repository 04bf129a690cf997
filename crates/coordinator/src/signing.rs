//! Between engine and signer: questions one way, answers the other.

use std::time::Duration;

use ensign_engine::{
    Input,
    signing::{Record, SignerAnswer, SignerQuestion},
};
use ensign_identity::{DELEGATION_LIFETIME_MAX, Delegation, DelegationProof};
use ensign_primitives::{Instant, RequestId, StateMachine as _};
use ensign_review::HeldBack;
use ensign_signer::{Answer, Question};

use crate::{
    Approval, CommandError, Consent, SignerError, SigningJob, clock::Steps, command::Reply,
    driver::Driver, fault, review::Again,
};

/// How often the node looks whether its clock was set, and whether its delegation is to be renewed.
/// Guess: soon after a time server has answered, or a computer that slept for months wakes up.
pub(crate) const RENEWAL_INTERVAL: Duration = Duration::from_secs(10 * 60);
/// Least time between two questions for a delegation while the one in use holds. Guess: once a day is
/// often enough to ask a person.
const RENEWAL_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);
/// Most proposals that wait for a delegation; a further one goes on with the one in use. As many as
/// wait for the driver.
const PROPOSALS_WAITING_MAX: usize = 64;

/// How the delegation in use is replaced.
#[derive(Debug, Default)]
pub(crate) struct Renewal {
    steps: Steps,
    /// When the signer was last asked.
    asked_at: Option<Instant>,
    /// Whether it has not answered yet.
    is_asked: bool,
    /// What our user asked for meanwhile: it would carry a delegation that nobody accepts.
    proposals: Vec<(Box<SigningJob>, Consent, Reply<Approval>)>,
}

impl Driver {
    /// Hands on what the engine asks of its signer.
    pub(crate) fn ask_signer(&mut self, question: SignerQuestion) {
        let question = match question {
            SignerQuestion::Nonces { order, payload } => {
                let id = order.request.request.id();
                match self.judge_again(&id) {
                    Again::Holds => {}
                    Again::Void => return self.held.hold_order(order, payload),
                    Again::Over => return,
                }
                // Asked before, it is there before the nonces, and the join has it.
                self.replace_invalid();
                Question::Nonces(order, payload)
            }
            SignerQuestion::Partials { session, nonces } => Question::Partials(session, nonces),
            SignerQuestion::Forget { session } => Question::Forget(session),
        };
        if let Some(answer) = self.signer.ask(question) {
            self.on_signer(answer);
        }
    }

    /// Makes a burn mark durable, or holds it back: behind it a partial signature is made.
    pub(crate) fn burn(&mut self, id: RequestId, token: u64, record: Record) {
        match self.judge_again(&id) {
            Again::Holds => {
                let node = self.node_key.peer_id();
                self.storage.persist(self.clock.now().unix, token, &record, node);
            }
            Again::Void => self.held.hold_burn(id, token, record),
            Again::Over => {}
        }
    }

    /// Goes on with what was held back until our user said yes again.
    pub(crate) fn go_on(&mut self, id: &RequestId) {
        let HeldBack { order, burn } = self.held.release(id);
        if let Some((order, payload)) = order {
            self.ask_signer(SignerQuestion::Nonces { order, payload });
        }
        if let Some((token, record)) = burn {
            self.burn(*id, token, record);
        }
    }

    /// Hands an answer on. A failure ends the attempt, and our user is told why.
    pub(crate) fn on_signer(&mut self, answer: Answer) {
        let answer = match answer {
            Answer::Nonces(session, made) => {
                let result = made.map_err(|error| self.unsigned(&error));
                SignerAnswer::Nonces { session, result }
            }
            Answer::Partials(session, made) => {
                let result = made.map_err(|error| self.unsigned(&error));
                SignerAnswer::Partials { session, result }
            }
            Answer::Delegated(proof) => return self.on_delegated(proof),
        };
        self.engine.handle_input(self.clock.now(), Input::Signer(answer));
    }

    /// Asks for a new delegation while the one in use has long to go: an attempt may last for a day, and
    /// a signer may need its person. Looks at the clock, too.
    pub(crate) fn renew_delegation(&mut self) {
        self.watch_clock();
        let now = self.clock.now();
        let is_due = self.delegated_until <= now.unix.after(DELEGATION_LIFETIME_MAX / 4);
        let asked_lately =
            |at: Instant| now.instant.since(at) < RENEWAL_PAUSE || self.renewal.is_asked;
        if (is_due || !self.is_delegated()) && !self.renewal.asked_at.is_some_and(asked_lately) {
            self.ask_for_delegation();
        }
    }

    /// Replaces the delegation in use when the clock was set so that it does not hold any more: it was
    /// made while the clock was wrong, or it ended long ago.
    pub(crate) fn watch_clock(&mut self) {
        let now = self.clock.now();
        if self.renewal.steps.look(now) {
            self.replace_invalid();
        }
    }

    /// Proposes for our user, or waits with that for a delegation that holds.
    pub(crate) fn take_proposal(
        &mut self,
        job: Box<SigningJob>,
        consent: Consent,
        reply: Reply<Approval>,
    ) {
        self.replace_invalid();
        let has_room = self.renewal.proposals.len() < PROPOSALS_WAITING_MAX;
        if !self.is_delegated() && self.renewal.is_asked && has_room {
            return self.renewal.proposals.push((job, consent, reply));
        }
        match self.propose(*job, &consent) {
            Ok(approval) => self.consenting.proposes(approval, reply),
            // A caller that no longer waits for its answer has dropped its future.
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    /// Whether others would accept the delegation in use now, if their clocks are as ours.
    fn is_delegated(&self) -> bool {
        let now = self.clock.now().unix;
        self.delegated_until > now && self.delegated_until.since(now) <= DELEGATION_LIFETIME_MAX
    }

    /// Asks for another delegation if the one in use does not hold, unless the signer is about to
    /// answer.
    fn replace_invalid(&mut self) {
        if !self.is_delegated() && !self.renewal.is_asked {
            self.ask_for_delegation();
        }
    }

    fn ask_for_delegation(&mut self) {
        let now = self.clock.now();
        (self.renewal.asked_at, self.renewal.is_asked) = (Some(now.instant), true);
        let expires = now.unix.after(DELEGATION_LIFETIME_MAX / 2);
        let question = Question::Delegate(self.network, self.node_key.peer_id(), expires);
        if let Some(answer) = self.signer.ask(question) {
            self.on_signer(answer);
        }
    }

    fn on_delegated(&mut self, proof: Result<DelegationProof, SignerError>) {
        self.renewal.is_asked = false;
        let (key, peer, now) = (self.signer_key, self.node_key.peer_id(), self.clock.now().unix);
        let verified = proof.and_then(|proof| {
            Delegation::verify(key, peer, self.network, proof, now).map_err(SignerError::Delegation)
        });
        match verified {
            Ok(delegation) => {
                self.delegated_until = delegation.proof().expires;
                self.engine.renew(self.clock.now(), delegation.proof());
                for (job, consent, reply) in std::mem::take(&mut self.renewal.proposals) {
                    self.take_proposal(job, consent, reply);
                }
            }
            Err(error) => {
                self.warn(None, fault::of_signer(&error));
                for (_, _, reply) in std::mem::take(&mut self.renewal.proposals) {
                    // A caller that no longer waits has dropped its future.
                    drop(reply.send(Err(CommandError::Signer(error.clone()))));
                }
            }
        }
    }

    fn unsigned(&mut self, error: &SignerError) -> ensign_session::Unsigned {
        // A no that was meant is no trouble: the end of the request tells it.
        if *error != SignerError::Declined {
            self.warn(None, fault::of_signer(error));
        }
        error.unsigned()
    }
}
