//! Hostile formations: whoever invites, joins, carries codes or crashes, no two honest members end in
//! different groups, and all of them hold the certificate or none does.

use std::{env, println, vec, vec::Vec};

use super::{
    cast::{NAME, candidate, peer, roster},
    world::{Chance, Way, World},
};
use crate::{Formation, Input, Invitation};

/// How many formations a change waits for; `cargo xtask long` runs 100,000.
const FORMATIONS: u64 = 2_000;
/// How many things happen before everybody is connected and whole again. Guess: several times what a
/// formation of four takes.
const STEPS: usize = 160;

/// Who does what to whom. People 0, 1 and 2 want a group; processes beyond theirs are hostile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plot {
    /// Nobody is hostile: crashes and cut lines only.
    None,
    /// The same with pasted codes.
    Pasted,
    /// Who invites shows each of the others another group, full of its own nodes.
    LiesToAll,
    /// Who invites shows one of the others another group.
    LiesToOne,
    /// Somebody else read the code, and takes a seat.
    Fourth,
    /// Somebody changed the node in the code that one of them got, and stands between.
    Edited,
    /// The same, and hands everything on as it is.
    Relay,
    /// Who invites is replaced: another process with its key goes on from nothing.
    Replaced,
    /// A member says to one what it does not say to the other.
    TwoFaced,
}

const PLOTS: [Plot; 9] = [
    Plot::None,
    Plot::Pasted,
    Plot::LiesToAll,
    Plot::LiesToOne,
    Plot::Fourth,
    Plot::Edited,
    Plot::Relay,
    Plot::Replaced,
    Plot::TwoFaced,
];

/// A world in which a plot goes on.
struct Case {
    world: World,
    chance: Chance,
    plot: Plot,
    /// Processes of the people who want a group and are honest.
    honest: Vec<usize>,
    /// Between which processes connections may stand.
    pairs: Vec<(usize, usize)>,
}

fn invite(machine: &mut Formation, now: ensign_primitives::Now, by: u8, entropy: u8) -> Invitation {
    machine.invite(now, (NAME, 3), candidate(by), vec![], [entropy; 32]).unwrap()
}

impl Case {
    fn new(plot: Plot, seed: u64) -> Self {
        let people: &[u8] = match plot {
            Plot::None | Plot::Pasted => &[0, 1, 2],
            // The inviting one twice, and nodes of its own with each.
            Plot::LiesToAll => &[0, 0, 1, 2, 8, 9],
            Plot::LiesToOne => &[0, 0, 1, 2, 8],
            Plot::Fourth => &[0, 1, 2, 8],
            // The one between invites one and joins the other, with another one of its own.
            Plot::Edited => &[0, 1, 2, 8, 8, 9],
            Plot::Relay => &[0, 1, 2, 8],
            Plot::Replaced => &[0, 1, 2, 0],
            Plot::TwoFaced => &[0, 1, 2, 2],
        };
        let (world, chance) = (World::new(people), Chance(seed));
        let mut case = Self { world, chance, plot, honest: vec![], pairs: vec![] };
        case.begin();
        for node in 0..people.len() {
            // What a user asked for is durable before it goes home.
            case.world.persist(node);
            case.world.nodes[node].is_honest = case.honest.contains(&node);
        }
        case
    }

