//! How a group comes to be: seats, a roster, a fingerprint that people compare, a certificate.
//!
//! Somebody [invites](Formation::invite) and hands out one code; the others [join](Formation::join) with
//! it. Or everybody pastes the contact codes of the others and [forms](Formation::form) the same roster.
//! From the roster on both are one protocol: each member commits to a random value, reveals it when all
//! have committed, and the hash of the roster and of all values is what people compare in words. Who has
//! compared [confirms](Formation::confirm); all signatures together are the [`Certificate`].
//!
//! Invariants:
//!
//! - Our node signs a fingerprint only after our user confirmed this very one, and one for each formation.
//! - Our value is revealed only when the commitments of all are durable: nobody chooses its value after it
//!   has seen ours, a restart of ours included.
//! - What is said is durable before: our value before we commit, our confirmation before we sign.
//! - Whoever confirmed takes a whole certificate from any member, until our user
//!   [forgets](Formation::forget_certificate)
//!   the group; whoever holds one hands it to members who still ask.
//! - An invitation's secret never travels. A seat costs one HMAC until it is proven, which is bound to both
//!   nodes and to the connection.
//!
//! `docs/protocol/formation.md` has the tables. Absent on purpose: what a group does (`ensign-signing`),
//! addresses of coins, any question to a person.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod formation;
pub use formation::Formation;
mod event;
pub use event::{Ended, Event, Happened, Input, Output, Record, Restored, Step, View};
mod config;
pub use config::{
    CERTIFICATES_MAX, CLOCK_AHEAD_MAX, FORMATION_LIFETIME, FORMED_LINGER, FormationConfig,
    GREETING_INTERVAL, INVITATION_LIFETIME, LINKS_MAX, PENDING_MAX, REFUSALS_REMEMBERED,
    RELAYED_BY_ALL_MAX, ROSTERS_READ_MAX, SEATS_SAID_AGAIN_MAX, WANTED_MAX, WRONG_PROOFS_MAX,
};
mod error;
pub use error::{CommandError, Offense};
mod new_member;
pub use new_member::NewMember;
mod invitation;
pub use ensign_wire::{
    Candidate, Certificate, CertificateError, FINGERPRINT_WORDS, Fingerprint, InvitationId,
    ROSTER_MEMBERS_MAX, Roster, RosterMember, SeatRefusal,
};
pub use invitation::{Invitation, InvitationError};

mod links;
mod pending;
pub use pending::voided;
mod proof;
mod round;
mod seats;
mod statements;
mod wanted;

#[cfg(test)]
mod tests;
