//! The person at the terminal of a signer.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use ensign_coordinator::SignerError;
use tokio::sync::mpsc;

use crate::command::block_on;
use crate::command::up::TOO_MANY;
use crate::output::{Line, Output};
use crate::question::{Answer, Answered, Desk, Question, Subject};

/// How often it is looked whether whoever asked is still there. Guess: a person sees no delay.
const ASKER_LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// Whoever wants an answer.
pub(super) trait Asker {
    /// Returns whether it has hung up, so that nobody waits for the answer.
    fn has_hung_up(&self) -> bool;
}

/// Answers one question at a time. A thread of its own has the [`Desk`].
#[derive(Debug)]
pub(super) struct Person {
    wishes: mpsc::UnboundedSender<Wish>,
    output: Output,
}

/// What a connection wants of the desk; each has one question at most.
#[derive(Debug)]
enum Wish {
    Ask(Box<Question>, SyncSender<Answer>),
    /// Whoever asked about it has hung up.
    Withdraw(Subject, [u8; 32]),
}

/// A question on the desk, and who waits for the answer.
#[derive(Debug)]
struct Waiting {
    subject: Subject,
    digest: [u8; 32],
    reply: SyncSender<Answer>,
}

impl Person {
    /// Makes a person whom nobody has asked yet.
    pub(super) fn new(output: Output) -> Self {
        Self::at(move || Desk::open(output), output)
    }

    fn at(desk: impl FnOnce() -> Desk + Send + 'static, output: Output) -> Self {
        let (wishes, wished) = mpsc::unbounded_channel();
        // Without a thread nobody is asked, so nothing is signed.
        let serve = move || drop(block_on(serve(desk(), wished)));
        drop(std::thread::Builder::new().spawn(serve));
        Self { wishes, output }
    }

    /// Asks until the answer is yes or no. Other questions wait. A question whose asker hangs up is
    /// withdrawn.
    pub(super) fn ask(&self, asker: &dyn Asker, question: Question) -> Result<(), SignerError> {
        if asker.has_hung_up() {
            return Err(SignerError::Refused);
        }
        let (subject, digest) = (question.subject, question.digest);
        let (reply, answers) = sync_channel(1);
        self.wishes.send(Wish::Ask(Box::new(question), reply)).map_err(|_| SignerError::Refused)?;
        match wait(asker, &answers) {
            Some(Answer::Yes) => Ok(()),
            Some(Answer::No) => Err(SignerError::Declined),
            Some(Answer::Nobody) => {
                let text = "not signed: there is no input to ask on";
                self.output.talk(&Line::new("cannot_ask"), text);
                Err(SignerError::Refused)
            }
            Some(Answer::TooMany) => {
                let text = format!("not signed: {TOO_MANY}");
                self.output.talk(&Line::new("cannot_ask"), text);
                Err(SignerError::Refused)
            }
            None => {
                let text = "a question is withdrawn: the node that asked has hung up";
                self.output.talk(&Line::new("withdrawn"), text);
                // A desk that is gone asks nothing.
                let _gone = self.wishes.send(Wish::Withdraw(subject, digest));
                Err(SignerError::Refused)
            }
        }
    }
}

