//! The person at the terminal of a signer.

use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ensign_coordinator::SignerError;

use crate::output::{Line, Output};
use crate::stop;

/// How often it is looked whether whoever asked is still there. Guess: a person sees no delay.
const ASKER_LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// Most typed lines that wait for a question.
const TYPED_LINES_MAX: usize = 16;

/// Whoever wants an answer.
pub(super) trait Asker {
    /// Returns whether it has hung up, so that nobody waits for the answer.
    fn has_hung_up(&self) -> bool;
}

/// Answers one question at a time.
#[derive(Debug)]
pub(super) struct Person {
    output: Output,
    typed: Mutex<Typed>,
}

#[derive(Debug)]
struct Typed {
    lines: Receiver<String>,
    /// The last question was withdrawn: what was typed for it answers no other.
    is_stale: bool,
}

impl Person {
    /// Begins to read standard input.
    pub(super) fn new(output: Output) -> Self {
        let (sender, lines) = sync_channel(TYPED_LINES_MAX);
        std::thread::spawn(move || stop::read_lines(|line| sender.send(line).is_ok()));
        Self::reading(output, lines)
    }

    fn reading(output: Output, lines: Receiver<String>) -> Self {
        Self { output, typed: Mutex::new(Typed { lines, is_stale: false }) }
    }

    /// Shows what it is about, and asks until the answer is yes or no. Other questions wait. A
    /// question whose asker hangs up is withdrawn.
    pub(super) fn ask(
        &self,
        asker: &dyn Asker,
        show: impl FnOnce(),
        question: &str,
        event: &Line,
    ) -> Result<(), SignerError> {
        let mut typed = self.typed.lock().unwrap_or_else(PoisonError::into_inner);
        if asker.has_hung_up() {
            return Err(SignerError::Refused);
        }
        if std::mem::take(&mut typed.is_stale) {
            typed.lines.try_iter().for_each(drop);
        }
        show();
        loop {
            self.output.prompt(&format!("{question} [yes/no] "));
            self.output.json(event);
            let Some(line) = self.wait(asker, &mut typed)? else {
                let text = "not signed: there is no input to ask on";
                self.output.tell(&Line::new("cannot_ask"), text);
                return Err(SignerError::Refused);
            };
            match line.trim().to_lowercase().as_str() {
                "y" | "yes" => return Ok(()),
                "n" | "no" => return Err(SignerError::Declined),
                _ => self.output.text("please answer yes or no"),
            }
        }
    }

    /// Waits for a line; `None` when input has ended.
    fn wait(&self, asker: &dyn Asker, typed: &mut Typed) -> Result<Option<String>, SignerError> {
        loop {
            match typed.lines.recv_timeout(ASKER_LOOK_INTERVAL) {
                Ok(line) => return Ok(Some(line)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) if asker.has_hung_up() => {
                    typed.is_stale = true;
                    let text = "\nthe question is withdrawn: the node that asked has hung up";
                    self.output.tell(&Line::new("withdrawn"), text);
                    return Err(SignerError::Refused);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// An asker that hangs up when it was looked at so often.
    struct Patience(Cell<u32>);

    impl Asker for Patience {
        fn has_hung_up(&self) -> bool {
            let left = self.0.get();
            self.0.set(left.saturating_sub(1));
            left == 0
        }
    }

    fn asks(person: &Person, looks: u32) -> (Result<(), SignerError>, bool) {
        let shown = Cell::new(false);
        let asker = Patience(Cell::new(looks));
        let answer = person.ask(&asker, || shown.set(true), "sign?", &Line::new("asking"));
        (answer, shown.get())
    }

    #[test]
    fn regression_question_of_a_node_that_had_hung_up_kept_everybody_waiting() {
        let (keyboard, lines) = sync_channel(TYPED_LINES_MAX);
        let person = Person::reading(Output::Json, lines);
        let refused = Err(SignerError::Refused);
        assert_eq!(asks(&person, 0), (refused.clone(), false), "it is not even shown");
        assert_eq!(asks(&person, 1), (refused.clone(), true), "it is withdrawn");
        // What was typed for it is no answer to the next.
        keyboard.send("yes\n".to_owned()).unwrap();
        assert_eq!(asks(&person, 1), (refused, true));
        keyboard.send("yes\n".to_owned()).unwrap();
        assert_eq!(asks(&person, 0).0, Err(SignerError::Refused));
    }

    #[test]
    fn answers_are_yes_and_no_and_nothing_else() {
        let (keyboard, lines) = sync_channel(TYPED_LINES_MAX);
        let person = Person::reading(Output::Json, lines);
        for line in ["maybe\n", "YES\n", "\n", " n \n"] {
            keyboard.send(line.to_owned()).unwrap();
        }
        assert_eq!(asks(&person, 9), (Ok(()), true));
        assert_eq!(asks(&person, 9), (Err(SignerError::Declined), true));
        drop(keyboard);
        assert_eq!(asks(&person, 9), (Err(SignerError::Refused), true), "input has ended");
    }
}
