//! Which nodes have what a request was computed from.

use alloc::sync::Arc;

use ensign_primitives::{PeerId, sha256};
use ensign_wire::{Payload, SigningRequest};

use super::{Request, Sent};

impl Request {
    pub(crate) fn note_joined(&mut self, peer: PeerId) {
        self.joined.insert(peer);
        self.payload_sent.entry(peer).and_modify(|sent| *sent = Sent::Arrived);
    }

    /// Takes the payload, once its digest was compared.
    pub(crate) fn fill(&mut self, payload: Arc<[u8]>) {
        self.payload = Some(payload);
    }

    /// Returns the payload if a node is to be sent it, once on each connection. Who joined holds it;
    /// the creator sends it all the same, in case that node has lost everything since.
    pub(crate) fn payload_for(&mut self, peer: PeerId, own: &PeerId) -> Option<Arc<[u8]>> {
        let payload = self.payload.as_ref()?;
        let is_creator = self.signed.peer == *own;
        let is_needed = is_creator || !self.joined.contains(&peer);
        if !is_needed || self.payload_sent.contains_key(&peer) {
            return None;
        }
        self.payload_sent.insert(peer, Sent::OnItsWay);
        Some(Arc::clone(payload))
    }

    /// Notes that the payload may not arrive, unless the node has shown that it did.
    pub(crate) fn doubt_sent(&mut self, peer: &PeerId) {
        if let Some(sent) = self.payload_sent.get_mut(peer).filter(|it| **it == Sent::OnItsWay) {
            *sent = Sent::Doubted;
        }
    }

    /// Notes that a node had no room for the payload that it was sent; returns whether it is to be sent
    /// once more. A node may ask once on each connection: what is sent then finds its request there.
    pub(crate) fn refused(&mut self, peer: PeerId) -> bool {
        let Some(sent) = self.payload_sent.get_mut(&peer) else { return false };
        let is_first = self.payload_asked.insert(peer);
        if is_first {
            *sent = Sent::Doubted;
        }
        is_first
    }

    /// Returns the payload if a node is to be sent it once more.
    pub(crate) fn doubted(&self, peer: &PeerId) -> Option<&Arc<[u8]>> {
        let is_doubted = self.payload_sent.get(peer) == Some(&Sent::Doubted);
        self.payload().filter(|_| is_doubted && !self.is_settled())
    }

    /// Notes that the payload was sent once more.
    pub(crate) fn resent(&mut self, peer: PeerId) {
        self.payload_sent.insert(peer, Sent::OnItsWay);
    }

    /// Notes that nothing was dropped since the payload was sent.
    pub(crate) fn passed(&mut self, peer: &PeerId) {
        if let Some(sent) = self.payload_sent.get_mut(peer).filter(|it| **it == Sent::OnItsWay) {
            *sent = Sent::Arrived;
        }
    }

    pub(crate) fn forget_sent(&mut self, peer: &PeerId) {
        self.payload_sent.remove(peer);
        self.payload_asked.remove(peer);
    }
}

/// Returns whether bytes are what a request names.
pub(crate) fn is_payload(request: &SigningRequest, bytes: &[u8]) -> bool {
    match request.payload {
        Payload::Blind | Payload::Drill => false,
        Payload::Psbt { digest, len } => {
            usize::try_from(len).is_ok_and(|len| len == bytes.len()) && sha256(bytes) == digest
        }
    }
}
