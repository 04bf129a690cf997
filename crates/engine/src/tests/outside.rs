//! Strangers of the open network at a node that takes part in it, through the wire.

mod answers;
mod cast;
mod floods;
mod records;

use core::{net::SocketAddr, time::Duration};
use std::vec::Vec;

use ensign_overlay::{
    Offense as Overlay,
    book::{Offense as Book, QUESTIONS_ALLOWED},
    dht::Offense as Dht,
};
use ensign_primitives::{LinkId, QueryId};
use ensign_wire::{
    Answer, Around, DhtFind, DhtMessage, DhtPull, DhtReply, Frame, Header, Key, Kind, PeersMessage,
    Wants,
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
}

fn say(crowd: &mut Crowd, link: LinkId, frame: &Frame) -> Outcome {
    let frame = frame.encode();
    let header = Header::decode(&frame).unwrap().unwrap();
    let body = frame[header.header_len..].to_vec();
    let mut outcome = Outcome::default();
    for output in crowd.input(Input::Frame { link, kind: header.kind, body }) {
        match output {
            Output::Send { kind: Kind::DhtReply | Kind::PeersTold, .. } => outcome.answers += 1,
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
        let expected = Outcome { answers: 0, offenses: [beyond].into(), closed: time == 20 };
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
            assert_eq!(came, Outcome { answers: 0, offenses, closed: number == 4 }, "{number}");
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
    assert_eq!(came, Outcome { answers: 0, offenses: [too_often].into(), closed: false });
    // These count among its questions.
    let most = STRANGER_DHT.burst - asked - 1;
    let came = said(&mut crowd, link, (1..=most + 1).map(find));
    assert_eq!((came.answers, came.offenses.len()), (most, 1));
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
        let frames = [find(1), pull(2), reply(3), ask, told].into_iter();
        assert_eq!(said(&mut crowd, link, frames), Outcome::default(), "{is_wanted}");
        // Nor are many more: its unasked answers are not even looked at.
        let more = (4..STRANGER_DHT_ANSWERS.burst).map(reply);
        assert_eq!(said(&mut crowd, link, more), Outcome::default(), "{is_wanted}");
    }
}
