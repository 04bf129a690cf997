//! Which node speaks for which signer key: by the highest-numbered delegation that was ever verified,
//! and what each connected node has shown on its connection.
//!
//! A hint that matches no key that we know costs hashes and no curve work; one that matches costs one
//! signature check, and none when it is the proof that is known already.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::time::Duration;

use ensign_identity::{Delegation, DelegationError, DelegationProof, SignerKey};
use ensign_primitives::{Instant, Network, Now, Occupancy, PeerId, UnixTime, Wakeup};
use ensign_wire::Introduced;
use serde::{Deserialize, Serialize};

use crate::{MEMBERS_MAX, PEERS_MAX};

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
}

/// What a connected node has shown.
#[derive(Debug, Default)]
struct Link {
    keys: BTreeSet<SignerKey>,
    /// What it says of itself, of a key that we do not know: we may form its group later.
    unread: Option<Introduced>,
    due: Option<Instant>,
    /// Whether it was told for whom we speak.
    has_heard: bool,
    /// Whether it has told us what members are told.
    has_welcomed: bool,
    /// Whether it was told that its key has a newer node.
    is_answered: bool,
}

/// What an introduction means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It is about no key that we know, or says nothing new.
    Nothing,
    /// It does not hold.
    Refused(DelegationError),
    /// The same number stands in another delegation that was first.
    Twice(SignerKey, u64),
    /// What is known holds: its node speaks for this key.
    Counts(SignerKey),
    /// It is the highest that is known of a key from here on.
    Newer(Delegated),
    /// A node has shown an earlier delegation to another node than the one that holds.
    Older(Delegated),
    /// Our own key speaks through another node too.
    Elsewhere(PeerId, u64),
}

impl Membership {
    pub(crate) fn new(network: Network, own: Delegated, restored: Vec<Delegated>) -> Self {
        let Delegated { signer: own_key, peer: own_peer, .. } = own;
        let mut membership = Self {
            network,
            own_peer,
            own_key,
            known: BTreeMap::new(),
            links: BTreeMap::new(),
            awaited: BTreeSet::new(),
            told_elsewhere: None,
        };
        restored.into_iter().chain([own]).for_each(|it| membership.raise(it));
        membership
    }

    /// Enters what is verified, if it is higher than what is known.
    pub(crate) fn raise(&mut self, it: Delegated) {
        let is_higher = |known: &Delegated| known.proof.number < it.proof.number;
        let has_room = self.known.len() <= MEMBERS_MAX;
        if self.known.get(&it.signer).map_or(has_room, is_higher) {
            self.known.insert(it.signer, it);
        }
    }

    /// Returns what is known of a key.
    pub(crate) fn of(&self, signer: &SignerKey) -> Option<&Delegated> {
        self.known.get(signer)
    }

    /// Whether our own key has gone to another node.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.of(&self.own_key).is_some_and(|own| own.peer != self.own_peer)
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
    pub(crate) fn speaks(&self, peer: &PeerId, signer: &SignerKey) -> bool {
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

    /// Notes that a connected node has shown a key; returns whether it is the first.
    pub(crate) fn show(&mut self, peer: PeerId, signer: SignerKey) -> bool {
        self.await_until(peer, None);
        let Some(link) = self.links.get_mut(&peer) else { return false };
        link.keys.insert(signer) && link.keys.len() == 1
    }

    /// A key has gone to another node.
    pub(crate) fn take_back(&mut self, peer: &PeerId, signer: &SignerKey) {
        if let Some(link) = self.links.get_mut(peer) {
            link.keys.remove(signer);
        }
    }

    /// Says for whom we speak to a connected node that we want, once; from then on it is expected to
    /// say the same.
    pub(crate) fn introduce(&mut self, now: Now, peer: PeerId) -> Option<Introduced> {
        let link = self.links.get_mut(&peer)?;
        if core::mem::replace(&mut link.has_heard, true) {
            return None;
        }
        if link.keys.is_empty() {
            self.await_until(peer, Some(now.instant.after(SHOW_WAIT)));
        }
        self.own(&peer)
    }

    /// Returns what we say of ourselves to a node that has heard it before.
    pub(crate) fn again(&self, peer: &PeerId) -> Option<Introduced> {
        self.links.get(peer).filter(|link| link.has_heard).and_then(|_| self.own(peer))
    }

    fn own(&self, peer: &PeerId) -> Option<Introduced> {
        self.of(&self.own_key).map(|own| self.introduced(own, peer))
    }

    /// Returns what is known of a key as it is said to a node.
    pub(crate) fn introduced(&self, it: &Delegated, to: &PeerId) -> Introduced {
        let hint = Introduced::hint(self.network, &it.signer, (&self.own_peer, to));
        Introduced { hint, peer: it.peer, proof: it.proof }
    }

    /// Returns what a node has said of itself when we did not know its key.
    pub(crate) fn take_unread(&mut self) -> Vec<(PeerId, Introduced)> {
        let unread = |(peer, link): (&PeerId, &mut Link)| Some((*peer, link.unread.take()?));
        self.links.iter_mut().filter_map(unread).collect()
    }

    /// Takes an introduction.
    ///
    /// - `keys`: those of the members of our groups.
    pub(crate) fn hear(
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
        if is_own && peer == self.own_peer {
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
                return Ok(Heard::Twice(signer, number));
            }
            if from != peer && !is_own {
                return Ok(Heard::Nothing);
            }
            verify()?;
            return Ok(if is_own { self.elsewhere(peer, number) } else { Heard::Older(it) });
        }
        verify()?;
        self.raise(it);
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

    /// Notes that a node is told of a newer one, once on each connection.
    pub(crate) fn answers(&mut self, peer: &PeerId) -> bool {
        let link = self.links.get_mut(peer);
        link.is_some_and(|link| !core::mem::replace(&mut link.is_answered, true))
    }

    fn await_until(&mut self, peer: PeerId, at: Option<Instant>) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        if let Some(before) = core::mem::replace(&mut link.due, at) {
            self.awaited.remove(&(before, peer));
        }
        self.awaited.extend(at.map(|at| (at, peer)));
    }

    /// Returns who has not shown anything in time, each once on each connection.
    pub(crate) fn overdue(&mut self, now: Now) -> Vec<PeerId> {
        let due = self.awaited.iter().take_while(|(at, _)| *at <= now.instant);
        let due: Vec<_> = due.map(|(_, peer)| *peer).collect();
        due.iter().for_each(|peer| self.await_until(*peer, None));
        due
    }

    pub(crate) fn wakeup(&self) -> Option<Wakeup> {
        self.awaited.first().map(|(at, _)| Wakeup { at: *at, reason: "delegation" })
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 2] {
        let of = |name, len, limit| Occupancy { name, len, limit };
        [
            of("keys whose node is known", self.known.len().saturating_sub(1), MEMBERS_MAX),
            of("nodes that may show a key", self.links.len(), PEERS_MAX),
        ]
    }
}
