//! QUIC connections whose TLS keys are the node keys, carrying frames.
