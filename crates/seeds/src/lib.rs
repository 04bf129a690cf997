//! First nodes of an open network, found by DNS.
//!
//! A *seed* is a name in the DNS. Each of its TXT records names one node: which network, which identity, which
//! addresses ([`SeedRecord`]; [`zone`] writes such records for a zone file). [`Seeds`] asks several seeds in random
//! order, within time-outs, and picks candidates from what they say.
//!
//! Why TXT, and why not a signed node record in it:
//!
//! - An A or AAAA record has neither port nor identity, so that whoever sits on the way can put any node there. SRV has
//!   a port, but makes the asker look up further names that the answer chose. One TXT record says all three at once.
//! - The handshake proves the identity, so that a signature in the record proves nothing more: a wrong address costs
//!   one failed dial. A signed record expires within hours; a zone is a file that stands for months.
//! - A person can read such a record, and compare it with what `ensign contact show` says of the node.
//!
//! Invariants:
//!
//! - What an answer yields is a claim. Its reader dials it *expecting that identity*, and nothing else comes of it.
//! - Only records of the name that was asked for count, or of the name that its aliases (CNAME) lead to.
//! - Of one seed come at most [`CANDIDATES_PER_SEED_MAX`] nodes, a third of [`CANDIDATES_MAX`]; see [`Answers`] for
//!   fewer.
//! - No address that a node of another machine could not have ([`check_address`]) is dialled because a seed said so.
//! - Nothing is kept between two questions: no cache outlives a poisoned answer.
//!
//! `docs/operate/bootstrap.md` says how to run a seed. Absent on purpose: DNSSEC and encrypted DNS, which move trust
//! to a resolver and add nothing to candidates that prove themselves; when to ask, and whom to dial first, which is
//! for whoever keeps an address book.

mod scope;
pub use scope::{OutOfScope, check_address, scope_of};
mod record;
pub use record::{
    ADDRESSES_PER_RECORD_MAX, RECORD_BYTES_MAX, RecordError, SeedRecord, VERSION_FIELD,
};
mod zone;
pub use zone::{ZONE_TTL, zone};
mod config;
pub use config::{Config, Resolver, SEEDS_MAX};
mod error;
pub use error::{Reason, SeedError, SetupError};
mod answer;
pub use answer::{RECORDS_READ_MAX, SeedAnswer};
mod pick;
pub use pick::{Answers, CANDIDATES_MAX, CANDIDATES_PER_SEED_MAX, Candidate};
mod seeds;
pub use seeds::Seeds;

#[cfg(test)]
mod tests;
