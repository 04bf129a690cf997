//! Cases for one session.
