//! The page of offenses is what the code decides.

use std::{boxed::Box, collections::BTreeSet, format, string::String, vec, vec::Vec};

use ensign_equivocation::Evidence;
use ensign_gate::mark;
use ensign_identity::DelegationError;
use ensign_pow::Refusal;
use ensign_primitives::{GroupId, QueryId, RequestId, SessionId, SignerIndex, UnixTime};
use ensign_replay::ReplayError;
use ensign_session::{Offense as Session, SetupError};
use ensign_wire::{Body, DecodeError, Kind, RecordError, RequestError, SessionReady};

use super::{
    cast::{group_of, peer, start},
    net::envelope,
};
use crate::{OFFENSE_POINTS_MAX, Offense, Scope, sentence, signing::Offense as Signing};
use ensign_formation::{InvitationId, Offense as Formation};
use ensign_overlay::{
    Offense as Overlay, book::Offense as Book, dht::Offense as Dht, reach::Offense as Reach,
};

const HEAD: &str = "# Offenses\n\n\
    What a node holds against a peer, and what it costs; decided in one place, `sentence` in \
    `crates/gate`. This page is generated: `ENSIGN_BLESS=1 cargo test -p ensign-engine`.\n\n";

/// The name that an offense has in the code. A new one does not compile until it stands here.
fn name(offense: &Offense) -> &'static str {
    match offense {
        Offense::Decode(_) => "Decode",
        Offense::NoHello { .. } => "NoHello",
        Offense::HelloTimeout => "HelloTimeout",
        Offense::SecondHello => "SecondHello",
        Offense::Version { .. } => "Version",
        Offense::TooManyPings => "TooManyPings",
        Offense::TooManyQuestions { .. } => "TooManyQuestions",
        Offense::NeverAsked { .. } => "NeverAsked",
        Offense::AskedTwice { .. } => "AskedTwice",
        Offense::Stranger { .. } => "Stranger",
        Offense::OverBudget { .. } => "OverBudget",
        Offense::Proof(refusal) => match refusal {
            Refusal::NotAsked => "Proof::NotAsked",
            Refusal::Version { .. } => "Proof::Version",
            Refusal::Expired { .. } => "Proof::Expired",
            Refusal::Future { .. } => "Proof::Future",
            Refusal::Spent => "Proof::Spent",
            Refusal::TooFewBits { .. } => "Proof::TooFewBits",
        },
        Offense::PricedTwice => "PricedTwice",
        Offense::Overlay(Overlay::Dht(offense)) => match offense {
            Dht::NeverAsked { .. } => "Overlay::Dht::NeverAsked",
            Dht::AskedTwice { .. } => "Overlay::Dht::AskedTwice",
            Dht::WrongAnswer => "Overlay::Dht::WrongAnswer",
            Dht::Repeated => "Overlay::Dht::Repeated",
            Dht::Node(_) => "Overlay::Dht::Node",
            Dht::ForeignRecord => "Overlay::Dht::ForeignRecord",
            Dht::OtherKey => "Overlay::Dht::OtherKey",
            Dht::Signature => "Overlay::Dht::Signature",
            Dht::Invalid => "Overlay::Dht::Invalid",
        },
        Offense::Overlay(Overlay::Book(offense)) => match offense {
            Book::Unasked => "Overlay::Book::Unasked",
            Book::TooMany { .. } => "Overlay::Book::TooMany",
            Book::Twice { .. } => "Overlay::Book::Twice",
            Book::Record { .. } => "Overlay::Book::Record",
            Book::AskedTooOften => "Overlay::Book::AskedTooOften",
        },
        Offense::Overlay(Overlay::Reach(Reach::Unasked)) => "Overlay::Reach::Unasked",
        Offense::Formation(offense) => match offense {
            Formation::WrongProof { .. } => "Formation::WrongProof",
            Formation::InvalidCandidate { .. } => "Formation::InvalidCandidate",
            Formation::Decode(_) => "Formation::Decode",
            Formation::WrongRoster => "Formation::WrongRoster",
            Formation::SecondRoster => "Formation::SecondRoster",
            Formation::BadSignature => "Formation::BadSignature",
            Formation::Contradiction { .. } => "Formation::Contradiction",
            Formation::WrongReveal { .. } => "Formation::WrongReveal",
            Formation::WrongCertificate => "Formation::WrongCertificate",
        },
        Offense::Signing(offense) => match offense {
            Signing::UnknownGroup { .. } => "Signing::UnknownGroup",
            Signing::InvalidRequest(_) => "Signing::InvalidRequest",
            Signing::RequestTime { .. } => "Signing::RequestTime",
            Signing::InvalidAnnounce { .. } => "Signing::InvalidAnnounce",
            Signing::Unsignable(_) => "Signing::Unsignable",
            Signing::WrongPayload { .. } => "Signing::WrongPayload",
            Signing::ConsentsDiffer { .. } => "Signing::ConsentsDiffer",
            Signing::FalseEvidence => "Signing::FalseEvidence",
            Signing::ProvenAgain => "Signing::ProvenAgain",
            Signing::NoRoom => "Signing::NoRoom",
            Signing::NotDelegated(_) => "Signing::NotDelegated",
            Signing::TwoDelegations { .. } => "Signing::TwoDelegations",
            Signing::Session(offense) => match offense {
                Session::Unlisted { .. } => "Session::Unlisted",
                Session::BadSignature { .. } => "Session::BadSignature",
                Session::Replay(_) => "Session::Replay",
                Session::WrongSpeaker { .. } => "Session::WrongSpeaker",
                Session::NotDelegated(_) => "Session::NotDelegated",
                Session::WrongRound0 => "Session::WrongRound0",
                Session::WrongCount { .. } => "Session::WrongCount",
                Session::FalseSignature => "Session::FalseSignature",
                Session::TooManyAcks { .. } => "Session::TooManyAcks",
                Session::Proven(_) => "Session::Proven",
            },
        },
    }
}

