//! Every number of this crate, and what a node sets.

use core::{net::SocketAddr, time::Duration};

use alloc::vec::Vec;

use ensign_primitives::{Network, PeerId};
use ensign_ratelimit::Allowance;

/// Buckets of *new*. Bitcoin Core has 1,024 of 64 for some 100,000 nodes; a sixteenth of each side is enough for the
/// contacts that 2,000 dials test in three days.
pub const NEW_BUCKETS: u64 = 128;

/// Buckets of *tried*. Bitcoin Core has 256 of 64.
pub const TRIED_BUCKETS: u64 = 64;

/// Places of one bucket, of either table.
pub const BUCKET_PLACES: u64 = 16;

/// Most records in *new*.
pub const NEW_MAX: usize = (NEW_BUCKETS * BUCKET_PLACES) as usize;

/// Most records in *tried*: twice [`ROOTS_MAX`], so that keyed buckets, which fill unevenly, leave as many.
pub const TRIED_MAX: usize = (TRIED_BUCKETS * BUCKET_PLACES) as usize;

/// Buckets of *new* that what one source says can be in: a sixteenth of all, as in Bitcoin Core (64 of 1,024).
pub const NEW_BUCKETS_PER_SOURCE: u64 = 8;

/// Buckets of *tried* that nodes of one area can be in: 1 of 32, as in Bitcoin Core (8 of 256).
pub const TRIED_BUCKETS_PER_AREA: u64 = 2;

/// Most nodes of one /24 or /48 in *tried*: as many as a walk takes from one.
pub const TRIED_PER_NETWORK_MAX: usize = 2;

/// Most nodes of one area in *tried*: as many as a routing table takes from one group.
pub const TRIED_PER_AREA_MAX: usize = 10;

/// Most roots that a walk is given: a simulation of walks against Sybils found 500 to be enough, and few
/// of them too little (0.997 against 0.891 found at two thirds Sybils).
pub const ROOTS_MAX: usize = 500;

/// How long somebody is kept whom nobody speaks of, and whom we did not reach. Bitcoin Core: 30 days.
pub const HORIZON: Duration = Duration::from_secs(30 * DAY);

/// Dials that may fail of somebody we never reached. Bitcoin Core: 3.
pub const FAILURES_OF_NEW_MAX: u8 = 3;

/// Dials that may fail in a row of somebody we last reached longer than [`FAILURES_TIME`] ago.
/// Bitcoin Core: 10.
pub const FAILURES_OF_TRIED_MAX: u8 = 10;

/// See [`FAILURES_OF_TRIED_MAX`]. Bitcoin Core: 7 days.
pub const FAILURES_TIME: Duration = Duration::from_secs(7 * DAY);

/// How long after a dial nobody is dialled again while others are left. Bitcoin Core: 10 minutes.
pub const REDIAL_WAIT: Duration = Duration::from_secs(600);

/// Most addresses of one record that are dialled. Guess: one of each family, and one more.
pub const ADDRESSES_DIALLED_MAX: usize = 3;

/// Newcomers that wait for the place of somebody in *tried*. Bitcoin Core: 10.
pub const CONTESTS_MAX: usize = 10;

/// How long a newcomer waits; then whoever holds the place keeps it. Bitcoin Core: 40 minutes, after which the
/// newcomer wins, so that whoever keeps our dials busy gets in; here it does not.
pub const CONTEST_TIME: Duration = Duration::from_secs(40 * 60);

/// How long after we reached somebody its place is not contested. Bitcoin Core: 4 hours.
pub const CONTEST_REST: Duration = Duration::from_secs(4 * 3600);

/// Dials in a row that have to fail, while others are reached, before a place is lost to a newcomer. Guess: one dial
/// fails for many reasons.
pub const CONTEST_FAILURES: u8 = 2;

/// Outbound connections that the book keeps. Bitcoin Core has 8 and 2 that carry blocks only. With a fifth of a book
/// hostile, eleven of twelve are in one of five million starts; seven of eight are in one of 12,000.
pub const OUTBOUND_MAX: usize = 12;

/// Dials for outbound connections under way at once. Guess: a start is done in a few round trips.
pub const DIALS_MAX: usize = 4;

/// The first wait after a dial in vain; doubles with each one in a row up to [`FILL_WAIT_MAX`]. As the first wait
/// of a dial to a member.
pub const FILL_WAIT_MIN: Duration = Duration::from_millis(250);

/// The longest wait after dials in vain. As the longest wait of a dial to a member.
pub const FILL_WAIT_MAX: Duration = Duration::from_secs(30);

/// Mean time between two tests of somebody new, half of it either way. Bitcoin Core: 2 minutes.
pub const FEELER_INTERVAL: Duration = Duration::from_secs(120);

/// Mean time between two changes of an outbound connection, half of it either way. Guess: an attacker that got in
/// is out within six hours, and twelve connections in six hours are no load.
pub const ROTATION_INTERVAL: Duration = Duration::from_secs(30 * 60);

/// Outbound connections that survive a restart. Bitcoin Core: 2.
pub const ANCHORS_MAX: usize = 2;

