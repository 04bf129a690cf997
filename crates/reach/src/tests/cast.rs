//! A node, and others around it that dial back, or say so.

use core::{net::SocketAddr, time::Duration};
use std::{collections::BTreeMap, sync::Arc, vec, vec::Vec};

use ensign_primitives::{Instant, Now, PeerId, StateMachine, UnixTime};
use ensign_wire::{
    DialBackAsk, DialBackNonce, DialBackOutcome, DialBackRefusal, DialBackTold, Scope,
};

use crate::{Announce, Input, Output, Reach, ReachConfig, Status};

pub(super) const START: Now = Now {
    instant: Instant::from_micros(1_000_000),
    unix: UnixTime::from_millis(1_760_000_000_000),
};

pub(super) fn peer(number: u16) -> PeerId {
    let mut bytes = [0x21; 32];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    PeerId::from_bytes(bytes)
}

/// Each node in a /24 of its own.
pub(super) fn at(number: u16) -> SocketAddr {
    let [high, low] = number.to_be_bytes();
    ([8, high, low, 1], 4000).into()
}

pub(super) fn outside(port: u16) -> SocketAddr {
    ([9, 9, 9, 9], port).into()
}

pub(super) fn config() -> ReachConfig {
    let listening = vec![([192, 168, 0, 7], 4820).into()];
    let announce = Announce::Tested;
    ReachConfig { scope: Scope::Global, given: vec![], listening, announce }
}

/// What a node does that is asked to dial back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    /// Dials, and says what came of it.
    Dial,
    /// Says that nobody answers.
    Deny,
    /// Says nothing.
    Nothing,
    /// Says that it is too busy.
    Refuse,
    /// Says that it came, and does not.
    Pretend,
    /// Brings the nonce by the connection that stands.
    Tunnel,
}

#[derive(Clone, Copy, Debug)]
struct Other {
    does: Does,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Now,
    pub(super) reach: Reach,
    others: BTreeMap<PeerId, (SocketAddr, Other)>,
    /// Where a connection from outside gets through.
    pub(super) open: Vec<SocketAddr>,
    pub(super) asked: Vec<(PeerId, DialBackAsk)>,
    pub(super) outputs: Vec<Output>,
    pub(super) changes: usize,
}

impl World {
    pub(super) fn new(config: ReachConfig) -> Self {
        let reach = Reach::new(config, [7; 32], START, Arc::default());
        Self {
            now: START,
            reach,
            others: BTreeMap::new(),
            open: vec![],
            asked: vec![],
            outputs: vec![],
            changes: 0,
        }
    }

    /// A node that was dialled at an address says where we are.
    pub(super) fn meet(&mut self, number: u16, says: SocketAddr, does: Does) {
        self.meet_at(number, at(number), (says, does));
    }

    pub(super) fn meet_at(
        &mut self,
        number: u16,
        remote: SocketAddr,
        (says, does): (SocketAddr, Does),
    ) {
        self.others.insert(peer(number), (remote, Other { does }));
        self.input(Input::Met { peer: peer(number), remote, seen: Some(says) });
    }

    pub(super) fn leave(&mut self, number: u16) {
        self.others.remove(&peer(number));
        self.input(Input::Left { peer: peer(number) });
    }

    pub(super) fn input(&mut self, input: Input) {
        self.reach.handle_input(self.now, input);
        self.drain();
    }

    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now.instant.after(time);
        while let Some(wakeup) = self.reach.poll_timeout().filter(|it| it.at <= end) {
            self.pass(wakeup.at.since(self.now.instant));
            self.reach.handle_timeout(self.now);
            self.drain();
        }
        self.pass(end.since(self.now.instant));
    }

    fn pass(&mut self, by: Duration) {
        self.now = Now { instant: self.now.instant.after(by), unix: self.now.unix.after(by) };
    }

    fn drain(&mut self) {
        while let Some(output) = self.reach.poll_output() {
            self.outputs.push(output);
            match output {
                Output::Ask { to, ask } => {
                    self.asked.push((to, ask));
                    self.answer(to, ask);
                }
                Output::Changed => self.changes += 1,
                Output::Tell { .. }
                | Output::DialBack { .. }
                | Output::Offense { .. }
                | Output::Refresh { .. }
                | Output::Judged(_) => {}
            }
        }
        for occupancy in self.reach.occupancy() {
            assert!(occupancy.is_within_limit(), "{occupancy:?}");
        }
    }

    fn answer(&mut self, from: PeerId, ask: DialBackAsk) {
        let Some((remote, Other { does })) = self.others.get(&from).copied() else { return };
        let DialBackAsk { nonce, address } = ask;
        let is_open = self.open.contains(&address);
        // Another port of the same host.
        let fresh = SocketAddr::new(remote.ip(), 50_000);
        let told = |outcome| Input::Told { from, told: DialBackTold { nonce, outcome } };
        match does {
            Does::Dial if is_open => {
                self.feed(Input::DialledBack { remote: fresh, nonce });
                self.feed(told(DialBackOutcome::Reached));
            }
            Does::Dial | Does::Deny => self.feed(told(DialBackOutcome::Unreached)),
            Does::Nothing => {}
            Does::Refuse => self.feed(told(DialBackOutcome::Refused(DialBackRefusal::Busy))),
            Does::Pretend => self.feed(told(DialBackOutcome::Reached)),
            Does::Tunnel => self.feed(Input::DialledBack { remote, nonce }),
        }
    }

    fn feed(&mut self, input: Input) {
        self.reach.handle_input(self.now, input);
    }

    pub(super) fn status(&self) -> Status {
        self.reach.status(self.now)
    }

    pub(super) fn announced(&self) -> Vec<SocketAddr> {
        self.reach.announced().to_vec()
    }

    pub(super) fn offenses(&self) -> usize {
        self.outputs.iter().filter(|it| matches!(it, Output::Offense { .. })).count()
    }
}

pub(super) fn nonce(byte: u8) -> DialBackNonce {
    DialBackNonce([byte; 16])
}