/// How many names there are.
const NAMES: usize = 64;

/// One of each, two of those that weigh by what is in them.
fn examples() -> Vec<Offense> {
    let (request, group) = (RequestId::from_bytes([0xab; 32]), GroupId::from_bytes([0xab; 32]));
    let (sender, later) = (peer(1), UnixTime::from_millis(start().unix.as_millis() + 600_000));
    let expired = DelegationError::Expired { expires: start().unix, now: later };
    let ahead = DelegationError::Ahead { number: 1_800_000_000, now: start().unix };
    let no_node = DelegationError::NoNode { peer: sender };
    let ready = Body::SessionReady(SessionReady { joined: Default::default() });
    let lie = Box::new(envelope(start(), 1, SessionId::from_bytes([1; 32]), 1, ready));
    let hall = [
        Offense::Decode(DecodeError::UnknownKind { seen: 255 }),
        Offense::NoHello { kind: Kind::Ping },
        Offense::HelloTimeout,
        Offense::SecondHello,
        Offense::Version { min: 2, max: 7 },
        Offense::TooManyPings,
        Offense::TooManyQuestions { kind: Kind::DhtFind },
        Offense::NeverAsked { query: QueryId(7) },
        Offense::AskedTwice { query: QueryId(7) },
        Offense::Stranger { kind: Kind::Payload },
        Offense::OverBudget { kind: Kind::Payload },
    ];
    let signing = [
        Signing::UnknownGroup { group },
        Signing::InvalidRequest(RequestError::Signature { peer: sender }),
        Signing::InvalidRequest(RequestError::Delegation(expired)),
        Signing::RequestTime { request },
        Signing::InvalidAnnounce { request },
        Signing::Unsignable(SetupError::SignerCount { keys: 2, peers: 3, signers: 3 }),
        Signing::WrongPayload { request },
        Signing::ConsentsDiffer { request },
        Signing::FalseEvidence,
        Signing::ProvenAgain,
        Signing::NoRoom,
        Signing::NotDelegated(no_node),
        Signing::NotDelegated(ahead),
        Signing::TwoDelegations { signer: group_of(&[1]).keys.as_slice()[0], number: 7 },
    ];
    let session = [
        Session::Unlisted { sender },
        Session::BadSignature { sender },
        Session::Replay(ReplayError::Stale { sent_at: start().unix, now: later }),
        Session::WrongSpeaker { claimed: SignerIndex(1) },
        Session::NotDelegated(no_node),
        Session::NotDelegated(expired),
        Session::WrongRound0,
        Session::WrongCount { kind: Kind::NonceShare, expected: 2, seen: 3 },
        Session::FalseSignature,
        Session::TooManyAcks { limit: 64 },
        Session::Proven(Box::new(Evidence::InvalidNonce { envelope: lie })),
    ];
    let session = session.map(Signing::Session);
    let children = signing.into_iter().chain(session).map(Offense::Signing);
    let price = [
        Refusal::NotAsked,
        Refusal::Version { seen: 2 },
        Refusal::Expired { seen: 4, now: 6 },
        Refusal::Future { seen: 7, now: 6 },
        Refusal::Spent,
        Refusal::TooFewBits { needed: 20, seen: 3 },
    ];
    let hall = hall.into_iter().chain(price.map(Offense::Proof)).chain([Offense::PricedTwice]);
    let children = children.chain(formation().map(Offense::Formation));
    hall.chain(children).chain(overlay().map(Offense::Overlay)).collect()
}