/// How long a connection stands before it may become an anchor. Guess: as long as a feeler's five tests.
pub const ANCHOR_AGE: Duration = Duration::from_secs(600);

/// Most trusted nodes. Guess: more than a user names; each has a connection for itself.
pub const TRUSTED_MAX: usize = 16;

/// Most nodes that are neither dialled nor told of: the members of 64 groups of 256, and as many again as a
/// user bans or does not list.
pub const EXCLUDED_MAX: usize = 2 * 16_384;

/// Most connected nodes that the book keeps in mind. Guess: above what a transport takes.
pub const CONNECTED_MAX: usize = 1536;

/// Most records in one answer.
pub const TOLD_MAX: usize = 32;

/// Records that one round of questions takes in all: what a fresh node needs before its first lookup.
pub const ROUND_TAKEN_MAX: usize = 64;

/// Records that one round takes from one area: a third.
pub const ROUND_TAKEN_PER_SOURCE_MAX: usize = ROUND_TAKEN_MAX / 3;

/// Mean time between two rounds of questions, half of it either way. Guess: as the change of a connection, which
/// brings somebody new to ask.
pub const ROUND_INTERVAL: Duration = Duration::from_secs(30 * 60);

/// Time between two rounds while the book holds less than [`ROUND_TAKEN_MAX`].
pub const THIN_ROUND_INTERVAL: Duration = Duration::from_secs(10);

/// Questions that one node may ask. Guess: more than [`QUESTIONS_ASKED`] after two restarts within a minute, so
/// that nobody who keeps to that is blamed.
pub const QUESTIONS_ALLOWED: Allowance = Allowance { burst: 8, per_minute: 4 };

/// Questions that we ask one node. Guess: two after a start, then one a minute; its answer does not change sooner.
pub const QUESTIONS_ASKED: Allowance = Allowance { burst: 2, per_minute: 1 };

/// Answers to all together: 1,024 who join at once, at 8 kB each.
pub const ANSWERS_ALLOWED: Allowance = Allowance { burst: 1024, per_minute: 1200 };

/// How old the last success may be of somebody who is told of. Guess: a laptop sleeps over night.
pub const TOLD_AGE_MAX: Duration = Duration::from_secs(DAY);

/// How long the same askers get the same answer, so that many questions harvest no more than one. Guess: less than
/// a book changes, and longer than a flood.
pub const SAMPLE_TIME: Duration = Duration::from_secs(600);

/// Kinds of askers, by area, which get different samples. Guess: those who join at once share the load
/// of sixteen samples, and who owns a hundred areas learns 512 nodes.
pub const SAMPLE_CLASSES: u64 = 16;

/// Notes for the store: a full table's worth in an hour at most, whatever peers do.
pub const NOTES_ALLOWED: Allowance = Allowance { burst: 64, per_minute: 30 };

/// How often the book looks for what has aged.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(6 * 3600);

/// How long no anchor is there before that is a sign. Guess: longer than a restart.
pub const ANCHORS_LOST_TIME: Duration = Duration::from_secs(300);

/// Outbound connections from which "all in one group" is a sign. Guess: two may be by chance.
pub const ONE_GROUP_MIN: usize = 3;

/// Time between two comparisons of views, a quarter of it either way: five are within 300 s.
pub const COMPARE_INTERVAL: Duration = Duration::from_secs(45);

/// Outbound connections through which one side of a comparison looks. With three, a node of whose twelve seven are
/// hostile for half an hour calls itself cut off; with a fifth of the book hostile that was 20 times in a
/// simulated year.
pub const VIEWERS_NEAR: usize = OUTBOUND_MAX / 2;

/// Nodes through which the other side looks. With a fifth of the book hostile, one in 125 has nobody honest.
pub const VIEWERS_APART: usize = 3;

/// Of the nearest twenty of each side so many are the same, or the views disagree. Guess: a quarter; honest walks
/// end in the same region.
pub const VIEWS_SHARED_MIN: usize = 5;

/// Comparisons in a row that disagree before that is a sign.
pub const VIEWS_APART: u8 = 4;

/// Outbound connections that a node gives up when the views disagree, one after the other, anchors too.
pub const CHANGED_WHEN_CUT_OFF: usize = OUTBOUND_MAX / 2;

/// Time between two of them, so that the node is never without any.
pub const CHANGE_WAIT: Duration = Duration::from_secs(30);

/// Outbound connections that are kept besides while a sign stands.
pub const OUTBOUND_WHEN_ALARMED: usize = 2;

const DAY: u64 = 24 * 3600;

/// What a node sets.
#[derive(Clone, Debug)]
pub struct BookConfig<T> {
    /// Who we are: never dialled, entered or told of by this machine.
    pub local: PeerId,
    /// Whose network it is.
    pub network: Network,
    /// What a record is held to.
    pub terms: T,
    /// Outbound connections, from 1 to [`OUTBOUND_MAX`]; a light node may keep fewer.
    pub outbound: usize,
    /// Whom our user trusts, and where they are; at most [`TRUSTED_MAX`] are taken.
    pub trusted: Vec<(PeerId, Vec<SocketAddr>)>,
}
