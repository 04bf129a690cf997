//! Where our secret nonces are, and everything we have said.

use alloc::{sync::Arc, vec::Vec};
use core::mem;

use ensign_identity::DelegationProof;
use ensign_primitives::{Instant, Now, SignerIndex, TaggedHasher};
use ensign_wire::{
    AbortReason, Body, NonceCommit, NonceShare, PubNonceBytes, Round0, SessionJoin, Slot,
};

use crate::{
    Event, Order, Output, OwnFault, OwnNonces, Phase, Record, Session, Unsigned,
    session::{Nonces, Step},
};

/// Our side of the session.
#[derive(Debug, Default)]
pub(crate) struct Local {
    pub(crate) secret: Secret,
    salt: [u8; 32],
    /// What our join says, once our nonces are here.
    round0: Option<Round0>,
    /// Our statements, so that they can be said again; never computed again.
    said: Vec<Said>,
}

/// Where our secret nonces are: always with the signer, never here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Secret {
    /// There are none: never made, consumed by signing, or forgotten. Nothing leads back to a use.
    #[default]
    None,
    /// The signer is making them.
    Ordered,
    /// The signer holds them.
    Held,
    /// The signer holds them, they are shown, and the burn mark is being written.
    Burning,
    /// The signer holds them, and the burn mark is durable.
    Burned,
    /// The signer is signing with them.
    Signing,
}

/// One of our statements.
#[derive(Debug)]
struct Said {
    body: Body,
    digest: [u8; 32],
    /// When each signer was last told, in key order; `None` if it cannot have heard.
    told: Vec<Option<Instant>>,
}

impl Local {
    /// Returns how many statements are kept for saying again.
    pub(crate) const fn said_len(&self) -> usize {
        self.said.len()
    }

    /// Returns the digest of what we have said in a slot.
    pub(crate) fn said_digest(&self, slot: Slot) -> Option<[u8; 32]> {
        let said = self.said.iter().find(|said| said.body.slot() == Some(slot))?;
        Some(said.digest)
    }
}

impl Session {
    /// Returns whether nobody has asked our signer for nonces yet.
    pub fn awaits_approval(&self) -> bool {
        self.phase == Phase::Gathering && !self.approved
    }

    /// Returns whether our signer holds, or may hold, secret nonces for this attempt.
    pub fn holds_nonces(&self) -> bool {
        self.local.secret != Secret::None
    }

    /// Returns whether our signer was asked for nonces and has not answered.
    pub fn awaits_nonces(&self) -> bool {
        self.local.secret == Secret::Ordered
    }

    /// Returns whether every signer has joined, us included.
    pub fn have_all_joined(&self) -> bool {
        self.all(|signer| signer.joined)
    }

    /// Returns whether a signer has joined this attempt.
    pub fn has_joined(&self, signer: SignerIndex) -> bool {
        self.signer(signer).is_some_and(|signer| signer.joined)
    }

    /// Has the signer make our nonces.
    pub(crate) fn order_nonces(&mut self) {
        self.local.secret = Secret::Ordered;
        self.push(Output::NeedNonces(Order {
            session: self.id,
            request: Arc::clone(&self.setup.request),
            attempt: self.setup.attempt,
            local: self.setup.local,
        }));
    }

    /// Takes our public nonces and asks for the join to be made durable.
    pub(crate) fn on_own_nonces(&mut self, now: Now, own: OwnNonces) {
        if self.local.secret != Secret::Ordered {
            return;
        }
        let (expected, seen) = (self.messages().len(), own.nonces.len());
        if expected != seen {
            return self.fail_on_our_side(now, OwnFault::NonceCount { expected, seen });
        }
        self.local.secret = Secret::Held;
        self.local.salt = own.salt;
        let bytes: Vec<_> =
            own.nonces.iter().map(|nonce| PubNonceBytes(nonce.to_bytes())).collect();
        let local = self.setup.local;
        let round0 =
            if self.is_fast() { Round0::Reveal(bytes.clone()) } else { self.commit(local, &bytes) };
        let said = self.said(&round0);
        self.local.round0 = Some(round0);
        if let Some(signer) = self.signer_mut(local) {
            signer.nonces = Some(Nonces { bytes, parsed: own.nonces });
        }
        self.persist(Record::Joined { session: self.id, said }, Step::Join);
    }

    /// There will be no nonces.
    pub(crate) fn on_no_nonces(&mut self, now: Now, why: Unsigned) {
        if self.local.secret == Secret::Ordered {
            self.on_unsigned(now, why);
        }
    }

