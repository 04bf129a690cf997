//! Which node speaks for which signer key: by the highest-numbered delegation that was ever verified,
//! and what each connected node has shown on its connection.
//!
//! A hint that matches no key that we know costs hashes and no curve work; one that matches costs one
//! signature check, and none when it is the proof that is known already. Who hands one on silences the older
//! node; a place is taken by a node's own word on its own connection alone.

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};
use core::time::Duration;

use ensign_identity::{Delegation, DelegationError, DelegationProof, SignerKey};
use ensign_primitives::{GroupId, Instant, Network, Now, Occupancy, PeerId, UnixTime, Wakeup};
use ensign_wire::{Frame, Groups as WireGroups, Introduced};
use serde::{Deserialize, Serialize};

use crate::{
    Event, MEMBERS_MAX, Offense, Output, PEERS_LIMIT, Record, Standing,
    groups::{Groups, Replaced},
};

mod heard;
use heard::Heard;
mod known;
mod link;
use link::Link;

/// How long a node of a group may be connected without having shown that it speaks for its member
/// before our user is told. Guess: many round trips.
pub const SHOW_WAIT: Duration = Duration::from_secs(5);

/// That a node speaks for a signer key: the highest-numbered proof that was verified. Written down as it
/// is, and read after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegated {
    /// The key.
    pub signer: SignerKey,
    /// The node.
    pub peer: PeerId,
    /// That the key lets it.
    pub proof: DelegationProof,
}

/// Who speaks for whom.
#[derive(Debug)]
pub(crate) struct Membership {
    network: Network,
    own_peer: PeerId,
    own_key: SignerKey,
    /// The highest that is known of each key: of members, and our own.
    known: BTreeMap<SignerKey, Delegated>,
    /// What connected nodes have shown.
    links: BTreeMap<PeerId, Link>,
    /// Which of them have to show something by when.
    awaited: BTreeSet<(Instant, PeerId)>,
    /// The last other node of our own key's that was told.
    told_elsewhere: Option<(PeerId, u64)>,
    outputs: VecDeque<Output>,
}

impl Membership {
    pub(crate) fn new(
        network: Network,
        (own, now): (Delegated, UnixTime),
        restored: Vec<Delegated>,
    ) -> Self {
        let Delegated { signer: own_key, peer: own_peer, .. } = own;
        let mut membership = Self {
            network,
            own_peer,
            own_key,
            known: BTreeMap::new(),
            links: BTreeMap::new(),
            awaited: BTreeSet::new(),
            told_elsewhere: None,
            outputs: VecDeque::new(),
        };
        for it in restored {
            membership.raise(it);
        }
        membership.raise_own(now, own);
        membership
    }

    pub(crate) fn up(&mut self, peer: PeerId) {
        self.down(&peer);
        self.links.insert(peer, Link::default());
    }

    pub(crate) fn down(&mut self, peer: &PeerId) {
        self.await_until(*peer, None);
        self.links.remove(peer);
    }

    /// Whether a node has shown on its connection that it speaks for a key, and still does.
    fn speaks(&self, peer: &PeerId, signer: &SignerKey) -> bool {
        self.links.get(peer).is_some_and(|link| link.keys.contains(signer))
    }

    /// Whether it has for any key.
    pub(crate) fn has_shown(&self, peer: &PeerId) -> bool {
        self.links.get(peer).is_some_and(|link| !link.keys.is_empty())
    }

    /// Whether a member has told what members are told.
    pub(crate) fn has_welcomed(&self, peer: &PeerId) -> bool {
        self.links.get(peer).is_some_and(|link| link.has_welcomed)
    }

    /// Notes that it has; returns whether that is new.
    pub(crate) fn welcomed(&mut self, peer: &PeerId) -> bool {
        let link = self.links.get_mut(peer);
        link.is_some_and(|link| !core::mem::replace(&mut link.has_welcomed, true))
    }

