//! From a passphrase to the keys of entries.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use chacha20poly1305::aead::{AeadInOut as _, KeyInit as _};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

use crate::layout::{CHECK_BYTES, NONCE_BYTES, SALT_BYTES, TAG_BYTES};
use crate::{Cost, Passphrase};

const CHECK_INFO: &[u8] = b"ensign/vault/check/v1";
const ENTRY_INFO: &[u8] = b"ensign/vault/entry/v1";

/// There is not enough memory to derive the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutOfMemory;

/// What a passphrase and a salt give. Move-only, erased on drop, never printed.
pub(crate) struct MasterKey(Zeroizing<[u8; 32]>);

/// The memory of Argon2, erased on drop: its last block gives the key away.
struct Blocks(Vec<Block>);

impl Drop for Blocks {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|block| block.zeroize());
    }
}

impl MasterKey {
    /// Derives the key of one file. Takes as long and as much memory as `cost` says.
    pub(crate) fn derive(
        passphrase: &Passphrase,
        salt: &[u8; SALT_BYTES],
        cost: Cost,
    ) -> Result<Self, OutOfMemory> {
        let mut key = Zeroizing::new([0; 32]);
        let params = Params::new(cost.memory_kib(), cost.passes(), cost.lanes().into(), Some(32));
        let params = params.map_err(|_| OutOfMemory)?;
        let mut blocks = Blocks(Vec::new());
        blocks.0.try_reserve_exact(params.block_count()).map_err(|_| OutOfMemory)?;
        blocks.0.resize(params.block_count(), Block::new());
        // Its other errors are about lengths, and those are in bounds.
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(
                passphrase.dangerous_bytes(),
                salt,
                &mut *key,
                &mut blocks.0[..],
            )
            .map_err(|_| OutOfMemory)?;
        Ok(Self(key))
    }

    /// Returns the value by which a right passphrase is known. Says nothing about the other keys.
    pub(crate) fn check(&self) -> [u8; CHECK_BYTES] {
        let mut check = [0; CHECK_BYTES];
        self.expand(&[CHECK_INFO], &mut check);
        check
    }

    /// Encrypts an entry and authenticates it together with `front`.
    pub(crate) fn seal(
        &self,
        index: u8,
        nonce: &[u8; NONCE_BYTES],
        front: &[u8],
        plain: &[u8],
    ) -> Vec<u8> {
        let mut buffer = Vec::with_capacity(plain.len() + TAG_BYTES);
        buffer.extend_from_slice(plain);
        let nonce = XNonce::from(*nonce);
        self.cipher(index)
            .encrypt_in_place(&nonce, &bound_to(front, index), &mut buffer)
            .expect("fails beyond 256 GiB only");
        buffer
    }

    /// Decrypts an entry; `None` unless it was sealed at this place behind this front.
    pub(crate) fn open(
        &self,
        index: u8,
        nonce: &[u8; NONCE_BYTES],
        front: &[u8],
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let mut buffer = Zeroizing::new(sealed.to_vec());
        let nonce = XNonce::from(*nonce);
        let opened =
            self.cipher(index).decrypt_in_place(&nonce, &bound_to(front, index), &mut *buffer);
        opened.is_ok().then_some(buffer)
    }

    fn cipher(&self, index: u8) -> XChaCha20Poly1305 {
        let mut key = Zeroizing::new([0; 32]);
        self.expand(&[ENTRY_INFO, &[index]], &mut *key);
        let mut key = Key::from(*key);
        let cipher = XChaCha20Poly1305::new(&key);
        key.zeroize();
        cipher
    }

    fn expand(&self, info: &[&[u8]], to: &mut [u8]) {
        Hkdf::<Sha256>::new(None, &*self.0)
            .expand_multi_info(info, to)
            .expect("fails beyond 8160 bytes only");
    }
}

/// Returns what an entry's tag covers besides the entry.
fn bound_to(front: &[u8], index: u8) -> Vec<u8> {
    [front, &[index]].concat()
}
