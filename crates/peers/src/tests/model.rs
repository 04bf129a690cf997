//! The machine against a naive one, which keeps a list, walks all of it for every deadline, and draws
//! its waits from the same seed.

use core::{net::SocketAddr, time::Duration};
use std::{vec, vec::Vec};

use ensign_primitives::{Direction, Instant, Now, PeerId, StateMachine, UnixTime};
use ensign_wire::ADDRESSES_MAX;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::contract::{Act, Driver, Subject, act, peer};
use crate::{
    BACKOFF_MAX, BACKOFF_MIN, DUPLICATE_WAIT, DialFailure, Event, Input, Output, Peers,
    PeersConfig, Record, Restored, Why,
};

const SEED: [u8; 32] = [5; 32];

/// One peer of the naive machine: everything about it side by side.
#[derive(Debug, Default)]
struct Naive {
    given: Vec<SocketAddr>,
    seen: Option<SocketAddr>,
    noted: Option<Instant>,
    why: Vec<Why>,
    up: Option<(Instant, SocketAddr)>,
    dial: Option<SocketAddr>,
    queue: Vec<SocketAddr>,
    again: Option<Instant>,
    failures: u32,
    wait: Duration,
}

#[derive(Debug)]
struct Model {
    peers: Vec<(PeerId, Naive)>,
    random: ChaCha20Rng,
    outputs: Vec<Output>,
}

impl Model {
    fn new() -> Self {
        let peers = (0..8).map(|number| (peer(number), Naive::default())).collect();
        Self { peers, random: ChaCha20Rng::from_seed(SEED), outputs: vec![] }
    }

    fn of(&mut self, wanted: PeerId) -> &mut Naive {
        &mut self.peers.iter_mut().find(|(peer, _)| *peer == wanted).unwrap().1
    }

    fn draw(&mut self, peer: PeerId) {
        let failures = self.of(peer).failures;
        let full = (0..failures.min(20)).fold(BACKOFF_MIN, |wait, _| (wait * 2).min(BACKOFF_MAX));
        let full = u64::try_from(full.as_micros()).unwrap();
        let more = self.random.next_u64() % (full - full / 2 + 1);
        self.of(peer).wait = Duration::from_micros(full / 2 + more);
    }

    fn all(&mut self, peer: PeerId) -> Vec<SocketAddr> {
        let known = self.of(peer);
        let mut all = known.given.clone();
        all.extend(known.seen.filter(|seen| !known.given.contains(seen)));
        all
    }

    fn round(&mut self, peer: PeerId) {
        let all = self.all(peer);
        self.of(peer).again = None;
        if all.is_empty() {
            return;
        }
        self.of(peer).queue = all;
        self.draw(peer);
        self.dial(peer);
    }

    fn dial(&mut self, peer: PeerId) {
        let known = self.of(peer);
        let address = known.queue.remove(0);
        known.dial = Some(address);
        self.outputs.push(Output::Dial { peer, address });
    }

    fn rest(&mut self, since: Instant, peer: PeerId) {
        let known = self.of(peer);
        (known.dial, known.queue) = (None, vec![]);
        known.again = Some(since.after(known.wait));
        known.failures += 1;
    }

    fn sight(&mut self, now: Instant, peer: PeerId, remote: SocketAddr) {
        let is_known = self.all(peer).contains(&remote);
        let known = self.of(peer);
        if known.why.is_empty() || is_known {
            return;
        }
        known.seen = Some(remote);
        if known.noted.is_none_or(|at| now.since(at) >= Duration::from_secs(60)) {
            known.noted = Some(now);
            self.outputs.push(Output::Note(Record::Address { peer, address: remote }));
        }
    }

    fn next(&self) -> Option<(Instant, PeerId)> {
        self.peers.iter().filter_map(|(peer, it)| it.again.map(|at| (at, *peer))).min()
    }

    fn wake(&mut self, now: Instant) {
        while let Some((_, peer)) = self.next().filter(|(at, _)| *at <= now) {
            self.round(peer);
        }
    }
}

