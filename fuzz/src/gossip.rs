//! A router that hears whatever bytes say: nobody panics, nothing leaves before it was accepted, and every collection
//! stays within its limit.

use std::collections::BTreeSet;

use ensign_gossip::{Explicit, Gossip, GossipConfig, Input, Output, Verdict};
use ensign_primitives::{Direction, Instant, Network, Now, PeerId, StateMachine, UnixTime};
use ensign_wire::{Frame, GossipMessage, Kind, MessageId, Topic};

const NETWORK: Network = Network::Regtest;
/// 2026-01-01 00:00 UTC.
const START: u64 = 1_767_225_600_000;
/// Most steps of one input.
const STEPS_MAX: usize = 256;

/// Each step is a byte that says what happens, one that says to whom, and for a frame its length and bytes.
///
/// # Panics
///
/// When a collection grows beyond its limit, or something leaves that was not accepted.
pub fn gossip(data: &[u8]) {
    let mut world = World::new();
    let mut rest = data;
    for _ in 0..STEPS_MAX {
        let Some((&[act, who], after)) = rest.split_first_chunk() else { return };
        rest = world.step(act, who % 16, after);
        for full in world.gossip.occupancy() {
            assert!(full.is_within_limit(), "{full:?}");
        }
    }
}

struct World {
    gossip: Gossip,
    millis: u64,
    waiting: Vec<MessageId>,
    /// What may leave.
    good: BTreeSet<MessageId>,
}

fn peer(number: u8) -> PeerId {
    PeerId::from_bytes([number; 32])
}

fn topic() -> Topic {
    Topic::of(NETWORK, "advert")
}

impl World {
    fn new() -> Self {
        let mut gossip = Gossip::new(GossipConfig::new(NETWORK), [5; 32]);
        gossip.subscribe(now(0), topic()).expect("the first topic");
        Self { gossip, millis: 0, waiting: Vec::new(), good: BTreeSet::new() }
    }

    fn step<'a>(&mut self, act: u8, who: u8, rest: &'a [u8]) -> &'a [u8] {
        let (at, peer) = (now(self.millis), peer(who));
        let mut rest = rest;
        match act % 8 {
            0 => {
                let direction = if act & 8 == 0 { Direction::Inbound } else { Direction::Outbound };
                let remote = ([8, 8, who / 2, who], 4000).into();
                self.input(Input::Up { peer, remote, direction });
            }
            1 => self.input(Input::Down { peer }),
            2 | 3 => {
                let (&length, after) = rest.split_first().unwrap_or((&0, rest));
                let (body, after) = after.split_at(after.len().min(length.into()));
                rest = after;
                let kind = if act & 8 == 0 { Kind::GossipControl } else { Kind::GossipData };
                if let Ok(Frame::Gossip(message)) = Frame::decode(kind, body, NETWORK) {
                    assert_eq!(message.encode(), body);
                    self.input(Input::Message { from: peer, message });
                }
            }
            4 => {
                self.millis += u64::from(act / 8) * 100 + 1;
                self.gossip.handle_timeout(now(self.millis));
                self.hear();
            }
            5 => {
                let Some(id) = self.waiting.pop() else { return rest };
                let verdict = match act / 8 % 3 {
                    0 => Verdict::Accept,
                    1 => Verdict::Ignore,
                    _ => Verdict::Reject,
                };
                if verdict == Verdict::Accept {
                    self.good.insert(id);
                }
                self.input(Input::Judged { id, verdict });
            }
            6 => {
                let own = vec![act; usize::from(who) * 100 + 1];
                self.good.insert(MessageId::of(NETWORK, topic(), &own));
                let _ = self.gossip.publish(at, topic(), own.into());
                self.hear();
            }
            _ => {
                match act / 8 % 4 {
                    0 => self.gossip.unsubscribe(at, topic()),
                    1 => drop(self.gossip.subscribe(at, topic())),
                    2 => drop(self.gossip.set_explicit(at, peer, Explicit::Yes)),
                    _ => self.input(Input::Taken { peer, bytes: usize::from(act) * 100 }),
                }
                self.hear();
            }
        }
        rest
    }

    fn input(&mut self, input: Input) {
        self.gossip.handle_input(now(self.millis), input);
        self.hear();
    }

    fn hear(&mut self) {
        while let Some(output) = self.gossip.poll_output() {
            match output {
                Output::Validate { id, .. } => self.waiting.push(id),
                Output::Send { message: GossipMessage::Data(data), .. } => {
                    let id = MessageId::of(NETWORK, data.topic, &data.data);
                    assert!(self.good.contains(&id), "it was not accepted");
                }
                Output::Send { .. } | Output::Offense { .. } | Output::Event(_) => {}
            }
        }
    }
}

fn now(millis: u64) -> Now {
    let unix = UnixTime::from_millis(START + millis);
    Now { instant: Instant::from_micros(millis * 1000), unix }
}
