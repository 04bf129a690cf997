//! Cases for the engine.
