//! What strangers may ask of the open network, and how many who join are served.

use core::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};
use std::vec::Vec;

use ensign_primitives::{Instant, PeerId};
use ensign_wire::{Kind, Role};

use crate::{
    Allowance, Asker, STRANGER_DHT, STRANGER_DHT_ANSWERS, STRANGER_DHT_BYTES, Share,
    StrangerBudgets, StrangerLimits, VERIFY_TOKENS, tokens,
};

/// Questions of a node that joins to the one that it knows, and within which time it asks them.
const JOINERS: (u64, u64) = (40, 5000);
/// A question of such a node.
const FIND: (Kind, usize) = (Kind::DhtFind, 210);

fn at(millis: u64) -> Instant {
    Instant::from_micros(0).after(Duration::from_millis(3_600_000 + millis))
}

fn asker(number: u32, ip: u32) -> Asker {
    let mut id = [7; 32];
    id[..4].copy_from_slice(&number.to_be_bytes());
    let ip = IpAddr::from(Ipv4Addr::from(ip));
    Asker { peer: PeerId::from_bytes(id), ip, has_paid: false }
}

/// How many of so many frames are let through at once, and whose share is used up then.
fn taken(
    budgets: &mut StrangerBudgets,
    (now, from): (Instant, Asker),
    frame: (Kind, usize),
    times: u64,
) -> (u64, Option<Share>) {
    let mut through = 0;
    for _ in 0..times {
        match budgets.take(now, from, frame) {
            Ok(()) => through += 1,
            Err(exceeded) => return (through, Some(exceeded.share)),
        }
    }
    (through, None)
}

/// Lets so many join, from where `ip` says and from when `begins` says; returns how many questions of
/// each were heard.
fn joined(count: u32, ip: impl Fn(u32) -> u32, begins: impl Fn(u32) -> u64) -> Vec<u64> {
    joined_at(Role::Signer, count, ip, begins)
}

/// As [`joined`], at a node of that role.
fn joined_at(
    role: Role,
    count: u32,
    ip: impl Fn(u32) -> u32,
    begins: impl Fn(u32) -> u64,
) -> Vec<u64> {
    let mut budgets = StrangerBudgets::new(StrangerLimits::of_role(role));
    let (questions, within) = JOINERS;
    let all = (0..count).flat_map(|who| {
        let begins = begins(who);
        (0..questions).map(move |number| (begins + number * within / questions, who))
    });
    let mut all: Vec<_> = all.collect();
    all.sort_unstable();
    let mut heard = std::vec![0; count as usize];
    for (time, who) in all {
        let is_heard = budgets.take(at(time), asker(who, ip(who)), FIND).is_ok();
        heard[who as usize] += u64::from(is_heard);
    }
    heard
}

/// How many of them had every question heard.
fn whole(heard: &[u64]) -> usize {
    heard.iter().filter(|it| **it == JOINERS.0).count()
}

#[test]
fn each_number_of_questions_and_answers_holds_at_its_edge() {
    let dht = STRANGER_DHT.burst;
    for kind in [
        Kind::DhtFind,
        Kind::DhtStore,
        Kind::DhtHave,
        Kind::DhtPull,
        Kind::PeersAsk,
        Kind::DialBackAsk,
        Kind::DialBack,
    ] {
        for (times, through, share) in
            [(dht - 1, dht - 1, None), (dht, dht, None), (dht + 1, dht, Some(Share::Questions))]
        {
            let mut budgets = StrangerBudgets::new(StrangerLimits::default());
            let frame = (kind, kind.limit());
            let came = taken(&mut budgets, (at(0), asker(1, 1)), frame, times);
            assert_eq!(came, (through, share), "{kind:?}");
        }
    }
    let answers = STRANGER_DHT_ANSWERS.burst;
    for kind in [Kind::DhtReply, Kind::PeersTold, Kind::DialBackTold] {
        for (times, through, share) in [
            (answers - 1, answers - 1, None),
            (answers, answers, None),
            (answers + 1, answers, Some(Share::Answers)),
        ] {
            let mut budgets = StrangerBudgets::new(StrangerLimits::default());
            let frame = (kind, kind.limit());
            let came = taken(&mut budgets, (at(0), asker(1, 1)), frame, times);
            assert_eq!(came, (through, share), "{kind:?}");
        }
    }
}

#[test]
fn bytes_of_questions_hold_at_their_edge() {
    let limits = StrangerLimits {
        dht: Allowance { burst: 1000, per_minute: 1000 },
        work: Allowance { burst: 1000, per_minute: 1000 },
        ..StrangerLimits::default()
    };
    let whole = STRANGER_DHT_BYTES.burst;
    for (last, share) in [(1023, None), (1024, None), (1025, Some(Share::Questions))] {
        let mut budgets = StrangerBudgets::new(limits);
        let from = (at(0), asker(1, 1));
        let before = whole / 1024 - 1;
        let came = taken(&mut budgets, from, (Kind::DhtStore, 1024), before);
        assert_eq!(came, (before, None));
        let came = taken(&mut budgets, from, (Kind::DhtStore, last), 1);
        assert_eq!(came, (u64::from(share.is_none()), share), "{last}");
    }
}

