//! The table of signers: how far each has come, us included, and what it has contributed.

use alloc::vec::Vec;
use core::mem;

use ensign_identity::DelegationProof;
use ensign_musig::{PartialSig, PubNonce};
use ensign_primitives::SignerIndex;
use ensign_wire::{NonceAck, PubNonceBytes, SignerSet};

use crate::{SignerRecord, attempt::Attempt};

/// One entry for each signer, in key order.
#[derive(Debug)]
pub(crate) struct Roll(Vec<Entry>);

/// What is known of one signer.
#[derive(Debug, Default)]
struct Entry {
    /// What the caller has verified of who speaks for it.
    delegation: Option<DelegationProof>,
    acknowledged: bool,
    joined: bool,
    nonces: Option<Nonces>,
    confirmed: bool,
    partials: Option<Vec<PartialSig>>,
    done: bool,
}

/// A signer's public nonces, as they travelled and parsed.
#[derive(Debug)]
struct Nonces {
    bytes: Vec<PubNonceBytes>,
    parsed: Vec<PubNonce>,
}

impl Roll {
    /// Nobody has said anything yet.
    pub(crate) fn new(attempt: &Attempt) -> Self {
        Self(attempt.signers().map(|_| Entry::default()).collect())
    }

    /// Takes what the caller has verified of who speaks for a signer.
    pub(crate) fn know(&mut self, signer: SignerIndex, delegation: DelegationProof) {
        self.edit(signer, |entry| entry.delegation = Some(delegation));
    }

    /// Returns what the caller has verified of who speaks for a signer.
    pub(crate) fn delegation(&self, signer: SignerIndex) -> Option<DelegationProof> {
        self.get(signer)?.delegation
    }

    /// A signer's node has the request.
    pub(crate) fn hear(&mut self, signer: SignerIndex) {
        self.edit(signer, |entry| entry.acknowledged = true);
    }

    /// Returns whether nothing says that a signer's node has the request.
    pub(crate) fn is_unheard(&self, signer: SignerIndex) -> bool {
        self.get(signer).is_some_and(|entry| !entry.acknowledged && !entry.joined)
    }

    /// A signer has joined.
    pub(crate) fn join(&mut self, signer: SignerIndex) {
        self.edit(signer, |entry| entry.joined = true);
    }

    /// Returns whether a signer has joined.
    pub(crate) fn has_joined(&self, signer: SignerIndex) -> bool {
        self.get(signer).is_some_and(|entry| entry.joined)
    }

    /// Returns whether all have joined.
    pub(crate) fn have_all_joined(&self) -> bool {
        self.0.iter().all(|entry| entry.joined)
    }

    /// Returns who has joined.
    pub(crate) fn joined(&self) -> SignerSet {
        self.which(|entry| entry.joined)
    }

    /// A signer's nonces are here, one for each message.
    pub(crate) fn reveal(
        &mut self,
        signer: SignerIndex,
        bytes: Vec<PubNonceBytes>,
        parsed: Vec<PubNonce>,
    ) {
        self.edit(signer, |entry| entry.nonces = Some(Nonces { bytes, parsed }));
    }

    /// Returns whether a signer's nonces are here.
    pub(crate) fn has_revealed(&self, signer: SignerIndex) -> bool {
        self.get(signer).is_some_and(|entry| entry.nonces.is_some())
    }

    /// Returns whether the nonce set is whole.
    pub(crate) fn have_all_revealed(&self) -> bool {
        self.0.iter().all(|entry| entry.nonces.is_some())
    }

    /// Returns whose nonces are here.
    pub(crate) fn revealed(&self) -> SignerSet {
        self.which(|entry| entry.nonces.is_some())
    }

    /// Returns a signer's nonces, as they travel.
    pub(crate) fn nonces_of(&self, signer: SignerIndex) -> Option<&[PubNonceBytes]> {
        self.get(signer)?.bytes()
    }

    /// Returns every signer's nonces, as they travel, once all are here.
    pub(crate) fn nonce_bytes(&self) -> Option<Vec<Vec<PubNonceBytes>>> {
        self.0.iter().map(|entry| entry.bytes().map(<[_]>::to_vec)).collect()
    }

    /// Returns every signer's nonces, once all are here.
    pub(crate) fn nonces(&self) -> Option<Vec<&[PubNonce]>> {
        self.0.iter().map(|entry| Some(entry.nonces.as_ref()?.parsed.as_slice())).collect()
    }

