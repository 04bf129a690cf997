//! A process starts, dies, ends, and starts again.

use std::sync::Arc;

use ensign_engine::{
    Engine, EngineConfig, Restored, Strangers,
    pow::Tariff,
    signing::{self, Record},
};
use ensign_primitives::RequestId;
use ensign_session::LocalSigner;

use super::{Host, PATIENCE, Scene, disk::Disk};
use crate::{
    NETWORK, NodeIndex, Plan, Seen,
    actor::Actor,
    cast::address,
    event::{What, Wish},
    random::Random,
};

impl Host {
    /// Starts the process: from its journal, with its groups, with what its person still wants.
    pub(super) fn start(&mut self, scene: &mut Scene<'_>) {
        if self.actor.is_some() {
            return;
        }
        let Some(person) = scene.plan.cast.person(self.desk.node) else { return };
        self.desk.boot += 1;
        let (plan, node, boot) = (scene.plan, self.desk.node, self.desk.boot);
        let records = self.disk.len();
        self.see(scene, Seen::Started { boot, records });
        let config = config(plan, node, boot);
        let records: Vec<Record> = self.disk.records().collect();
        self.find_signatures(scene, &records);
        let mut seed =
            Random::new(plan.seed, "engine", (u64::from(boot) << 32) | u64::from(node.0));
        let moment = self.clock.read(scene.now);
        let void_until = self.disk.void_until(moment.unix);
        let restored = signing::Restored { void_until, ..signing::Restored::from_records(records) };
        let restored = Restored { signing: restored, ..Restored::default() };
        let engine = Engine::new(config, person.keys.clone(), seed.bytes(), moment, restored);
        self.signer = Some(LocalSigner::new(Arc::clone(&person.sec_key)));
        self.actor = Some(Actor::new(engine, scene.plan, self.desk.node, self.desk.boot));
        let group = scene.plan.cast.group_of(self.desk.node).map(|group| group.config.clone());
        let members = group.iter().flat_map(|group| &group.peers);
        let members: Vec<_> =
            members.filter_map(|peer| Some((*peer, plan.cast.node(peer)?))).collect();
        let overlay = plan.overlay(node).into_iter();
        let overlay: Vec<_> =
            overlay.filter_map(|at| Some((plan.cast.person(at)?.peer, at))).collect();
        self.command(scene, |engine| {
            for (peer, at) in members.iter().chain(&overlay) {
                // The address book has room for more than a plan has nodes.
                let _ = engine.know(moment, *peer, &[address(*at)]);
            }
            group.map_or(Ok(()), |group| engine.add_group(moment, group).map(drop))?;
            overlay.iter().for_each(|(peer, _)| {
                let _ = engine.want(moment, *peer);
            });
            Ok(())
        });
        if self.desk.boot > 1 {
            let engine = self.actor.as_ref().map(Actor::engine);
            let is_open =
                |id: &RequestId| engine.is_some_and(|it| it.signing().request(id).is_some());
            for intent in self.person.forgotten(is_open) {
                let at = scene.now.after(PATIENCE);
                self.desk.turn(scene).later(at, What::Person(Wish::Propose { intent }));
            }
        }
    }

    /// Shows its person the signatures that a dead process had not shown.
    fn find_signatures(&mut self, scene: &mut Scene<'_>, records: &[Record]) {
        for record in records {
            if let Record::Finished { request, signatures, .. } = record
                && self.person.found.insert(*request)
            {
                self.person.is_done(request);
                let signatures = signatures.clone();
                self.see(scene, Seen::Recovered { request: *request, signatures });
            }
        }
    }

    pub(super) fn crash(&mut self, scene: &mut Scene<'_>) {
        let (pending, survived) = self.disk.tear(scene.now, &mut self.desk.random);
        self.see(scene, Seen::Crashed { pending, survived });
        self.transport.die(&mut self.desk.turn(scene));
        self.end_process(scene);
    }

    /// Its person has kept the keys, and starts anew with an empty disk.
    pub(super) fn lose_disk(&mut self, scene: &mut Scene<'_>) {
        self.crash(scene);
        self.disk = Disk::new_after_loss();
        self.see(scene, Seen::LostDisk);
    }

    pub(super) fn stop(&mut self, scene: &mut Scene<'_>) {
        self.disk.flush();
        self.see(scene, Seen::Stopped);
        let peers: Vec<_> = self.transport.up().map(|(peer, _)| peer).collect();
        for peer in peers {
            self.transport.close(&mut self.desk.turn(scene), peer);
        }
        self.transport.reset();
        self.end_process(scene);
    }

    fn end_process(&mut self, scene: &mut Scene<'_>) {
        self.actor = None;
        self.signer = None;
        self.links.clear();
        self.timer = None;
        self.inbox.clear();
        self.desk.busy_until = scene.now;
        let downtime = self.desk.random.within(scene.plan.scenario.faults.downtime);
        let at = scene.now.after(downtime);
        self.desk.turn(scene).later(at, What::Start);
    }
}

/// By so many zero bits puzzles are easier here than outside: what they take is time, and time is only counted. Each
/// try stands for `2^12`. Guess: of 20 bits, 8 are left, so that a scenario with thousands of puzzles runs in seconds, and
/// how long one takes is still drawn as it is outside.
pub(super) const BITS_SPARED: u8 = 12;

fn price() -> Tariff {
    let Tariff { bits, bits_max, per_group } = Tariff::default();
    let spared = |bits: u8| bits.saturating_sub(BITS_SPARED);
    Tariff { bits: spared(bits), bits_max: spared(bits_max), per_group }
}

/// What a node's engine is made for.
fn config(plan: &Plan, node: NodeIndex, boot: u32) -> EngineConfig {
    EngineConfig {
        network: NETWORK,
        instance: u64::from(boot).to_be_bytes(),
        listening: vec![address(node)],
        timeouts: plan.timeouts,
        limits: Default::default(),
        peers: Default::default(),
        strangers: Strangers {
            links_max: plan.scenario.strangers_kept as usize,
            time: plan.scenario.strangers_stay,
            price: price(),
            ..Strangers::default()
        },
        overlay: None,
    }
}