impl Subject for Model {
    fn know(&mut self, peer: PeerId, addresses: &[SocketAddr]) {
        let known = self.of(peer);
        let mut given = vec![];
        for address in [addresses, &known.given].concat() {
            if !given.contains(&address) {
                given.push(address);
            }
        }
        given.truncate(ADDRESSES_MAX);
        let changes = given != known.given;
        known.given = given;
        if !changes || known.why.is_empty() {
            return;
        }
        known.failures = 0;
        if let Some(current) = known.dial {
            let mut all = self.all(peer);
            all.retain(|address| *address != current);
            self.of(peer).queue = all;
            self.draw(peer);
        } else if self.of(peer).up.is_none() {
            self.round(peer);
        }
    }

    fn want(&mut self, now: Now, peer: PeerId, why: Why) {
        let known = self.of(peer);
        let was_wanted = !known.why.is_empty();
        known.why.push(why);
        if was_wanted {
            return;
        }
        let up = known.up;
        self.outputs.push(Output::Expect { peer });
        match up {
            Some((_, remote)) => self.sight(now.instant, peer, remote),
            None => self.round(peer),
        }
    }

    fn forget(&mut self, peer: PeerId, why: Why) {
        let known = self.of(peer);
        if !known.why.contains(&why) {
            return;
        }
        known.why.retain(|other| *other != why);
        if known.why.is_empty() {
            *known = Naive { up: known.up, ..Naive::default() };
            self.outputs.push(Output::Forget { peer });
        }
    }

    fn input(&mut self, now: Now, input: Input) {
        match input {
            Input::Up { peer, remote, direction } => {
                let known = self.of(peer);
                let unwanted = direction == Direction::Outbound && known.why.is_empty();
                known.up = Some((now.instant, remote));
                (known.dial, known.queue, known.again) = (None, vec![], None);
                self.outputs.extend(unwanted.then_some(Output::Forget { peer }));
                self.sight(now.instant, peer, remote);
            }
            Input::Down { peer } => {
                let known = self.of(peer);
                let Some((since, _)) = known.up.take() else { return };
                if known.why.is_empty() {
                    return;
                }
                if now.instant.since(since) >= BACKOFF_MAX {
                    known.failures = 0;
                }
                self.draw(peer);
                self.rest(now.instant, peer);
            }
            Input::Want { .. } | Input::Found { .. } | Input::Forget { .. } => {
                panic!("the commands are called")
            }
            Input::DialFailed { peer, address, why } => {
                let known = self.of(peer);
                if known.dial != Some(address) {
                    return;
                }
                if why == DialFailure::Duplicate {
                    return self.rest(now.instant.after(DUPLICATE_WAIT), peer);
                }
                let retry_in = known.wait;
                self.outputs.push(Output::Event(Event::DialFailed {
                    peer,
                    address,
                    why,
                    retry_in,
                }));
                if self.of(peer).queue.is_empty() {
                    self.rest(now.instant, peer);
                } else {
                    self.dial(peer);
                }
            }
        }
    }
}

/// What happens, after a pause.
fn story() -> impl Strategy<Value = Vec<(u64, Act)>> {
    let pause = prop_oneof![0..1_000_u64, 0..1_000_000_u64, 0..60_000_000_u64];
    prop::collection::vec((pause, act()), 0..150)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn machine_does_what_a_naive_one_does(story in story()) {
        let (mut driver, mut model) = (Driver::new(), Model::new());
        let mut machine = Peers::new(PeersConfig::default(), SEED, Restored::default());
        let mut shadow = Driver::new();
        let mut now = Instant::default();
        for (pause, act) in story {
            now = now.after(Duration::from_micros(pause));
            let both = Now { instant: now, unix: UnixTime::default() };
            machine.handle_timeout(both);
            model.wake(now);
            agree(&mut machine, &mut model, [&mut driver, &mut shadow])?;
            driver.happen(&act, both, &mut machine);
            shadow.happen(&act, both, &mut model);
            agree(&mut machine, &mut model, [&mut driver, &mut shadow])?;
        }
    }
}

fn agree(
    machine: &mut Peers,
    model: &mut Model,
    drivers: [&mut Driver; 2],
) -> Result<(), TestCaseError> {
    let said: Vec<_> = core::iter::from_fn(|| machine.poll_output()).collect();
    for driver in drivers {
        said.iter().for_each(|output| driver.hear(output));
    }
    prop_assert_eq!(said, std::mem::take(&mut model.outputs));
    prop_assert_eq!(machine.poll_timeout().map(|it| it.at), model.next().map(|(at, _)| at));
    Ok(())
}
