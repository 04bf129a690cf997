//! Answers that no honest node gives, late ones, and those that lead nowhere: the walk goes on by others.

use core::time::Duration;
use std::{string::String, vec, vec::Vec};

use ensign_overlay::{
    Offense as Overlay, OverlayConfig, book::Offense as Book, dht::Offense as Dht,
};
use ensign_primitives::{Direction, LinkId, PeerId, QueryId, StateMachine};
use ensign_wire::{
    Answer, DhtFind, DhtMessage, DhtReply, Frame, Header, Key, Kind, NodeRecord, PeersMessage,
    RecordError, Wants,
};

use super::{
    super::cast::{NETWORK, START},
    cast::{Came, Outside, Stranger, at, forged, id, me, push_part, record, value},
};
use crate::{CloseCode, Input, Offense, Output};

/// A node that looks for another, and has asked two contacts.
struct Looking {
    outside: Outside,
    hostile: Stranger,
    honest: Stranger,
    /// The names of what each was asked.
    asked: [QueryId; 2],
}

/// Whom it looks for.
const SOUGHT: u16 = 500;

fn looking() -> Looking {
    let mut outside = Outside::new();
    let (hostile, honest) = (outside.befriend(1), outside.befriend(2));
    let asked = look(&mut outside, &[hostile, honest]);
    Looking { outside, hostile, honest, asked: asked.try_into().unwrap() }
}

/// Begins a search; returns the names of the questions over each of these links.
fn look(outside: &mut Outside, links: &[Stranger]) -> Vec<QueryId> {
    let now = outside.crowd.now;
    let begun = outside.crowd.engine.outside(now, |it| it.find_node(now, id(SOUGHT)));
    begun.unwrap().unwrap();
    let mut asked = vec![];
    while let Some(output) = outside.crowd.engine.poll_output() {
        if let Output::Send { link, frame, .. } = output
            && let Ok(Frame::Dht(DhtMessage::Find(find))) = Frame::decode_whole(&frame, NETWORK)
        {
            asked.push((link, find.query));
        }
    }
    let of =
        |it: &Stranger| asked.iter().find(|(link, _)| *link == it.link).expect("it is asked").1;
    links.iter().map(of).collect()
}

impl Looking {
    /// The honest contact tells of whom is looked for: the search is over, and has found it.
    fn assert_found(&mut self) {
        let Self { outside, honest, asked: [_, query], .. } = self;
        let came = outside.reply(honest, (*query, Answer::None), vec![record(SOUGHT)]);
        assert_eq!(came.offenses, []);
        let is_found = |it: &String| it.contains("Ended") && it.contains("Node(");
        assert!(came.events.iter().any(is_found), "{:?}", came.events);
    }
}

fn only(came: &Came) -> &Offense {
    let [offense] = &came.offenses[..] else { panic!("{came:?}") };
    offense
}

const fn dht(offense: Dht) -> Offense {
    Offense::Overlay(Overlay::Dht(offense))
}

#[test]
fn answers_that_no_honest_node_gives_are_offenses_and_the_search_goes_on() {
    let other = value(9, (0, 1), START);
    let bad = NodeRecord::decode(&forged(record(5).encode()), NETWORK).unwrap();
    for (answer, nodes, offense) in [
        (Answer::Stored, vec![], Dht::WrongAnswer),
        (Answer::Value(other), vec![], Dht::OtherKey),
        (Answer::None, vec![record(5), record(5)], Dht::Repeated),
        (Answer::None, vec![record(6), bad], Dht::Node(RecordError::Signature)),
    ] {
        let mut looking = looking();
        let Looking { outside, hostile, asked: [query, _], .. } = &mut looking;
        let came = outside.reply(hostile, (*query, answer), nodes);
        // A question for nodes may be answered with no record at all.
        let found = only(&came);
        assert!(*found == dht(offense.clone()) || *found == dht(Dht::WrongAnswer), "{found:?}");
        assert_eq!((came.closed, came.dials), (None, vec![]));
        looking.assert_found();
    }
}

#[test]
fn ten_thousand_contacts_do_not_decode() {
    for count in [21_usize, 10_000] {
        let mut looking = looking();
        let Looking { outside, hostile, asked: [query, _], .. } = &mut looking;
        let reply = DhtReply { query: *query, answer: Answer::None, nodes: vec![] };
        let frame = Frame::Dht(DhtMessage::Reply(reply)).encode();
        let header = Header::decode(&frame).unwrap().unwrap();
        let mut body = frame[header.header_len..].to_vec();
        body.pop();
        let mut number = vec![];
        push_part(&mut number, &vec![0; count]);
        number.truncate(number.len() - count);
        body.extend(number);
        (0..count).for_each(|it| push_part(&mut body, &record(it as u16 + 1000).encode()));
        let came = outside.raw(hostile.link, Kind::DhtReply, body);
        assert!(matches!(only(&came), Offense::Decode(_)), "{came:?}");
        assert_eq!(came.closed, Some(CloseCode::Offense));
        looking.assert_found();
    }
}

#[test]
fn an_answer_to_anothers_question_is_one_that_nobody_asked_for() {
    let mut looking = looking();
    let Looking { outside, hostile, asked: [_, theirs], .. } = &mut looking;
    let came = outside.reply(hostile, (*theirs, Answer::None), vec![record(5)]);
    assert_eq!(*only(&came), dht(Dht::NeverAsked { query: *theirs }));
    looking.assert_found();
}

