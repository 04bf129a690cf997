//! The decoders of headers and frames: any bytes give a value or an error that points into them,
//! and a value has one encoding.

use ensign_primitives::Network;
use ensign_wire::{Frame, HEADER_BYTES_MAX, Header};

/// Decodes `data` as one whole frame, as a stream does: header first.
pub fn frame(data: &[u8]) {
    let header = header(data);
    match Frame::decode_whole(data, Network::Regtest) {
        Ok(frame) => {
            let header = header.expect("the header of a whole frame decodes");
            assert_eq!(frame.kind(), header.kind);
            assert_eq!(header.header_len + header.body_len, data.len());
            assert_eq!(frame.encode(), data, "a second encoding of {frame:?}");
            crate::frame_body::check_meaning(&frame);
        }
        Err(error) => crate::frame_body::check_error(&error, data),
    }
}

/// Decodes the header, which must not depend on what follows it.
fn header(data: &[u8]) -> Option<Header> {
    let start = data.get(..HEADER_BYTES_MAX).unwrap_or(data);
    let decoded = Header::decode(data);
    assert_eq!(decoded, Header::decode(start));
    let header = decoded.ok()??;
    assert!(header.body_len <= header.kind.limit(), "{header:?} is above its limit");
    assert!((2..=HEADER_BYTES_MAX).contains(&header.header_len), "{header:?}");
    let shorter = data.get(..header.header_len - 1).unwrap_or_default();
    assert_eq!(Header::decode(shorter), Ok(None), "a part of {header:?} is a header");
    Some(header)
}
