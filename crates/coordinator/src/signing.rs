//! Between engine and signer: questions one way, answers the other.

use ensign_engine::{
    Input,
    signing::{NotDelegated, Record, SignerAnswer, SignerQuestion},
};
use ensign_primitives::{RequestId, StateMachine as _};
use ensign_review::{Again, HeldBack};
use ensign_signer::{Answer, Question};

use crate::{
    Approval, CommandError, Consent, SignerError, SigningJob, command::Reply, driver::Driver, fault,
};

/// Most proposals that wait for a delegation; a further one goes on with the one in use. As many as
/// wait for the driver.
const PROPOSALS_WAITING_MAX: usize = 64;

/// What our user asked for while a delegation is waited for: it would carry one that nobody accepts.
pub(crate) type Proposals = Vec<(Box<SigningJob>, Consent, Reply<Approval>)>;

impl Driver {
    /// Hands on what the engine asks of its signer.
    pub(crate) fn ask_signer(&mut self, question: SignerQuestion) {
        let question = match question {
            SignerQuestion::Nonces { order, payload } => {
                let id = order.request.request.id();
                match self.reviewer.judge_again(self.clock.now().unix, &id) {
                    Again::Holds => {}
                    Again::Void => return self.held.hold_order(order, payload),
                    Again::Over => return,
                }
                Question::Nonces(order, payload)
            }
            SignerQuestion::Partials { session, nonces } => Question::Partials(session, nonces),
            SignerQuestion::Forget { session } => Question::Forget(session),
            SignerQuestion::Delegate { network, peer, expires } => {
                Question::Delegate(network, peer, expires)
            }
        };
        if let Some(answer) = self.signer.ask(question) {
            self.on_signer(answer);
        }
    }

    /// Makes a burn mark durable, or holds it back: behind it a partial signature is made.
    pub(crate) fn burn(&mut self, id: RequestId, token: u64, record: Record) {
        match self.reviewer.judge_again(self.clock.now().unix, &id) {
            Again::Holds => {
                let node = self.node;
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
            Answer::Delegated(made) => {
                let result = made.map_err(|error| {
                    self.give_up_proposals(&error);
                    error.unsigned()
                });
                SignerAnswer::Delegated(result)
            }
        };
        self.engine.handle_input(self.clock.now(), Input::Signer(answer));
    }

    /// Proposes for our user, or waits with that for a delegation that holds.
    pub(crate) fn take_proposal(
        &mut self,
        job: Box<SigningJob>,
        consent: Consent,
        reply: Reply<Approval>,
    ) {
        let has_room = self.proposals.len() < PROPOSALS_WAITING_MAX;
        if self.engine.await_delegation(self.clock.now()) && has_room {
            return self.proposals.push((job, consent, reply));
        }
        match self.propose(*job, &consent) {
            Ok(approval) => self.consenting.proposes(approval, reply),
            // A caller that no longer waits for its answer has dropped its future.
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    /// Goes on with what waited for another delegation.
    pub(crate) fn on_delegated(&mut self) {
        for (job, consent, reply) in std::mem::take(&mut self.proposals) {
            self.take_proposal(job, consent, reply);
        }
    }

    /// There is no other delegation, because what the signer made does not hold, or for a reason that
    /// was told when it said so.
    pub(crate) fn on_not_delegated(&mut self, why: NotDelegated) {
        if let NotDelegated::Invalid(error) = why {
            self.give_up_proposals(&SignerError::Delegation(error));
        }
    }

    fn give_up_proposals(&mut self, error: &SignerError) {
        self.emit_warning(None, fault::of_signer(error));
        for (_, _, reply) in std::mem::take(&mut self.proposals) {
            // A caller that no longer waits has dropped its future.
            drop(reply.send(Err(CommandError::Signer(error.clone()))));
        }
    }

    fn unsigned(&mut self, error: &SignerError) -> ensign_session::Unsigned {
        // A no that was meant is no trouble: the end of the request tells it.
        if *error != SignerError::Declined {
            self.emit_warning(None, fault::of_signer(error));
        }
        error.unsigned()
    }
}