    /// The signer does not do its part. It is told to forget all the same: its answer may have been
    /// lost on the way.
    pub(crate) fn on_unsigned(&mut self, now: Now, why: Unsigned) {
        let reason = match why {
            Unsigned::Declined => AbortReason::Declined,
            Unsigned::Failed => AbortReason::Internal,
            Unsigned::Outlived => AbortReason::Dissolved,
        };
        self.fail(now, reason, Vec::new(), None);
    }

    /// Has the signer erase what it may still hold for us.
    pub(crate) fn forget_nonces(&mut self) {
        if mem::replace(&mut self.local.secret, Secret::None) != Secret::None {
            self.push(Output::ForgetNonces { session: self.id });
        }
    }

    /// Joins with another delegation of our signer key's, unless it has joined already.
    pub const fn renew(&mut self, delegation: DelegationProof) {
        self.setup.delegation = delegation;
    }

    /// Sends our join; its record is durable.
    pub(crate) fn join(&mut self, now: Now) {
        let local = self.setup.local;
        let Some(round0) = self.local.round0.clone() else { return };
        let delegation = self.setup.delegation;
        self.enter(now, Phase::Committing);
        if let Some(signer) = self.signer_mut(local) {
            signer.joined = true;
        }
        self.event(Event::Joined(local));
        self.say_once(now, Body::SessionJoin(SessionJoin { signer: local, delegation, round0 }));
        if self.is_fast() {
            self.burn();
        }
        self.advance(now);
        if self.phase == Phase::Committing {
            self.report_waiting();
        }
    }

    fn commit(&self, local: SignerIndex, nonces: &[PubNonceBytes]) -> Round0 {
        let (network, salt) = (self.network, &self.local.salt);
        let key = &self.setup.signer;
        Round0::Commit(NonceCommit::new(network, &self.id, local, key, nonces, salt))
    }

    /// Returns what stands in a join's record in the place of its round 0.
    fn said(&self, round0: &Round0) -> [u8; 32] {
        let hasher = TaggedHasher::new("ensign/join-said/v1", self.network);
        let hasher = hasher.bytes(self.id.as_bytes());
        match round0 {
            Round0::Commit(commit) => hasher.u64(0).bytes(&commit.commitment).finish(),
            Round0::Reveal(nonces) => {
                let hasher = hasher.u64(1).u64(nonces.len() as u64);
                nonces.iter().fold(hasher, |hasher, nonce| hasher.bytes(&nonce.0)).finish()
            }
        }
    }

    /// Reveals our nonces; every commitment is here.
    pub(crate) fn reveal(&mut self, now: Now) {
        let signer = self.setup.local;
        let Some(nonces) = self.own_nonces() else { return };
        let salt = self.local.salt;
        self.event(Event::Revealed(signer));
        self.say_once(now, Body::NonceShare(NonceShare { signer, nonces, salt }));
        self.burn();
    }

    fn own_nonces(&self) -> Option<Vec<PubNonceBytes>> {
        Some(self.signer(self.setup.local)?.nonces.as_ref()?.bytes.clone())
    }

    /// Says something for the first time, to everybody, and keeps it for saying again.
    pub(crate) fn say_once(&mut self, now: Now, body: Body) {
        let others = self.setup.others();
        self.say(now, &others, body.clone());
        let told = self.signers.iter().map(|_| Some(now.instant)).collect();
        let digest = body.digest(self.network);
        self.local.said.push(Said { body, digest, told });
    }

    /// Says the given statements again to one signer, signed anew, unless they are on their way.
    pub(crate) fn say_again(&mut self, now: Now, to: SignerIndex, wanted: impl Fn(&Body) -> bool) {
        let pause = self.answer_pause();
        let mut again = Vec::new();
        for said in self.local.said.iter_mut().filter(|said| wanted(&said.body)) {
            let Some(told) = said.told.get_mut(to.as_usize()) else { continue };
            if told.is_none_or(|at| now.instant.since(at) >= pause) {
                *told = Some(now.instant);
                again.push(said.body.clone());
            }
        }
        for body in again {
            self.say(now, &[to], body);
        }
    }

    /// A new connection: what went over the old one may be lost.
    pub(crate) fn forget_told(&mut self, signer: SignerIndex) {
        for said in &mut self.local.said {
            if let Some(told) = said.told.get_mut(signer.as_usize()) {
                *told = None;
            }
        }
    }
}
