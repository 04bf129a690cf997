//! A judge who sees everything that honest signers heard, and knows what it proves.

use std::{boxed::Box, collections::BTreeMap, vec::Vec};

use ensign_equivocation::Evidence;
use ensign_primitives::SignerIndex;
use ensign_wire::{Body, Envelope, PubNonceBytes, Round0, Slot, nonce_set_digest};

use super::{
    group::{NETWORK, peer, public_key, signer},
    world::World,
};
use crate::Offense;

/// Different statements of one signer in each slot.
type Heard = BTreeMap<Slot, Vec<Envelope>>;

fn heard_of(world: &World, author: usize) -> Heard {
    let mut heard = Heard::new();
    let taken = |envelope: &&Envelope| {
        envelope.sender() == peer(author)
            && envelope.body().signer().is_none_or(|speaker| speaker == signer(author))
    };
    for envelope in world.honest().flat_map(|node| &node.heard).filter(taken) {
        let Some(slot) = envelope.body().slot() else { continue };
        let known = heard.entry(slot).or_default();
        if known.iter().all(|other| other.body() != envelope.body()) {
            known.push(envelope.clone());
        }
    }
    heard
}

fn nonces_in(body: &Body) -> Option<Vec<PubNonceBytes>> {
    match body {
        Body::NonceShare(share) => Some(share.nonces.clone()),
        Body::SessionJoin(join) => match &join.round0 {
            Round0::Reveal(nonces) => Some(nonces.clone()),
            Round0::Commit(_) => None,
        },
        _ => None,
    }
}

/// The nonces that everybody was told, where nobody was told two of one signer.
fn common_nonces(world: &World) -> Option<Vec<Vec<PubNonceBytes>>> {
    let of = |index: usize| {
        if world.nodes[index].is_honest() {
            return world.nodes[index].subject.machine().nonces_of(signer(index));
        }
        let heard = heard_of(world, index);
        let mut all = heard.values().flatten().filter_map(|said| nonces_in(said.body()));
        let first = all.next()?;
        all.all(|other| other == first).then_some(first)
    };
    (0..world.plan.signers).map(of).collect()
}

/// Everything that convicts `author` by what the honest together heard.
pub(super) fn proofs(world: &World, author: usize) -> Vec<Evidence> {
    let heard = heard_of(world, author);
    let said = |slot| heard.get(&slot).map_or(&[][..], Vec::as_slice);
    let boxed = |envelope: &Envelope| Box::new(envelope.clone());
    let mut proofs = Vec::new();
    for slot in heard.keys() {
        if let [one, other, ..] = said(*slot) {
            proofs.push(Evidence::conflict(boxed(one), boxed(other)));
        }
    }
    for partial in said(Slot::PartialSigShare) {
        let partial = boxed(partial);
        for confirmed in said(Slot::NoncesComplete) {
            let (confirmed, partial) = (boxed(confirmed), partial.clone());
            proofs.push(Evidence::SignedOtherwise { confirmed, partial });
        }
        proofs.extend(false_partial(world, &heard, partial));
    }
    for (join, share) in said(Slot::Join)
        .iter()
        .flat_map(|join| said(Slot::NonceShare).iter().map(move |share| (join, share)))
    {
        let (key, join, share) = (public_key(author), boxed(join), boxed(share));
        proofs.push(Evidence::WrongCommitment { key, join, share });
    }
    proofs.retain(|evidence| evidence.verify().is_ok());
    proofs
}

fn false_partial(world: &World, heard: &Heard, partial: Box<Envelope>) -> Option<Evidence> {
    let Body::PartialSigShare(share) = partial.body() else { return None };
    let Body::SessionJoin(join) = heard.get(&Slot::Join)?.first()?.body() else { return None };
    let nonces = common_nonces(world)?;
    let indexed = nonces.iter().enumerate().map(|(index, held)| (signer(index), held.as_slice()));
    if nonce_set_digest(NETWORK, &world.session(), indexed) != share.nonces {
        return None;
    }
    let (delegation, request) = (join.delegation, Box::new(world.plan.request().request));
    Some(Evidence::WrongPartialSig { request, attempt: 1, delegation, nonces, partial })
}

/// How many of the honest have convicted `author` by evidence that holds.
pub(super) fn convicted_by(world: &World, author: usize) -> usize {
    let convicts = |(_, offense): &(_, Offense)| match offense {
        Offense::Proven(evidence) => {
            evidence.verify().is_ok_and(|culprit| culprit.peer == peer(author))
        }
        _ => false,
    };
    world.honest().filter(|node| node.offenses.iter().any(convicts)).count()
}

/// Nobody honest is named: by evidence, by a claim, or as a culprit.
pub(super) fn assert_nobody_honest_is_named(world: &World, what: &str) {
    let dodges = |who: SignerIndex| !world.nodes[who.as_usize()].is_honest();
    for node in world.honest() {
        for failure in &node.failures {
            assert!(failure.culprits.iter().all(|who| dodges(*who)), "{what}: {failure:?}");
        }
        for (accused, offense) in &node.offenses {
            if let Offense::Proven(_) = offense {
                let named = (0..world.plan.signers).find(|index| peer(*index) == *accused);
                assert!(dodges(signer(named.unwrap())), "{what}: {offense:?}");
            }
        }
    }
}
