//! Where our secret nonces are, and everything we have said.

use alloc::vec::Vec;
use core::mem;

use ensign_identity::DelegationProof;
use ensign_primitives::{Now, SignerIndex};
use ensign_wire::{AbortReason, Body, NonceShare, PubNonceBytes, Round0};

use crate::{
    Event, Output, OwnFault, OwnNonces, Phase, Record, Session, Unsigned,
    session::{Nonces, Step},
};

/// Our side of the session.
#[derive(Debug, Default)]
pub(crate) struct Local {
    pub(crate) secret: Secret,
    salt: [u8; 32],
    /// What our join says, once our nonces are here.
    round0: Option<Round0>,
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

impl Session {
    /// Returns whether nobody has asked our signer for nonces yet.
    pub fn awaits_approval(&self) -> bool {
        self.course.phase() == Phase::Gathering && !self.approved
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
        self.voice.push(Output::NeedNonces(self.attempt.order()));
    }

    /// Takes our public nonces and asks for the join to be made durable.
    pub(crate) fn on_own_nonces(&mut self, now: Now, own: OwnNonces) {
        if self.local.secret != Secret::Ordered {
            return;
        }
        let (expected, seen) = (self.attempt.messages().len(), own.nonces.len());
        if expected != seen {
            return self.fail_on_our_side(now, OwnFault::NonceCount { expected, seen });
        }
        self.local.secret = Secret::Held;
        self.local.salt = own.salt;
        let bytes: Vec<_> =
            own.nonces.iter().map(|nonce| PubNonceBytes(nonce.to_bytes())).collect();
        let local = self.attempt.local();
        let round0 = if self.attempt.is_fast() {
            Round0::Reveal(bytes.clone())
        } else {
            Round0::Commit(self.attempt.own_commitment(&bytes, &own.salt))
        };
        let said = self.attempt.said_in_join(&round0);
        self.local.round0 = Some(round0);
        if let Some(signer) = self.signer_mut(local) {
            signer.nonces = Some(Nonces { bytes, parsed: own.nonces });
        }
        self.persist(Record::Joined { session: self.attempt.id(), said }, Step::Join);
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
            self.voice.push(Output::ForgetNonces { session: self.attempt.id() });
        }
    }

    /// Joins with another delegation of our signer key's, unless it has joined already.
    pub const fn renew(&mut self, delegation: DelegationProof) {
        self.attempt.renew(delegation);
    }

    /// Sends our join; its record is durable.
    pub(crate) fn join(&mut self, now: Now) {
        let local = self.attempt.local();
        let Some(round0) = self.local.round0.clone() else { return };
        self.enter(now, Phase::Committing);
        if let Some(signer) = self.signer_mut(local) {
            signer.joined = true;
        }
        self.voice.event(Event::Joined(local));
        self.voice.say_once(now, &self.attempt, self.attempt.join(round0));
        if self.attempt.is_fast() {
            self.burn();
        }
        self.advance(now);
        if self.course.phase() == Phase::Committing {
            self.report_waiting();
        }
    }

    /// Reveals our nonces; every commitment is here.
    pub(crate) fn reveal(&mut self, now: Now) {
        let signer = self.attempt.local();
        let Some(nonces) = self.own_nonces() else { return };
        let salt = self.local.salt;
        self.voice.event(Event::Revealed(signer));
        self.voice.say_once(
            now,
            &self.attempt,
            Body::NonceShare(NonceShare { signer, nonces, salt }),
        );
        self.burn();
    }

    fn own_nonces(&self) -> Option<Vec<PubNonceBytes>> {
        Some(self.signer(self.attempt.local())?.nonces.as_ref()?.bytes.clone())
    }
}
