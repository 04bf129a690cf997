//! Our own side: where our secret nonces are, and what waits for the disk. The steps of the nonce law
//! that a session takes are here, each with what it asks for; there is no other way to ask for it.

use alloc::vec::Vec;
use core::mem;

use ensign_musig::PubNonce;
use ensign_primitives::SessionId;
use ensign_wire::{PubNonceBytes, Round0};

use crate::{Output, OwnFault, OwnNonces, Record, attempt::Attempt};

/// Consent, the way of our nonces, and the record that is being written.
///
/// The nonces go one way only: ordered, held, burning (shown, the mark is being written), burned,
/// signing, gone. From each they may be gone at once; from gone nothing leads back to a use.
#[derive(Debug, Default)]
pub(crate) struct Own {
    approved: bool,
    secret: Secret,
    salt: [u8; 32],
    /// What our join says, once our nonces are here.
    round0: Option<Round0>,
    /// The record that is being written, and what it lets us do.
    awaited: Option<(u64, Step)>,
    next_token: u64,
}

/// Where our secret nonces are: always with the signer, never here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Secret {
    /// There are none: never made, consumed by signing, or forgotten.
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

/// What a durable record lets us do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Join.
    Join,
    /// Have the signer sign.
    Sign,
    /// Send our partial signatures.
    SayPartials,
    /// Say that we have the signatures.
    SayDone,
}

impl Own {
    /// Returns whether our user has consented.
    pub(crate) const fn is_approved(&self) -> bool {
        self.approved
    }

    /// Our user consents.
    pub(crate) const fn approve(&mut self) {
        self.approved = true;
    }

    /// Returns whether the signer holds, or may hold, secret nonces.
    pub(crate) fn holds_nonces(&self) -> bool {
        self.secret != Secret::None
    }

    /// Returns whether the signer was asked for nonces and has not answered.
    pub(crate) fn awaits_nonces(&self) -> bool {
        self.secret == Secret::Ordered
    }

    /// Returns whether the signer was asked to sign and has not answered.
    pub(crate) fn awaits_partials(&self) -> bool {
        self.secret == Secret::Signing
    }

    /// Returns whether a record is being written.
    pub(crate) const fn awaits_disk(&self) -> bool {
        self.awaited.is_some()
    }

    /// Has the signer make our nonces.
    pub(crate) fn order(&mut self, attempt: &Attempt) -> Output {
        self.secret = Secret::Ordered;
        Output::NeedNonces(attempt.order())
    }

    /// Takes our public nonces and asks for the join to be made durable; `None` if none were ordered.
    ///
    /// # Errors
    ///
    /// [`OwnFault::NonceCount`] when there is not one for each message; nothing is taken then.
    pub(crate) fn take_nonces(
        &mut self,
        attempt: &Attempt,
        own: &OwnNonces,
    ) -> Result<Option<Output>, OwnFault> {
        if !self.awaits_nonces() {
            return Ok(None);
        }
        let (expected, seen) = (attempt.messages().len(), own.nonces.len());
        if expected != seen {
            return Err(OwnFault::NonceCount { expected, seen });
        }
        self.secret = Secret::Held;
        self.salt = own.salt;
        let bytes = to_bytes(&own.nonces);
        let round0 = if attempt.is_fast() {
            Round0::Reveal(bytes)
        } else {
            Round0::Commit(attempt.own_commitment(&bytes, &own.salt))
        };
        let said = attempt.said_in_join(&round0);
        self.round0 = Some(round0);
        let record = Record::Joined { session: attempt.id(), said };
        Ok(Some(self.persist(record, Step::Join)))
    }

    /// Returns what our join says, once our nonces are here.
    pub(crate) fn round0(&self) -> Option<Round0> {
        self.round0.clone()
    }

    /// Returns what opens our commitment; secret until the reveal.
    pub(crate) const fn salt(&self) -> [u8; 32] {
        self.salt
    }

    /// Marks the nonces as used on disk as soon as they are shown: the mark is written while those of the
    /// others are on their way.
    pub(crate) fn burn(&mut self, session: SessionId) -> Option<Output> {
        if self.secret != Secret::Held {
            return None;
        }
        self.secret = Secret::Burning;
        Some(self.persist(Record::Burned { session }, Step::Sign))
    }

    /// The burn mark is durable; returns whether the nonces may be used for that.
    pub(crate) fn burned(&mut self) -> bool {
        self.step(Secret::Burning, Secret::Burned)
    }

    /// Returns whether the signer may sign now, and counts the nonces as being used: once.
    pub(crate) fn begin_signing(&mut self) -> bool {
        self.step(Secret::Burned, Secret::Signing)
    }

    /// The signer has answered with partial signatures: the nonces are gone. Returns whether it was asked.
    pub(crate) fn end_signing(&mut self) -> bool {
        self.step(Secret::Signing, Secret::None)
    }

    /// Has the signer erase what it may still hold for us.
    pub(crate) fn forget(&mut self, session: SessionId) -> Option<Output> {
        let held = mem::replace(&mut self.secret, Secret::None) != Secret::None;
        held.then_some(Output::ForgetNonces { session })
    }

    /// Has the signer erase, and lets nothing follow from the record that is being written.
    pub(crate) fn close(&mut self, session: SessionId) -> Option<Output> {
        self.awaited = None;
        self.forget(session)
    }

    /// Asks for a record to be made durable; `step` follows.
    pub(crate) const fn persist(&mut self, record: Record, step: Step) -> Output {
        let token = self.next_token;
        self.next_token += 1;
        self.awaited = Some((token, step));
        Output::Persist { token, record }
    }

    /// A record is durable: returns what it lets us do, if it is the one that is awaited.
    pub(crate) fn persisted(&mut self, token: u64) -> Option<Step> {
        let (_, step) = self.awaited.take_if(|(awaited, _)| *awaited == token)?;
        Some(step)
    }

    fn step(&mut self, from: Secret, to: Secret) -> bool {
        let may = self.secret == from;
        if may {
            self.secret = to;
        }
        may
    }
}

/// Returns nonces as they travel.
pub(crate) fn to_bytes(nonces: &[PubNonce]) -> Vec<PubNonceBytes> {
    nonces.iter().map(|nonce| PubNonceBytes(nonce.to_bytes())).collect()
}
