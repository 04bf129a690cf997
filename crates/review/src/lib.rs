//! Review: what a request means to our user, how it is judged, and what a yes was given to.
//!
//! What another signer asks is recomputed here from the PSBT ([`Meaning`]), judged ([`Judgement`])
//! against the policy and against the coins of other requests ([`Coins`]), and shown as an
//! [`Approval`]. A [`Consent`] is for the digest of what was shown. The [`Docket`] knows what our user
//! was told of each request, and what they said. [`Problem`] words whatever fails; [`CODES`] is the
//! catalogue.
//!
//! Invariants:
//!
//! - Nothing that is shown is taken from anybody's word: it is recomputed, or marked as blind.
//! - A request is introduced by an event that says what it asks for before any other event names it.
//! - A yes covers what was shown and nothing else; what is new or graver makes it void.
//! - Every failure has a code that stays what it is.
//!
//! Neither clock nor disk nor network: time is an argument, and what is to be kept is returned.
//!
//! Absent on purpose: the rules of the protocol (`ensign-signing`), a user interface, other languages.

mod group;
pub use group::{Group, GroupInfo, JoinError, Joined, Member, MemberInfo, RequestRef};
mod judging;
pub use judging::{Judgement, Meaning};
mod coins;
pub use coins::{Coins, coin_of};
mod approval;
pub use approval::{Approval, Preview, Resumption};
mod consent;
pub use consent::{Consent, ConsentBy, RULE_NAME_BYTES_MAX};
mod told;
pub use told::{Because, Opener, RequestEvent};
mod wait;
pub use ensign_signing::{ClockGap, Lack, Wait};
pub use wait::{words_of_readiness, words_of_wait};
mod acquaintance;
pub use acquaintance::{PeerEvent, Whose, acquaintance};
mod backlog;
pub use backlog::{Backlog, Waited};
mod class;
pub use class::{Class, PROOF_BYTES};
mod event;
pub use event::{Busy, Event};
mod report;
pub use report::{Report, opener, session_event};
mod pushed_off;
pub use pushed_off::PushedOff;
mod turns;
pub use turns::{
    Claim, QUESTIONS_ALLOWED, QUESTIONS_MAX, QUESTIONS_PER_MEMBER_MAX, QUESTIONS_PER_MINUTE_MAX,
    Turns,
};
mod roster;
pub use roster::{Link, PeerInfo, Roster};
mod net;
pub use net::{
    FADING_FORESEEN, GuardReport, Guarded, NetPeer, SentAway, Tie, Until, is_banned, note_banned,
};
mod docket;
pub use docket::{Docket, Matter, Yes};
mod job;
pub use job::{SigningJob, Work};
mod reviewer;
pub use reviewer::{
    Again, Begins, Draft, Output, Resumed, ReviewError, Reviewer, Weighed, recompute,
};
mod held;
pub use held::{Held, HeldBack};
pub mod problem;
pub use problem::{CODES, Code, Problem, Risk};
