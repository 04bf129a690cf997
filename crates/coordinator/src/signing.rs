//! Between engine and signer: questions one way, answers the other.

use ensign_engine::{
    Input,
    signing::{NotDelegated, Record, SignerAnswer, SignerQuestion},
};
use ensign_identity::DelegationProof;
use ensign_primitives::{RequestId, StateMachine as _};
use ensign_review::{Again, Held, HeldBack};
use ensign_signer::{Answer, Desk, KeyHolder, Question, Randomness};
use tokio::sync::mpsc;

use crate::{
    Approval, CommandError, Consent, Event, SignerError, SigningJob, clock::Clock, command::Reply,
    driver::Driver, fault,
};

/// The port to the signer, with what waits for another yes.
#[derive(Debug)]
pub(crate) struct SignerPort {
    desk: Desk,
    /// In the order of the questions.
    answers: mpsc::UnboundedReceiver<Answer>,
    pub(crate) held: Held,
}

impl SignerPort {
    /// Opens a desk for whoever holds the key.
    pub(crate) fn new(holder: KeyHolder, randomness: &Randomness, clock: &Clock) -> Self {
        let (answer, answers) = mpsc::unbounded_channel();
        let clock = clock.clone();
        let desk = holder.open(randomness, move || clock.now(), move |it| answer.send(it).is_ok());
        Self { desk, answers, held: Held::default() }
    }

    /// Waits for the next answer; for ever when the signer's thread has ended.
    pub(crate) async fn next(&mut self) -> Answer {
        match self.answers.recv().await {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}

impl Driver {
    /// Hands on what the engine asks of its signer.
    pub(crate) fn ask_signer(&mut self, question: SignerQuestion) {
        let question = match question {
            SignerQuestion::Nonces { order, payload } => {
                let id = order.request.request.id();
                match self.reviewer.judge_again(self.clock.now().unix, &id) {
                    Again::Holds => {}
                    Again::Void => return self.signer.held.hold_order(order, payload),
                    Again::Over => return,
                }
                Question::Nonces(order, payload)
            }
            SignerQuestion::Partials { session, nonces } => Question::Partials(session, nonces),
            SignerQuestion::Forget { session } => Question::Forget(session),
            SignerQuestion::Delegate { network, peer, terms } => {
                Question::Delegate(network, peer, terms)
            }
        };
        if let Some(answer) = self.signer.desk.ask(question) {
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
            Again::Void => self.signer.held.hold_burn(id, token, record),
            Again::Over => {}
        }
    }

    /// Goes on with what was held back until our user said yes again.
    pub(crate) fn go_on(&mut self, id: &RequestId) {
        // It was asked for when the order came; that may have been long ago, and in vain.
        self.engine.await_delegation(self.clock.now());
        self.carry_out();
        let HeldBack { order, burn } = self.signer.held.release(id);
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
        if self.engine.await_delegation(self.clock.now()) && self.callers.has_room() {
            return self.callers.waits((job, consent, reply));
        }
        match self.propose(*job, &consent) {
            Ok(approval) => self.callers.proposes(approval, reply),
            // A caller that no longer waits for its answer has dropped its future.
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    /// Goes on with what waited for another delegation.
    pub(crate) fn on_delegated(&mut self, proof: DelegationProof) {
        self.emit(Event::Delegated(proof));
        for (job, consent, reply) in self.callers.take_proposals() {
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
        for (_, _, reply) in self.callers.take_proposals() {
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