    /// Says for whom we speak to a connected node that we want, once; from then on it is expected to
    /// say the same.
    pub(crate) fn introduce(&mut self, now: Now, peer: PeerId) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        if core::mem::replace(&mut link.has_heard, true) {
            return;
        }
        if link.keys.is_empty() {
            self.await_until(peer, Some(now.instant.after(SHOW_WAIT)));
        }
        self.of(&self.own_key).copied().into_iter().for_each(|own| self.hand_on(own, peer));
    }

    /// Takes our own next delegation, and says it to all who know us.
    pub(crate) fn renew(&mut self, now: UnixTime, proof: DelegationProof, groups: &Groups) {
        let own = Delegated { signer: self.own_key, peer: self.own_peer, proof };
        self.raise_own(now, own);
        for peer in groups.others() {
            if self.links.get(&peer).is_some_and(|link| link.has_heard) {
                self.hand_on(own, peer);
            }
        }
    }

    /// Says what is known of a key to a connected node.
    fn hand_on(&mut self, it: Delegated, to: PeerId) {
        if self.links.contains_key(&to) {
            let hint = Introduced::hint(self.network, &it.signer, (&self.own_peer, &to));
            self.send(to, &Frame::Delegation(Introduced { hint, peer: it.peer, proof: it.proof }));
        }
    }

    fn send(&mut self, peer: PeerId, frame: &Frame) {
        let kind = frame.kind();
        self.outputs.push_back(Output::Send { peer, kind, frame: frame.encode().into() });
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether a node has shown that it speaks for the member of a group beside whom it stands.
    pub(crate) fn speaks_in(&self, groups: &Groups, peer: &PeerId, group: &GroupId) -> bool {
        let signer = groups.get(group).and_then(|known| known.key_of(peer));
        signer.is_some_and(|signer| self.speaks(peer, &signer))
    }

    /// Returns our groups with a node, as far as it has shown that it speaks for the member in them.
    pub(crate) fn shared_with(&self, groups: &Groups, peer: &PeerId) -> Vec<GroupId> {
        let mut shared = groups.shared_with(peer);
        shared.retain(|group| self.speaks_in(groups, peer, group));
        shared
    }

    /// Says which groups we share with a member.
    pub(crate) fn say_groups(&mut self, groups: &Groups, peer: PeerId) {
        if self.has_shown(&peer) {
            let shared = self.shared_with(groups, &peer);
            self.send(peer, &Frame::Groups(WireGroups { shared }));
        }
    }

    /// Reads again what nodes said of keys that we did not know.
    pub(crate) fn hear_again(&mut self, now: Now, groups: &mut Groups) {
        let unread = |(peer, link): (&PeerId, &mut Link)| Some((*peer, link.unread.take()?));
        let unread: Vec<_> = self.links.iter_mut().filter_map(unread).collect();
        unread.into_iter().for_each(|said| self.on_delegation(now, said, groups));
    }

    /// Takes in what somebody else than a node says of a member's key.
    ///
    /// # Errors
    ///
    /// [`DelegationError`] when it does not hold.
    pub(crate) fn know(
        &mut self,
        now: Now,
        it: Delegated,
        groups: &mut Groups,
    ) -> Result<(), DelegationError> {
        let Delegated { signer, peer, .. } = it;
        self.verify(now.unix, it)?;
        self.make_room(&groups.signers());
        if signer != self.own_key && peer != self.own_peer && self.raise(it) {
            self.on_newer(now, it, groups);
            self.take_place(now, it, groups);
        }
        Ok(())
    }

    /// Takes what a node says of whoever speaks for a key.
    pub(crate) fn on_delegation(
        &mut self,
        now: Now,
        (from, said): (PeerId, Introduced),
        groups: &mut Groups,
    ) {
        let is_own_word = said.peer == from;
        match self.hear(now.unix, from, said, &groups.signers()) {
            Heard::Nothing => {}
            Heard::Counts(signer) if is_own_word => {
                self.place_and_show(now, (from, signer), groups)
            }
            Heard::Counts(_) => {}
            // Whoever hands on what another clock accepts, or the first of two, has done nothing wrong.
            Heard::Refused(error)
                if is_own_word || matches!(error, DelegationError::Signature { .. }) =>
            {
                self.offense(from, Offense::NotDelegated(error));
            }
            Heard::Twice(signer, number) if is_own_word => {
                self.offense(from, Offense::TwoDelegations { signer, number });
            }
            Heard::Refused(_) | Heard::Twice(..) => {}
            Heard::Newer(it) => {
                self.on_newer(now, it, groups);
                if is_own_word {
                    self.place_and_show(now, (from, it.signer), groups);
                }
            }
            Heard::Older(it) => self.on_older(from, it),
            Heard::Elsewhere(peer, number) => {
                let is_newer = self.is_elsewhere();
                if is_newer && let Some(own) = self.of(&self.own_key).copied() {
                    self.outputs.push_back(Output::Note(Record::Delegated(own)));
                }
                self.event(Event::OwnKeyElsewhere { peer, number, is_newer });
            }
        }
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn offense(&mut self, peer: PeerId, offense: Offense) {
        self.outputs.push_back(Output::Offense { peer, offense });
    }

    /// A member's key has a higher number: other nodes beside it speak for it no more, and everybody who has
    /// a group with it hears of it. No flush: whoever shows it shows it again.
    fn on_newer(&mut self, now: Now, it: Delegated, groups: &Groups) {
        let Delegated { signer, peer, .. } = it;
        self.outputs.push_back(Output::Note(Record::Delegated(it)));
        for from in groups.nodes_of(&signer).into_iter().filter(|from| *from != peer) {
            self.silence(now, (from, signer));
            self.hand_on(it, from);
        }
        let beside = groups.beside(&signer);
        for other in beside.into_iter().filter(|other| *other != peer) {
            if self.has_shown(&other) {
                self.hand_on(it, other);
            }
        }
    }

    /// A node speaks for a key no more.
    fn silence(&mut self, now: Now, (from, signer): (PeerId, SignerKey)) {
        let Some(link) = self.links.get_mut(&from) else { return };
        if link.keys.remove(&signer) && link.keys.is_empty() {
            self.outputs.push_back(Output::Standing { peer: from, standing: Standing::Stranger });
            self.await_until(from, Some(now.instant.after(SHOW_WAIT)));
        }
    }

    /// The node that is named takes the key's place in every group: it has said so itself, or our user has.
    fn take_place(&mut self, now: Now, it: Delegated, groups: &mut Groups) {
        let Delegated { signer, peer, proof } = it;
        let shown = self.links.get(&peer).map(|link| link.keys.clone()).unwrap_or_default();
        let Replaced { before, gone } = groups.replace(&signer, peer, &shown);
        let Some(from) = before else { return };
        self.silence(now, (from, signer));
        self.event(Event::NodeChanged { signer, from, to: peer, number: proof.number });
        for old in gone {
            self.outputs.push_back(Output::Standing { peer: old, standing: Standing::Stranger });
            self.outputs.push_back(Output::Forget { peer: old });
        }
        self.outputs.push_back(Output::Want { peer });
        self.introduce(now, peer);
    }

    /// As [`show`](Self::show), once the node stands where its word puts it.
    fn place_and_show(&mut self, now: Now, said: (PeerId, SignerKey), groups: &mut Groups) {
        let (peer, signer) = said;
        if let Some(it) = self.of(&signer).copied().filter(|it| it.peer == peer) {
            self.take_place(now, it, groups);
        }
        self.show(now, said, groups);
    }

    /// Tells a node that it was replaced, and the one that replaced it that it is still there; once on
    /// each connection.
    fn on_older(&mut self, from: PeerId, older: Delegated) {
        let Some(newer) = self.of(&older.signer).copied() else { return };
        let Some(link) = self.links.get_mut(&from) else { return };
        if !core::mem::replace(&mut link.is_answered, true) {
            self.hand_on(newer, from);
            if self.has_shown(&newer.peer) {
                self.hand_on(older, newer.peer);
            }
        }
    }

    /// A node has shown for whom it speaks: if it stands beside that key, it is a member from here on.
    fn show(&mut self, now: Now, (peer, signer): (PeerId, SignerKey), groups: &Groups) {
        if !groups.signers_of(&peer).contains(&signer) || self.speaks(&peer, &signer) {
            return;
        }
        self.introduce(now, peer);
        self.await_until(peer, None);
        let Some(link) = self.links.get_mut(&peer) else { return };
        link.keys.insert(signer);
        if link.keys.len() == 1 {
            self.outputs.push_back(Output::Standing { peer, standing: Standing::Member });
        }
        self.say_groups(groups, peer);
        for changed in groups.changed(&peer).into_iter().filter(|key| *key != signer) {
            self.of(&changed).copied().into_iter().for_each(|known| self.hand_on(known, peer));
        }
    }

    /// Tells who was connected for a while and did not show for whom it speaks, once on each connection.
    pub(crate) fn tell_not_shown(&mut self, now: Now, groups: &Groups) {
        let due = self.awaited.iter().take_while(|(at, _)| *at <= now.instant);
        let due: Vec<_> = due.map(|(_, peer)| *peer).collect();
        for peer in due {
            self.await_until(peer, None);
            if let Some(signer) = groups.signers_of(&peer).pop_first() {
                self.event(Event::NotShown { peer, signer });
            }
        }
    }

    /// Takes an introduction.
    ///
    /// - `keys`: those of the members of our groups.
    fn hear(
        &mut self,
        now: UnixTime,
        from: PeerId,
        said: Introduced,
        keys: &BTreeSet<SignerKey>,
    ) -> Heard {
        let of = |key: &&SignerKey| {
            Introduced::hint(self.network, key, (&from, &self.own_peer)) == said.hint
        };
        let Some(signer) = keys.iter().chain([&self.own_key]).find(of).copied() else {
            if said.peer == from
                && let Some(link) = self.links.get_mut(&from)
            {
                link.unread = Some(said);
            }
            return Heard::Nothing;
        };
        self.make_room(keys);
        let it = Delegated { signer, peer: said.peer, proof: said.proof };
        match self.judge(now, from, it) {
            Ok(heard) => heard,
            Err(error) => Heard::Refused(error),
        }
    }

    fn judge(
        &mut self,
        now: UnixTime,
        from: PeerId,
        it: Delegated,
    ) -> Result<Heard, DelegationError> {
        let Delegated { signer, peer, proof } = it;
        let is_own = signer == self.own_key;
        // Our own node speaks for our own key alone, whatever another one's says.
        if peer == self.own_peer {
            return Ok(Heard::Nothing);
        }
        proof.terms().check(now)?;
        let known = self.of(&signer).copied();
        if known == Some(it) {
            return Ok(if is_own { Heard::Nothing } else { Heard::Counts(signer) });
        }
        let verify = || Delegation::verify_signature(signer, peer, self.network, proof);
        let number = proof.number;
        let known_number = known.map(|known| known.proof.number);
        let is_same_node = known.is_some_and(|known| known.peer == peer);
        if known_number.is_some_and(|known| number <= known) {
            if is_same_node {
                return verify().map(|_| Heard::Counts(signer));
            }
            if known_number == Some(number) && !is_own {
                return verify().map(|_| Heard::Twice(signer, number));
            }
            if from != peer && !is_own {
                return Ok(Heard::Nothing);
            }
            verify()?;
            return Ok(if is_own { self.elsewhere(peer, number) } else { Heard::Older(it) });
        }
        verify()?;
        if !self.raise(it) {
            return Ok(Heard::Nothing);
        }
        Ok(if is_own { self.elsewhere(peer, number) } else { Heard::Newer(it) })
    }

    /// Each other node of our own key's is told once.
    fn elsewhere(&mut self, peer: PeerId, number: u64) -> Heard {
        let told = Some((peer, number));
        if core::mem::replace(&mut self.told_elsewhere, told) == told {
            Heard::Nothing
        } else {
            Heard::Elsewhere(peer, number)
        }
    }

    fn await_until(&mut self, peer: PeerId, at: Option<Instant>) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        if let Some(before) = core::mem::replace(&mut link.due, at) {
            self.awaited.remove(&(before, peer));
        }
        self.awaited.extend(at.map(|at| (at, peer)));
    }

    pub(crate) fn wakeup(&self) -> Option<Wakeup> {
        self.awaited.first().map(|(at, _)| Wakeup { at: *at, reason: "delegation" })
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 2] {
        let of = |name, len, limit| Occupancy { name, len, limit };
        [
            of("keys whose node is known", self.known.len().saturating_sub(1), MEMBERS_MAX),
            of("nodes that may show a key", self.links.len(), PEERS_LIMIT),
        ]
    }
}
