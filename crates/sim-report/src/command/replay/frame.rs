//! What a frame says, in a few words.

use ensign_primitives::{QueryId, RequestId, SIGNERS_MAX, SignerIndex};
use ensign_sim::NETWORK;
use ensign_wire::{Body, Consent, Envelope, Frame, LinkReport, Round0, SignerSet};

/// Says what a frame is and carries; bytes that are no frame are shown as the error they give.
pub(super) fn summary(bytes: &[u8]) -> String {
    let size = bytes.len();
    match Frame::decode_whole(bytes, NETWORK) {
        Ok(Frame::Hello(hello)) => {
            let (min, max) = (hello.version_min, hello.version_max);
            format!("Hello version {min} to {max}, {size} bytes")
        }
        Ok(Frame::Ping(QueryId(number))) => format!("Ping {number}"),
        Ok(Frame::Pong(QueryId(number))) => format!("Pong {number}"),
        Ok(Frame::Price(price)) => {
            format!("Price of {} zero bits, epoch {}", price.bits, price.epoch)
        }
        Ok(Frame::Proof(proof)) => format!("Proof of epoch {}, {}", proof.epoch, proof.nonce),
        Ok(Frame::Delegation(said)) => {
            format!("Delegation {} to {}", said.proof.number, said.peer.short())
        }
        Ok(Frame::Welcome(welcome)) => format!("Welcome, clock {}", welcome.clock),
        Ok(Frame::Groups(groups)) => format!("Groups, {} shared", groups.shared.len()),
        Ok(Frame::Consent(signed)) => {
            let Consent { request, signer, number, agrees, .. } = signed.said();
            let word = if *agrees { "agrees to" } else { "withdraws from" };
            format!("Consent {number}: signer {signer} {word} request {}", request.short())
        }
        Ok(Frame::LinkReport(signed)) => {
            let LinkReport { group, sees, .. } = signed.said();
            format!("LinkReport of group {}: sees {}", group.short(), set(sees))
        }
        Ok(Frame::Payload { request, bytes }) => {
            format!("Payload of request {}, {} bytes", request.short(), bytes.len())
        }
        Ok(Frame::Envelope(envelope)) => {
            let (kind, what) = (envelope.body().kind(), body(envelope.body()));
            format!("{kind:?} {what}, seq {}, {size} bytes", envelope.seq())
        }
        Ok(Frame::Evidence(file)) => format!("Evidence, a file of {} bytes", file.len()),
        Ok(Frame::EvidenceSeen(_)) => "EvidenceSeen".to_owned(),
        Ok(Frame::Formation(message)) => format!("{:?}, {size} bytes", message.kind()),
        Ok(Frame::Dht(message)) => format!("{:?}, {size} bytes", message.kind()),
        Ok(Frame::Peers(message)) => format!("{:?}, {size} bytes", message.kind()),
        Ok(Frame::Reach(message)) => format!("{:?}, {size} bytes", message.kind()),
        Ok(Frame::Gossip(message)) => format!("{:?}, {size} bytes", message.kind()),
        Err(error) => format!("{size} bytes that are no frame: {error}"),
    }
}

/// The envelope of a frame, where it carries one.
pub(super) fn envelope(bytes: &[u8]) -> Option<Envelope> {
    match Frame::decode_whole(bytes, NETWORK) {
        Ok(Frame::Envelope(envelope)) => Some(*envelope),
        Ok(
            Frame::Hello(_)
            | Frame::Ping(_)
            | Frame::Pong(_)
            | Frame::Price(_)
            | Frame::Proof(_)
            | Frame::Payload { .. }
            | Frame::Groups(_)
            | Frame::Delegation(_)
            | Frame::Welcome(_)
            | Frame::Evidence(_)
            | Frame::EvidenceSeen(_)
            | Frame::Consent(_)
            | Frame::LinkReport(_)
            | Frame::Formation(_)
            | Frame::Dht(_)
            | Frame::Reach(_)
            | Frame::Peers(_)
            | Frame::Gossip(_),
        )
        | Err(_) => None,
    }
}

