//! What a store is opened with.

use crate::STORE_BYTES_MAX;

/// What a store is opened with.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// How many bytes the records may take.
    pub limit: u64,
    /// Names this machine: a hash of what the system calls it. Zero where the system has no name.
    pub machine: [u8; 32],
    /// Fresh bytes from the operating system, the mark of the generation that begins.
    pub mark: [u8; 32],
    /// What to do with a store of another machine.
    pub on_move: OnMove,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { limit: STORE_BYTES_MAX, machine: [0; 32], mark: [0; 32], on_move: OnMove::default() }
    }
}

/// What to do with a store of another machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMove {
    /// Refuse it with [`OpenError::Moved`](crate::OpenError::Moved) and leave it as it is.
    #[default]
    Refuse,
    /// This machine takes over.
    Adopt,
}
