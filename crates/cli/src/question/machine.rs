//! Which question stands, and what answers it: no clock, no terminal.

use std::collections::VecDeque;
use std::time::Duration;

use ensign_primitives::Instant;

use super::answer::{self, Meaning};
use super::typed::Typed;
use super::{Answer, Answered, Audience, Question, Subject, Wanted};

/// How long a question stands before an answer counts.
///
/// Guess: nobody reads an amount and an address faster, and what a hand was about to type when the
/// screen changed has arrived by then. What is typed in it is thrown away, half a line too.
pub(super) const DEAD_TIME: Duration = Duration::from_millis(700);
/// How long other lines wait before the question is drawn again below them.
///
/// Guess: long enough to answer in between, whatever the others' nodes have to say.
pub(super) const REDRAW_INTERVAL: Duration = Duration::from_secs(10);
/// Most questions at one time; what comes after is left unanswered. Guess: more than the requests that
/// a node of several groups holds.
const QUESTIONS_MAX: usize = 1_024;

/// What the driver does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Hold back what others say: from now on a question is the last thing on the screen.
    Hold,
    /// Let out what was held back.
    LetOut,
    /// End the line on which the prompt stands.
    Break,
    /// Write lines for people.
    Say(String),
    /// Write a prompt, and tell [`Questions::handle_drawn`] when it is on the screen.
    Draw(String),
    /// Throw away what was typed and not read, and tell [`Questions::handle_flushed`].
    Flush,
    /// Tell programs which question stands, with how many behind it.
    Asking(Box<Question>, usize),
    /// Tell programs that a line was no answer, and what is wanted.
    Void(Box<Question>, String),
    /// The question is over.
    Over(Answered),
}

/// The questions that are open, the one that stands first.
#[derive(Debug)]
pub(crate) struct Questions {
    audience: Audience,
    open: VecDeque<Question>,
    stage: Stage,
    typed: Typed,
    /// Whether the cursor is behind a prompt.
    is_behind_prompt: bool,
    actions: VecDeque<Action>,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// There is nothing to ask.
    Idle,
    /// A prompt is on its way to the screen.
    Drawing {
        /// Something was typed already.
        is_early: bool,
    },
    /// It stands there.
    Standing {
        since: Instant,
        /// From when on an answer counts: when the dead time was over and what was typed in it was
        /// thrown away.
        listens: Option<Instant>,
        /// Something was typed too early, which was not told yet.
        is_early: bool,
        /// Others have something to say.
        is_urged: bool,
    },
    /// Nobody can be asked any more.
    Closed,
}

impl Questions {
    /// Begins with none.
    pub(crate) fn new(audience: Audience) -> Self {
        Self {
            audience,
            open: VecDeque::new(),
            stage: Stage::Idle,
            typed: Typed::default(),
            is_behind_prompt: false,
            actions: VecDeque::new(),
        }
    }

    /// Asks. The same question again is none; one that has changed takes the place of the old one, and
    /// begins anew.
    pub(crate) fn ask(&mut self, now: Instant, question: Question) {
        if matches!(self.stage, Stage::Closed) || self.open.len() >= QUESTIONS_MAX {
            return self.push(Action::Over(question.over(Answer::Nobody)));
        }
        let asked = self.open.iter().position(|other| other.subject == question.subject);
        let Some(place) = asked else {
            self.open.push_back(question);
            return if self.open.len() == 1 { self.present(now) } else { self.handle_others() };
        };
        let Some(old) = self.open.get_mut(place).filter(|old| old.digest != question.digest) else {
            return;
        };
        let said = format!("the question about {} has changed", old.name);
        *old = question;
        if place == 0 {
            self.end_line();
            self.push(Action::Say(said));
            self.present(now);
        }
    }

    /// Takes note that a question was answered elsewhere, or is none any more.
    pub(crate) fn settle(&mut self, now: Instant, subject: &Subject) {
        let Some(place) = self.open.iter().position(|question| question.subject == *subject) else {
            return;
        };
        let settled = self.open.remove(place);
        if let (0, Some(settled)) = (place, settled) {
            self.end_line();
            self.push(Action::Say(format!("the question is settled ({})", settled.name)));
            self.next(now);
        }
    }

    /// Takes what one read of the input brought, and when.
    pub(crate) fn handle_read(&mut self, now: Instant, bytes: &[u8]) {
        if bytes.ends_with(b"\n") {
            self.is_behind_prompt = false;
        }
        let Some(question) = self.open.front().cloned() else {
            return self.typed.discard(bytes);
        };
        if self.audience == Audience::Person && !self.listens(now) {
            return self.typed.discard(bytes);
        }
        let Some(line) = self.typed.read(bytes) else { return };
        match answer::meaning(&line, self.audience, &question) {
            Meaning::Yes => self.answered(now, Answer::Yes),
            Meaning::No => self.answered(now, Answer::No),
            Meaning::Nothing(why) => self.again(question, why),
        }
    }

    /// Takes note that input has ended: what is open stays unanswered, and so does what comes.
    pub(crate) fn handle_end(&mut self) {
        self.stage = Stage::Closed;
        self.end_line();
        for question in std::mem::take(&mut self.open) {
            self.push(Action::Over(question.over(Answer::Nobody)));
        }
        self.push(Action::LetOut);
    }

    /// Takes note that the prompt is on the screen.
    pub(crate) fn handle_drawn(&mut self, now: Instant) {
        if let Stage::Drawing { is_early } = self.stage {
            let (listens, is_urged) = (None, false);
            self.stage = Stage::Standing { since: now, listens, is_early, is_urged };
        }
    }

