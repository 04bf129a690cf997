//! What strangers share, tightened on a slow machine, in virtual time: the same flood with it and without.

use core::{net::SocketAddr, time::Duration};
use std::{collections::VecDeque, vec, vec::Vec};

use ensign_primitives::{LinkId, QueryId};
use ensign_ratelimit::{LATE, LEVEL_MAX, LOAD_PERIOD, Load, Meter};
use ensign_wire::{Frame, Mode};

use super::{
    cast::{group_of, own_word, peer, proposal},
    first_words::{Crowd, seat},
    links::hello,
    net::Net,
    price::{at, nobody},
};
use crate::{Input, Strangers};

/// What a compute token takes: forty times what it takes the machine for which the defaults were chosen.
const TOKEN: Duration = Duration::from_millis(2);
/// What a frame takes that is not read.
const LOOK: Duration = Duration::from_micros(5);
/// How many frames of one connection wait before the others hold theirs back, as QUIC does.
const WAITING_MAX: usize = 512;
/// How many new strangers come each second, each of another network, and how much each says: all that one may
/// about groups that form.
const COMING: u64 = 6;
const SAYING: usize = 100;
/// How often a member asks something: as often as it may.
const ASKING: Duration = Duration::from_millis(500);

/// Whether what was measured is told to the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Adaptive {
    On,
    Off,
}

/// A node on a slow machine, and what waits there.
struct Machine {
    crowd: Crowd,
    adaptive: Adaptive,
    meter: Meter,
    busy_until: Duration,
    queue: VecDeque<(Duration, LinkId, Vec<u8>)>,
    member: LinkId,
    /// How long each question of the member took to be answered.
    waits: Vec<Duration>,
    levels: Vec<u8>,
}

impl Machine {
    fn new(adaptive: Adaptive) -> Self {
        let mut crowd = Crowd::new(Strangers::default());
        crowd.engine.add_group(crowd.now, group_of(&[0, 1])).unwrap();
        let (member, _) = crowd.come(peer(1), ([198, 51, 100, 1], 4000).into());
        crowd.say(member, &own_word(1, 0));
        let (meter, queue) = (Meter::default(), VecDeque::new());
        let (waits, levels, busy_until) = (vec![], vec![], Duration::ZERO);
        Self { crowd, adaptive, meter, busy_until, queue, member, waits, levels }
    }

    fn level(&self) -> u8 {
        self.crowd.engine.level().now(self.crowd.now.instant)
    }

    /// Works off what waits until then.
    fn run(&mut self, until: Duration) {
        while let Some((since, ..)) = self.queue.front() {
            let begins = self.busy_until.max(*since);
            if begins >= until {
                break;
            }
            let Some((since, link, frame)) = self.queue.pop_front() else { break };
            self.crowd.pass(begins);
            let before = self.crowd.engine.level().worked();
            let answers = self.crowd.say(link, &frame);
            let tokens = self.crowd.engine.level().worked() - before;
            self.busy_until = begins + LOOK + TOKEN * tokens as u32;
            if link == self.member {
                assert_eq!(answers, 1, "no member is held back");
                self.waits.push(self.busy_until - since);
            }
            let (from, to) = (at(begins).instant, at(self.busy_until).instant);
            let load = self.meter.note((from, to), begins - since);
            if let (Some(load), Adaptive::On) = (load, self.adaptive) {
                self.crowd.pass(self.busy_until);
                self.crowd.input(Input::Load(load));
            }
        }
        self.crowd.pass(until.max(self.busy_until));
    }

    /// One stranger after the other comes and says all that it may; a member asks meanwhile.
    fn flood(&mut self, (from, seconds): (u64, u64)) {
        for second in from..from + seconds {
            for (tick, offset) in (0..COMING).map(|tick| (tick, 1000 * tick / COMING)) {
                let now = Duration::from_millis(second * 1000 + offset);
                self.run(now);
                if self.queue.len() < WAITING_MAX {
                    let who = second * COMING + tick;
                    let [high, low] = (who as u16).to_be_bytes();
                    let remote = SocketAddr::from(([10, high, low, 1], 4000));
                    let (link, _) = self.crowd.come(nobody(who), remote);
                    self.queue.extend((0..SAYING).map(|_| (now, link, seat())));
                }
                // Behind what has just come.
                if offset % ASKING.as_millis() as u64 == 0 {
                    let question = Frame::Ping(QueryId(now.as_millis() as u64));
                    self.queue.push_back((now, self.member, question.encode()));
                }
            }
            self.levels.push(self.level());
        }
    }

    /// The wait that so many of a hundred do not exceed.
    fn percentile(&self, of: usize) -> Duration {
        let mut waits = self.waits.clone();
        waits.sort_unstable();
        waits[waits.len() * of / 100]
    }
}

#[test]
fn same_flood_delays_a_member_less_than_half_as_long_when_limits_adapt() {
    let [mut on, off] = [Adaptive::On, Adaptive::Off].map(|adaptive| {
        let mut machine = Machine::new(adaptive);
        machine.flood((1, 240));
        machine
    });
    let all = [on.percentile(50), on.percentile(99), off.percentile(50), off.percentile(99)]
        .map(|it| it.as_millis());
    let [p50, p99, p50_without, p99_without] = all;
    std::println!(
        "a member's question, p50 and p99 in ms: {p50} and {p99} with limits that adapt, \
         {p50_without} and {p99_without} without"
    );
    assert!(off.levels.iter().all(|it| *it == 0));
    assert!(on.levels.contains(&LEVEL_MAX), "{:?}", on.levels);
    assert!(p99 * 2 <= p99_without && p50 * 2 <= p50_without, "{all:?}");
    let why = on.crowd.engine.level().tightenings().next().unwrap();
    assert!(why.load.waited >= LATE && why.strangers_percent > 90, "{why:?}");
    // A minute of rest, in which nobody measures anything.
    on.run(Duration::from_secs(241));
    on.run(Duration::from_secs(301));
    assert_eq!(on.level(), 0);
}

#[test]
fn honest_burst_of_twenty_five_requests_tightens_nothing_however_late_we_are() {
    let mut net = Net::new(3);
    let load = Load { waited: LATE * 100, worked: LOAD_PERIOD, over: LOAD_PERIOD };
    for number in 0..25 {
        let proposal = proposal(&[0, 1, 2], Mode::Committed);
        net.command(0, |engine, now| engine.propose(now, proposal, [number; 16])).unwrap();
        net.run();
    }
    // A dozen strangers come in the same second, and ask two questions each.
    for number in 0..12 {
        let up = net.names.up_from(0, nobody(number), ([10, 0, number as u8, 1], 7).into());
        net.input(0, up);
        let queries = [1, 2].map(|query| Frame::Ping(QueryId(query)));
        for frame in [Frame::Hello(hello())].iter().chain(&queries) {
            let frame = net.names.frame(0, nobody(number), &frame.encode());
            net.input(0, frame);
        }
    }
    (0..3).for_each(|node| net.input(node, Input::Load(load)));
    for _ in 0..10 {
        net.pass(LOAD_PERIOD);
        (0..3).for_each(|node| net.input(node, Input::Load(load)));
    }
    let signed = |node: &super::node::Node| node.done().len();
    assert_eq!(net.nodes.iter().map(signed).collect::<Vec<_>>(), [25; 3]);
    net.assert_no_offenses();
    (0..3).for_each(|node| {
        let engine = net.nodes[node].subject.machine();
        assert!(engine.level().worked() > 25);
        assert_eq!(engine.level().tightenings().count(), 0);
    });
}
