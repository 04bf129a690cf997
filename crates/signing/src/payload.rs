//! Payloads: sent ahead of an announcement, checked against it, kept for a while when early.

use alloc::{collections::VecDeque, sync::Arc, vec::Vec};

use ensign_primitives::{Now, PeerId, RequestId, sha256};
use ensign_wire::{Frame, PAYLOAD_BYTES_MAX, Payload, SignedRequest, SigningRequest};

use crate::{EARLY_PAYLOADS_MAX, Offense, Signing};

/// A member's payloads for requests that were not announced yet: a payload travels on a stream of
/// its own and may overtake its announcement. The oldest give way.
#[derive(Debug, Default)]
pub(crate) struct EarlyPayloads(VecDeque<(RequestId, Vec<u8>)>);

impl EarlyPayloads {
    fn keep(&mut self, request: RequestId, bytes: Vec<u8>) {
        self.0.retain(|(other, _)| *other != request);
        self.0.push_back((request, bytes));
        while self.0.len() > EARLY_PAYLOADS_MAX || self.bytes() > PAYLOAD_BYTES_MAX {
            self.0.pop_front();
        }
    }

    fn take(&mut self, request: RequestId) -> Option<Vec<u8>> {
        let at = self.0.iter().position(|(other, _)| *other == request)?;
        self.0.remove(at).map(|(_, bytes)| bytes)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}

impl Signing {
    pub(crate) fn on_payload(&mut self, now: Now, from: PeerId, id: RequestId, bytes: Vec<u8>) {
        let Some(request) = self.requests.get_mut(&id) else {
            if let Some(peer) = self.peers.get_mut(&from)
                && !self.ended.contains(&id)
            {
                peer.early_payloads.keep(id, bytes);
            }
            return;
        };
        if request.is_settled() || !request.misses_payload() {
            return;
        }
        if !is_payload(&request.signed.request, &bytes) {
            return self.offense(from, Offense::WrongPayload { request: id });
        }
        request.payload = Some(bytes.into());
        self.acknowledge(now, id, from);
        self.ask_user(id);
    }

    pub(crate) fn take_early_payload(
        &mut self,
        from: PeerId,
        id: RequestId,
        signed: &SignedRequest,
    ) -> Option<Arc<[u8]>> {
        let bytes = self.peers.get_mut(&from)?.early_payloads.take(id)?;
        if !is_payload(&signed.request, &bytes) {
            self.offense(from, Offense::WrongPayload { request: id });
            return None;
        }
        Some(bytes.into())
    }

    /// Sends a request's payload ahead of its announcement, once per connection. Who joined holds
    /// it; the creator sends it all the same, in case that node has lost everything since.
    pub(crate) fn send_payload(&mut self, id: RequestId, peer: PeerId) {
        if !self.is_up(&peer) {
            return;
        }
        let Some(request) = self.requests.get_mut(&id) else { return };
        let is_creator = request.signed.peer == self.keys.node_key.peer_id();
        let Some(payload) = request.payload.clone() else { return };
        if (is_creator || !request.joined.contains(&peer)) && request.payload_sent.insert(peer) {
            self.send(peer, &Frame::Payload { request: id, bytes: payload.to_vec() });
        }
    }

    pub(crate) fn forget_sent_payloads(&mut self, peer: &PeerId) {
        for (_, request) in self.requests.iter_mut() {
            request.payload_sent.remove(peer);
        }
    }
}

fn is_payload(request: &SigningRequest, bytes: &[u8]) -> bool {
    match request.payload {
        Payload::Blind => false,
        Payload::Psbt { digest, len } => {
            usize::try_from(len).is_ok_and(|len| len == bytes.len()) && sha256(bytes) == digest
        }
    }
}
