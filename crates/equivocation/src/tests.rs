//! Cases for evidence.