/// Waits for the answer; nothing when the asker has hung up.
fn wait(asker: &dyn Asker, answers: &Receiver<Answer>) -> Option<Answer> {
    loop {
        match answers.recv_timeout(ASKER_LOOK_INTERVAL) {
            Ok(answer) => return Some(answer),
            Err(RecvTimeoutError::Disconnected) => return Some(Answer::Nobody),
            Err(RecvTimeoutError::Timeout) if asker.has_hung_up() => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Keeps the desk as long as somebody may ask.
async fn serve(
    mut desk: Desk,
    mut wished: mpsc::UnboundedReceiver<Wish>,
) -> crate::failure::Result<()> {
    let mut waiting: Vec<Waiting> = Vec::new();
    loop {
        tokio::select! {
            wish = wished.recv() => match wish {
                Some(Wish::Ask(question, reply)) => {
                    let (subject, digest) = (question.subject, question.digest);
                    // One that has changed is another question: nobody said yes to the old one.
                    waiting.retain(|other| other.subject != subject || other.digest == digest);
                    waiting.push(Waiting { subject, digest, reply });
                    desk.ask(*question);
                }
                Some(Wish::Withdraw(subject, digest)) => {
                    let is_it = |w: &Waiting| w.subject == subject && w.digest == digest;
                    if let Some(place) = waiting.iter().position(is_it) {
                        waiting.remove(place);
                    }
                    if !waiting.iter().any(|other| other.subject == subject) {
                        desk.settle(&subject);
                    }
                }
                None => return Ok(()),
            },
            over = desk.next() => answer(&mut waiting, &over),
        }
    }
}

fn answer(waiting: &mut Vec<Waiting>, over: &Answered) {
    waiting.retain(|Waiting { subject, digest, reply }| {
        let is_it = *subject == over.subject && *digest == over.digest;
        if is_it {
            // Who has hung up needs none.
            let _gone = reply.try_send(over.answer);
        }
        !is_it
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use ensign_primitives::PeerId;

    use super::*;

    /// An asker that hangs up when the test says so.
    #[derive(Default)]
    struct Here(AtomicBool);

    impl Asker for Here {
        fn has_hung_up(&self) -> bool {
            self.0.load(Ordering::SeqCst)
        }
    }

    fn question(number: u8) -> Question {
        let subject = Subject::Node(PeerId::from_bytes([number; 32]));
        Question::plain(subject, "it", String::new(), format!("do {number}"))
    }

    /// A person who is a program: its answers have digests, and nothing is timed.
    fn person() -> (mpsc::Sender<(ensign_primitives::Instant, Vec<u8>)>, Person) {
        let (keyboard, reads) = mpsc::channel(4);
        let person = Person::at(move || Desk::reading(Output::Json, reads), Output::Json);
        (keyboard, person)
    }

    fn say(keyboard: &mpsc::Sender<(ensign_primitives::Instant, Vec<u8>)>, what: &str, number: u8) {
        let line = format!("{what} {}\n", hex::encode(question(number).digest));
        keyboard.blocking_send((ensign_primitives::Instant::from_micros(0), line.into())).unwrap();
    }

    #[test]
    fn regression_question_of_a_node_that_had_hung_up_kept_everybody_waiting() {
        let (keyboard, person) = person();
        let (gone, here) = (Here(true.into()), Here::default());
        assert_eq!(person.ask(&gone, question(1)), Err(SignerError::Refused));
        let leaving = Here::default();
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| person.ask(&leaving, question(2)));
            leaving.0.store(true, Ordering::SeqCst);
            assert_eq!(asked.join().unwrap(), Err(SignerError::Refused));
            // The next one is asked, and what is said about the other is no answer to it.
            let asked = scope.spawn(|| person.ask(&here, question(3)));
            while !asked.is_finished() {
                say(&keyboard, "no", 2);
                say(&keyboard, "yes", 3);
            }
            assert_eq!(asked.join().unwrap(), Ok(()));
        });
    }

    #[test]
    fn an_answer_is_for_everybody_who_asked_just_that() {
        let ask = |number: u8, digest: u8| {
            let (reply, answers) = sync_channel(1);
            let subject = question(number).subject;
            (Waiting { subject, digest: [digest; 32], reply }, answers)
        };
        let (waiting, answers): (Vec<_>, Vec<_>) =
            [ask(1, 1), ask(1, 1), ask(1, 2), ask(2, 1)].into_iter().unzip();
        let mut waiting = waiting;
        let over = Question { digest: [1; 32], ..question(1) };
        let Question { subject, name, digest, .. } = over;
        answer(&mut waiting, &Answered { subject, name, digest, answer: Answer::Yes });
        let told: Vec<_> = answers.iter().map(|answers| answers.try_recv().ok()).collect();
        assert_eq!(told, [Some(Answer::Yes), Some(Answer::Yes), None, None]);
        assert_eq!(waiting.len(), 2);
    }

    #[test]
    fn the_end_of_input_is_no_answer() {
        let (keyboard, person) = person();
        drop(keyboard);
        assert_eq!(person.ask(&Here::default(), question(1)), Err(SignerError::Refused));
        assert_eq!(person.ask(&Here::default(), question(2)), Err(SignerError::Refused));
    }
}
