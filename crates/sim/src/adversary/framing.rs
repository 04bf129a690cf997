//! Has others take honest signers for liars, or tries to.

use std::time::Duration;

use ensign_engine::Input;
use ensign_primitives::{PeerId, SignerIndex};
use ensign_wire::{
    AbortReason, Body, Envelope, Frame, Kind, NoncesComplete, Refusal, SessionAbort,
    ValidationError,
};

use super::{Act, Adversary, Seat, envelope_heard};

pub(super) const ACT: Act = Act {
    name: "framing",
    about: "ends sessions in honest signers' names and accuses them, forges and damages their \
            statements, speaks for them, and refuses everything (member)",
    make: || Box::new(Framing { acts: 0 }),
};

/// How often it acts: each act asks for an answer, which is heard and acted on again.
const ACTS_MAX: u32 = 400;
/// How often it acts on what it hears.
const SHARE: f64 = 0.4;
/// Where the sender stands in an envelope's encoding: after version and network.
const SENDER_AT: usize = 1 + 1;
/// How far its forgeries' sequence numbers are ahead: an engine that took one would refuse all that
/// the true sender says from then on.
const SEQ_AHEAD: u64 = 1 << 40;

#[derive(Debug)]
struct Framing {
    acts: u32,
}

impl Adversary for Framing {
    fn hear(&mut self, seat: &mut Seat, input: Input) -> Option<Input> {
        if let Some((_, heard)) = envelope_heard(&input)
            && seat.victims().contains(&heard.sender())
            && self.acts < ACTS_MAX
            && seat.random.happens(SHARE)
        {
            self.acts += 1;
            frame(seat, &heard);
        }
        Some(input)
    }
}

/// Turns a statement of an honest signer against it, before another honest signer if there is one.
fn frame(seat: &mut Seat, heard: &Envelope) {
    let culprit = heard.sender();
    let others: Vec<PeerId> = seat.victims().into_iter().filter(|it| *it != culprit).collect();
    let Some(judge) = seat.random.choose(&others).copied().or(Some(culprit)) else { return };
    let Some(signer) = seat.index_of(culprit) else { return };
    match seat.random.below(8) {
        0 => accuse(seat, judge, heard, signer),
        1 | 2 => forge(seat, judge, heard, contradiction(heard.body())),
        3 => {
            let abort = SessionAbort { reason: AbortReason::Declined, culprit: None };
            forge(seat, judge, heard, Body::SessionAbort(abort));
        }
        4 => damage(seat, judge, heard),
        5 => {
            let body = Body::NoncesComplete(NoncesComplete { signer, digest: [0x66; 32] });
            seat.state(judge, heard.session(), heard.seq() + SEQ_AHEAD, body);
        }
        6 => {
            let kind = heard.body().kind();
            let refusal = ValidationError { refused: kind, why: Refusal::NotDelegated };
            let body = Body::ValidationError(refusal);
            (0..4).for_each(|_| {
                seat.state(judge, heard.session(), heard.seq() + SEQ_AHEAD, body.clone());
            });
        }
        _ => backdate(seat, judge, heard),
    }
}

/// Names an honest signer as the reason for the end.
fn accuse(seat: &mut Seat, judge: PeerId, heard: &Envelope, culprit: SignerIndex) {
    let reasons = [
        AbortReason::Equivocation,
        AbortReason::WrongCommitment,
        AbortReason::WrongPartialSig,
        AbortReason::Timeout,
    ];
    let reason = seat.random.choose(&reasons).copied().unwrap_or(AbortReason::Timeout);
    let body = Body::SessionAbort(SessionAbort { reason, culprit: Some(culprit) });
    seat.state(judge, heard.session(), heard.seq() + SEQ_AHEAD, body);
}

/// Signs a statement with its own key and writes the honest signer's name over its own.
fn forge(seat: &mut Seat, judge: PeerId, heard: &Envelope, body: Body) {
    let seq = heard.seq() + SEQ_AHEAD;
    let Some(envelope) = seat.sign(heard.session(), seq, body) else { return };
    let kind = envelope.body().kind();
    let mut bytes = Frame::Envelope(Box::new(envelope)).encode();
    let own = *seat.peer().as_bytes();
    // The header is two to four bytes long; the name is found rather than counted to.
    let found = bytes.windows(own.len()).position(|window| window == own);
    debug_assert!(found.is_some_and(|at| at >= SENDER_AT), "an envelope names its sender");
    if let Some(name) = found.and_then(|at| bytes.get_mut(at..at + own.len())) {
        name.copy_from_slice(heard.sender().as_bytes());
        seat.say_bytes(judge, kind, bytes);
    }
}

/// What the honest signer would have to have said to be a liar.
fn contradiction(said: &Body) -> Body {
    let mut body = said.clone();
    if let Body::NonceShare(share) = &mut body {
        share.salt = [0x66; 32];
    } else if let Body::NoncesComplete(complete) = &mut body {
        complete.digest = [0x66; 32];
    } else if let Body::PartialSigShare(share) = &mut body {
        share.partials.fill([0x66; 32]);
    } else if let Body::PartialSigsComplete(complete) = &mut body {
        complete.digest = [0x66; 32];
    }
    body
}

/// Hands on an honest signer's statement with one bit changed.
fn damage(seat: &mut Seat, judge: PeerId, heard: &Envelope) {
    let kind = heard.body().kind();
    let mut bytes = Frame::Envelope(Box::new(heard.clone())).encode();
    // In the signature, the last 64 bytes: whatever comes before still decodes.
    let back = 1 + seat.random.below(64) as usize;
    if let Some(at) = bytes.len().checked_sub(back)
        && let Some(byte) = bytes.get_mut(at)
    {
        *byte ^= 1;
    }
    seat.say_bytes(judge, kind, bytes);
}

/// Hands on a true statement as it is, and an hour-old one of its own beside it.
fn backdate(seat: &mut Seat, judge: PeerId, heard: &Envelope) {
    seat.say(judge, &Frame::Envelope(Box::new(heard.clone())));
    let now = seat.now;
    let millis = now.unix.as_millis().saturating_sub(Duration::from_secs(3600).as_millis() as u64);
    seat.now.unix = ensign_primitives::UnixTime::from_millis(millis);
    let refusal = ValidationError { refused: Kind::SessionJoin, why: Refusal::ClockSkew };
    seat.state(judge, heard.session(), 1, Body::ValidationError(refusal));
    seat.now = now;
}
