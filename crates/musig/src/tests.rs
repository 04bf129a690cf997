//! Tests that need the inside: secret nonces of the official vectors enter through fields.
