//! Secret keys in one file, encrypted under a passphrase.
//!
//! A vault holds a node key, signer keys and optionally an archive of other files, each encrypted
//! on its own. What stands around them is readable without the passphrase: which keys there are
//! (public parts), what unlocking costs, when it was written. `docs/security/vault.md` is the file format,
//! precise enough for a second implementation.
//!
//! Invariants:
//!
//! - A key leaves this crate only if it belongs to the public key that the file names for it.
//! - A wrong passphrase is told apart from a damaged file, and both from a newer format.
//! - No header makes [`Vault::unlock`] take more than [`MEMORY_KIB_MAX`] or [`WORK_KIB_MAX`].
//! - A salt and a nonce serve one write. Every write derives its keys anew.
//! - A file is replaced when the new one is on disk, never before.
//! - Secrets are move-only, erased on drop, and never printed.
//!
//! Sources: Argon2id of [RFC 9106], HKDF-SHA256 of [RFC 5869], XChaCha20-Poly1305 of
//! [draft-irtf-cfrg-xchacha].
//!
//! Absent on purpose: a clock and a random source (both are arguments), a prompt, a key ring of the
//! operating system, and a way to take a bare secret out: a vault gives keys, and drafts of other
//! vaults.
//!
//! [RFC 9106]: https://www.rfc-editor.org/rfc/rfc9106
//! [RFC 5869]: https://www.rfc-editor.org/rfc/rfc5869
//! [draft-irtf-cfrg-xchacha]: https://datatracker.ietf.org/doc/html/draft-irtf-cfrg-xchacha

mod passphrase;
pub use passphrase::{PASSPHRASE_BYTES_MAX, Passphrase, PassphraseError};
mod cost;
pub use cost::{Cost, CostError, LANES_MAX, MEMORY_KIB_MAX, WORK_KIB_MAX};
mod layout;
pub use layout::{ENTRIES_MAX, FILE_BYTES_MAX, Field, FormatError, MAGIC, Purpose};
mod derive;
mod draft;
pub use draft::{Draft, DraftError, Randomness, SealError};
mod vault;
pub use vault::{UnlockError, Unlocked, Vault};
mod archive;
pub use archive::{ARCHIVE_FILES_MAX, Archive, ArchiveError};
mod file;
pub use file::{FileError, Step, create, read, read_anywhere, replace};

#[cfg(test)]
mod tests;
