//! Peers of no group: what they learn, what they can ask for, and that they are in nobody's way.

use std::time::Duration;

use ensign_coordinator::{Event, PeerEvent, Work};
use ensign_engine::{STRANGERS_MAX, Strangers};
use ensign_primitives::QueryId;
use ensign_wire::{CloseCode, Frame, Kind, PROTOCOL_VERSION};

use super::{
    hostile::hello,
    party::{Party, keys},
    puppet::Raw,
};

/// The secret of a node that nobody knows.
fn secret(number: usize) -> [u8; 32] {
    let mut secret = [0x55; 32];
    secret[..2].copy_from_slice(&(number as u16 + 1).to_be_bytes());
    secret
}

#[tokio::test]
async fn stranger_learns_no_clock_and_no_address_but_its_own() {
    let party = Party::new(2).await;
    let mut raw = Raw::connect(secret(0), &keys(0), party.wallets[0].address()).await;
    let Frame::Hello(hello) = raw.frame().await else { panic!("no hello") };
    assert!(hello.observed.is_some_and(|address| address.ip().is_loopback()), "{hello:?}");
}

#[tokio::test]
async fn regression_flood_of_pings_was_answered_as_long_as_it_lasted() {
    let mut party = Party::new(2).await;
    let (to, address) = (keys(0), party.wallets[0].address());
    for number in 0..8 {
        let mut raw = Raw::connect(secret(number), &to, address).await;
        raw.say(&hello(PROTOCOL_VERSION));
        for number in 0..10_000 {
            raw.say(&Frame::Ping(QueryId(number)));
        }
        let heard = raw.frames_until_closed().await;
        let pongs = heard.iter().filter(|kind| **kind == Kind::Pong).count();
        // A burst, and one more for each half second that the flood lasts.
        assert!(pongs < 100, "{pongs} answers");
        let warning = party.wallets[0].warning(Some(raw.peer)).await;
        assert!(warning.what.contains("more pings"), "{warning:?}");
    }
    let asked = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await;
    party.all_done(asked.id).await;
}

#[tokio::test]
async fn regression_strangers_that_held_every_place_kept_a_moved_member_out() {
    let mut party = Party::new(2).await;
    let victim = party.wallets[0].address();
    let (one, two) = (keys(0).peer_id(), keys(1).peer_id());
    party.wallets[0].peer_up(two).await;
    let stopped = party.wallets.remove(1).stop().await;
    party.wallets[0]
        .until(|event| {
            matches!(event, Event::Peer(peer, PeerEvent::Down { .. }) if *peer == two).then_some(())
        })
        .await;
    // Eight addresses, and that of the member, each with as many strangers as there are places.
    let mut crowd = Vec::new();
    for (address, number) in
        (1..=9).flat_map(|address| (0..STRANGERS_MAX).map(move |it| (address, it)))
    {
        let number = usize::from(address) * STRANGERS_MAX + number;
        let raw = Raw::dial_from([127, 0, 0, address], secret(number), (one, victim)).await;
        raw.try_say(&hello(PROTOCOL_VERSION));
        crowd.push(raw);
    }
    // It comes back on another port of the address from which the strangers come.
    let mut moved = stopped.moved().start().await;
    moved.coordinator.group(party.group()).await.unwrap();
    moved.peer_up(one).await;
    party.wallets[0].peer_up(two).await;
    party.wallets.push(moved);
    let asked = party.propose(0, party.job(Work::Messages(vec![[7; 32]]))).await;
    party.all_done(asked.id).await;
}

#[tokio::test]
async fn young_stranger_of_the_largest_group_gives_way_to_one_from_elsewhere() {
    // However long the machine takes to let all of them in, nobody's time is over.
    let strangers = Strangers { time: Duration::from_secs(3600), ..Strangers::default() };
    let party = Party::with_settings(2, vec![], |it| it.strangers(strangers)).await;
    let to = (keys(0).peer_id(), party.wallets[0].address());
    let mut crowd = Vec::new();
    for number in 0..=STRANGERS_MAX {
        let address = if number < STRANGERS_MAX { 1 } else { 2 };
        let mut raw = Raw::dial_from([127, 0, 0, address], secret(number), to).await;
        assert!(matches!(raw.frame().await, Frame::Hello(_)));
        raw.say(&hello(PROTOCOL_VERSION));
        crowd.push(raw);
    }
    // The newcomer was greeted, so that somebody has gone: of the younger half, because the older one stays, and
    // which of them is decided by who is near.
    let here = party.wallets[0].coordinator.net_peers().await.unwrap();
    let is_here = |raw: &Raw| here.iter().any(|(it, _)| it.peer == raw.peer);
    let gone: Vec<usize> = (0..crowd.len()).filter(|at| !is_here(&crowd[*at])).collect();
    let &[gone] = gone.as_slice() else { panic!("{gone:?} have gone") };
    assert!((STRANGERS_MAX / 2..STRANGERS_MAX).contains(&gone), "{gone}");
    assert_eq!(crowd.remove(gone).close_code().await, CloseCode::Unwanted);
    for raw in &mut crowd {
        raw.say(&Frame::Ping(QueryId(1)));
        assert_eq!(raw.frame().await, Frame::Pong(QueryId(1)));
    }
}
