//! The decoder of bodies, without the length that a mutation seldom keeps right.

use ensign_primitives::{Network, UnixTime};
use ensign_wire::{Body, DecodeError, Frame, Header, Kind};

/// Decodes the bytes after the first as a body of the kind that the first names.
pub fn frame_body(data: &[u8]) {
    let Some((&kind, body)) = data.split_first() else { return };
    let Some(kind) = Kind::from_id(kind) else { return };
    match Frame::decode(kind, body, Network::Regtest) {
        Ok(frame) => {
            assert_eq!(frame.kind(), kind);
            let encoded = frame.encode();
            let header = Header::decode(&encoded).ok().flatten();
            let header = header.expect("the header of an encoded frame decodes");
            let again = encoded.get(header.header_len..);
            assert_eq!(again, Some(body), "a second encoding of {frame:?}");
            check_meaning(&frame);
        }
        Err(error) => check_error(&error, body),
    }
}

/// What can be asked of a decoded frame must have an answer.
pub(crate) fn check_meaning(frame: &Frame) {
    let Frame::Envelope(envelope) = frame else { return };
    let _ = envelope.verify();
    if let Body::SessionAnnounce(announce) = envelope.body() {
        let _ = announce.request.verify(UnixTime::from_millis(0));
    }
}

/// An error points into the bytes or to their end, and shows the byte that stands there; or the end of a record among
/// them, which has a length of its own.
pub(crate) fn check_error(error: &DecodeError, bytes: &[u8]) {
    assert!(!error.to_string().is_empty());
    match error {
        DecodeError::Malformed { offset, seen, .. }
        | DecodeError::NonCanonical { offset, seen } => {
            assert!(*offset <= bytes.len(), "{error} beyond {} bytes", bytes.len());
            assert!(seen.is_none() || *seen == bytes.get(*offset).copied(), "{error}");
        }
        DecodeError::TrailingBytes { offset, extra } => {
            assert!(offset + extra <= bytes.len(), "{error}");
        }
        _ => {}
    }
}
