//! Cases by concept.
