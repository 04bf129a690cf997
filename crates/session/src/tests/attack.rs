//! Signers who cheat. Each holds its own keys, speaks the wire, and runs a true machine whose
//! words it bends on their way out.

use std::{boxed::Box, sync::Arc, vec, vec::Vec};

use ensign_identity::Signature;
use ensign_primitives::{Now, PeerId, SessionId, SignerIndex};
use ensign_wire::{
    AbortReason, Body, Envelope, Frame, Held, Kind, NonceAck, NonceCommit, NonceShare,
    NoncesComplete, PartialSigAck, PartialSigShare, PubNonceBytes, Round0, SessionAbort,
    SessionJoin, SessionReady, SignatureFinalized, SignerSet,
};

use super::dodge::Dodge;
use super::group::{Dice, NETWORK, member, peer, public_key, signer, stranger};
use super::world::decode;

/// What a cheat does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Vice {
    /// Commits to something it will not reveal.
    WrongCommitment,
    /// Reveals other nonces than it committed to.
    WrongNonce,
    /// Commits to and reveals bytes that are no nonces.
    OffCurveNonce,
    /// Shows a false partial signature, as one for the true nonces.
    WrongPartial,
    /// Shows a partial signature that is no number below the order.
    UnparsablePartial,
    /// Shows a false partial signature, as one for other nonces.
    WrongPartialElsewhere,
    /// Shows its victims other nonces, commitments and partial signatures than the rest.
    TwoTongues,
    /// Shows its victims a false partial signature and the rest a true one.
    TwoPartials,
    /// Confirms another nonce set to its victims (mode strict).
    WrongConfirmation,
    /// Says nothing of this kind, nor anything later.
    Silence(Kind),
    /// Says everything up to two minutes late, to its victims.
    Late,
    /// Sends again what it has heard and said, to anybody.
    Replays,
    /// Sends what honest signers said in another session.
    CrossSession,
    /// Brings a stranger who speaks for it and others.
    Stranger,
    /// Speaks for other signers.
    SpeaksForOthers,
    /// Claims to hold nothing, and names digests at random.
    LyingAcks,
    /// Ends the session and names somebody honest.
    FalseAccusation,
    /// Hands out false final signatures.
    FalseSignature,
    /// Sends one nonce or partial signature too many.
    WrongCount,
    /// Joins with a delegation that is not its own.
    BadDelegation,
    /// Lies so that it shall not be convicted, and helps nobody.
    Dodges(Dodge),
}

impl Vice {
    /// Whether the cheat wants the signature for itself.
    pub(super) fn spoils_the_sum(self) -> bool {
        use Vice::*;
        matches!(self, WrongPartial | UnparsablePartial | WrongPartialElsewhere | TwoPartials)
    }
}

/// Every way to cheat.
pub(super) const VICES: [Vice; 23] = [
    Vice::WrongCommitment,
    Vice::WrongNonce,
    Vice::OffCurveNonce,
    Vice::WrongPartial,
    Vice::UnparsablePartial,
    Vice::WrongPartialElsewhere,
    Vice::TwoTongues,
    Vice::TwoPartials,
    Vice::WrongConfirmation,
    Vice::Silence(Kind::SessionJoin),
    Vice::Silence(Kind::NonceShare),
    Vice::Silence(Kind::NoncesComplete),
    Vice::Silence(Kind::PartialSigShare),
    Vice::Late,
    Vice::Replays,
    Vice::CrossSession,
    Vice::Stranger,
    Vice::SpeaksForOthers,
    Vice::LyingAcks,
    Vice::FalseAccusation,
    Vice::FalseSignature,
    Vice::WrongCount,
    Vice::BadDelegation,
];

/// A cheat: what it does, and to whom.
#[derive(Debug)]
pub(super) struct Attack {
    pub(super) vice: Vice,
    own: usize,
    messages: usize,
    /// Bit `i` stands for signer `i`; the others see an honest signer.
    victims: u64,
    seq: u64,
    heard: Vec<Arc<[u8]>>,
    acts: usize,
}

/// How often a cheat acts out of turn.
const ACTS_MAX: usize = 60;

impl Attack {
    pub(super) fn new(vice: Vice, own: usize, victims: u64, messages: usize) -> Self {
        Self { vice, own, messages, victims, seq: 0, heard: Vec::new(), acts: 0 }
    }

    pub(super) fn needs_twin(&self) -> bool {
        match self.vice {
            Vice::Dodges(dodge) => dodge.needs_twin(),
            vice => vice == Vice::TwoTongues,
        }
    }

    fn is_victim(&self, to: SignerIndex) -> bool {
        self.victims >> to.0 & 1 == 1
    }

    /// Signs anything as the cheat's own node.
    fn sign(&mut self, now: Now, session: SessionId, body: Body) -> Arc<[u8]> {
        self.seq += 1;
        sign(self.own, self.seq, now, session, body)
    }

