//! Sends without end: what strangers may, and what members may.

use std::{sync::Arc, time::Duration};

use ensign_engine::{Input, Output};
use ensign_identity::{DelegationProof, Terms};
use ensign_primitives::{PeerId, QueryId, SessionId, SignerIndex};
use ensign_session::LocalSigner;
use ensign_wire::{
    AbortReason, Body, Frame, GroupKeys, KeyTweak, Kind, Message, Mode, NonceCommit, PartialSigAck,
    Payload, Round0, Scheme, SessionAbort, SessionAnnounce, SessionJoin, SessionReady,
    SignedRequest, SignerSet, SigningRequest, TxType,
};

use super::{Act, Adversary, Seat, envelope_in};
use crate::NETWORK;

pub(super) const ACT: Act = Act {
    name: "flooding",
    about: "sends twenty frames a second to everybody: pings, hellos, announcements for unknown groups \
            as a stranger; requests, joins, questions and payloads as a member",
    make: || {
        Box::new(Flooding::new(Rate {
            pause: Duration::from_millis(500),
            burst: 10,
            bursts_max: usize::MAX,
        }))
    },
};

pub(super) const DROWNING: Act = Act {
    name: "drowning",
    about: "does the same two hundred times a second for six seconds (member or stranger)",
    make: || {
        Box::new(Flooding::new(Rate {
            pause: Duration::from_millis(100),
            burst: 20,
            bursts_max: 60,
        }))
    },
};

/// How fast it sends.
#[derive(Clone, Copy, Debug)]
struct Rate {
    /// How long it waits between two bursts.
    pause: Duration,
    /// How many frames each peer gets in a burst.
    burst: usize,
    /// How many bursts there are.
    bursts_max: usize,
}

/// How long its requests stay open.
const LIFETIME: Duration = Duration::from_secs(600);
/// How many requests it makes: several times what one creator may have open.
const REQUESTS_MAX: u64 = 100;

#[derive(Debug)]
struct Flooding {
    rate: Rate,
    bursts: usize,
    requests: u64,
    pings: u64,
    hello: Option<(Kind, Arc<[u8]>)>,
    /// The last session it took part in, and its last number there.
    session: Option<(SessionId, u64)>,
    /// The request that it proposed last.
    own: Option<SessionId>,
}

impl Adversary for Flooding {
    fn hear(&mut self, seat: &mut Seat, input: Input) -> Option<Input> {
        if let Input::Up { .. } = input {
            seat.wake_at(seat.now.instant.after(self.rate.pause));
        }
        // Its node has not asked for these, and would blame whoever answers.
        let is_answer = matches!(input, Input::Frame { kind: Kind::Pong, .. });
        (!is_answer).then_some(input)
    }

    fn speak(&mut self, _: &mut Seat, output: Output) -> Option<Output> {
        if let Some(envelope) = envelope_in(&output) {
            self.session = Some((envelope.session(), envelope.seq()));
        } else if let Output::Send { kind, frame, .. } = &output
            && self.hello.is_none()
        {
            self.hello = Some((*kind, frame.clone()));
        }
        Some(output)
    }

    fn wake(&mut self, seat: &mut Seat) {
        if self.bursts >= self.rate.bursts_max {
            return;
        }
        self.bursts += 1;
        let peers: Vec<PeerId> = seat.connected.iter().copied().collect();
        for peer in peers {
            for _ in 0..self.rate.burst {
                match seat.signers.clone() {
                    Some(signers) => self.as_member(seat, peer, &signers),
                    None => self.as_stranger(seat, peer),
                }
            }
        }
        seat.wake_at(seat.now.instant.after(self.rate.pause));
    }
}

impl Flooding {
    const fn new(rate: Rate) -> Self {
        Self { rate, bursts: 0, requests: 0, pings: 0, hello: None, session: None, own: None }
    }

