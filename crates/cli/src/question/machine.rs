//! Which question stands, and what answers it: no clock, no terminal.

use std::collections::VecDeque;
use std::time::Duration;

use ensign_coordinator::{QUESTIONS_ALLOWED, QUESTIONS_PER_MEMBER_MAX, Turns};
use ensign_engine::ratelimit::Allowance;
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
    /// Tell programs which question stands.
    Asking(Box<Question>, Behind),
    /// Tell programs that a line was no answer, and what is wanted.
    Void(Box<Question>, String),
    /// The question is over.
    Over(Answered),
}

/// What waits behind the question that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Behind {
    /// Questions that ask for something else, or come from somebody else.
    pub(crate) others: usize,
    /// Questions by which the same member asks for the same.
    pub(crate) same: usize,
}

/// The question that stands, and those that wait for their turn.
#[derive(Debug)]
pub(crate) struct Questions {
    audience: Audience,
    standing: Option<Question>,
    line: Turns<Question>,
    /// It was told that nothing is asked, though something waits.
    is_pace_told: bool,
    stage: Stage,
    typed: Typed,
    /// What the last prompt counted as the same, as it was then: a no is for these, and for nothing that
    /// came, or changed, after it.
    counted: Vec<(Subject, [u8; 32])>,
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
        Self::paced(audience, (QUESTIONS_ALLOWED, QUESTIONS_PER_MEMBER_MAX))
    }

    /// Begins with none.
    ///
    /// - `pace`: how often a person is asked what one member wants. A program may read as fast as it likes.
    /// - `waiting`: most questions of one member that wait; further ones are left unanswered.
    pub(crate) fn paced(audience: Audience, (pace, waiting): (Allowance, usize)) -> Self {
        let pace = match audience {
            Audience::Person => Some(pace),
            Audience::Program => None,
        };
        Self {
            audience,
            standing: None,
            line: Turns::new(pace).at_most(waiting),
            is_pace_told: false,
            stage: Stage::Idle,
            typed: Typed::default(),
            counted: Vec::new(),
            is_behind_prompt: false,
            actions: VecDeque::new(),
        }
    }

    /// Asks. The same question again is none; one that has changed takes the place of the old one, and
    /// begins anew.
    pub(crate) fn ask(&mut self, now: Instant, question: Question) {
        if matches!(self.stage, Stage::Closed) {
            return self.push(Action::Over(question.over(Answer::Nobody)));
        }
        if let Some(old) = self.standing.as_mut().filter(|old| old.subject == question.subject) {
            if old.digest != question.digest {
                let said = format!("the question about {} has changed", old.name);
                *old = question;
                self.end_line();
                self.push(Action::Say(said));
                self.present(now);
            }
            return;
        }
        if let Some(old) = self.line.iter_mut().find(|old| old.subject == question.subject) {
            *old = question;
            return;
        }
        let gone = self.line.enter(now, question.claim(), question);
        self.actions.extend(gone.map(|gone| Action::Over(gone.over(Answer::TooMany))));
        if self.standing.is_none() { self.next(now) } else { self.handle_others() }
    }

    /// Takes note that a question was answered elsewhere, or is none any more.
    pub(crate) fn settle(&mut self, now: Instant, subject: &Subject) {
        if let Some(settled) = self.standing.take_if(|it| it.subject == *subject) {
            self.end_line();
            self.push(Action::Say(format!("the question is settled ({})", settled.name)));
            return self.next(now);
        }
        self.line.remove(|question| question.subject == *subject);
    }

    /// Takes what one read of the input brought, and when.
    pub(crate) fn handle_read(&mut self, now: Instant, bytes: &[u8]) {
        if bytes.ends_with(b"\n") {
            self.is_behind_prompt = false;
        }
        let Some(question) = self.standing.clone() else {
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
        for question in
            self.standing.take().into_iter().chain(self.line.drain()).collect::<Vec<_>>()
        {
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
        if matches!(self.stage, Stage::Idle) && self.line.ready_at().is_some_and(|at| at <= now) {
            return self.next(now);
        }
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
            return self.line.ready_at().filter(|_| matches!(self.stage, Stage::Idle));
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
        if let Some(question) = self.standing.take() {
            // A program answers what it names.
            let is_for_all = answer == Answer::No && self.audience == Audience::Person;
            let counted = std::mem::take(&mut self.counted);
            let counted = counted.into_iter().filter(|_| is_for_all);
            let same: Vec<_> =
                counted.filter_map(|it| self.line.remove(|same| is_it(&it, same))).collect();
            if !self.line.is_empty() || !same.is_empty() {
                // What comes of it is told below the next question, which stands at once.
                let said = if answer == Answer::Yes { "yes" } else { "no" };
                let names: Vec<_> =
                    std::iter::once(&question).chain(&same).map(|it| it.name.as_str()).collect();
                self.push(Action::Say(format!("you said {said} to {}", names.join(", "))));
            }
            for question in std::iter::once(question).chain(same) {
                self.push(Action::Over(question.over(answer)));
            }
        }
        self.next(now);
    }

    fn again(&mut self, question: Question, why: String) {
        match self.audience {
            Audience::Person => self.redraw(Some(why)),
            Audience::Program => self.push(Action::Void(Box::new(question), why)),
        }
    }

    /// Goes on with the question whose turn it is.
    fn next(&mut self, now: Instant) {
        self.standing = self.line.take(now).map(|(_, question)| question);
        if self.standing.is_some() {
            self.is_pace_told = false;
            return self.present(now);
        }
        self.stage = Stage::Idle;
        self.push(Action::LetOut);
        let who = self.line.iter().find_map(|question| Some(question.by.as_ref()?.name.clone()));
        if let Some(who) = who.filter(|_| !std::mem::replace(&mut self.is_pace_told, true)) {
            let waiting = self.line.len();
            let said = format!("{who} asks faster than you are to be asked: {waiting} wait");
            self.push(Action::Say(said));
        }
    }

    /// Returns what waits behind the question that stands.
    fn behind(&self) -> Behind {
        let by = self.standing.as_ref().and_then(|question| question.by.as_ref());
        let same = by.map_or(0, |by| self.line.count_same(&by.claim));
        Behind { others: self.line.len().saturating_sub(same), same }
    }

    /// Says what waits behind the question that stands, a line each. What a no is for too is what the prompt
    /// counted when it was drawn.
    fn more(&self) -> Vec<String> {
        let same = match self.audience {
            Audience::Person => self
                .counted
                .iter()
                .filter(|it| self.line.iter().any(|same| is_it(it, same)))
                .count(),
            Audience::Program => self.behind().same,
        };
        let others = self.line.len().saturating_sub(same);
        let by = self.standing.as_ref().and_then(|question| question.by.as_ref());
        let times = by.filter(|_| same > 0).map(|by| times(&by.name, same, self.audience));
        more(others).into_iter().chain(times).collect()
    }

    /// Shows the question in full, and asks.
    fn present(&mut self, now: Instant) {
        let Some(question) = self.standing.clone() else { return };
        self.typed.forget();
        let (shown, behind) = (question.shown.clone(), self.behind());
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
                let more: String = self.more().iter().map(|more| format!("{more}; ")).collect();
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
        let by = self.standing.as_ref().and_then(|question| question.by.as_ref());
        let same = by.into_iter().flat_map(|by| self.line.same(&by.claim));
        self.counted = same.map(|same| (same.subject, same.digest)).collect();
        let prompt = self.prompt();
        self.push(Action::Draw(prompt));
        self.is_behind_prompt = true;
        self.stage = Stage::Drawing { is_early: false };
    }

    fn prompt(&self) -> String {
        let Some(Question { stake, wanted, .. }) = &self.standing else { return String::new() };
        let more: String = self.more().iter().map(|more| format!("{more}\n")).collect();
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

/// Whether a question is the one that was counted, and has not changed since.
fn is_it((subject, digest): &(Subject, [u8; 32]), question: &Question) -> bool {
    question.subject == *subject && question.digest == *digest
}

/// Says how many questions wait behind the one that stands.
fn more(behind: usize) -> Option<String> {
    match behind {
        0 => None,
        1 => Some("1 more waits".to_owned()),
        _ => Some(format!("{behind} more wait")),
    }
}

/// Says that a member asks for the same several times, and what an answer is to.
fn times(who: &str, same: usize, audience: Audience) -> String {
    let times = same.saturating_add(1);
    match audience {
        Audience::Person => format!(
            "{who} asks this {times} times: yes is for this one only, no is for all of them"
        ),
        Audience::Program => format!("{who} asks this {times} times"),
    }
}

#[cfg(test)]
mod tests;
