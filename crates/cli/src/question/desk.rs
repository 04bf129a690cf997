//! Where questions are asked: the machine, the terminal, the clock.

use std::collections::VecDeque;
use std::sync::Arc;

use ensign_engine::ratelimit::Allowance;
use ensign_primitives::Instant;
use tokio::sync::{Notify, mpsc};

use super::machine::Behind;
use super::reader::Reader;
use super::{Action, Answered, Audience, Question, Questions, Subject, Wanted};
use crate::output::{Line, Output};

/// Time since this process began to ask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(std::time::Instant);

impl Clock {
    fn new() -> Self {
        Self(std::time::Instant::now())
    }

    pub(super) fn now(self) -> Instant {
        Instant::from_micros(0).after(self.0.elapsed())
    }

    /// Returns an instant as the runtime has it.
    fn moment(self, at: Instant) -> tokio::time::Instant {
        (self.0 + at.since(Instant::from_micros(0))).into()
    }
}

/// Asks on the terminal, or a program. Begins to read input with the first question.
#[derive(Debug)]
pub(crate) struct Desk {
    questions: Questions,
    output: Output,
    clock: Clock,
    reader: Option<Reader>,
    has_ended: bool,
    /// Prompts that are on the screen now.
    drawn: (mpsc::UnboundedSender<()>, mpsc::UnboundedReceiver<()>),
    /// Told when others wait to speak.
    others: Arc<Notify>,
    over: VecDeque<Answered>,
}

/// What comes next.
enum Seen {
    Read(Option<(Instant, Vec<u8>)>),
    Drawn,
    /// Something is due, or somebody waits to speak.
    Woken,
}

impl Desk {
    /// Makes a desk where nothing is asked yet.
    pub(crate) fn open(output: Output) -> Self {
        Self {
            questions: Questions::new(Audience::of(output)),
            output,
            clock: Clock::new(),
            reader: None,
            has_ended: false,
            drawn: mpsc::unbounded_channel(),
            others: Arc::default(),
            over: VecDeque::new(),
        }
    }

    /// Asks at another pace what one member wants, and lets so many of its questions wait. For a desk where nothing was asked yet.
    pub(crate) fn at_pace(mut self, pace: (Allowance, usize)) -> Self {
        self.questions = Questions::paced(Audience::of(self.output), pace);
        self
    }

    /// Makes a desk that a program answers through a channel.
    #[cfg(test)]
    pub(crate) fn reading(output: Output, reads: mpsc::Receiver<super::reader::Read>) -> Self {
        let mut desk = Self::open(output);
        desk.questions = Questions::new(Audience::Program);
        desk.reader = Some(Reader::reading(reads));
        desk
    }

    /// Asks, at once or behind what is asked already.
    pub(crate) fn ask(&mut self, question: Question) {
        let clock = self.clock;
        if self.reader.is_none() && !self.has_ended {
            self.reader = Some(Reader::new(clock));
        }
        self.questions.ask(clock.now(), question);
        self.act();
    }

    /// Takes back a question: it was answered elsewhere, or is none any more.
    pub(crate) fn settle(&mut self, subject: &Subject) {
        self.questions.settle(self.clock.now(), subject);
        self.act();
    }

    /// Waits for the next question that is over.
    pub(crate) async fn next(&mut self) -> Answered {
        loop {
            if let Some(over) = self.over.pop_front() {
                return over;
            }
            match self.seen().await {
                Seen::Read(Some((at, bytes))) => self.questions.handle_read(at, &bytes),
                Seen::Read(None) => self.questions.handle_end(),
                Seen::Drawn => self.questions.handle_drawn(self.clock.now()),
                Seen::Woken => {}
            }
            self.questions.handle_timeout(self.clock.now());
            self.act();
        }
    }

    async fn seen(&mut self) -> Seen {
        if self.output.has_held() {
            self.questions.handle_others();
        }
        let due = self.questions.poll_timeout();
        let clock = self.clock;
        let late = async {
            match due {
                Some(due) => tokio::time::sleep_until(clock.moment(due)).await,
                None => std::future::pending().await,
            }
        };
        let read = async {
            match &mut self.reader {
                Some(reader) => reader.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            read = read => {
                if read.is_none() {
                    (self.reader, self.has_ended) = (None, true);
                }
                Seen::Read(read)
            }
            _ = self.drawn.1.recv() => Seen::Drawn,
            () = late => Seen::Woken,
            () = self.others.notified() => Seen::Woken,
        }
    }

    fn act(&mut self) {
        while let Some(action) = self.questions.poll_action() {
            match action {
                Action::Hold => self.output.hold(&self.others),
                Action::LetOut => self.output.let_out(),
                Action::Break => self.output.prompt("\n", || {}),
                Action::Say(text) => self.output.notice(text),
                Action::Draw(prompt) => {
                    let drawn = self.drawn.0.clone();
                    // A desk that is gone waits for no prompt.
                    self.output.prompt(&prompt, move || {
                        let _gone = drawn.send(());
                    });
                }
                Action::Flush => {
                    let was_typed = self.reader.as_ref().is_some_and(Reader::flush);
                    self.questions.handle_flushed(self.clock.now(), was_typed);
                }
                Action::Asking(question, behind) => {
                    let Behind { others, same } = behind;
                    let line = asking(&question).with("waiting", others.saturating_add(same));
                    self.output.json(&line.with("same", same));
                }
                Action::Void(question, why) => self.void(&question, &why),
                Action::Over(over) => self.over.push_back(over),
            }
        }
    }

    fn void(&self, question: &Question, why: &str) {
        let line = about(Line::new("answer_void"), question).with("why", why);
        self.output.talk(&line, format!("that is no answer about {}: {why}", question.name));
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.output.let_out();
    }
}

/// Returns the event that a question is asked.
fn asking(question: &Question) -> Line {
    let notes = match &question.wanted {
        Wanted::Yes | Wanted::Name(_) => Vec::new(),
        Wanted::Digits { notes, .. } => notes.clone(),
    };
    about(Line::new("asking"), question)
        .with("digest", hex::encode(question.digest))
        .with("grave", notes)
        .with("question", question.stake.as_str())
}

/// Adds what a question is about.
fn about(line: Line, question: &Question) -> Line {
    let line = match &question.subject {
        Subject::Request(id) => line.with("request", id.to_string()),
        Subject::Node(peer) => line.with("node", peer.to_string()),
        Subject::Own => line,
    };
    line.with("handle", question.name.as_str())
}
