//! One node: its machine, its links, and what it cost.

use std::{collections::BTreeMap, net::SocketAddr};

use ensign_dht::{Dht, DhtConfig, Input, Output, Verifier, Verify};
use ensign_primitives::{Instant, Now, PeerId, QueryId, StateMachine};
use ensign_wire::{
    Answer, Around, DhtFind, DhtMessage, DhtReply, NodeRecord, RecordRules, Role, Scope, Wants,
};

use crate::{
    Setting,
    draw::{Draw, seed_of},
    fill,
    people::NETWORK,
    population::Population,
    verify::Shared,
};

/// What a node, or all of them, sent and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Frames that left.
    pub frames: u64,
    /// Bytes of frames that left, headers included; QUIC and UDP around them not.
    pub sent: u64,
    /// Bytes of frames that came.
    pub heard: u64,
    /// Handshakes that it began.
    pub handshakes: u64,
    /// Records that it told neighbours of.
    pub haves: u64,
}

impl Cost {
    /// Adds a message that leaves.
    pub(crate) fn sends(&mut self, message: &DhtMessage, bytes: u64) {
        self.frames += 1;
        self.sent += bytes;
        if let DhtMessage::Have(have) = message {
            self.haves += have.records.len() as u64;
        }
    }

    /// What was added since `before`.
    pub const fn since(&self, before: &Self) -> Self {
        Self {
            frames: self.frames - before.frames,
            sent: self.sent - before.sent,
            heard: self.heard - before.heard,
            handshakes: self.handshakes - before.handshakes,
            haves: self.haves - before.haves,
        }
    }
}

/// What a node is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) setting: &'a Setting,
    pub(crate) seed: u64,
    pub(crate) population: &'a Population,
    pub(crate) verify: &'a Shared,
}

/// A node that somebody has spoken to.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) dht: Dht,
    /// To whom a link stands, and when it was used last.
    pub(crate) links: BTreeMap<u32, u64>,
    pub(crate) wake: Option<Instant>,
    pub(crate) cost: Cost,
}

impl Host {
    /// Makes a node; of a settled world one that has met those whom it knows since long.
    pub(crate) fn new(world: Surroundings<'_>, now: Now, at: u32, is_settled: bool) -> Self {
        let Surroundings { setting, seed, population, verify } = world;
        let rules = RecordRules { network: NETWORK, bits: setting.bits, scope: Scope::Global };
        let mut config = DhtConfig::new(rules, Role::Signer);
        config.refresh_interval = setting.refresh_interval;
        let record = population.record(at);
        let own_seed = seed_of(seed, "machine", at.into());
        let verify: Box<dyn Verify> = if setting.verifies_alone {
            Box::new(Verifier::new())
        } else {
            Box::new(verify.clone())
        };
        let mut dht = Dht::with(config, record.peer(), own_seed, verify, Default::default());
        dht.announce(now, record.clone()).expect("it is the node's own");
        if is_settled {
            let mut draw = Draw::new(seed, "acquaintances", at.into());
            for met in fill::contacts(population, at, setting.fill, &mut draw) {
                meet(&mut dht, now, population.record(met), population.address(met));
            }
            for known in fill::roots(population, at, setting.fill, &mut draw) {
                let record = population.record(known).clone();
                dht.handle_input(now, Input::Learned { record });
            }
            population.looks(&mut draw).for_each(|nearest| dht.recall_look(now, nearest));
        }
        Self { dht, links: BTreeMap::new(), wake: None, cost: Cost::default() }
    }
}

/// Shows a node to a machine as one that asks it, and then answers it.
pub(crate) fn meet(dht: &mut Dht, now: Now, record: &NodeRecord, remote: SocketAddr) {
    let from = record.peer();
    dht.handle_input(now, Input::Up { peer: from, remote });
    let point = record.position().into();
    let around = Around { key: point, target: point, region: 0 };
    let asker = Some(record.clone());
    let find = DhtFind { query: QueryId(1), around, wants: Wants::Answer, asker };
    dht.handle_input(now, Input::Message { from, message: DhtMessage::Find(find) });
    while let Some(output) = dht.poll_output() {
        if let Some(query) = probe_of(&output, &from) {
            let reply = DhtReply { query, answer: Answer::None, nodes: Vec::new() };
            dht.handle_input(now, Input::Message { from, message: DhtMessage::Reply(reply) });
        }
    }
    dht.handle_input(now, Input::Down { peer: from });
}

/// The name of the question with which a machine looks whether a node is there.
fn probe_of(output: &Output, of: &PeerId) -> Option<QueryId> {
    match output {
        Output::Send { to, message: DhtMessage::Find(find) } if to == of => Some(find.query),
        Output::Send { .. } | Output::Reach { .. } | Output::Offense { .. } | Output::Event(_) => {
            None
        }
    }
}
