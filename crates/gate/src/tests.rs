//! What the guards say of frames of the open network, at the edge of each budget.

use core::time::Duration;
use std::{vec, vec::Vec};

use ensign_primitives::{Direction, Instant, LinkId, Now, PeerId, UnixTime};
use ensign_ratelimit::{
    Limits, STRANGER_DHT, STRANGER_DHT_ANSWERS, STRANGER_WORK_OF_ADDRESS, WORK_ALLOWED, tokens,
};
use ensign_signing::Standing;
use ensign_wire::{Family, Hello, Kind, Limits as Announced, PROTOCOL_VERSION, Role, Roles};

use crate::{Arrival, Arriving, Gate, Guards, Offense, Strangers, Verdict};

const STRANGER: LinkId = LinkId(1);
const DIALLED: LinkId = LinkId(2);
const MEMBER: LinkId = LinkId(3);
const QUESTIONS: [Kind; 7] = [
    Kind::DhtFind,
    Kind::DhtStore,
    Kind::DhtHave,
    Kind::DhtPull,
    Kind::PeersAsk,
    Kind::DialBackAsk,
    Kind::DialBack,
];
const ANSWERS: [Kind; 3] = [Kind::DhtReply, Kind::PeersTold, Kind::DialBackTold];

fn peer(link: LinkId) -> PeerId {
    PeerId::from_bytes([link.0 as u8; 32])
}

/// A gate at which a stranger, somebody whom we have dialled, and a member are, all behind one address.
struct Hall {
    gate: Gate,
    guards: Guards,
    now: Now,
}

impl Hall {
    fn new(takes_part: bool) -> Self {
        let unix = UnixTime::from_millis(1_760_000_000_000);
        let now = Now { instant: Instant::from_micros(1_000_000_000), unix };
        let guards = Guards::new(Limits::default(), takes_part);
        let mut hall =
            Self { gate: Gate::new(Strangers::default().open(Role::Signer)), guards, now };
        for (link, direction) in [
            (STRANGER, Direction::Inbound),
            (DIALLED, Direction::Outbound),
            (MEMBER, Direction::Inbound),
        ] {
            hall.enter(link, direction);
        }
        hall.gate.want(peer(DIALLED));
        hall.gate.set_standing(peer(MEMBER), Standing::Member);
        hall
    }

    fn enter(&mut self, link: LinkId, direction: Direction) {
        let remote = ([192, 0, 2, 1], 4000 + link.0 as u16).into();
        let arrival = Arrival {
            link,
            peer: peer(link),
            remote,
            direction,
            exporter: [0; 32],
            round_trip: None,
        };
        let place = self.gate.place_for(self.now, &arrival);
        assert!(self.gate.enter(self.now, arrival, place));
        let limits = Announced { payload_bytes: 0, messages: 0, requests: 0 };
        let (version_min, version_max) = (PROTOCOL_VERSION, PROTOCOL_VERSION);
        let hello =
            Hello { roles: Roles::SIGNER, version_min, version_max, observed: None, limits };
        self.gate.introduce(link, hello);
    }

    /// What is said of so many frames of the longest: how many are allowed, and the first other verdict.
    fn judge(&mut self, link: LinkId, kind: Kind, times: u64) -> (u64, Option<Verdict>) {
        let frame = Arriving { kind, len: kind.limit() };
        let known = self.gate.get_mut(link).unwrap();
        let verdicts: Vec<_> =
            (0..times).map(|_| self.guards.judge(self.now, known, frame)).collect();
        let allowed = verdicts.iter().filter(|it| **it == Verdict::Allow).count();
        (allowed as u64, verdicts.into_iter().find(|it| *it != Verdict::Allow))
    }
}

/// All kinds of the open network that there are.
fn open_kinds() -> Vec<Kind> {
    let all: Vec<_> = Kind::ALL.into_iter().filter(|it| it.family() == Family::Dht).collect();
    assert_eq!(all.len(), QUESTIONS.len() + ANSWERS.len());
    all
}

#[test]
fn questions_hold_at_their_edge_whoever_dialled() {
    let most = STRANGER_DHT.burst;
    for (link, kind) in
        [STRANGER, DIALLED].into_iter().flat_map(|link| QUESTIONS.map(|kind| (link, kind)))
    {
        let beyond = Verdict::Penalize(Offense::TooManyQuestions { kind });
        for (times, allowed, verdict) in
            [(most - 1, most - 1, None), (most, most, None), (most + 1, most, Some(beyond))]
        {
            let came = Hall::new(true).judge(link, kind, times);
            assert_eq!(came, (allowed, verdict), "{link:?} {kind:?}");
        }
    }
}

#[test]
fn questions_of_all_kinds_are_one_class_that_another_connection_does_not_fill() {
    for link in [STRANGER, DIALLED] {
        let mut hall = Hall::new(true);
        for kind in QUESTIONS {
            let each = STRANGER_DHT.burst / QUESTIONS.len() as u64;
            assert_eq!(hall.judge(link, kind, each), (each, None), "{kind:?}");
        }
        let rest = STRANGER_DHT.burst % QUESTIONS.len() as u64;
        assert_eq!(hall.judge(link, Kind::DhtFind, rest), (rest, None));
        hall.gate.remove(link);
        hall.enter(link, Direction::Inbound);
        let beyond = Verdict::Penalize(Offense::TooManyQuestions { kind: Kind::DhtFind });
        assert_eq!(hall.judge(link, Kind::DhtFind, 1), (0, Some(beyond)));
        hall.now.instant = hall.now.instant.after(Duration::from_secs(60));
        assert_eq!(hall.judge(link, Kind::DhtFind, STRANGER_DHT.burst).0, STRANGER_DHT.burst);
    }
}

