//! Cases for the codec.
