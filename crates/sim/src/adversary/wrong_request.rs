//! Asks for what is not what it says, or not in whose name it says.

use std::time::Duration;

use ensign_engine::Input;
use ensign_primitives::{SignerIndex, sha256};
use ensign_wire::{
    Body, Frame, GroupKeys, KeyTweak, Message, Mode, Payload, Scheme, SessionAnnounce,
    SignedRequest, SigningRequest, TxType,
};

use super::{Act, Adversary, Seat};
use crate::NETWORK;

pub(super) const PAYLOAD: Act = Act {
    name: "wrong-payload",
    about: "proposes requests and sends another payload than the one each names (member)",
    make: || Box::new(WrongRequest { makes: wrong_payload, made: 0 }),
};

pub(super) const FORGED: Act = Act {
    name: "forged-request",
    about: "proposes requests in an honest signer's name: as it is, under its node's name, under a \
            delegation of its own, changed after it was signed, or from another day (member)",
    make: || Box::new(WrongRequest { makes: forged, made: 0 }),
};

/// How long it waits between two requests.
const PAUSE: Duration = Duration::from_millis(700);
/// How many requests it makes.
const REQUESTS_MAX: u32 = 40;
/// The purpose line of a request that nobody may be shown.
const FORGED_PURPOSE: &str = "forged";

/// A request and the payload that goes with it.
type Announced = (SignedRequest, Option<Vec<u8>>);

#[derive(Debug)]
struct WrongRequest {
    makes: fn(&mut Seat, SigningRequest) -> Option<Announced>,
    made: u32,
}

impl Adversary for WrongRequest {
    fn hear(&mut self, seat: &mut Seat, input: Input) -> Option<Input> {
        if let Input::Up { .. } = input {
            seat.wake_at(seat.now.instant.after(PAUSE));
        }
        Some(input)
    }

    fn wake(&mut self, seat: &mut Seat) {
        let Some(signers) = seat.signers.clone().filter(|_| self.made < REQUESTS_MAX) else {
            return;
        };
        self.made += 1;
        if let Some(request) = request(seat, signers)
            && let Some((request, payload)) = (self.makes)(seat, request)
        {
            announce(seat, &request, payload);
        }
        seat.wake_at(seat.now.instant.after(PAUSE));
    }
}

fn announce(seat: &mut Seat, request: &SignedRequest, payload: Option<Vec<u8>>) {
    let id = request.request.id();
    let session = SigningRequest::session_id(id, NETWORK, 1);
    for victim in seat.victims() {
        if let Some(bytes) = payload.clone() {
            seat.say(victim, &Frame::Payload { request: id, bytes });
        }
        let announce = SessionAnnounce { attempt: 1, request: request.clone() };
        seat.state(victim, session, 1, Body::SessionAnnounce(Box::new(announce)));
        // Once more, as the payload of an announcement that came first.
        if let Some(bytes) = payload.clone() {
            seat.say(victim, &Frame::Payload { request: id, bytes });
        }
    }
}

/// A request that is in order.
fn request(seat: &mut Seat, signers: GroupKeys) -> Option<SigningRequest> {
    Some(SigningRequest {
        network: NETWORK,
        scheme: Scheme::Bip327,
        signers,
        messages: vec![Message { digest: seat.random.bytes(), tweak: KeyTweak::None }],
        payload: Payload::Blind,
        purpose: FORGED_PURPOSE.to_owned(),
        tx_type: TxType::Spend,
        amount: 1,
        creator: seat.index_of(seat.peer())?,
        created: seat.now.unix,
        expires: seat.now.unix.after(Duration::from_secs(600)),
        mode: Mode::Committed,
        nonce: seat.random.bytes().first_chunk().copied()?,
    })
}

fn wrong_payload(seat: &mut Seat, mut request: SigningRequest) -> Option<Announced> {
    let named = seat.random.bytes();
    request.payload = Payload::Psbt { digest: sha256(&named), len: named.len() as u32 };
    let signed = SignedRequest::sign(request, &seat.keys.node_key, seat.keys.delegation).ok()?;
    Some((signed, Some(seat.random.bytes().to_vec())))
}

fn forged(seat: &mut Seat, mut request: SigningRequest) -> Option<Announced> {
    let victims = seat.victims();
    let victim = *seat.random.choose(&victims)?;
    let sign = |seat: &Seat, request| {
        SignedRequest::sign(request, &seat.keys.node_key, seat.keys.delegation).ok()
    };
    let own: Option<SignerIndex> = Some(request.creator);
    request.creator = seat.index_of(victim)?;
    let day = Duration::from_secs(24 * 3600);
    let signed = match seat.random.below(4) {
        0 => sign(seat, request)?,
        1 => SignedRequest { peer: victim, ..sign(seat, request)? },
        2 => {
            // Its own, changed after it was signed.
            request.creator = own?;
            let mut signed = sign(seat, request)?;
            signed.request.amount += 1;
            signed
        }
        _ => {
            request.creator = own?;
            request.created = request.created.after(day);
            request.expires = request.created.after(Duration::from_secs(600));
            sign(seat, request)?
        }
    };
    Some((signed, None))
}
