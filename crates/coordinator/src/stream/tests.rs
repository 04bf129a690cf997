//! Readers that fall behind.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks what it looks at")]

use ensign_primitives::{GroupId, PeerId, RequestId, SignerIndex};
use ensign_review::problem;

use super::*;
use crate::{GroupInfo, Outcome, RequestEvent, RequestRef};

fn request(number: usize) -> RequestId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    RequestId::from_bytes(bytes)
}

fn reference(number: usize) -> RequestRef {
    let group = GroupInfo {
        id: GroupId::from_bytes([1; 32]),
        name: "g".to_owned(),
        address: String::new(),
        members: Vec::new(),
        own: SignerIndex(0),
    };
    RequestRef { id: request(number), handle: None, group: Arc::new(group), creator: None }
}

fn done(number: usize) -> Event {
    let outcome = Outcome { signatures: vec![[7; 64]], psbt: None };
    Event::Request(reference(number), RequestEvent::Done { outcome: Box::new(outcome) })
}

fn progress(number: usize) -> Event {
    Event::Request(reference(number), RequestEvent::Attempt { attempt: 1, opened_by: None })
}

fn warning() -> Event {
    let peer = Some(PeerId::from_bytes([9; 32]));
    Event::Warning { peer, problem: Box::new(problem::refused()) }
}

/// What one reader gets: the requests that are done, and the codes of the warnings about us.
async fn rest(mut events: Events) -> (Vec<RequestId>, Vec<(&'static str, String)>) {
    let (mut ended, mut told) = (Vec::new(), Vec::new());
    while let Some(event) = events.next().await {
        match event {
            Event::Request(request, RequestEvent::Done { .. }) => ended.push(request.id),
            Event::Warning { peer: None, problem } => told.push((problem.code, problem.what)),
            _ => {}
        }
    }
    (ended, told)
}

#[tokio::test]
async fn regression_reader_that_waited_for_a_person_lost_the_ends_of_requests() {
    let publisher = Publisher::default();
    let events = publisher.subscribe();
    let requests: Vec<_> = (0..8_000).collect();
    for number in &requests {
        for _ in 0..8 {
            publisher.send(progress(*number));
        }
        publisher.send(warning());
        publisher.send(done(*number));
    }
    drop(publisher);
    let (ended, told) = rest(events).await;
    assert_eq!(ended, requests.into_iter().map(request).collect::<Vec<_>>());
    let [(code, what)] = &told[..] else { panic!("{told:?}") };
    // Of 72,000 events of progress and warnings, what is left of each class.
    assert_eq!(*code, "E-APP-001");
    assert!(what.starts_with("69952 "), "{what}");
}

#[tokio::test]
async fn reader_that_never_reads_is_told_where_decisions_and_endings_are() {
    let publisher = Publisher::default();
    let events = publisher.subscribe();
    for number in 0..16_384 + 3 {
        publisher.send(done(number));
    }
    drop(publisher);
    let (ended, told) = rest(events).await;
    assert_eq!((ended.len(), ended[0]), (16_384, request(3)));
    let [(code, what)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(*code, "E-APP-002");
    assert!(what.starts_with("3 "), "{what}");
}

#[tokio::test]
async fn large_results_are_bounded_by_their_bytes() {
    let publisher = Publisher::default();
    let events = publisher.subscribe();
    let large = |number| {
        let outcome = Outcome { signatures: vec![[7; 64]; 1 << 18], psbt: None };
        Event::Request(reference(number), RequestEvent::Done { outcome: Box::new(outcome) })
    };
    // Of 16 MiB each.
    (0..5).for_each(|number| publisher.send(large(number)));
    drop(publisher);
    let (ended, told) = rest(events).await;
    assert_eq!(ended, [request(2), request(3), request(4)]);
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn each_reader_has_a_queue_of_its_own_and_the_order_of_all_classes() {
    let publisher = Publisher::default();
    let (mut first, second) = (publisher.subscribe(), publisher.subscribe());
    publisher.send(progress(1));
    publisher.send(done(1));
    publisher.send(warning());
    publisher.send(progress(2));
    drop(second);
    let kind = |event: &Event| match event {
        Event::Request(_, RequestEvent::Attempt { .. }) => 'p',
        Event::Request(_, RequestEvent::Done { .. }) => 'd',
        Event::Warning { .. } => 'w',
        _ => '?',
    };
    let mut kinds = String::new();
    for _ in 0..4 {
        kinds.push(kind(&first.next().await.unwrap()));
    }
    assert_eq!(kinds, "pdwp");
    // A stream begins with what comes next.
    let mut late = publisher.subscriptions().subscribe();
    publisher.send(done(3));
    assert_eq!(kind(&late.next().await.unwrap()), 'd');
    let subscriptions = publisher.subscriptions();
    drop(publisher);
    assert_eq!(kind(&first.next().await.unwrap()), 'd');
    assert!(first.next().await.is_none() && late.next().await.is_none());
    assert!(subscriptions.subscribe().next().await.is_none());
}
