//! The decoder of frames: any bytes give a frame or an error.

/// Decodes `data` as a frame.
pub fn frame(data: &[u8]) {
    use ensign_wire as _;
    let _ = data;
}
