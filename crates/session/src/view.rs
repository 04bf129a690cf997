//! What is held of whom, as digests: two who were told different things hold a proof together, and find
//! it by comparing these.

use alloc::vec::Vec;

use ensign_primitives::SignerIndex;
use ensign_wire::{Held, PartialSigAck, SignerSet, Slot};

use crate::attempt::Attempt;

/// What is compared: everything that a signer says once before there is a signature.
pub(crate) const COMPARED: [Slot; 4] =
    [Slot::Join, Slot::NonceShare, Slot::NoncesComplete, Slot::PartialSigShare];

/// The digests of the statements that we hold at one moment, ours among them.
#[derive(Debug)]
pub(crate) struct View<'a> {
    attempt: &'a Attempt,
    held: Vec<(SignerIndex, Slot, [u8; 32])>,
}

/// How what another holds compares with ours.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// Whether both hold the same.
    pub(crate) same: bool,
    /// Where it holds something else of the same signers.
    pub(crate) differing: Vec<Slot>,
}

impl<'a> View<'a> {
    /// Gathers what `digest` knows of each signer and slot.
    pub(crate) fn new(
        attempt: &'a Attempt,
        digest: impl Fn(SignerIndex, Slot) -> Option<[u8; 32]>,
    ) -> Self {
        let places = COMPARED.iter().flat_map(|slot| attempt.signers().map(|who| (who, *slot)));
        let held = places.filter_map(|(who, slot)| Some((who, slot, digest(who, slot)?)));
        Self { attempt, held: held.collect() }
    }

    /// Returns it as it travels.
    pub(crate) fn to_ack(&self) -> PartialSigAck {
        let held = |slot| {
            let signers = self.signers(slot);
            Held { digest: self.digest(slot, &signers), signers }
        };
        PartialSigAck {
            joins: held(Slot::Join),
            nonces: held(Slot::NonceShare),
            confirmations: held(Slot::NoncesComplete),
            partials: held(Slot::PartialSigShare),
        }
    }

    /// Compares what another holds with this.
    pub(crate) fn compare(&self, theirs: &PartialSigAck) -> Comparison {
        let (mut same, mut differing) = (true, Vec::new());
        for slot in COMPARED {
            let (held, ours) = (theirs.of(slot), self.signers(slot));
            same &= held.signers == ours;
            let mut signers = self.attempt.signers();
            let comparable = signers.all(|who| !held.signers.contains(who) || ours.contains(who));
            if comparable && held.digest != self.digest(slot, &held.signers) {
                differing.push(slot);
            }
        }
        Comparison { same: same && differing.is_empty(), differing }
    }

    fn signers(&self, slot: Slot) -> SignerSet {
        self.held.iter().filter(|(_, at, _)| *at == slot).map(|(signer, _, _)| *signer).collect()
    }

    fn digest(&self, slot: Slot, signers: &SignerSet) -> [u8; 32] {
        let wanted = self.held.iter().filter(|(who, at, _)| *at == slot && signers.contains(*who));
        self.attempt.statements_digest(wanted.map(|(signer, _, digest)| (*signer, *digest)))
    }
}