    /// Returns the digest of the nonces that are here.
    pub(crate) fn nonces_digest(&self, attempt: &Attempt) -> [u8; 32] {
        self.digest_of(attempt, |_| true)
    }

    /// Returns whether we hold all nonces that another holds, and they are not the same.
    pub(crate) fn differs(&self, attempt: &Attempt, theirs: &NonceAck) -> bool {
        let ours = self.revealed();
        let comparable =
            attempt.signers().all(|who| !theirs.held.contains(who) || ours.contains(who));
        comparable && theirs.digest != self.digest_of(attempt, |who| theirs.held.contains(who))
    }

    fn digest_of(&self, attempt: &Attempt, wanted: impl Fn(SignerIndex) -> bool) -> [u8; 32] {
        let held = attempt.signers().filter(|signer| wanted(*signer));
        attempt.nonces_digest(held.filter_map(|signer| Some((signer, self.nonces_of(signer)?))))
    }

    /// A signer has confirmed our nonce set; returns whether that is new.
    pub(crate) fn confirm(&mut self, signer: SignerIndex) -> bool {
        self.get_mut(signer).is_some_and(|entry| !mem::replace(&mut entry.confirmed, true))
    }

    /// Returns whether a signer has confirmed our nonce set.
    pub(crate) fn has_confirmed(&self, signer: SignerIndex) -> bool {
        self.get(signer).is_some_and(|entry| entry.confirmed)
    }

    /// Returns whether all have confirmed our nonce set.
    pub(crate) fn have_all_confirmed(&self) -> bool {
        self.0.iter().all(|entry| entry.confirmed)
    }

    /// A signer's partial signatures are here, one for each message, true or false.
    pub(crate) fn sign(&mut self, signer: SignerIndex, partials: Vec<PartialSig>) {
        self.edit(signer, |entry| entry.partials = Some(partials));
    }

    /// Returns whether partial signatures of all signers are here.
    pub(crate) fn have_all_signed(&self) -> bool {
        self.0.iter().all(|entry| entry.partials.is_some())
    }

    /// Returns a signer's partial signatures.
    pub(crate) fn partials_of(&self, signer: SignerIndex) -> Option<&[PartialSig]> {
        self.get(signer)?.partials.as_deref()
    }

    /// Returns the partial signatures that are here, in key order.
    pub(crate) fn partials(&self) -> Vec<&[PartialSig]> {
        self.0.iter().filter_map(|entry| entry.partials.as_deref()).collect()
    }

    /// A signer holds the final signatures; returns whether that is new.
    pub(crate) fn finish(&mut self, signer: SignerIndex) -> bool {
        self.get_mut(signer).is_some_and(|entry| !mem::replace(&mut entry.done, true))
    }

    /// Returns whether a signer holds the final signatures.
    pub(crate) fn is_done(&self, signer: SignerIndex) -> bool {
        self.get(signer).is_some_and(|entry| entry.done)
    }

    /// Returns what each signer has contributed.
    pub(crate) fn records(&self) -> Vec<SignerRecord> {
        self.0.iter().map(Entry::record).collect()
    }

    fn which(&self, holds: impl Fn(&Entry) -> bool) -> SignerSet {
        let entries = self.0.iter().enumerate().filter(|(_, entry)| holds(entry));
        entries.filter_map(|(index, _)| SignerIndex::from_usize(index)).collect()
    }

    fn get(&self, signer: SignerIndex) -> Option<&Entry> {
        self.0.get(signer.as_usize())
    }

    fn get_mut(&mut self, signer: SignerIndex) -> Option<&mut Entry> {
        self.0.get_mut(signer.as_usize())
    }

    fn edit(&mut self, signer: SignerIndex, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.get_mut(signer) {
            change(entry);
        }
    }
}

impl Entry {
    fn bytes(&self) -> Option<&[PubNonceBytes]> {
        self.nonces.as_ref().map(|nonces| nonces.bytes.as_slice())
    }

    fn record(&self) -> SignerRecord {
        let partials = self.partials.as_ref();
        SignerRecord {
            nonces: self.bytes().map(<[_]>::to_vec),
            partials: partials.map(|partials| partials.iter().map(PartialSig::to_bytes).collect()),
        }
    }
}
