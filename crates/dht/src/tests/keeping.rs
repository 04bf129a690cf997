//! What time brings.

use core::time::Duration;

use ensign_primitives::StateMachine;

use super::cast::{START, later, linked, machine, node_entry, said, sealed};
use crate::{CommandError, Event, Output, REPUBLISH_INTERVAL};

#[test]
fn a_record_of_ours_is_asked_for_anew_until_it_expires() {
    let mut dht = machine(0);
    let record = sealed(0, 0, 1, START);
    dht.put(START, record.clone()).unwrap();
    said(&mut dht);
    let mut renewed = 0;
    for minute in 1..=70 {
        dht.handle_timeout(later(START, Duration::from_secs(60 * minute)));
        let renew = Output::Event(Event::Renew { key: record.key() });
        renewed += said(&mut dht).into_iter().filter(|it| *it == renew).count();
    }
    assert_eq!(REPUBLISH_INTERVAL, Duration::from_secs(20 * 60));
    assert_eq!(renewed, 2);
    assert_eq!(dht.poll_timeout(), None);
}

#[test]
fn what_others_would_refuse_is_not_published() {
    let mut dht = machine(0);
    let old = sealed(0, 0, 1, START);
    let late = later(START, Duration::from_secs(4000));
    assert_eq!(dht.put(late, old), Err(CommandError::BadRecord));
    assert!(dht.put(START, node_entry(0, START)).is_ok());
    assert_eq!(dht.announce(START, super::cast::record(1)), Err(CommandError::BadNode));
}

#[test]
fn a_node_that_hears_nobody_stops_asking() {
    let mut dht = linked(&[1]);
    let record = super::cast::record(1);
    dht.handle_input(START, crate::Input::Learned { record });
    let mut now = START;
    for _ in 0..200 {
        let Some(wakeup) = dht.poll_timeout() else { return };
        now = later(now, wakeup.at.since(now.instant));
        dht.handle_timeout(now);
        said(&mut dht);
    }
    panic!("it goes on and on");
}