    fn as_stranger(&mut self, seat: &mut Seat, peer: PeerId) {
        match seat.random.below(40) {
            0 => {
                if let Some((kind, frame)) = &self.hello {
                    seat.say_bytes(peer, *kind, frame.clone());
                }
            }
            1 => {
                if let Ok(alone) = GroupKeys::new(vec![seat.signer_key()]) {
                    self.announce(seat, peer, &alone, SignerIndex(0));
                }
            }
            2 => {
                let joined = SignerSet::default();
                let session = SessionId::from_bytes(seat.random.bytes());
                seat.state(peer, session, 1, Body::SessionReady(SessionReady { joined }));
            }
            _ => self.ping(seat, peer),
        }
    }

    fn as_member(&mut self, seat: &mut Seat, peer: PeerId, signers: &GroupKeys) {
        let unknown = SessionId::from_bytes(seat.random.bytes());
        let Some(own) = seat.index_of(seat.peer()) else { return };
        match seat.random.below(8) {
            0 if self.requests < REQUESTS_MAX => self.announce(seat, peer, signers, own),
            1 => {
                let body = Body::SessionJoin(join(seat, own));
                seat.state(peer, unknown, 1, body);
            }
            2 => {
                let request = ensign_primitives::RequestId::from_bytes(seat.random.bytes());
                let bytes = seat.random.bytes().repeat(100);
                seat.say(peer, &Frame::Payload { request, bytes });
            }
            3 => {
                let abort = SessionAbort { reason: AbortReason::Cancelled, culprit: None };
                let session = self.own.take().unwrap_or(unknown);
                seat.state(peer, session, 2, Body::SessionAbort(abort));
            }
            4 => self.ping(seat, peer),
            _ => self.ask(seat, peer),
        }
    }

    fn ping(&mut self, seat: &mut Seat, peer: PeerId) {
        self.pings += 1;
        seat.say(peer, &Frame::Ping(QueryId(self.pings)));
    }

    /// Asks for everything in the session it is in, as if it had nothing.
    fn ask(&mut self, seat: &mut Seat, peer: PeerId) {
        let Some((session, seq)) = &mut self.session else { return };
        *seq += 1;
        let (held, session, seq) = (SignerSet::default(), *session, *seq);
        let body = if seat.random.happens(0.5) {
            Body::SessionReady(SessionReady { joined: held })
        } else {
            Body::PartialSigAck(PartialSigAck::default())
        };
        seat.state(peer, session, seq, body);
    }

    /// Announces a request of its own that nobody has seen before.
    fn announce(&mut self, seat: &mut Seat, peer: PeerId, signers: &GroupKeys, own: SignerIndex) {
        self.requests += 1;
        let request = SigningRequest {
            network: NETWORK,
            scheme: Scheme::Bip327,
            signers: signers.clone(),
            messages: vec![Message { digest: seat.random.bytes(), tweak: KeyTweak::None }],
            payload: Payload::Blind,
            purpose: "flood".to_owned(),
            tx_type: TxType::Spend,
            amount: 1,
            creator: own,
            created: seat.now.unix,
            expires: seat.now.unix.after(LIFETIME),
            mode: Mode::Committed,
            nonce: seat.random.bytes().first_chunk().copied().unwrap_or_default(),
        };
        let session = SigningRequest::session_id(request.id(), NETWORK, 1);
        let delegation = delegation(seat);
        if let Ok(request) = SignedRequest::sign(request, &seat.keys.node_key, delegation) {
            self.own = Some(session);
            let announce = SessionAnnounce { attempt: 1, request };
            seat.state(peer, session, 1, Body::SessionAnnounce(Box::new(announce)));
        }
    }
}

/// A member's own; a stranger has one, too, that nobody asked for.
fn delegation(seat: &Seat) -> DelegationProof {
    if !seat.group.is_empty() {
        return seat.keys.delegation;
    }
    let expires = seat.now.unix.after(LIFETIME);
    let signer = LocalSigner::new(Arc::clone(&seat.sec_key));
    signer.delegate(NETWORK, seat.peer(), Terms { number: 1, expires })
}

fn join(seat: &mut Seat, signer: SignerIndex) -> SessionJoin {
    let commit = NonceCommit { commitment: seat.random.bytes() };
    SessionJoin { signer, delegation: seat.keys.delegation, round0: Round0::Commit(commit) }
}