    /// Bends what the true machine wants to say.
    pub(super) fn rewrite(
        &mut self,
        now: Now,
        dice: &mut Dice,
        twin: bool,
        to: SignerIndex,
        envelope: &Envelope,
    ) -> Vec<Arc<[u8]>> {
        let victim = self.is_victim(to);
        if self.needs_twin() && twin != victim {
            return vec![];
        }
        let own = envelope.sender() == peer(self.own);
        if !own && matches!(self.vice, Vice::Dodges(_)) {
            return vec![];
        }
        if !own {
            return vec![Frame::Envelope(Box::new(envelope.clone())).encode().into()];
        }
        let session = envelope.session();
        let mut body = envelope.body().clone();
        if let Vice::Dodges(dodge) = self.vice {
            if dodge.withholds(to, body.kind()) {
                return vec![];
            }
            dodge.bend(dice, to, victim, &mut body);
        } else if victim {
            if let Vice::Silence(from) = self.vice
                && body.kind() >= from
            {
                return vec![];
            }
            if self.vice.spoils_the_sum() && body.kind() == Kind::SignatureFinalized {
                return vec![];
            }
            self.bend(dice, session, &mut body);
        }
        let frame = self.sign(now, session, body);
        self.heard.push(Arc::clone(&frame));
        vec![frame]
    }

    /// How many milliseconds it waits before it says something.
    pub(super) fn hesitation(&self, dice: &mut Dice, to: SignerIndex) -> u64 {
        if self.vice == Vice::Late && self.is_victim(to) { dice.below(125_000) } else { 0 }
    }

    fn bend(&mut self, dice: &mut Dice, session: SessionId, body: &mut Body) {
        match (self.vice, body) {
            (Vice::WrongCommitment, Body::SessionJoin(join)) => {
                if let Round0::Commit(commit) = &mut join.round0 {
                    commit.commitment[0] ^= 1;
                }
            }
            (Vice::WrongNonce, Body::NonceShare(share)) => swap_halves(&mut share.nonces),
            (
                Vice::WrongNonce,
                Body::SessionJoin(SessionJoin { round0: Round0::Reveal(nonces), .. }),
            ) => swap_halves(nonces),
            (Vice::OffCurveNonce, Body::SessionJoin(SessionJoin { round0, .. })) => match round0 {
                Round0::Reveal(nonces) => spoil(nonces),
                Round0::Commit(commit) => {
                    // The reveal is bent the same way, and all its nonces are alike.
                    let key = public_key(self.own);
                    let (own, nonces) = (signer(self.own), garbage(self.messages));
                    *commit = NonceCommit::new(NETWORK, &session, own, &key, &nonces, &SALT);
                }
            },
            (Vice::OffCurveNonce, Body::NonceShare(share)) => {
                share.nonces = garbage(self.messages);
                share.salt = SALT;
            }
            (Vice::WrongPartial | Vice::TwoPartials, Body::PartialSigShare(share)) => {
                share.partials.last_mut().unwrap()[31] ^= 1;
            }
            (Vice::UnparsablePartial, Body::PartialSigShare(share)) => {
                share.partials[0] = [0xff; 32]
            }
            (Vice::WrongPartialElsewhere, Body::PartialSigShare(share)) => {
                share.nonces = [0xd1; 32];
                share.partials[0][31] ^= 1;
            }
            (Vice::WrongConfirmation, Body::NoncesComplete(complete)) => complete.digest[0] ^= 1,
            (Vice::LyingAcks, Body::SessionReady(ready)) => ready.joined = SignerSet::default(),
            (Vice::LyingAcks, Body::NonceAck(ack)) => {
                ack.digest = [dice.roll() as u8; 32];
                if dice.percent(50) {
                    ack.held = SignerSet::default();
                }
            }
            (Vice::LyingAcks, Body::PartialSigAck(ack)) => ack.partials = Held::default(),
            (Vice::WrongCount, Body::NonceShare(share)) => share.nonces.push(share.nonces[0]),
            (Vice::WrongCount, Body::PartialSigShare(share)) => {
                share.partials.push(share.partials[0]);
            }
            (Vice::BadDelegation, Body::SessionJoin(join)) => {
                join.delegation = member((self.own + 1) % 7).delegation;
            }
            _ => {}
        }
    }

    /// Acts on what it hears: frames to send, with the node that is to bring each.
    pub(super) fn react(
        &mut self,
        now: Now,
        dice: &mut Dice,
        session: SessionId,
        signers: usize,
        frame: &Arc<[u8]>,
    ) -> Vec<(PeerId, usize, Arc<[u8]>)> {
        self.heard.push(Arc::clone(frame));
        if self.acts >= ACTS_MAX {
            return vec![];
        }
        self.acts += 1;
        let frames = self.mischief(now, dice, session, &decode(frame));
        let brought = |(from, frame)| {
            let to = dice.below(signers as u64) as usize;
            (to != self.own).then_some((from, to, frame))
        };
        frames.into_iter().filter_map(brought).collect()
    }

