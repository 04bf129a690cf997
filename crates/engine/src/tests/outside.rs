//! Strangers of the open network at a node that takes part in it, through the wire.

mod answers;
mod cast;
mod floods;
mod records;

use core::{net::SocketAddr, time::Duration};
use std::{vec, vec::Vec};

use ensign_overlay::{
    Offense as Overlay,
    book::{Offense as Book, QUESTIONS_ALLOWED},
    dht::Offense as Dht,
    reach::{FAVOURS_OF_NODE, Offense as Reach},
};
use ensign_primitives::{LinkId, QueryId};
use ensign_wire::{
    Answer, Around, DhtFind, DhtMessage, DhtPull, DhtReply, DialBackAsk, DialBackNonce,
    DialBackOutcome, DialBackTold, Frame, Header, Key, Kind, PeersMessage, ReachMessage, Wants,
};

use super::{
    cast::{engine_for, engine_open},
    first_words::Crowd,
    price::nobody,
};
use crate::{
    CloseCode, Event, Input, Offense, Output, Strangers,
    ratelimit::{STRANGER_DHT, STRANGER_DHT_ANSWERS},
};

/// What came of some frames.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    answers: u64,
    offenses: Vec<Offense>,
    closed: bool,
    /// Who is dialled back.
    dialled: Vec<SocketAddr>,
}

fn say(crowd: &mut Crowd, link: LinkId, frame: &Frame) -> Outcome {
    let frame = frame.encode();
    let header = Header::decode(&frame).unwrap().unwrap();
    let body = frame[header.header_len..].to_vec();
    let mut outcome = Outcome::default();
    for output in crowd.input(Input::Frame { link, kind: header.kind, body }) {
        match output {
            Output::Send {
                kind: Kind::DhtReply | Kind::PeersTold | Kind::DialBackTold, ..
            } => outcome.answers += 1,
            Output::DialBack { address, .. } => outcome.dialled.push(address),
            Output::Event(Event::Offense { offense, .. }) => outcome.offenses.push(offense),
            Output::Close { reason, .. } => outcome.closed |= reason == CloseCode::Offense,
            _ => {}
        }
    }
    outcome
}

fn said(crowd: &mut Crowd, link: LinkId, frames: impl Iterator<Item = Frame>) -> Outcome {
    let mut sum = Outcome::default();
    for frame in frames {
        let came = say(crowd, link, &frame);
        sum.answers += came.answers;
        sum.offenses.extend(came.offenses);
        sum.closed |= came.closed;
        sum.dialled.extend(came.dialled);
    }
    sum
}

fn find(query: u64) -> Frame {
    let around = Around { key: Key([7; 32]), target: Key([7; 32]), region: 1 };
    let query = QueryId(query);
    Frame::Dht(DhtMessage::Find(DhtFind { query, around, wants: Wants::Nodes, asker: None }))
}

fn pull(query: u64) -> Frame {
    Frame::Dht(DhtMessage::Pull(DhtPull { query: QueryId(query), key16: [7; 16] }))
}

fn reply(query: u64) -> Frame {
    let (query, nodes) = (QueryId(query), Vec::new());
    Frame::Dht(DhtMessage::Reply(DhtReply { query, answer: Answer::None, nodes }))
}

fn home(host: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], 4000))
}

#[test]
fn stranger_is_answered_so_often_then_blamed_a_little_and_sent_away() {
    let mut crowd = Crowd::of(engine_open(0));
    let (link, _) = crowd.come(nobody(1), home(1));
    let most = STRANGER_DHT.burst;
    let came = said(&mut crowd, link, (1..most).map(find));
    assert_eq!(came, Outcome { answers: most - 1, ..Outcome::default() });
    // One more, of another kind; then none.
    let came = say(&mut crowd, link, &pull(most));
    assert_eq!(came, Outcome { answers: 1, ..Outcome::default() });
    for time in 1..=20 {
        let came = say(&mut crowd, link, &find(most + time));
        let beyond = Offense::TooManyQuestions { kind: Kind::DhtFind };
        let expected =
            Outcome { offenses: [beyond].into(), closed: time == 20, ..Outcome::default() };
        assert_eq!(came, expected, "{time}");
    }
    // A new connection has no more, half a minute later it has half.
    crowd.leave(link);
    let (link, _) = crowd.come(nobody(1), home(1));
    assert_eq!(say(&mut crowd, link, &find(1)).answers, 0);
    crowd.now.instant = crowd.now.instant.after(Duration::from_secs(30));
    assert_eq!(said(&mut crowd, link, (2..200).map(find)).answers, most / 2);
}

#[test]
fn whom_we_want_asks_no_more_and_floods_nobody() {
    let mut crowd = Crowd::of(engine_open(0));
    let now = crowd.now;
    crowd.engine.want(now, nobody(1)).unwrap();
    let (link, _) = crowd.come(nobody(1), home(1));
    let most = STRANGER_DHT.burst;
    assert_eq!(said(&mut crowd, link, (1..=most).map(find)).answers, most);
    let came = said(&mut crowd, link, (most + 1..=most + 20).map(find));
    assert_eq!((came.answers, came.offenses.len(), came.closed), (0, 20, true));
}

