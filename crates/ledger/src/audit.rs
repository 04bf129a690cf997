//! The proof, from the store alone, that no nonce ever met two challenges.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use ensign_primitives::RequestId;
use ensign_signing::Record;
use ensign_store::{Store, Table, attempt_of, request_of};

use crate::{LedgerError, ledger};

/// What the marks of a store add up to.
///
/// Why this proves it: nonces live in the memory of one process, are drawn for one attempt and
/// consumed by value; the join of an attempt is durable before its nonces exist outside, and is
/// written once; the burn mark is durable before the partial signature exists, and is written once;
/// the partial signature that is kept names the one nonce set that it is for.
/// So an attempt that stands once has one set of nonces and met at most one challenge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Requests with a mark.
    pub requests: usize,
    /// Attempts that were joined: as many sets of nonces left this node.
    pub joined: usize,
    /// Attempts whose nonces count as used: as many challenges were answered, at most.
    pub burned: usize,
    /// Attempts whose partial signatures are kept.
    pub partials: usize,
    /// What must not be, the oldest attempt first. Empty: the nonce law held.
    pub violations: Vec<Violation>,
}

/// A mark that should not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The request.
    pub request: RequestId,
    /// Which attempt.
    pub attempt: u16,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The key is no request and attempt, or the record is another one's or cannot be read.
    Unreadable,
    /// Nonces count as used that never left this node: the join is missing.
    BurnWithoutJoin,
    /// Partial signatures without the mark that must come before them.
    PartialWithoutBurn,
    /// Nobody consented to the request.
    JoinWithoutConsent,
    /// The partial signatures are for the nonce set of another attempt.
    NonceSetTwice,
    /// A mark that stands once was to be written again and said something else. It was refused.
    AskedTwice,
}

impl Fault {
    /// Says it in words.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Unreadable => "the mark cannot be read",
            Self::BurnWithoutJoin => "nonces count as used in an attempt that was never joined",
            Self::PartialWithoutBurn => "partial signatures exist without their burn mark",
            Self::JoinWithoutConsent => "an attempt was joined that nobody had consented to",
            Self::NonceSetTwice => "nonces of another attempt were signed with again",
            Self::AskedTwice => {
                "the attempt was to be joined or signed a second time, which was refused"
            }
        }
    }
}

type Marks = BTreeSet<(RequestId, u16)>;

pub(crate) fn audit(store: &dyn Store) -> Result<Audit, LedgerError> {
    let mut violations = Vec::new();
    let joins = marks(store, Table::Joins, &mut violations)?;
    let burns = marks(store, Table::Burns, &mut violations)?;
    let partials = marks(store, Table::Partials, &mut violations)?;
    // The consent to a request that ended long ago is forgotten before its marks are.
    let mut known = ledger::names(store, Table::Consents)?;
    known.extend(ledger::names(store, Table::Finished)?);
    known.extend(ledger::names(store, Table::Closed)?);
    let fault = |fault| {
        move |(request, attempt): &_| Violation { request: *request, attempt: *attempt, fault }
    };
    violations.extend(burns.difference(&joins).map(fault(Fault::BurnWithoutJoin)));
    violations.extend(partials.difference(&burns).map(fault(Fault::PartialWithoutBurn)));
    let unasked = joins.iter().filter(|(request, _)| !known.contains(request));
    violations.extend(unasked.map(fault(Fault::JoinWithoutConsent)));
    violations.extend(nonce_sets_twice(store)?);
    violations.extend(asked_twice(store)?);
    violations.sort_unstable();
    let requests: BTreeMap<RequestId, ()> =
        joins.iter().map(|(request, _)| (*request, ())).collect();
    Ok(Audit {
        requests: requests.len(),
        joined: joins.len(),
        burned: burns.len(),
        partials: partials.len(),
        violations,
    })
}

/// Returns the attempts whose partial signatures name a nonce set that another attempt's name.
fn nonce_sets_twice(store: &dyn Store) -> Result<Vec<Violation>, LedgerError> {
    let (mut seen, mut twice) = (BTreeSet::new(), Vec::new());
    store.scan(Table::Partials, &[], &mut |row| {
        // What cannot be read is a violation already.
        if let Ok(Record::Partials { request, attempt, nonces, .. }) =
            ledger::decode(Table::Partials, row.key, row.value)
            && !seen.insert(nonces)
        {
            twice.push(Violation { request, attempt, fault: Fault::NonceSetTwice });
        }
        ControlFlow::Continue(())
    })?;
    Ok(twice)
}

/// Returns the attempts of which a mark was to be written a second time.
fn asked_twice(store: &dyn Store) -> Result<Vec<Violation>, LedgerError> {
    let mut twice = Vec::new();
    store.scan(Table::Marks, &[], &mut |row| {
        let attempt = attempt_of(row.key).filter(|attempt| *attempt > 0);
        twice.extend(request_of(row.key).zip(attempt).map(|(request, attempt)| Violation {
            request,
            attempt,
            fault: Fault::AskedTwice,
        }));
        ControlFlow::Continue(())
    })?;
    Ok(twice)
}

/// Reads the marks of a table; what cannot be read is a violation.
fn marks(
    store: &dyn Store,
    table: Table,
    violations: &mut Vec<Violation>,
) -> Result<Marks, LedgerError> {
    let mut marks = Marks::new();
    store.scan(table, &[], &mut |row| {
        let request = request_of(row.key).unwrap_or(RequestId::from_bytes([0; 32]));
        let attempt = attempt_of(row.key).unwrap_or(0);
        if attempt == 0 || ledger::decode(table, row.key, row.value).is_err() {
            violations.push(Violation { request, attempt, fault: Fault::Unreadable });
        } else {
            marks.insert((request, attempt));
        }
        ControlFlow::Continue(())
    })?;
    Ok(marks)
}
