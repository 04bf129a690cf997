//! Between engine and signer: questions one way, answers the other.

use std::time::Duration;

use ensign_engine::{Input, Output};
use ensign_identity::{DELEGATION_LIFETIME_MAX, Delegation, DelegationProof};
use ensign_primitives::StateMachine as _;

use crate::{
    SignerError,
    driver::Driver,
    problem,
    signer::{Answer, Question},
};

/// How often the node looks whether its delegation is to be renewed. Guess: soon after a computer that
/// slept for months wakes up.
pub(crate) const RENEWAL_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Least time between two questions for a delegation. Guess: once a day is often enough to ask a person.
const RENEWAL_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

impl Driver {
    /// Hands on what the engine asks of its signer; anything else is nothing to it.
    pub(crate) fn ask_signer(&mut self, output: Output) {
        let question = match output {
            Output::NeedNonces { order, payload } => Question::Nonces(order, payload),
            Output::NeedPartials { session, nonces } => Question::Partials(session, nonces),
            Output::ForgetNonces { session } => Question::Forget(session),
            Output::Connect { .. }
            | Output::Admit { .. }
            | Output::Disconnect { .. }
            | Output::Send { .. }
            | Output::Persist { .. }
            | Output::Note(_)
            | Output::Recall { .. }
            | Output::Event(_) => return,
        };
        if let Some(answer) = self.signer.ask(question) {
            self.on_signer(answer);
        }
    }

    /// Hands an answer on. A failure ends the attempt, and our user is told why.
    pub(crate) fn on_signer(&mut self, answer: Answer) {
        let input = match answer {
            Answer::Nonces(session, Ok(nonces)) => Input::Nonces { session, nonces },
            Answer::Partials(session, Ok(partials)) => Input::Partials { session, partials },
            Answer::Delegated(proof) => return self.on_delegated(proof),
            Answer::Nonces(session, Err(error)) => {
                Input::NoNonces { session, why: self.unsigned(&error) }
            }
            Answer::Partials(session, Err(error)) => {
                Input::NoPartials { session, why: self.unsigned(&error) }
            }
        };
        self.engine.handle_input(self.clock.now(), input);
    }

    /// Asks for a new delegation while the one in use has long to go: an attempt may last for a day, and
    /// a signer may need its person.
    pub(crate) fn renew_delegation(&mut self) {
        let now = self.clock.now().unix;
        let is_due = self.delegated_until <= now.after(DELEGATION_LIFETIME_MAX / 4);
        if !is_due || self.asked_at.is_some_and(|at| now.since(at) < RENEWAL_PAUSE) {
            return;
        }
        self.asked_at = Some(now);
        let expires = now.after(DELEGATION_LIFETIME_MAX / 2);
        let question = Question::Delegate(self.network, self.node_key.peer_id(), expires);
        if let Some(answer) = self.signer.ask(question) {
            self.on_signer(answer);
        }
    }

    fn on_delegated(&mut self, proof: Result<DelegationProof, SignerError>) {
        let (key, peer, now) = (self.signer_key, self.node_key.peer_id(), self.clock.now().unix);
        let verified = proof.and_then(|proof| {
            Delegation::verify(key, peer, self.network, proof, now).map_err(SignerError::Delegation)
        });
        match verified {
            Ok(delegation) => {
                self.delegated_until = delegation.proof().expires;
                self.engine.renew(delegation.proof());
            }
            Err(error) => self.warn(None, problem::of_signer(&error)),
        }
    }

    fn unsigned(&mut self, error: &SignerError) -> ensign_session::Unsigned {
        self.warn(None, problem::of_signer(error));
        error.unsigned()
    }
}