#[test]
fn answers_hold_at_their_edge_and_who_answers_more_is_not_blamed() {
    let most = STRANGER_DHT_ANSWERS.burst;
    for (link, kind) in
        [STRANGER, DIALLED].into_iter().flat_map(|link| ANSWERS.map(|kind| (link, kind)))
    {
        let beyond = Verdict::Deny("it answers more than we can have asked");
        for (times, allowed, verdict) in
            [(most - 1, most - 1, None), (most, most, None), (most + 1, most, Some(beyond))]
        {
            let mut hall = Hall::new(true);
            // That it asks too much costs it no answer.
            hall.judge(link, Kind::DhtFind, 2 * STRANGER_DHT.burst);
            assert_eq!(hall.judge(link, kind, times), (allowed, verdict), "{link:?} {kind:?}");
        }
    }
}

#[test]
fn strangers_of_one_address_take_nothing_from_whom_we_dialled_there() {
    let mut hall = Hall::new(true);
    for number in 0..20 {
        let link = LinkId(100 + number);
        hall.enter(link, Direction::Inbound);
        hall.judge(link, Kind::DhtFind, STRANGER_DHT.burst);
    }
    let shared = Verdict::Deny("strangers at its address ask more than they may together");
    assert_eq!(hall.judge(STRANGER, Kind::DhtFind, 40).1, Some(shared));
    assert_eq!(hall.judge(DIALLED, Kind::DhtFind, 40), (40, None));
    const { assert!(20 * STRANGER_DHT.burst > STRANGER_WORK_OF_ADDRESS.burst) };
}

#[test]
fn whom_we_dialled_gets_no_budget_of_a_member() {
    let mut hall = Hall::new(true);
    let not_yet = Verdict::Deny("it has not shown yet that it is a member");
    let of_members = Kind::ALL.into_iter().filter(|it| it.family() == Family::Signing);
    for kind in of_members.filter(|it| it.audience() == ensign_wire::Audience::Member) {
        assert_eq!(hall.judge(DIALLED, kind, 100), (0, Some(not_yet.clone())), "{kind:?}");
    }
    // Nothing of it was taken from a budget, and the answers to sixty-four walks fit at once.
    assert!(hall.guards.full_at(hall.gate.get(DIALLED).unwrap()) <= hall.now.instant);
    assert_eq!(hall.judge(DIALLED, Kind::DhtReply, 64), (64, None));
    assert_eq!(hall.judge(DIALLED, Kind::DhtFind, 1000).0, STRANGER_DHT.burst);
    assert!(hall.guards.full_at(hall.gate.get(DIALLED).unwrap()) > hall.now.instant);
}

#[test]
fn a_member_asks_from_its_own_work_and_keeps_its_connection() {
    let mut hall = Hall::new(true);
    let (allowed, verdict) = hall.judge(MEMBER, Kind::DhtFind, WORK_ALLOWED.burst + 1);
    let over = Verdict::Penalize(Offense::OverBudget { kind: Kind::DhtFind });
    assert_eq!((allowed, verdict), (WORK_ALLOWED.burst, Some(over)));
    // The longest answers to sixty-four questions are a part of it.
    assert!(64 * tokens(Kind::DhtReply, Kind::DhtReply.limit()) < WORK_ALLOWED.burst);
}

#[test]
fn a_closed_home_reads_nothing_of_the_open_network_from_anybody() {
    for kind in open_kinds() {
        let mut hall = Hall::new(false);
        for link in [STRANGER, DIALLED, MEMBER] {
            let why = "it asks for the open network, in which we take no part";
            let (allowed, verdict) = hall.judge(link, kind, 100);
            assert_eq!((allowed, verdict), (0, Some(Verdict::Deny(why))), "{link:?} {kind:?}");
        }
        // However often it asks, nothing is read.
        assert_eq!(hall.judge(STRANGER, kind, 1000).0, 0, "{kind:?}");
    }
}

#[test]
fn nothing_of_the_open_network_is_read_before_a_greeting() {
    let mut hall = Hall::new(true);
    for (number, kind) in (200..).zip(open_kinds()) {
        let link = LinkId(number);
        let remote = ([192, 0, 2, 1], 4000).into();
        let (direction, exporter) = (Direction::Inbound, [0; 32]);
        let arrival =
            Arrival { link, peer: peer(link), remote, direction, exporter, round_trip: None };
        let place = hall.gate.place_for(hall.now, &arrival);
        assert!(hall.gate.enter(hall.now, arrival, place));
        let refused = Verdict::Penalize(Offense::NoHello { kind });
        // Whoever dials back says nothing else.
        let expected = if kind == Kind::DialBack { (1, None) } else { (0, Some(refused)) };
        assert_eq!(hall.judge(link, kind, 1), expected, "{kind:?}");
    }
    assert_eq!(vec![hall.judge(STRANGER, Kind::DhtFind, 1)], [(1, None)]);
}