fn overlay() -> [Overlay; 15] {
    let (query, peer) = (QueryId(7), peer(1));
    let fault = ensign_overlay::book::Fault::Forged;
    let dht = [
        Dht::NeverAsked { query },
        Dht::AskedTwice { query },
        Dht::WrongAnswer,
        Dht::Repeated,
        Dht::Node(RecordError::Signature),
        Dht::ForeignRecord,
        Dht::OtherKey,
        Dht::Signature,
        Dht::Invalid,
    ];
    let book = [
        Book::Unasked,
        Book::TooMany { count: 33, limit: 32 },
        Book::Twice { peer },
        Book::Record { peer, fault },
        Book::AskedTooOften,
    ];
    let reach = [Reach::Unasked].map(Overlay::Reach);
    let all = dht.map(Overlay::Dht).into_iter().chain(book.map(Overlay::Book));
    let mut all = all.chain(reach);
    core::array::from_fn(|_| all.next().unwrap())
}

fn formation() -> [Formation; 9] {
    let (invitation, by) = (InvitationId([0xab; 16]), SignerIndex(1));
    [
        Formation::WrongProof { invitation },
        Formation::InvalidCandidate { invitation },
        Formation::Decode(DecodeError::UnknownKind { seen: 255 }),
        Formation::WrongRoster,
        Formation::SecondRoster,
        Formation::BadSignature,
        Formation::Contradiction { by },
        Formation::WrongReveal { by },
        Formation::WrongCertificate,
    ]
}

fn page() -> String {
    let mut page = String::from(HEAD);
    page += &format!(
        "{OFFENSE_POINTS_MAX} points end the connection. They are counted for the connection: on the \
         next one they begin at 0, so that a member is slowed and never locked out. Some cost the node \
         something of its score besides, whatever connection it comes over next; see `crates/reputation`: \
         a score fades, shuts out strangers only, and a proof counts once.\n\n\
         | offense | said of it, for example | points | ends the connection at once | score |\n\
         |---|---|---|---|---|\n"
    );
    for offense in examples() {
        let decided = sentence(&offense);
        let score = mark(&offense).map(|mark| mark.score());
        assert_eq!(decided.scope == Scope::Identity, score.is_some());
        let score = score.map_or(String::new(), |score| format!("{score}"));
        let close = decided.close.map_or(String::new(), |reason| format!("{reason:?}"));
        let row = vec![format!("`{}`", name(&offense)), format!("{offense}")];
        let row = [row, vec![format!("{}", decided.weight), close, score]].concat();
        page += &format!("| {} |\n", row.join(" | "));
    }
    page
}

#[test]
fn page_of_offenses_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol/offenses.md");
    if std::env::var_os("ENSIGN_BLESS").is_some() {
        std::fs::write(path, page()).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(found, page(), "stale: run `ENSIGN_BLESS=1 cargo test -p ensign-engine`");
}

#[test]
fn every_offense_stands_on_the_page() {
    let names: BTreeSet<_> = examples().iter().map(name).collect();
    assert_eq!(names.len(), NAMES);
}
