//! What we say of ourselves, and what is issued anew.

use ensign_dht::REPUBLISH_INTERVAL;
use ensign_primitives::Now;
use ensign_wire::{Key, NodeRecord};

use super::Overlay;

impl Overlay {
    /// Makes our record anew, and says it from now on.
    pub(super) fn announce(&mut self, now: Now) -> Option<NodeRecord> {
        let record = self.own.renew_record(now)?;
        self.dht.announce(now, record.clone()).ok()?;
        Some(record)
    }

    /// Publishes our node record.
    pub(super) fn publish(&mut self, now: Now) {
        let record = self.announce(now);
        let signed = record.and_then(|record| self.own.sign_node(now, &record));
        let walk = signed.and_then(|record| self.dht.put(now, record).ok());
        self.own.issues(now.instant, walk);
    }

    /// What our user publishes, or our own record, is to be issued anew: at once, or when something has come, because
    /// who hears nothing tells nobody.
    pub(super) fn renew(&mut self, now: Now, key: Key) {
        if now.instant.since(self.heard_at) > REPUBLISH_INTERVAL {
            self.lapsed.insert(key);
        } else {
            self.issue(now, key);
        }
    }

    pub(super) fn issue(&mut self, now: Now, key: Key) {
        if let Some(peer) = self.pairs.peer_of(&key) {
            return self.pairs.renew(now.instant, &peer, &mut self.random);
        }
        match self.own.kept(&key).cloned() {
            Some(said) => {
                let record = self.own.sign(now, said);
                // Where too much is under way the next renewal comes in time: a record holds for three.
                _ = record.map(|record| self.dht.put(now, record));
            }
            None => self.publish(now),
        }
    }
}