    fn mischief(
        &mut self,
        now: Now,
        dice: &mut Dice,
        session: SessionId,
        heard: &Envelope,
    ) -> Vec<(PeerId, Arc<[u8]>)> {
        let own = peer(self.own);
        let other = dice.below(7) as usize;
        match self.vice {
            Vice::Replays => (0..2)
                .map(|_| {
                    (own, Arc::clone(&self.heard[dice.below(self.heard.len() as u64) as usize]))
                })
                .collect(),
            Vice::CrossSession => {
                let elsewhere = SessionId::from_bytes([dice.below(2) as u8; 32]);
                let bent = bend_any(heard.body().clone());
                let author = (0..7).find(|index| peer(*index) == heard.sender()).unwrap_or(0);
                vec![(own, sign(author, 1000 + dice.below(10), now, elsewhere, bent))]
            }
            Vice::Stranger => {
                self.seq += 1;
                let key = &stranger().node_key;
                let mut body = heard.body().clone();
                if let Body::SessionJoin(join) = &mut body {
                    join.delegation = stranger().delegation;
                }
                let envelope = Envelope::sign(key, NETWORK, session, self.seq, now.unix, body);
                let frame: Arc<[u8]> = encode(envelope.unwrap());
                vec![(own, Arc::clone(&frame)), (key.peer_id(), frame)]
            }
            Vice::SpeaksForOthers if other != self.own => {
                let own_words = self.sign(now, session, for_signer(heard.body().clone(), other));
                vec![(own, Arc::clone(&own_words)), (peer(other), own_words)]
            }
            Vice::LyingAcks => {
                let held = SignerSet::default();
                let digest = [other as u8; 32];
                let body = match dice.below(3) {
                    0 => Body::SessionReady(SessionReady { joined: held }),
                    1 => Body::NonceAck(NonceAck { held, digest }),
                    _ => Body::PartialSigAck(PartialSigAck::default()),
                };
                vec![(own, self.sign(now, session, body))]
            }
            Vice::FalseAccusation if dice.percent(10) => {
                let culprit = Some(signer(other));
                let reason = match dice.below(3) {
                    0 => AbortReason::WrongPartialSig,
                    1 => AbortReason::Timeout,
                    _ => AbortReason::Equivocation,
                };
                let body = Body::SessionAbort(SessionAbort { reason, culprit });
                vec![(own, self.sign(now, session, body))]
            }
            Vice::FalseSignature => {
                let signatures = vec![Signature([other as u8; 64]); 1 + other % 2];
                let body = Body::SignatureFinalized(SignatureFinalized { signatures });
                vec![(own, self.sign(now, session, body))]
            }
            _ => vec![],
        }
    }
}

const SALT: [u8; 32] = [0x5a; 32];

fn garbage(count: usize) -> Vec<PubNonceBytes> {
    vec![PubNonceBytes([0xee; 66]); count]
}

fn spoil(nonces: &mut [PubNonceBytes]) {
    nonces.iter_mut().for_each(|nonce| nonce.0 = [0xee; 66]);
}

/// Both halves are points, so the result is a nonce, but nobody knows its secret as such.
fn swap_halves(nonces: &mut [PubNonceBytes]) {
    nonces.iter_mut().for_each(|nonce| nonce.0.rotate_left(33));
}

fn sign(author: usize, seq: u64, now: Now, session: SessionId, body: Body) -> Arc<[u8]> {
    let key = &member(author).node_key;
    encode(Envelope::sign(key, NETWORK, session, seq, now.unix, body).unwrap())
}

fn encode(envelope: Envelope) -> Arc<[u8]> {
    Frame::Envelope(Box::new(envelope)).encode().into()
}

/// Makes a statement contradict the one it was.
fn bend_any(mut body: Body) -> Body {
    match &mut body {
        Body::NonceShare(share) => share.salt[0] ^= 1,
        Body::NoncesComplete(complete) => complete.digest[0] ^= 1,
        Body::PartialSigShare(share) => share.nonces[0] ^= 1,
        Body::PartialSigsComplete(complete) => complete.digest[0] ^= 1,
        _ => {}
    }
    body
}

/// Puts another signer's number into a statement, or makes one up.
fn for_signer(body: Body, other: usize) -> Body {
    let signer = signer(other);
    match body {
        Body::SessionJoin(join) => Body::SessionJoin(SessionJoin { signer, ..join }),
        Body::NonceShare(share) => Body::NonceShare(NonceShare { signer, ..share }),
        Body::PartialSigShare(share) => Body::PartialSigShare(PartialSigShare { signer, ..share }),
        _ => Body::NoncesComplete(NoncesComplete { signer, digest: [0; 32] }),
    }
}