/// The request that a frame carries the payload of.
pub(super) fn payload_of(bytes: &[u8]) -> Option<RequestId> {
    match Frame::decode_whole(bytes, NETWORK) {
        Ok(Frame::Payload { request, .. }) => Some(request),
        Ok(
            Frame::Hello(_)
            | Frame::Ping(_)
            | Frame::Pong(_)
            | Frame::Price(_)
            | Frame::Proof(_)
            | Frame::Groups(_)
            | Frame::Delegation(_)
            | Frame::Welcome(_)
            | Frame::Evidence(_)
            | Frame::EvidenceSeen(_)
            | Frame::Consent(_)
            | Frame::LinkReport(_)
            | Frame::Formation(_)
            | Frame::Dht(_)
            | Frame::Reach(_)
            | Frame::Peers(_)
            | Frame::Gossip(_)
            | Frame::Envelope(_),
        )
        | Err(_) => None,
    }
}

fn body(body: &Body) -> String {
    match body {
        Body::SessionAnnounce(announce) => {
            let request = &announce.request.request;
            let messages = counted(request.messages.len(), "message");
            let (id, mode) = (request.id(), request.mode);
            let id = id.short();
            format!("request {id}, attempt {}, {messages}, mode {mode:?}", announce.attempt)
        }
        Body::SessionJoin(join) => {
            let round0 = match &join.round0 {
                Round0::Commit(_) => "a nonce commitment".to_owned(),
                Round0::Reveal(nonces) => counted(nonces.len(), "nonce"),
            };
            format!("signer {}, {round0}", join.signer)
        }
        Body::SessionReady(ready) => format!("joined {}", set(&ready.joined)),
        Body::NonceShare(share) => {
            format!("signer {}, {}", share.signer, counted(share.nonces.len(), "nonce"))
        }
        Body::NonceAck(ack) => format!("holds {}, digest {}", set(&ack.held), start(&ack.digest)),
        Body::NoncesComplete(complete) => {
            format!("signer {}, digest {}", complete.signer, start(&complete.digest))
        }
        Body::PartialSigShare(share) => {
            let partials = counted(share.partials.len(), "partial");
            format!("signer {}, {partials}, over nonces {}", share.signer, start(&share.nonces))
        }
        Body::PartialSigAck(ack) => {
            let [joins, nonces, confirmations, partials] =
                [&ack.joins, &ack.nonces, &ack.confirmations, &ack.partials]
                    .map(|held| set(&held.signers));
            format!(
                "holds joins {joins}, nonces {nonces}, confirmations {confirmations}, partials {partials}"
            )
        }
        Body::PartialSigsComplete(complete) => format!("digest {}", start(&complete.digest)),
        Body::SignatureFinalized(finalized) => counted(finalized.signatures.len(), "signature"),
        Body::SessionAbort(abort) => {
            let accused =
                abort.culprit.map_or(String::new(), |signer| format!(", accuses signer {signer}"));
            format!("{:?}{accused}", abort.reason)
        }
        Body::ValidationError(error) => format!("refuses {:?}: {:?}", error.refused, error.why),
    }
}

fn counted(number: usize, noun: &str) -> String {
    super::text::many(number as u64, noun)
}

/// The signers of a set, as they are counted.
fn set(signers: &SignerSet) -> String {
    let members: Vec<_> = (0..SIGNERS_MAX)
        .filter_map(SignerIndex::from_usize)
        .filter(|signer| signers.contains(*signer))
        .map(|signer| signer.to_string())
        .collect();
    if members.is_empty() {
        "no signer".to_owned()
    } else {
        format!("signers {}", members.join(" "))
    }
}

fn start(digest: &[u8; 32]) -> String {
    super::hex(digest.get(..4).unwrap_or_default())
}
