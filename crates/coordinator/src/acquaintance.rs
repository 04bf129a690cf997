//! What two nodes know of each other: groups that only one of them has, and identities that run twice.

use std::sync::Arc;

use ensign_engine::Event as Engine;
use ensign_primitives::{GroupId, PeerId, RequestId, SignerIndex};
use ensign_transport::DisconnectReason;

use crate::{Event, GroupInfo, PeerEvent, Whose, driver::Driver, report, warnings::About};

impl Driver {
    /// Tells what the engine found out about another node; anything else is nothing to it.
    pub(crate) fn on_acquaintance(&mut self, event: Engine) {
        match event {
            Engine::GroupUnknown { peer, group } => {
                self.emit_group(peer, &group, |group| PeerEvent::GroupUnknown { group });
            }
            Engine::GroupKnown { peer, group } => {
                self.emit_group(peer, &group, |group| PeerEvent::GroupKnown { group });
            }
            Engine::GroupMissing { peer, group } => self.tell_missing(peer, group),
            Engine::PeerCopied { peer } => {
                self.emit(Event::Peer(peer, PeerEvent::Copied { whose: Whose::Theirs }));
            }
            Engine::PeerUp { .. }
            | Engine::PeerDown { .. }
            | Engine::Review(_)
            | Engine::Attempt { .. }
            | Engine::Session { .. }
            | Engine::Closed { .. }
            | Engine::Offense { .. } => {}
        }
    }

    /// Tells when nodes drop our connections for others that we did not make: a second process has our
    /// identity.
    pub(crate) fn look_for_a_copy(&mut self, peer: PeerId, reason: &DisconnectReason) {
        let is_duplicate = report::is_duplicate(reason) && self.engine.is_member(&peer);
        let (instance, now) = (self.engine.instance_of(&peer), self.clock.now().instant);
        if is_duplicate && self.pushed_off.see(peer, instance, now) {
            self.emit(Event::Peer(peer, PeerEvent::Copied { whose: Whose::Ours }));
        }
    }

    /// Tells of a group of ours what another node knows of it.
    fn emit_group(
        &self,
        peer: PeerId,
        group: &GroupId,
        event: impl FnOnce(Arc<GroupInfo>) -> PeerEvent,
    ) {
        if let Some(joined) = self.groups.get(group) {
            self.emit(Event::Peer(peer, event(Arc::clone(&joined.info))));
        }
    }

    /// Tells that a signer's node does not have a request's group.
    pub(crate) fn tell_unknown(&self, request: &RequestId, by: SignerIndex) {
        let group = self.docket.get(request).map(|matter| Arc::clone(&matter.reference().group));
        let member = group.as_ref().and_then(|group| group.members.get(by.as_usize()));
        if let (Some(group), Some(peer)) = (&group, member.map(|member| member.peer)) {
            let group = Arc::clone(group);
            self.emit(Event::Peer(peer, PeerEvent::GroupUnknown { group }));
        }
    }

    /// Says again which members do not have a group, now that something is asked of them.
    pub(crate) fn remind_of_unknown(&self, group: &Arc<GroupInfo>) {
        for member in group.members.iter().filter(|it| self.engine.lacks(&it.peer, &group.id)) {
            let group = Arc::clone(group);
            self.emit(Event::Peer(member.peer, PeerEvent::GroupUnknown { group }));
        }
    }

    /// Tells of a group that we do not have, at the rate of warnings.
    pub(crate) fn tell_missing(&mut self, peer: PeerId, group: GroupId) {
        let is_member = self.engine.is_member(&peer);
        let about = if is_member { About::Member } else { About::Stranger };
        if self.warnings.admit(about, self.clock.now().instant).is_some() {
            self.emit(Event::Peer(peer, PeerEvent::GroupMissing { group }));
        }
    }
}
