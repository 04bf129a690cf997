//! Questions to whoever may say yes: a person at a terminal, or a program on a pipe.
//!
//! [`Questions`] is a pure machine: time, what was read and what is to be asked go in; what to write
//! and what was answered come out. [`Desk`] drives it, for `up`, `sign`, `signer` and every other
//! command that asks.
//!
//! Invariants:
//!
//! - Exactly one question stands; it was shown in full, and the others wait behind it.
//! - An answer counts only if it was typed after the question had stood complete for `machine::DEAD_TIME`; off
//!   a terminal, only if it carries the digest of what was shown.
//! - One read answers at most one question, and the end of input answers none. Only a no to what a member
//!   asks several times is a no to all of them.
//! - Members take turns ([`Turns`](ensign_coordinator::Turns)): however many questions one of them has, the first one of another
//!   is the next that is asked.

mod answer;
mod desk;
mod machine;
mod reader;
mod typed;

use std::io::IsTerminal as _;

use bitcoin::hashes::{Hash as _, sha256};
use ensign_coordinator::Claim;
use ensign_primitives::{PeerId, RequestId};

pub(crate) use self::desk::Desk;
pub(crate) use self::machine::{Action, Questions};
use crate::output::Output;

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A request to sign.
    Request(RequestId),
    /// A node that wants to speak for the key of a signer.
    Node(PeerId),
    /// What this command is about to do.
    Own,
}

/// A question, with everything that an answer to it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// What it is about; a second question about the same takes the place of the first.
    pub(crate) subject: Subject,
    /// How people call that: `#17`.
    pub(crate) name: String,
    /// Hash of what is shown; with another one it is another question.
    pub(crate) digest: [u8; 32],
    /// Everything there is to see, above the prompt.
    pub(crate) shown: String,
    /// What is at stake, in one line without a question mark.
    pub(crate) stake: String,
    /// What counts as a yes.
    pub(crate) wanted: Wanted,
    /// Which member asks; `None` where it is nobody but us.
    pub(crate) by: Option<By>,
}

/// Which member a question comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct By {
    /// How we call it.
    pub(crate) name: String,
    /// Who it is, and what it asks for.
    pub(crate) claim: Claim,
}

/// What counts as a yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The word.
    Yes,
    /// A name, typed in full, where something would be gone.
    Name(String),
    /// Something is grave: digits that only stand in what was shown.
    Digits {
        /// The digits, in lower case.
        digits: String,
        /// What they end, in full: it stands above the prompt once more.
        hash: String,
        /// What they are the last of: `the txid`.
        of: &'static str,
        /// The names of the grave notes.
        notes: Vec<&'static str>,
    },
}

impl Wanted {
    /// Wants the last six digits of a hash, because of grave notes.
    pub(crate) fn digits(hash: &str, of: &'static str, notes: Vec<&'static str>) -> Self {
        let digits = hash.get(hash.len().saturating_sub(DIGITS)..).unwrap_or(hash).to_owned();
        Self::Digits { digits, hash: hash.to_owned(), of, notes }
    }

    /// Returns the grave notes that a yes given in advance does not name.
    pub(crate) fn missing(&self, accepted: &[String]) -> Vec<&'static str> {
        let Self::Digits { notes, .. } = self else { return Vec::new() };
        let is_missing = |note: &&&str| !accepted.iter().any(|it| it == **note);
        notes.iter().filter(is_missing).copied().collect()
    }
}

/// How many digits are typed. Guess: few enough for a hand, and no word is as long by chance.
const DIGITS: usize = 6;

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It shall be done.
    Yes,
    /// It shall not.
    No,
    /// Nobody can be asked: there is no input, or it has ended. It is neither.
    Nobody,
    /// It was not asked: too many questions of its member wait. It is neither.
    TooMany,
}

/// A question that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    /// What it was about.
    pub(crate) subject: Subject,
    /// How people call that.
    pub(crate) name: String,
    /// What was seen.
    pub(crate) digest: [u8; 32],
    /// What became of it.
    pub(crate) answer: Answer,
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Somebody who sees the questions on a terminal and types there.
    Person,
    /// A pipe, or whoever reads JSON: an answer names what was shown by its digest.
    Program,
}

impl Audience {
    /// Returns who answers the questions that go to an output: a person only where standard error,
    /// which has the questions, and standard input are a terminal.
    pub(crate) fn of(output: Output) -> Self {
        let sees = !output.is_json() && std::io::stderr().is_terminal();
        if sees && std::io::stdin().is_terminal() { Self::Person } else { Self::Program }
    }
}

impl Question {
    /// Makes a question of yes or no whose digest is that of its words.
    pub(crate) fn plain(
        subject: Subject,
        name: impl Into<String>,
        shown: String,
        stake: String,
    ) -> Self {
        let digest = sha256::Hash::hash(format!("{shown}\0{stake}").as_bytes()).to_byte_array();
        Self { subject, name: name.into(), digest, shown, stake, wanted: Wanted::Yes, by: None }
    }

    fn claim(&self) -> Claim {
        self.by.as_ref().map_or(Claim::OWN, |by| by.claim)
    }

    /// Returns it as something that is over.
    fn over(self, answer: Answer) -> Answered {
        let Self { subject, name, digest, .. } = self;
        Answered { subject, name, digest, answer }
    }
}

/// Asks a person one question, and waits for the answer. Where no person sees it, nobody is asked.
pub(crate) async fn ask(output: Output, question: Question) -> Answer {
    if Audience::of(output) == Audience::Program {
        return Answer::Nobody;
    }
    let mut desk = Desk::open(output);
    desk.ask(question);
    desk.next().await.answer
}
