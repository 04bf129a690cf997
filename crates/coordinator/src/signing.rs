//! Between engine and signer: questions one way, answers the other.

use ensign_engine::{Input, Output};
use ensign_primitives::StateMachine as _;

use crate::{
    SignerError,
    driver::Driver,
    problem,
    signer::{Answer, Question},
};

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
            Answer::Nonces(session, Err(error)) => {
                Input::NoNonces { session, why: self.unsigned(&error) }
            }
            Answer::Partials(session, Err(error)) => {
                Input::NoPartials { session, why: self.unsigned(&error) }
            }
        };
        self.engine.handle_input(self.clock.now(), input);
    }

    fn unsigned(&mut self, error: &SignerError) -> ensign_session::Unsigned {
        self.warn(None, problem::of_signer(error));
        error.unsigned()
    }
}
