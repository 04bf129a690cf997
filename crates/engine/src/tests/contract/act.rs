//! What the world can do to an engine, and how often it does.

use std::vec;

use ensign_wire::{AbortReason, Body, Mode, Round0, SessionAbort};
use proptest::{prelude::*, sample};

/// One thing that the world does. Numbers that are too large count from the start again.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// A frame arrives: by its place among those that wait, perhaps not for the last time.
    Deliver {
        place: u8,
        again: bool,
        bearer: Bearer,
    },
    /// A frame arrives with some of its bits turned.
    Garble {
        place: u8,
        at: u16,
        bits: u8,
    },
    /// A frame's author says something else in its place.
    Bend(u8),
    /// The oldest question is answered: the signer has done its part, or a record is durable.
    Answer,
    /// The disk answers what nobody asked, or asked before.
    Answered(u64),
    /// The signer refuses what it was asked first.
    RefuseToSign,
    /// A connection to a member comes up, perhaps in place of one that is up.
    Connect(u8),
    Disconnect(u8),
    ConnectStranger,
    /// A member's process dies and comes back.
    Restart(u8),
    Propose(Mode),
    TheyPropose(u8, Mode),
    Approve(u8),
    Stop(u8),
    /// The journal says that some request has ended.
    Remember(u8),
}

/// Whose connection brings a frame.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bearer {
    Author,
    Member(u8),
    Stranger,
}

/// What happens when all goes well, in any order.
pub(super) fn calm() -> impl Strategy<Value = Act> {
    prop_oneof![
        100 => place().prop_map(|place| author_says(place, false)),
        40 => Just(Act::Answer),
        15 => any::<u8>().prop_map(Act::Approve),
        4 => any::<u8>().prop_map(Act::Connect),
        3 => proposal(),
    ]
}

pub(super) fn proposal() -> impl Strategy<Value = Act> {
    prop_oneof![
        (any::<u8>(), mode()).prop_map(|(who, mode)| Act::TheyPropose(who, mode)),
        mode().prop_map(Act::Propose),
    ]
}

/// What happens when much goes wrong too.
pub(super) fn wild() -> impl Strategy<Value = Act> {
    let bearer = prop_oneof![
        3 => any::<u8>().prop_map(Bearer::Member),
        1 => Just(Bearer::Stranger),
    ];
    let misplace = (place(), any::<bool>(), bearer)
        .prop_map(|(place, again, bearer)| Act::Deliver { place, again, bearer });
    let garble = (place(), any::<u16>(), 1..=255_u8).prop_map(|(place, at, bits)| Act::Garble {
        place,
        at,
        bits,
    });
    prop_oneof![
        50 => calm(),
        4 => any::<u8>().prop_map(Act::Disconnect),
        4 => any::<u8>().prop_map(Act::Connect),
        4 => place().prop_map(|place| author_says(place, true)),
        2 => misplace,
        2 => any::<u8>().prop_map(Act::Restart),
        2 => place().prop_map(Act::Bend),
        1 => garble,
        1 => (0..16_u64).prop_map(Act::Answered),
        1 => Just(Act::RefuseToSign),
        1 => Just(Act::ConnectStranger),
        1 => any::<u8>().prop_map(Act::Stop),
        1 => any::<u8>().prop_map(Act::Remember),
    ]
}

const fn author_says(place: u8, again: bool) -> Act {
    Act::Deliver { place, again, bearer: Bearer::Author }
}

/// The oldest frame, mostly.
fn place() -> impl Strategy<Value = u8> {
    prop_oneof![5 => Just(0), 1 => any::<u8>()]
}

fn mode() -> impl Strategy<Value = Mode> {
    sample::select(vec![Mode::Fast, Mode::Committed, Mode::Strict])
}

/// Contradicts a statement, or ends the session.
pub(super) fn bent(mut body: Body) -> Body {
    match &mut body {
        Body::SessionJoin(join) => match &mut join.round0 {
            Round0::Commit(commit) => commit.commitment[0] ^= 1,
            Round0::Reveal(nonces) => nonces.reverse(),
        },
        Body::SessionAnnounce(announce) => announce.attempt += 1,
        Body::NonceShare(share) => share.salt[0] ^= 1,
        Body::NonceAck(ack) => ack.digest[0] ^= 1,
        Body::NoncesComplete(complete) => complete.digest[0] ^= 1,
        Body::PartialSigShare(share) => share.partials.reverse(),
        Body::PartialSigsComplete(complete) => complete.digest[0] ^= 1,
        Body::SignatureFinalized(done) => done.signatures.reverse(),
        _ => {
            let (reason, culprit) = (AbortReason::Timeout, None);
            return Body::SessionAbort(SessionAbort { reason, culprit });
        }
    }
    body
}
