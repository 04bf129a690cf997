//! Many writes, one commit: what the store refuses, or what contradicts it, is found out one by one.

use ensign_primitives::{PeerId, RequestId, UnixTime};
use ensign_signing::Record;
use ensign_store::{OnceError, Store, StoreError, Table};

use crate::{Entry, LedgerError, contradicted, entry, subject, write};

/// One write.
#[derive(Debug)]
pub struct Write {
    /// What.
    pub entry: Entry,
    /// When it was asked for.
    pub at: UnixTime,
    /// Whose it is.
    pub about: About,
    /// Whether a join follows as soon as its nonces are made.
    pub before_join: bool,
}

/// Whose write it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A record of the engine's, which waits under this token.
    Record {
        /// The token.
        token: u64,
        /// What the record is about.
        of: Subject,
    },
    /// What the driver keeps for its user.
    Kept,
    /// What is only a hint: nobody is told when there is no room for it.
    Hint,
    /// The end of a block of numbers for requests.
    Handles {
        /// The end.
        end: u64,
    },
}

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A consent: this request begins.
    Begins(RequestId),
    /// This request goes on, or ends.
    Request(RequestId),
    /// No request.
    Other,
}

impl Subject {
    /// Returns the request.
    pub const fn request(self) -> Option<RequestId> {
        match self {
            Self::Begins(id) | Self::Request(id) => Some(id),
            Self::Other => None,
        }
    }
}

/// How a write went, in the order of the writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is durable.
    Durable(About),
    /// The store has no room for new work; the write never happens, the store goes on.
    Refused(About, StoreError),
    /// It contradicts what stands in the store; it never happens, the store goes on.
    Contradicts(About, LedgerError),
    /// Nothing is written any more.
    Failed(LedgerError),
}

impl Write {
    /// Makes the write of a record that the engine waits for under a token.
    ///
    /// - `node`: us. An own request is announced before it is joined, and only when it is durable.
    pub fn of_record(record: &Record, (at, token): (UnixTime, u64), node: PeerId) -> Self {
        let mut of = subject(record).map_or(Subject::Other, Subject::Request);
        let mut before_join = false;
        if let Record::Consented { request, .. } = record {
            (of, before_join) = (Subject::Begins(request.request.id()), request.peer != node);
        }
        Self { entry: entry(record), at, about: About::Record { token, of }, before_join }
    }

    /// Makes a write that no join follows.
    pub const fn of_entry(entry: Entry, at: UnixTime, about: About) -> Self {
        Self { entry, at, about, before_join: false }
    }

    /// Whether it takes one flush alone, so that it shall not wait for more.
    pub fn is_quick(&self) -> bool {
        matches!(self.entry.place.table(), Table::Joins | Table::Burns | Table::Partials)
    }
}

/// Commits writes together, at the time of the latest; what the store refuses, or what contradicts it, is found out one by one.
pub fn commit(store: &mut dyn Store, writes: Vec<Write>, answer: &mut dyn FnMut(Answer)) {
    let Some(at) = writes.iter().map(|write| write.at).max() else { return };
    let entries: Vec<Entry> = writes.iter().map(|write| write.entry.clone()).collect();
    match write(store, &entries, at) {
        Ok(()) => writes.iter().for_each(|write| answer(Answer::Durable(write.about))),
        Err(LedgerError::Store(error)) if error.is_refused() => match writes.as_slice() {
            [one] => answer(Answer::Refused(one.about, error)),
            _ => writes.into_iter().for_each(|write| commit(store, vec![write], answer)),
        },
        Err(error) if error.is_contradiction() => match writes.as_slice() {
            [one] => {
                if let LedgerError::Contradiction(OnceError::Twice { place }) = &error
                    && let Some(mark) = contradicted(place)
                {
                    // What cannot be noted is refused all the same.
                    let _ = write(store, &[mark], at);
                }
                answer(Answer::Contradicts(one.about, error));
            }
            _ => writes.into_iter().for_each(|write| commit(store, vec![write], answer)),
        },
        Err(error) => answer(Answer::Failed(error)),
    }
}
