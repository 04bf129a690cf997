//! Links: who is reached, what it costs, and which are kept.

use std::time::Duration;

use ensign_dht::Input;
use ensign_primitives::{PeerId, StateMachine as _};
use ensign_wire::{DhtMessage, NodeRecord};

use super::{LATENCY_MICROS, What, World};
use crate::host::Host;

/// Links that a node keeps; who was not spoken to for longest goes. Guess: most of a gate's 640 places.
const LINKS_KEPT: usize = 512;
/// After how long a handshake with nobody is given up. Guess: three lost packets of QUIC.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(3);

impl World {
    /// One way between two nodes; the same always, so that nothing overtakes what was said before.
    pub(super) fn latency(&self, one: u32, other: u32) -> Duration {
        let (low, high) = LATENCY_MICROS;
        let pair = u64::from(one.min(other)) << 32 | u64::from(one.max(other));
        let mixed = mix(pair ^ self.seed.rotate_left(17));
        Duration::from_micros(low + mixed % (high - low + 1))
    }

    pub(super) fn is_cut(&self, one: u32, other: u32) -> bool {
        self.sides.get(one as usize) != self.sides.get(other as usize)
    }

    pub(super) fn send(&mut self, node: u32, host: &mut Host, to: &PeerId, message: DhtMessage) {
        let Some(to) = self.population.number(to) else { return };
        let bytes = self.population.frame_bytes(&message);
        host.cost.sends(&message, bytes);
        self.cost.sends(&message, bytes);
        let Some(used) = host.links.get_mut(&to) else { return };
        *used = self.order;
        if !self.is_gone(to) && !self.is_cut(node, to) {
            let latency = self.latency(node, to);
            self.push(latency, to, What::Hear { from: node, message, bytes });
        }
    }

    pub(super) fn reach(&mut self, node: u32, host: &mut Host, record: &NodeRecord) {
        let peer = record.peer();
        let to = self.population.number(&peer);
        let to = to.filter(|to| !self.is_gone(*to) && !self.is_cut(node, *to));
        let Some(to) = to else {
            return self.push(HANDSHAKE_WAIT, node, What::Unreachable { peer });
        };
        let wait = if self.setting.is_warm {
            Duration::ZERO
        } else {
            host.cost.handshakes += 1;
            self.cost.handshakes += 1;
            2 * self.latency(node, to)
        };
        self.push(wait, node, What::Linked { to });
    }

    /// Both ends hear that a link stands, unless one does already.
    pub(super) fn linked(&mut self, node: u32, to: u32) {
        if self.is_gone(to) || self.is_cut(node, to) {
            return;
        }
        let order = self.order;
        for (at, other) in [(to, node), (node, to)] {
            if self.is_hostile(at) {
                continue;
            }
            let (peer, remote) =
                (self.population.record(other).peer(), self.population.address(other));
            let mut host = self.take_host(at);
            if host.links.insert(other, order).is_none() {
                host.dht.handle_input(self.now, Input::Up { peer, remote });
            }
            self.put_host(at, host);
        }
    }

    /// Shuts links that were not used for longest, above as many as are kept.
    pub(super) fn shut_idle(&mut self, node: u32) {
        let Some(host) = self.host(node) else { return };
        if host.links.len() <= LINKS_KEPT {
            return;
        }
        let idle = host.links.iter().min_by_key(|(_, used)| **used).map(|(other, _)| *other);
        if let Some(other) = idle {
            self.unlink_at(node, other);
            self.unlink_at(other, node);
        }
    }

    /// Lets one end hear that a link is gone.
    pub(super) fn unlink_at(&mut self, node: u32, other: u32) {
        let place = self.hosts.get_mut(node as usize);
        let Some(host) = place.and_then(Option::as_deref_mut) else { return };
        if host.links.remove(&other).is_some() {
            let peer = self.population.record(other).peer();
            self.input(node, Input::Down { peer });
        }
    }
}

/// Spreads a number over all numbers (splitmix64).
const fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