#[test]
fn a_stranger_asks_as_often_minute_after_minute_and_its_work_suffices() {
    let mut budgets = StrangerBudgets::new(StrangerLimits::default());
    let pause = 60_000 / STRANGER_DHT.per_minute;
    let first = taken(&mut budgets, (at(0), asker(1, 1)), FIND, STRANGER_DHT.burst);
    assert_eq!(first, (STRANGER_DHT.burst, None));
    for number in 1..=10 * STRANGER_DHT.per_minute {
        let now = at(number * pause);
        assert_eq!(budgets.take(now, asker(1, 1), FIND), Ok(()), "{number}");
        // Beside it a ping each second.
        let ping = (number % 2 == 0).then(|| budgets.take(now, asker(1, 1), (Kind::Ping, 8)));
        assert!(ping.is_none_or(|it| it.is_ok()), "{number}");
    }
}

#[test]
fn answers_are_read_when_everything_that_counts_questions_is_used_up() {
    let mut budgets = StrangerBudgets::new(StrangerLimits::default());
    // Strangers of the same address use up what they share, and this one what it has.
    for number in 100..400 {
        taken(&mut budgets, (at(0), asker(number, 1)), FIND, 200);
    }
    let from = (at(0), asker(1, 1));
    let asked = taken(&mut budgets, from, FIND, 200);
    assert_eq!(asked.1, Some(Share::Address));
    taken(&mut budgets, from, (Kind::NonceShare, 64 * 1024), 100);
    let longest = (Kind::DhtReply, Kind::DhtReply.limit());
    // Sixty-four walks have asked it.
    assert_eq!(taken(&mut budgets, from, longest, 64), (64, None));
    let told = (Kind::PeersTold, Kind::PeersTold.limit());
    assert_eq!(taken(&mut budgets, from, told, 64), (64, None));
    // They took nothing of what others there have.
    let other = (at(5000), asker(2, 1));
    assert!(taken(&mut budgets, other, FIND, 40).0 > 0);
}

#[test]
fn whom_we_dialled_asks_as_much_as_whoever_dials_us_and_shares_with_nobody() {
    let mut budgets = StrangerBudgets::new(StrangerLimits::default());
    for number in 100..400 {
        taken(&mut budgets, (at(0), asker(number, 1)), FIND, 200);
    }
    let peer = asker(1, 1).peer;
    let mut take = |times: u64| {
        let all = (0..times).map(|_| budgets.take_open(at(0), peer, FIND));
        all.fold((0, None), |(through, share), it| match it {
            Ok(()) => (through + 1, share),
            Err(exceeded) => (through, Some(exceeded.share)),
        })
    };
    let dht = STRANGER_DHT.burst;
    assert_eq!(take(dht - 1), (dht - 1, None));
    assert_eq!(take(2), (1, Some(Share::Questions)));
    assert!(budgets.own_full_at(&peer) > at(59_000));
}

#[test]
fn an_answer_costs_a_check_of_each_node_that_it_names() {
    assert_eq!(tokens(Kind::DhtFind, 210), VERIFY_TOKENS);
    assert_eq!(tokens(Kind::DhtReply, 20 * 192), 31 * VERIFY_TOKENS);
}

#[test]
fn nodes_that_join_are_served_so_many_of_a_network_and_behind_one_address() {
    let all_at_once = |_| 0;
    let most = |ip: fn(u32) -> u32| {
        let all = |count: &u32| whole(&joined(*count, ip, all_at_once)) == *count as usize;
        (1..200).take_while(all).count()
    };
    // The page on guards says so.
    assert_eq!((most(|who| 256 + who % 256), most(|_| 1)), (36, 18));
    // A thousand within a minute, each of its own network, and as many within five seconds.
    let of_minute = joined(1000, |who| who << 8, |who| u64::from(who) * 55);
    assert_eq!(whole(&of_minute), 1000);
    let at_once = joined(1000, |who| who << 8, all_at_once);
    let all = at_once.iter().sum::<u64>();
    assert_eq!((whole(&at_once), at_once.iter().min(), all), (125, Some(&4), 9_896));
    // A bootstrap node is there for them.
    let most = |ip: fn(u32) -> u32| {
        let all = |count: &u32| {
            whole(&joined_at(Role::Bootstrap, *count, ip, all_at_once)) == *count as usize
        };
        (1..400).take_while(all).count()
    };
    assert_eq!((most(|who| 256 + who % 256), most(|_| 1)), (147, 73));
    assert_eq!(whole(&joined_at(Role::Bootstrap, 1000, |who| who << 8, all_at_once)), 1000);
}
