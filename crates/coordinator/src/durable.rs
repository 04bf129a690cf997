//! What follows when a write is durable, or is refused.

use ensign_engine::Input;
use ensign_primitives::StateMachine as _;
use tokio::sync::oneshot;

use crate::{
    LedgerError, Problem,
    driver::Driver,
    problem,
    storage::{About, Answer, Subject},
};

impl Driver {
    /// Without a store nothing may go on: what waits for it would wait for ever.
    pub(crate) fn on_answer(&mut self, answer: Option<Answer>) -> Result<(), Problem> {
        match answer.ok_or_else(problem::of_lost_store)? {
            Answer::Durable(About::Record { token, of }) => {
                self.engine.handle_input(self.clock.now(), Input::Persisted { token });
                if let Subject::Begins(id) = of {
                    self.consenting.answer(&id, Ok(()));
                }
            }
            Answer::Durable(About::Kept) => {}
            Answer::Durable(About::Handles { end }) => self.outlines.block_is_durable(end),
            Answer::Refused(About::Record { of: Subject::Begins(id), .. }, error) => {
                self.give_up(id, problem::of_full_store(&error));
                self.consenting.answer(&id, Err(error.into()));
            }
            Answer::Refused(About::Record { .. }, error) => {
                return Err(problem::of_store(&error.into()));
            }
            Answer::Refused(About::Handles { .. }, _)
            | Answer::Contradicts(About::Handles { .. }, _) => {
                self.outlines.block_is_refused();
            }
            Answer::Refused(About::Kept, error) => self.warn(None, problem::of_full_store(&error)),
            Answer::Contradicts(About::Record { of, .. }, error) => self.contradicted(of, &error),
            Answer::Contradicts(About::Kept, error) => {
                self.warn(None, problem::of_contradiction(&error));
            }
            Answer::Failed(error) => {
                self.consenting.fail(&error);
                return Err(problem::of_store(&error));
            }
        }
        Ok(())
    }

    /// What a peer can cause ends a request, never the node.
    fn contradicted(&mut self, of: Subject, error: &LedgerError) {
        let Some(id) = of.request() else { return };
        let problem = problem::of_contradiction(error);
        self.warn(None, problem.clone());
        self.give_up(id, problem);
        self.consenting.answer(&id, Err(error.clone()));
    }

    /// Says what only waits for the disk: the others may wait to hear that our signatures are durable.
    pub(crate) async fn settle(&mut self) {
        let (written, mut all) = oneshot::channel();
        self.storage.read(move |_| {
            let _ = written.send(());
        });
        loop {
            let answer = tokio::select! {
                biased;
                answer = self.answers.recv() => answer,
                _ = &mut all => return,
            };
            if self.on_answer(answer).is_err() {
                return;
            }
            self.carry_out();
        }
    }
}