#[test]
fn four_answers_that_nobody_asked_for_end_the_connection() {
    let told = || Frame::Peers(PeersMessage::Told(Vec::new()));
    let unasked = |number: u64| match number % 2 {
        0 => (reply(number), Overlay::Dht(Dht::NeverAsked { query: QueryId(number) })),
        _ => (told(), Overlay::Book(Book::Unasked)),
    };
    for is_wanted in [false, true] {
        let mut crowd = Crowd::of(engine_open(0));
        if is_wanted {
            let now = crowd.now;
            crowd.engine.want(now, nobody(1)).unwrap();
        }
        let (link, _) = crowd.come(nobody(1), home(1));
        for number in 1..=4 {
            let (frame, offense) = unasked(number);
            let came = say(&mut crowd, link, &frame);
            let offenses = [Offense::Overlay(offense)].into();
            let expected = Outcome { offenses, closed: number == 4, ..Outcome::default() };
            assert_eq!(came, expected, "{number}");
        }
    }
}

#[test]
fn who_is_asked_whom_it_knows_answers_and_blames_little_for_too_many_questions() {
    let mut crowd = Crowd::of(engine_open(0));
    let (link, _) = crowd.come(nobody(1), home(1));
    let asks = || core::iter::repeat_with(|| Frame::Peers(PeersMessage::Ask));
    let asked = QUESTIONS_ALLOWED.burst;
    assert_eq!(said(&mut crowd, link, asks().take(asked as usize)).answers, asked);
    let came = say(&mut crowd, link, &Frame::Peers(PeersMessage::Ask));
    let too_often = Offense::Overlay(Overlay::Book(Book::AskedTooOften));
    let expected = Outcome { offenses: [too_often].into(), ..Outcome::default() };
    assert_eq!(came, expected);
    // These count among its questions.
    let most = STRANGER_DHT.burst - asked - 1;
    let came = said(&mut crowd, link, (1..=most + 1).map(find));
    assert_eq!((came.answers, came.offenses.len()), (most, 1));
}

fn dial_back(address: &str) -> Frame {
    let (nonce, address) = (DialBackNonce([9; 16]), address.parse().unwrap());
    Frame::Reach(ReachMessage::Ask(DialBackAsk { nonce, address }))
}

fn dialled_back() -> Frame {
    Frame::Reach(ReachMessage::DialBack(DialBackNonce([9; 16])))
}

#[test]
fn stranger_is_dialled_back_where_it_is_and_nowhere_else() {
    let mut crowd = Crowd::of(engine_open(0));
    let (link, _) = crowd.come(nobody(1), home(1));
    for elsewhere in ["192.0.2.2:4820", "127.0.0.1:4820", "[2001:db8::1]:4820", "192.0.2.1:53"] {
        let came = say(&mut crowd, link, &dial_back(elsewhere));
        assert_eq!(came, Outcome { answers: 1, ..Outcome::default() }, "{elsewhere}");
    }
    let came = say(&mut crowd, link, &dial_back("192.0.2.1:4820"));
    assert_eq!((came.answers, &came.dialled), (0, &vec!["192.0.2.1:4820".parse().unwrap()]));
    let outputs = crowd.input(Input::BackDialled { peer: nobody(1), is_reached: true });
    let told = outputs.iter().filter(
        |it| matches!(it, Output::Send { link: to, kind: Kind::DialBackTold, .. } if *to == link),
    );
    assert_eq!(told.count(), 1);
    // However it goes on, it is dialled a few times only, and never two at a time.
    let most = FAVOURS_OF_NODE.burst as usize;
    let asks = || core::iter::repeat_with(|| dial_back("192.0.2.1:4820"));
    let came = said(&mut crowd, link, asks().take(8));
    assert_eq!((came.dialled.len(), came.answers, came.offenses.len()), (1, 7, 0));
    for time in 2..most + 4 {
        crowd.input(Input::BackDialled { peer: nobody(1), is_reached: true });
        let came = said(&mut crowd, link, asks().take(1));
        assert_eq!(came.dialled.len(), usize::from(time < most), "{time}");
    }
}

#[test]
fn what_comes_back_needs_no_greeting_and_shows_nothing_to_who_was_not_asked() {
    let mut crowd = Crowd::of(engine_open(0));
    let (link, _) = crowd.connect(nobody(1), home(1));
    assert_eq!(say(&mut crowd, link, &dialled_back()), Outcome::default());
    let (link, _) = crowd.come(nobody(2), home(2));
    assert_eq!(say(&mut crowd, link, &dialled_back()), Outcome::default());
    let outcome = DialBackOutcome::Reached;
    let told = DialBackTold { nonce: DialBackNonce([9; 16]), outcome };
    let unasked = Offense::Overlay(Overlay::Reach(Reach::Unasked));
    for time in 1..=4 {
        let came = say(&mut crowd, link, &Frame::Reach(ReachMessage::Told(told)));
        assert_eq!((came.offenses, came.closed), (Vec::from([unasked.clone()]), time == 4));
    }
}

#[test]
fn closed_home_answers_nothing_of_the_open_network() {
    for is_wanted in [false, true] {
        let mut crowd = Crowd::of(engine_for(0, Strangers::default()));
        if is_wanted {
            let now = crowd.now;
            crowd.engine.want(now, nobody(1)).unwrap();
        }
        let (link, _) = crowd.come(nobody(1), home(1));
        let ask = Frame::Peers(PeersMessage::Ask);
        let told = Frame::Peers(PeersMessage::Told(Vec::new()));
        let frames = [find(1), pull(2), reply(3), ask, told];
        let more = [dial_back("192.0.2.1:4820"), dialled_back()];
        let frames = frames.into_iter().chain(more);
        assert_eq!(said(&mut crowd, link, frames), Outcome::default(), "{is_wanted}");
        // Nor are many more: its unasked answers are not even looked at.
        let more = (4..STRANGER_DHT_ANSWERS.burst).map(reply);
        assert_eq!(said(&mut crowd, link, more), Outcome::default(), "{is_wanted}");
    }
}
