//! Readers of events that come back.

use std::sync::atomic::{AtomicU64, Ordering};

use ensign_coordinator::Class;

use super::*;

#[tokio::test]
async fn a_reader_that_comes_back_a_thousand_times_loses_none_and_reads_none_twice() {
    const LAST: u64 = 20_000;
    let toy = Toy::start(0xab);
    let client = toy.client();
    let mut stream = client.events(None).await.unwrap();
    assert_eq!(stream.next().await.unwrap()["event"], "heartbeat");
    let (ring, read) = (toy.ring.clone(), Arc::new(AtomicU64::new(0)));
    let seen = Arc::clone(&read);
    // Events come all the time, also while a reader is between two streams, and never so many that
    // the ring has let go of what it comes back for.
    let writer = tokio::spawn(async move {
        for n in 1..=LAST {
            ring.push(Class::Notice, &json!({ "n": n }).to_string());
            while n - seen.load(Ordering::Relaxed) > EVENTS_MAX as u64 / 2 || n % 7 == 0 {
                tokio::task::yield_now().await;
                if n % 7 == 0 && n - seen.load(Ordering::Relaxed) <= EVENTS_MAX as u64 / 2 {
                    break;
                }
            }
        }
    });
    let (mut last, mut returns) = (0, 0);
    while last < LAST {
        let event = timeout(PATIENCE, stream.next()).await.unwrap().unwrap();
        let Some(n) = event["n"].as_u64() else {
            assert_eq!(event["event"], "heartbeat");
            continue;
        };
        assert_eq!(n, last + 1);
        last = n;
        read.store(n, Ordering::Relaxed);
        if returns < 1000 && n % 3 == 0 {
            returns += 1;
            stream = client.events(stream.last()).await.unwrap();
        }
    }
    writer.await.unwrap();
    assert_eq!(returns, 1000);
    assert_eq!(stream.last().unwrap().to_string(), format!("ab-{LAST}"));
}

#[tokio::test]
async fn a_reader_of_an_earlier_run_is_told_of_the_gap() {
    let toy = Toy::start(2);
    toy.ring.push(Class::Notice, r#"{"n":1}"#);
    let mut stream = toy.client().events(Some("1-500".parse().unwrap())).await.unwrap();
    let mut events = Vec::new();
    while events.len() < 2 {
        let event = stream.next().await.unwrap();
        if event["event"] != "heartbeat" {
            events.push(event);
        }
    }
    assert_eq!(events, [json!({"event": "gap", "first": "2-1"}), json!({"n": 1})]);
    let text = b"GET /v1/events HTTP/1.1\r\nHost: ensign\r\nLast-Event-ID: seventeen\r\n\r\n";
    assert_eq!(toy.say(text).await.0, 400);
}

#[tokio::test]
async fn a_slow_reader_is_told_of_the_gap_and_holds_nobody_up() {
    let toy = Toy::start(1);
    let (mut slow, mut quick) =
        (toy.client().events(None).await.unwrap(), toy.client().events(None).await.unwrap());
    assert_eq!(quick.next().await.unwrap()["event"], "heartbeat");
    assert_eq!(slow.next().await.unwrap()["event"], "heartbeat");
    // More than the ring holds, and more than any buffer on the way.
    let (filler, last) = ("x".repeat(1000), 3 * EVENTS_MAX);
    for n in 1..=last {
        toy.ring.push(Class::Notice, &json!({ "n": n, "filler": filler }).to_string());
        if n % 16 == 0 {
            let event = loop {
                let event = quick.next().await.unwrap();
                if event["n"] == json!(n) {
                    break event;
                }
            };
            assert_eq!(event["n"], json!(n));
        }
    }
    let mut gaps = 0;
    loop {
        // On a slow machine it has been hung up on meanwhile, and comes back.
        let Some(event) = timeout(PATIENCE, slow.next()).await.unwrap() else {
            slow = toy.client().events(slow.last().or("1-0".parse().ok())).await.unwrap();
            continue;
        };
        gaps += usize::from(event["event"] == "gap");
        if event["n"] == json!(last) {
            break;
        }
    }
    assert!(gaps >= 1);
}
