//! The async coordinator: drives the engine over QUIC and a durable journal.
