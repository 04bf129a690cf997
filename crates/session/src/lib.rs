//! One signing session: gather, commit, reveal, sign, finish, or abort with blame.
#![no_std]
extern crate alloc;
