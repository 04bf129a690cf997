//! Cases that need a part of the coordinator to fail.