#[test]
fn as_many_late_answers_as_questions_are_no_offense_and_nothing_of_them_is_used() {
    let mut looking = looking();
    looking.outside.pass(Duration::from_millis(300));
    looking.outside.pass(Duration::from_secs(2));
    let Looking { outside, hostile, asked: [query, _], .. } = &mut looking;
    let mut late = vec![];
    for _ in 0..8 {
        let came = outside.reply(hostile, (*query, Answer::None), vec![record(5)]);
        assert!(!came.dials.contains(&id(5)), "{came:?}");
        late.push(came.offenses);
    }
    // It was asked by the search and by a look around or two.
    let excused = late.iter().take_while(|it| it.is_empty()).count();
    assert!((1..4).contains(&excused), "{late:?}");
    let offense = dht(Dht::NeverAsked { query: *query });
    assert!(late[excused..].iter().take(4).all(|it| *it == [offense.clone()]), "{late:?}");
}

#[test]
fn who_answers_with_itself_with_us_or_with_far_nodes_leads_nowhere_and_is_not_blamed() {
    let Looking { mut outside, hostile, honest, asked: [query, other] } = looking();
    let mine = outside.crowd.engine.overlay().unwrap().status(outside.crowd.now).own.unwrap();
    assert_eq!(mine.peer(), me());
    let came = outside.reply(&hostile, (query, Answer::None), vec![record(1), mine]);
    assert_eq!((came.offenses, came.dials), (vec![], vec![]));
    // Nodes that do not match the question are dialled like others, as many as are asked at a time.
    let far: Vec<_> = (100..120).map(record).collect();
    let came = outside.reply(&honest, (other, Answer::None), far);
    assert_eq!(came.offenses, []);
    assert_eq!(came.dials.len(), 4);
    assert!(!came.dials.contains(&me()));
    let mut dialled = came.dials.len();
    for _ in 0..600 {
        dialled += outside.pass(Duration::from_millis(300)).len();
    }
    // A search asks sixty-four; the rest are looks around and the address book's.
    assert!(dialled <= 200, "{dialled}");
}

#[test]
fn who_is_asked_whether_it_is_there_and_tells_of_nodes_is_blamed_and_has_no_place() {
    let mut outside = Outside::new();
    let mut stranger = outside.meet(1);
    let came = outside.find(&mut stranger, Key([7; 32]), Some(record(1).encode()));
    let asked = came.asked();
    let [DhtFind { query, wants: Wants::Answer, .. }] = asked[..] else { panic!("{came:?}") };
    let came = outside.reply(&stranger, (query, Answer::None), vec![record(2)]);
    assert_eq!(*only(&came), dht(Dht::WrongAnswer));
    let now = outside.crowd.now;
    assert_eq!(outside.crowd.engine.overlay().unwrap().contacts(now), []);
}

#[test]
fn a_search_for_our_own_identity_dials_and_tells_nobody_of_us() {
    let mut outside = Outside::new();
    let stranger = outside.befriend(1);
    let now = outside.crowd.now;
    outside.crowd.engine.outside(now, |it| it.find_node(now, me())).unwrap().unwrap();
    let mut asked = vec![];
    while let Some(output) = outside.crowd.engine.poll_output() {
        assert!(!matches!(output, Output::Dial { peer, .. } if peer == me()));
        if let Output::Send { link, frame, .. } = output
            && let Ok(Frame::Dht(DhtMessage::Find(find))) = Frame::decode_whole(&frame, NETWORK)
        {
            asked.push((link, find.query));
        }
    }
    for (link, query) in asked {
        assert_eq!(link, stranger.link);
        let nodes = vec![record(1)];
        let came = outside.reply(&stranger, (query, Answer::None), nodes);
        assert!(came.offenses.is_empty() && !came.dials.contains(&me()));
    }
    // Others who look for us are told of others, and of our record once it is published.
    let mut other = outside.meet(3);
    let told = outside.find(&mut other, Key::of_peer(NETWORK, &me()), None).reply();
    assert!(told.nodes.iter().all(|it| it.peer() == id(1)), "{told:?}");
}

/// A node that has dialled its first node and asked it whom it knows, and what that answers.
fn told_by_first(records: Vec<NodeRecord>) -> (Outside, Came) {
    let first = vec![(id(1), vec![at(1)])];
    let mut outside = Outside::with(|it| OverlayConfig { first, ..it });
    assert_eq!(outside.pass(Duration::from_millis(1)), [id(1)]);
    let link = LinkId(70);
    let (peer, remote): (PeerId, _) = (id(1), at(1));
    let direction = Direction::Outbound;
    outside.input(
        link,
        Input::Up { link, peer, remote, direction, exporter: [0; 32], round_trip: None },
    );
    let hello = Frame::Hello(super::super::links::hello());
    let came = outside.say(link, &hello);
    assert!(came.said.contains(&Frame::Peers(PeersMessage::Ask)), "{came:?}");
    let came = outside.say(link, &Frame::Peers(PeersMessage::Told(records)));
    (outside, came)
}

#[test]
fn regression_a_first_node_told_of_false_records_and_nobody_named_it() {
    let bad = NodeRecord::decode(&forged(record(5).encode()), NETWORK).unwrap();
    let (mut outside, came) = told_by_first(vec![record(1), bad]);
    assert_eq!(*only(&came), dht(Dht::Node(RecordError::Signature)));
    // A second answer was not asked for.
    let told = Frame::Peers(PeersMessage::Told(vec![record(1)]));
    let came = outside.say(LinkId(70), &told);
    assert_eq!(*only(&came), Offense::Overlay(Overlay::Book(Book::Unasked)));
    // What holds is taken, from whomever.
    let (_, came) = told_by_first(vec![record(1), record(6)]);
    assert_eq!(came.offenses, []);
    assert!(came.dials.contains(&id(6)), "{came:?}");
}
