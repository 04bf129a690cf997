//! The board as events move it.

use std::sync::Arc;
use std::time::Duration;

use ensign_coordinator::{ClockGap, Handle, Lack, Link, MemberInfo, Risk, Wait};
use ensign_identity::SignerKey;
use ensign_musig::SecKey;
use ensign_primitives::{GroupId, RequestId};
use ensign_session::Phase;

use super::*;
use crate::view::LackView;

const NOW: UnixTime = UnixTime::from_millis(1_000_000);

fn node(byte: u8) -> PeerId {
    PeerId::from_bytes([byte; 32])
}

/// Alice, who is us, and bob.
fn pair() -> Arc<GroupInfo> {
    let member = |byte: u8, name: &str| MemberInfo {
        name: name.to_owned(),
        signer: SignerKey::from_public_key(
            SecKey::from_secret_bytes([byte; 32]).unwrap().public_key(),
        ),
        peer: node(byte),
    };
    Arc::new(GroupInfo {
        id: GroupId::from_bytes([9; 32]),
        name: "pair".to_owned(),
        address: "bcrt1q".to_owned(),
        members: vec![member(1, "alice"), member(2, "bob")],
        own: SignerIndex(0),
    })
}

fn bob(link: Option<Link>, lacks: Vec<GroupId>) -> PeerInfo {
    PeerInfo {
        peer: node(2),
        name: "bob".to_owned(),
        groups: vec![pair()],
        lacks,
        link,
        addresses: vec![],
        last_seen: None,
        last_error: None,
        is_banned: false,
    }
}

fn board() -> Board {
    let mut board = Board::new(Me::default());
    board.set(&[pair()], &[bob(None, vec![])], NOW);
    board
}

/// A board with a request that waits for us.
fn asking() -> (Board, RequestRef) {
    let mut board = board();
    let id = RequestId::from_bytes([7; 32]);
    let view = RequestView {
        request: id.to_string(),
        state: "undecided".to_owned(),
        ..RequestView::default()
    };
    board.requests.push(view);
    (board, RequestRef { id, handle: Some(Handle(1)), group: pair(), creator: None })
}

fn peer(board: &mut Board, event: PeerEvent, at_ms: u64) {
    board.apply(&Event::Peer(node(2), event), UnixTime::from_millis(at_ms));
}

fn members(board: &Board) -> Vec<(bool, bool)> {
    board.groups[0].members.iter().map(|it| (it.ready, it.lacks_it)).collect()
}

#[test]
fn a_member_that_comes_and_goes_is_ready_and_missed() {
    let mut board = board();
    assert_eq!(members(&board), [(true, false), (false, false)]);
    let reason = "no answer".to_owned();
    let failed = PeerEvent::DialFailed { reason, retry_in: Duration::ZERO };
    peer(&mut board, failed, 1_100_000);
    assert_eq!(board.peers[0].problem.as_deref(), Some("no answer"));
    peer(&mut board, PeerEvent::Up { clock_offset_millis: -7 }, 1_200_000);
    assert_eq!(members(&board), [(true, false), (true, false)]);
    let view = &board.peers[0];
    assert_eq!((view.connected, view.since_ms), (true, 1_200_000));
    assert_eq!((view.clock_offset_ms, &view.problem), (Some(-7), &None));
    peer(&mut board, PeerEvent::Down { has_stopped: true, is_banned: false }, 1_300_000);
    assert_eq!(members(&board), [(true, false), (false, false)]);
    assert_eq!((board.peers[0].connected, board.peers[0].seen_ms), (false, Some(1_300_000)));
}

#[test]
fn a_member_without_the_group_is_not_ready_until_it_has_it() {
    let mut board = board();
    peer(&mut board, PeerEvent::Up { clock_offset_millis: 0 }, 1);
    peer(&mut board, PeerEvent::GroupUnknown { group: pair() }, 2);
    assert_eq!(members(&board)[1], (false, true));
    peer(&mut board, PeerEvent::GroupKnown { group: pair() }, 3);
    assert_eq!(members(&board)[1], (true, false));
    peer(&mut board, PeerEvent::GroupUnknown { group: pair() }, 4);
    // A look at the node says the same, and when it has made the group.
    let link = Link {
        since: NOW,
        remote: "127.0.0.1:1".parse().unwrap(),
        dialled: true,
        clock_offset_millis: Some(3),
    };
    board.set(&[pair()], &[bob(Some(link.clone()), vec![pair().id])], NOW);
    assert_eq!(members(&board)[1], (false, true));
    board.set(&[pair()], &[bob(Some(link), vec![])], NOW);
    assert_eq!(members(&board)[1], (true, false));
    assert_eq!(board.peers[0].clock_offset_ms, Some(3));
}