    /// Hands out codes, and connects whom they connect.
    fn begin(&mut self) {
        match self.plot {
            Plot::Pasted => {
                for node in 0..3 {
                    let entropy = self.chance.bytes();
                    self.world.act(node, |machine, now| {
                        machine.form(now, roster(&[0, 1, 2]), vec![vec![]; 3], entropy).unwrap();
                    });
                }
                self.honest = vec![0, 1, 2];
                self.pairs = vec![(0, 1), (0, 2), (1, 2)];
            }
            Plot::None | Plot::Fourth => {
                let code = self.invite(0, 0);
                for node in 1..self.world.nodes.len() {
                    self.join(node, &code);
                }
                self.honest = vec![0, 1, 2];
                self.pairs = vec![(0, 1), (0, 2), (1, 2)];
                if self.plot == Plot::Fourth {
                    self.pairs.extend([(0, 3), (1, 3), (2, 3)]);
                }
            }
            Plot::LiesToAll => {
                // One face for each victim; both faces give out the same code.
                let code = self.invite(0, 0);
                assert_eq!(self.invite(1, 0), code);
                [2, 3, 4, 5].iter().for_each(|node| self.join(*node, &code));
                self.honest = vec![2, 3];
                self.pairs = vec![(0, 2), (0, 4), (2, 4), (1, 3), (1, 5), (3, 5), (2, 3)];
            }
            Plot::LiesToOne => {
                let code = self.invite(0, 0);
                assert_eq!(self.invite(1, 0), code);
                [2, 3, 4].iter().for_each(|node| self.join(*node, &code));
                self.honest = vec![2, 3];
                // The node of its own sits with one of them; the other has a false third, or none.
                self.pairs = vec![(0, 2), (0, 4), (2, 4), (1, 3), (1, 4), (3, 4), (2, 3)];
            }
            Plot::Edited => {
                let code = self.invite(0, 0);
                let mut edited = code.clone();
                edited.inviter = peer(8);
                // The one between knows the secret: it read the code.
                self.join(1, &code);
                self.join(3, &code);
                self.join(2, &edited);
                let entropy = self.chance.bytes();
                let own = self.world.act(4, |machine, now| {
                    machine.invite(now, (NAME, 3), candidate(8), vec![], entropy).unwrap()
                });
                self.join(5, &own.unwrap());
                self.honest = vec![0, 1, 2];
                self.pairs = vec![(0, 1), (0, 3), (1, 3), (2, 4), (2, 5), (4, 5), (1, 2), (0, 2)];
            }
            Plot::Relay => {
                let code = self.invite(0, 0);
                let mut edited = code.clone();
                edited.inviter = peer(8);
                self.join(1, &code);
                self.join(2, &edited);
                self.world.nodes[3].machine =
                    Some(super::cast::machine(8, self.world.now(), vec![]));
                self.honest = vec![0, 1, 2];
                self.pairs = vec![(0, 1), (0, 3), (1, 3), (2, 3)];
            }
            Plot::Replaced => {
                let code = self.invite(0, 0);
                let _ = self.invite(3, 7);
                [1, 2].iter().for_each(|node| self.join(*node, &code));
                self.honest = vec![1, 2];
                self.pairs = vec![(0, 1), (0, 2), (1, 2), (3, 1), (3, 2)];
            }
            Plot::TwoFaced => {
                let code = self.invite(0, 0);
                [1, 2, 3].iter().for_each(|node| self.join(*node, &code));
                self.honest = vec![0, 1];
                self.pairs = vec![(0, 1), (0, 2), (1, 2), (0, 3), (1, 3)];
            }
        }
    }

    fn invite(&mut self, node: usize, entropy: u8) -> Invitation {
        let by = self.world.nodes[node].person;
        self.world.act(node, |machine, now| invite(machine, now, by, entropy)).unwrap()
    }

    fn join(&mut self, node: usize, code: &Invitation) {
        let (own, entropy) = (candidate(self.world.nodes[node].person), self.chance.bytes());
        let code = code.clone();
        self.world.act(node, |machine, now| machine.join(now, code, own, vec![], entropy).unwrap());
    }

    /// Whatever happens next.
    fn happen(&mut self) {
        let nodes = self.world.nodes.len();
        let choice = self.chance.below(64);
        let pair = self.pairs[self.chance.below(self.pairs.len())];
        match choice {
            0..=31 => drop(self.world.deliver(self.chance.0 as usize % 7)),
            32..=47 => drop(self.world.persist(self.chance.below(nodes))),
            48..=54 => self.world.connect(pair.0, pair.1),
            55 | 56 => self.world.cut(pair.0, pair.1),
            57 | 58 => {
                let node = self.chance.below(nodes);
                if self.world.nodes[node].machine.is_some() {
                    self.world.crash(node, &mut self.chance);
                }
            }
            59 | 60 => self.world.restart(self.chance.below(nodes)),
            61 => self.replay(),
            62 => self.world.compare(&self.honest.clone()),
            _ => {
                // A hostile user sees no reason to compare anything.
                for node in self.hostile() {
                    self.confirm_alone(node);
                }
            }
        }
        if self.plot == Plot::Relay {
            self.relay();
        }
    }

