//! Nonces that nobody signs with, and a session's nonces bent on their way out.

use std::collections::BTreeMap;

use ensign_musig::SecKey;
use ensign_primitives::{PeerId, SessionId};
use ensign_wire::{
    Body, Envelope, NonceCommit, NonceShare, PubNonceBytes, Round0, SessionJoin, nonce_set_digest,
};

use super::Seat;
use crate::{NETWORK, random::Random};

/// Nonces and the salt that opens a commitment to them.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) nonces: Vec<PubNonceBytes>,
    pub(super) salt: [u8; 32],
}

impl Shown {
    /// Draws nonces whose secrets are thrown away.
    pub(super) fn random(random: &mut Random, count: usize) -> Self {
        let nonces = (0..count).map(|_| random_nonce(random)).collect();
        Self { nonces, salt: random.bytes() }
    }

    /// Bytes that are no points on the curve.
    pub(super) fn invalid(random: &mut Random, count: usize) -> Self {
        Self { nonces: vec![PubNonceBytes([0xee; 66]); count], salt: random.bytes() }
    }

    /// Has a join or nonce share speak of these nonces instead, as if it had always.
    pub(super) fn put_into(&self, seat: &Seat, session: SessionId, body: Body) -> Body {
        if let Body::SessionJoin(join) = body {
            let round0 = match join.round0 {
                Round0::Reveal(_) => Round0::Reveal(self.nonces.clone()),
                Round0::Commit(_) => {
                    let (key, signer) = (seat.signer_key(), join.signer);
                    let (nonces, salt) = (&self.nonces, &self.salt);
                    Round0::Commit(NonceCommit::new(NETWORK, &session, signer, &key, nonces, salt))
                }
            };
            return Body::SessionJoin(SessionJoin { round0, ..join });
        }
        if let Body::NonceShare(share) = body {
            let Self { nonces, salt } = self.clone();
            return Body::NonceShare(NonceShare { nonces, salt, ..share });
        }
        body
    }
}

/// The nonces that a statement shows.
pub(super) fn shown_in(body: &Body) -> Option<Shown> {
    if let Body::NonceShare(share) = body {
        return Some(Shown { nonces: share.nonces.clone(), salt: share.salt });
    }
    if let Body::SessionJoin(SessionJoin { round0: Round0::Reveal(nonces), .. }) = body {
        return Some(Shown { nonces: nonces.clone(), salt: [0; 32] });
    }
    None
}

/// What others have shown, so that a liar can name the nonce set that its victims see.
#[derive(Debug, Default)]
pub(super) struct Views(BTreeMap<SessionId, BTreeMap<PeerId, Vec<PubNonceBytes>>>);

impl Views {
    pub(super) fn note(&mut self, envelope: &Envelope) {
        if let Some(shown) = shown_in(envelope.body()) {
            let view = self.0.entry(envelope.session()).or_default();
            view.insert(envelope.sender(), shown.nonces);
        }
    }

    /// Has a confirmation or partial signature name the set in which its own nonces are `own`.
    pub(super) fn name_in(
        &self,
        seat: &Seat,
        session: SessionId,
        own: &Shown,
        mut body: Body,
    ) -> Body {
        let view = self.0.get(&session);
        let nonces = seat.group.iter().filter_map(|peer| {
            let theirs = view.and_then(|view| view.get(peer));
            let nonces = if *peer == seat.peer() { &own.nonces } else { theirs? };
            Some((seat.index_of(*peer)?, nonces.as_slice()))
        });
        let digest = nonce_set_digest(NETWORK, &session, nonces);
        if let Body::PartialSigShare(share) = &mut body {
            share.nonces = digest;
        } else if let Body::NoncesComplete(complete) = &mut body {
            complete.digest = digest;
        }
        body
    }
}

fn random_nonce(random: &mut Random) -> PubNonceBytes {
    let mut bytes = [0; 66];
    for half in bytes.chunks_mut(33) {
        let point = loop {
            if let Ok(key) = SecKey::from_secret_bytes(random.bytes()) {
                break key.public_key().serialize();
            }
        };
        half.copy_from_slice(&point);
    }
    PubNonceBytes(bytes)
}
