//! The decoder of frames: any bytes give a value or an error, and a value has one encoding.

use ensign_primitives::Network;
use ensign_wire::Frame;

/// Decodes `data` as one whole frame; what decodes must encode to the same bytes.
pub fn frame(data: &[u8]) {
    if let Ok(frame) = Frame::decode_whole(data, Network::Regtest) {
        assert_eq!(frame.encode(), data, "a second encoding of {frame:?}");
    }
}