    fn hostile(&self) -> Vec<usize> {
        (0..self.world.nodes.len()).filter(|node| !self.honest.contains(node)).collect()
    }

    fn confirm_alone(&mut self, node: usize) {
        if let Some(fingerprint) = self.world.fingerprint(node) {
            self.world.act(node, |machine, now| {
                let _ = machine.confirm(now, NAME, &fingerprint);
            });
        }
    }

    /// Somebody says again what somebody said once, to whom it has a connection with.
    fn replay(&mut self) {
        if self.world.said.is_empty() || self.honest.len() == self.world.nodes.len() {
            return;
        }
        let Way { to, message, .. } =
            self.world.said[self.chance.below(self.world.said.len())].clone();
        let hostile = self.hostile();
        let by = hostile[self.chance.below(hostile.len())];
        let peer = peer(self.world.nodes[by].person);
        self.world.input(to, Input::Message { peer, message });
    }

    /// The one between hands on whatever came, as it is: what 2 says to 0, what 0 says to 2.
    fn relay(&mut self) {
        let said: Vec<Way> = self.world.said.iter().filter(|way| way.to == 3).cloned().collect();
        let Some(way) = said.get(self.chance.below(said.len().max(1))) else { return };
        let to = if way.from == 2 { 0 } else { 2 };
        self.world.input(to, Input::Message { peer: peer(8), message: way.message.clone() });
    }

    /// Everybody is there, connected and attentive.
    fn heal(&mut self) {
        for _ in 0..4 {
            (0..self.world.nodes.len()).for_each(|node| self.world.restart(node));
            self.pairs.clone().into_iter().for_each(|(one, other)| self.world.connect(one, other));
            self.world.run();
            self.hostile().into_iter().for_each(|node| self.confirm_alone(node));
            self.world.compare(&self.honest.clone());
            self.world.run();
        }
    }

    /// No two honest ones differ, and a certificate that names one is with it.
    fn check(&self) -> bool {
        let held: Vec<_> =
            self.honest.iter().filter_map(|node| self.world.certificate(*node)).collect();
        for certificate in &held {
            assert_eq!(certificate.verify(), Ok(()));
            assert_eq!(Some(certificate), held.first(), "honest members in different groups");
            for node in &self.honest {
                let person = peer(self.world.nodes[*node].person);
                let is_member = certificate.roster.index_of(&person).is_some();
                assert!(is_member, "a certificate without one who compared");
                assert!(self.world.certificate(*node).is_some(), "only one holds the certificate");
            }
        }
        !held.is_empty()
    }
}

/// Runs one; returns whether a group came of it.
fn run(plot: Plot, seed: u64) -> bool {
    let mut case = Case::new(plot, seed);
    for _ in 0..STEPS {
        case.happen();
        // Before all is healed too.
        let honest = case.honest.iter().filter_map(|node| case.world.certificate(*node));
        let all: Vec<_> = honest.collect();
        assert!(
            all.windows(2).all(|pair| pair[0] == pair[1]),
            "honest members in different groups"
        );
    }
    case.heal();
    case.check()
}

#[test]
fn no_two_honest_members_end_in_different_groups() {
    let formations = env::var("ENSIGN_HOSTILE_FORMATIONS").ok();
    let formations = formations.map_or(FORMATIONS, |text| text.parse().unwrap());
    let mut formed = [0_u64; PLOTS.len()];
    let mut all = [0_u64; PLOTS.len()];
    for seed in 0..formations {
        let at = (seed % PLOTS.len() as u64) as usize;
        formed[at] += u64::from(run(PLOTS[at], seed));
        all[at] += 1;
    }
    for ((plot, formed), all) in PLOTS.iter().zip(formed).zip(all) {
        println!("{plot:?}: {formed} of {all} formed");
    }
    // Who is honest gets its group, whatever crashed.
    assert_eq!(formed[..2], all[..2]);
    // With somebody between, or two groups, no words are the same.
    for plot in [2, 3, 5, 6] {
        assert_eq!(formed[plot], 0, "{:?}", PLOTS[plot]);
    }
}
