//! How a signer lies so that it shall not be convicted: each hears something else, or all hear of a
//! nonce set that nobody holds, and some hear nothing or the end.

use ensign_primitives::{SignerIndex, sha256};
use ensign_wire::{AbortReason, Body, Kind, Mode, SessionAbort};

use super::group::{Dice, LIFETIME, START, delegate, member};

/// What a dodger says falsely.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Lie {
    /// Nothing: it only withholds, or ends the attempt.
    None,
    /// Each signer hears of another nonce set, always the same one.
    SetForEach,
    /// Each sending names another nonce set.
    SetForEachSending,
    /// Everybody hears of one nonce set that nobody holds.
    OneSet,
    /// Victims get false partial signatures for the common nonce set.
    FalsePartials,
    /// Victims see other joins, nonces and partial signatures.
    OtherNonces,
    /// True partial signatures, said to be for another nonce set: each hears of another one.
    TrueForEach,
    /// Victims see a join with another delegation.
    OtherDelegation,
    /// Victims see another confirmation (mode strict).
    OtherConfirmation,
}

const LIES: [Lie; 9] = [
    Lie::SetForEach,
    Lie::SetForEach,
    Lie::SetForEachSending,
    Lie::OneSet,
    Lie::FalsePartials,
    Lie::OtherNonces,
    Lie::TrueForEach,
    Lie::OtherDelegation,
    Lie::OtherConfirmation,
];

/// Lies in spite of which a session may be signed; the last one ends it in mode strict.
const SIGNED_LIES: [Lie; 3] = [Lie::OtherDelegation, Lie::FalsePartials, Lie::TrueForEach];

const STEPS: [Kind; 4] =
    [Kind::SessionJoin, Kind::NonceShare, Kind::NoncesComplete, Kind::PartialSigShare];

/// One dodger's plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Dodge {
    pub(super) lie: Lie,
    seed: u64,
    /// From which kind on it says nothing to whom.
    withheld: Option<(Kind, u64)>,
    /// After which kind it ends the attempt instead of saying anything more.
    ends_after: Option<Kind>,
}

impl Dodge {
    /// A plan by chance; `leads` has a lie for sure.
    pub(super) fn roll(dice: &mut Dice, mode: Mode, leads: bool) -> Self {
        let strict = mode == Mode::Strict;
        let step = |dice: &mut Dice| STEPS[dice.below(4) as usize];
        let lies = leads || dice.percent(40);
        let lie =
            if lies { LIES[dice.below(if strict { 9 } else { 8 }) as usize] } else { Lie::None };
        let withheld = dice.percent(30).then(|| (step(dice), dice.roll()));
        let ends_after = dice.percent(25).then(|| step(dice));
        Self { lie, seed: dice.roll(), withheld, ends_after }
    }

    /// A plan by chance that leaves some honest signer a signature: nothing false about the nonces, and
    /// no end.
    pub(super) fn roll_signed(dice: &mut Dice, mode: Mode, _leads: bool) -> Self {
        let lies = if mode == Mode::Strict { &SIGNED_LIES[..2] } else { &SIGNED_LIES[..] };
        let lie = lies[dice.below(lies.len() as u64) as usize];
        Self { lie, seed: dice.roll(), withheld: None, ends_after: None }
    }

    pub(super) fn only(lie: Lie) -> Self {
        Self { lie, seed: 1, withheld: None, ends_after: None }
    }

    pub(super) fn and_ends_after(self, kind: Kind) -> Self {
        Self { ends_after: Some(kind), ..self }
    }

    pub(super) fn needs_twin(&self) -> bool {
        self.lie == Lie::OtherNonces
    }

    /// Whether it keeps a statement from a signer. The signature, if it can have it, it keeps for itself.
    pub(super) fn withholds(&self, to: SignerIndex, kind: Kind) -> bool {
        let ends_well = [Kind::PartialSigsComplete, Kind::SignatureFinalized].contains(&kind);
        ends_well || self.withheld.is_some_and(|(from, whom)| kind >= from && whom >> to.0 & 1 == 1)
    }

    /// Bends what a true machine wants to say to `to`.
    pub(super) fn bend(&self, dice: &mut Dice, to: SignerIndex, victim: bool, body: &mut Body) {
        if self.ends_after.is_some_and(|last| body.kind() > last) {
            let (reason, culprit) = (AbortReason::Internal, None);
            *body = Body::SessionAbort(SessionAbort { reason, culprit });
        }
        let names_another =
            matches!(self.lie, Lie::SetForEach | Lie::SetForEachSending | Lie::OneSet);
        if let (true, Body::PartialSigShare(share)) = (names_another, &mut *body) {
            share.partials[0][31] ^= bit_of(share.signer);
        }
        let set = |number: u64| sha256([self.seed, number].map(u64::to_le_bytes).as_flattened());
        match (self.lie, body) {
            (Lie::SetForEach | Lie::TrueForEach, Body::PartialSigShare(share)) => {
                share.nonces = set(to.0.into());
            }
            (Lie::OtherDelegation, Body::SessionJoin(join)) if victim => {
                let author = member(join.signer.as_usize());
                let expires = START.after(LIFETIME * 25);
                join.delegation = delegate(&author.sec_key, author.node_key.peer_id(), expires);
            }
            (Lie::SetForEachSending, Body::PartialSigShare(share)) => {
                share.nonces = set(dice.roll());
            }
            (Lie::OneSet, Body::PartialSigShare(share)) => share.nonces = set(0),
            (Lie::FalsePartials, Body::PartialSigShare(share)) if victim => {
                share.partials[0][31] ^= bit_of(share.signer);
            }
            (Lie::OtherConfirmation, Body::NoncesComplete(complete)) if victim => {
                complete.digest = set(0);
            }
            _ => {}
        }
    }
}

/// The bit in which a signer's partial signature is false. Another one for each: what several add and
/// take away must not cancel out, for nobody looks for false ones where the sum is true.
const fn bit_of(signer: SignerIndex) -> u8 {
    1 << signer.0
}