#[test]
fn a_request_waits_for_us_until_we_have_joined_and_again_when_the_yes_is_void() {
    let (mut board, request) = asking();
    let mut tell = |event: RequestEvent| {
        board.apply(&Event::Request(request.clone(), event), NOW);
        board.requests.first().cloned()
    };
    let view = tell(RequestEvent::Joined { who: SignerIndex(1) }).unwrap();
    assert_eq!((view.state.as_str(), &view.joined[..]), ("undecided", &["bob".to_owned()][..]));
    let view = tell(RequestEvent::Joined { who: SignerIndex(0) }).unwrap();
    assert_eq!((view.state.as_str(), view.joined.len()), ("open", 2));
    let since = Duration::from_secs(10);
    let view = tell(RequestEvent::Waiting { on: vec![SignerIndex(1)], since }).unwrap();
    assert_eq!((&view.who[..], view.waiting_since_ms), (&["bob".to_owned()][..], Some(990_000)));
    let view = tell(RequestEvent::Phase { phase: Phase::Signing }).unwrap();
    assert_eq!(view.phase.as_deref(), Some("signing"));
    let view = tell(RequestEvent::Attempt { attempt: 2, opened_by: None }).unwrap();
    assert_eq!((view.joined.len(), view.who.len()), (0, 0));
    assert!(tell(RequestEvent::Voided { notes: vec![] }).unwrap().is_asking());
    let problem = Box::new(problem("E-SES-003", "its time is over"));
    assert_eq!(tell(RequestEvent::Failed { problem, evidence: None }), None);
}

fn problem(code: &'static str, what: &str) -> Problem {
    let (who, hint, risk) = (vec![], "nothing", Risk::None);
    Problem { code, what: what.to_owned(), who, hint, risk, retry_is_safe: true }
}

#[test]
fn the_same_alarm_again_takes_the_place_of_the_one_before_and_the_oldest_go() {
    let mut board = board();
    let mut warn = |code: &'static str, who: Option<PeerId>| {
        let problem = Box::new(problem(code, "what"));
        board.apply(&Event::Warning { peer: who, problem }, NOW);
        board.alarms.len()
    };
    assert_eq!(warn("E-PEER-001", Some(node(2))), 1);
    assert_eq!(warn("E-PEER-001", Some(node(2))), 1);
    assert_eq!(warn("E-PEER-001", None), 2);
    for byte in 3..100 {
        warn("E-PEER-001", Some(node(byte)));
    }
    assert_eq!(board.alarms.len(), ALARMS_MAX);
    let known = |alarm: &AlarmView| alarm.who == ["bob".to_owned()];
    assert!(!board.alarms.iter().any(known), "the oldest are gone");
}

#[test]
fn what_a_request_waits_for_is_on_the_board_until_it_is_being_signed() {
    let (mut board, request) = asking();
    let mut tell = |event: RequestEvent| {
        board.apply(&Event::Request(request.clone(), event), NOW);
        board.requests.first().cloned().unwrap()
    };
    let (alice, bob) = (SignerIndex(0), SignerIndex(1));
    let wait = |agreed: &[SignerIndex], missing: &[SignerIndex]| Wait {
        agreed: agreed.to_vec(),
        missing: missing.to_vec(),
        lacks: vec![Lack { who: alice, whom: bob }],
        clocks: vec![ClockGap { who: bob, minutes_ahead: 6 }],
        ..Wait::default()
    };
    let view = tell(RequestEvent::Wait(Box::new(wait(&[bob], &[alice]))));
    assert!(view.is_asking());
    let told = view.wait.unwrap();
    assert_eq!(
        (told.ready, &told.agreed[..], &told.missing[..]),
        (false, &["bob".to_owned()][..], &["alice".to_owned()][..])
    );
    let lack = LackView { who: "alice".to_owned(), whom: "bob".to_owned() };
    assert_eq!((told.lacks, told.clocks[0].minutes_ahead), (vec![lack], 6));
    assert_eq!(told.text[0], "1 of 2 has agreed; it is your turn");

    let view = tell(RequestEvent::Wait(Box::new(wait(&[alice, bob], &[]))));
    assert!(!view.is_asking(), "our user has agreed");
    assert!(tell(RequestEvent::Voided { notes: vec![] }).is_asking());
    let view = tell(RequestEvent::Wait(Box::new(wait(&[alice, bob], &[]))));
    assert!(view.is_asking(), "the yes is void, whatever was said to the others");
    assert!(tell(RequestEvent::Withdrawn).is_asking());
    let phase = |phase| RequestEvent::Phase { phase };
    assert!(tell(phase(Phase::Committing)).wait.is_some());
    assert_eq!(tell(phase(Phase::Revealing)).wait, None);
}