    /// Takes note that what was typed in the dead time is gone, and whether there was anything.
    pub(crate) fn handle_flushed(&mut self, now: Instant, was_typed: bool) {
        self.typed.forget();
        if let Stage::Standing { listens, is_early, .. } = &mut self.stage {
            *listens = Some(now);
            *is_early |= was_typed;
            self.tell_early();
        }
    }

    /// Takes note that something else waits to be said.
    pub(crate) const fn handle_others(&mut self) {
        if let Stage::Standing { is_urged, .. } = &mut self.stage {
            *is_urged = true;
        }
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let Stage::Standing { since, listens, is_urged, .. } = self.stage else { return };
        let stood = now.since(since);
        if listens.is_none() && stood >= DEAD_TIME {
            self.push(Action::Flush);
        } else if is_urged && stood >= REDRAW_INTERVAL {
            self.redraw(None);
        } else if listens.is_some() {
            self.tell_early();
        }
    }

    /// Tells once that something was typed too early, as soon as an answer counts. The question has
    /// stood all the time: it is not drawn anew, only asked for once more.
    fn tell_early(&mut self) {
        let Stage::Standing { is_early, .. } = &mut self.stage else { return };
        if std::mem::take(is_early) {
            self.end_line();
            self.is_behind_prompt = true;
            let prompt = self.prompt();
            let said = format!("that was too early and does not count; answer now\n{prompt}");
            self.push(Action::Draw(said));
        }
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout).
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let Stage::Standing { since, listens, is_early, is_urged } = self.stage else {
            return None;
        };
        let dead = listens.is_none().then(|| since.after(DEAD_TIME));
        let early = listens.filter(|_| is_early);
        let urged = is_urged.then(|| since.after(REDRAW_INTERVAL));
        dead.into_iter().chain(early).chain(urged).min()
    }

    /// Returns what to do next.
    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Whether what was read at a time counts; remembers it when it is too early.
    fn listens(&mut self, at: Instant) -> bool {
        match &mut self.stage {
            Stage::Standing { listens, is_early, .. } => {
                let counts = listens.is_some_and(|listens| at >= listens);
                *is_early |= !counts;
                counts
            }
            Stage::Drawing { is_early } => {
                *is_early = true;
                false
            }
            Stage::Idle | Stage::Closed => false,
        }
    }

    fn answered(&mut self, now: Instant, answer: Answer) {
        if let Some(question) = self.open.pop_front() {
            if !self.open.is_empty() {
                // What comes of it is told below the next question, which stands at once.
                let said = if answer == Answer::Yes { "yes" } else { "no" };
                self.push(Action::Say(format!("you said {said} to {}", question.name)));
            }
            self.push(Action::Over(question.over(answer)));
        }
        self.next(now);
    }

    fn again(&mut self, question: Question, why: String) {
        match self.audience {
            Audience::Person => self.redraw(Some(why)),
            Audience::Program => self.push(Action::Void(Box::new(question), why)),
        }
    }

    /// Goes on with the question behind the one that is over.
    fn next(&mut self, now: Instant) {
        if self.open.is_empty() {
            self.stage = Stage::Idle;
            self.push(Action::LetOut);
        } else {
            self.present(now);
        }
    }

    /// Shows the first question in full, and asks.
    fn present(&mut self, now: Instant) {
        let Some(question) = self.open.front().cloned() else { return };
        self.typed.forget();
        let (shown, behind) = (question.shown.clone(), self.open.len().saturating_sub(1));
        let form = answer::form(&question);
        let stake = question.stake.clone();
        self.push(Action::LetOut);
        if !shown.is_empty() {
            self.push(Action::Say(shown));
        }
        self.push(Action::Asking(Box::new(question), behind));
        match self.audience {
            Audience::Person => {
                self.push(Action::Hold);
                self.draw();
            }
            Audience::Program => {
                let more = more(behind).map_or_else(String::new, |more| format!("{more}; "));
                self.push(Action::Say(format!("{more}{stake}? {form}")));
                let (listens, is_early, is_urged) = (Some(now), false, false);
                self.stage = Stage::Standing { since: now, listens, is_early, is_urged };
            }
        }
    }

    /// Lets the others speak, and asks below them.
    fn redraw(&mut self, said: Option<String>) {
        self.end_line();
        self.push(Action::LetOut);
        if let Some(said) = said {
            self.push(Action::Say(said));
        }
        self.push(Action::Hold);
        self.draw();
    }

    fn draw(&mut self) {
        let prompt = self.prompt();
        self.push(Action::Draw(prompt));
        self.is_behind_prompt = true;
        self.stage = Stage::Drawing { is_early: false };
    }

    fn prompt(&self) -> String {
        let Some(Question { stake, wanted, .. }) = self.open.front() else { return String::new() };
        let more = more(self.open.len().saturating_sub(1));
        let more = more.map_or_else(String::new, |more| format!("{more}\n"));
        match wanted {
            Wanted::Yes => format!("{more}{stake}? [y/n] "),
            Wanted::Name(name) => format!("{more}{stake}? type {name} to do it, n if not: "),
            // What was shown may have gone far up the screen.
            Wanted::Digits { hash, of, .. } => format!(
                "{more}{of}: {hash}\n{stake}? type the last six digits of {of} to do it, n if not: "
            ),
        }
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.is_behind_prompt) {
            self.push(Action::Break);
        }
    }

    fn push(&mut self, action: Action) {
        self.actions.push_back(action);
    }
}

/// Says how many questions wait behind the one that stands.
fn more(behind: usize) -> Option<String> {
    match behind {
        0 => None,
        1 => Some("1 more waits".to_owned()),
        _ => Some(format!("{behind} more wait")),
    }
}

#[cfg(test)]
mod tests;
