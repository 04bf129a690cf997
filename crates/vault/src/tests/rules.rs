//! What is kept, what is shown, what is refused.

use super::*;
use crate::{ArchiveError, CostError, DraftError, PassphraseError, SealError, UnlockError};

#[test]
fn a_vault_gives_back_what_went_in_and_says_so_in_front() {
    let vault = parse(&file());
    assert_eq!((vault.purpose(), vault.network()), (Purpose::Backup, Network::Regtest));
    assert_eq!((vault.created(), vault.cost()), (CREATED, cheap()));
    assert_eq!(vault.node(), Some(node(1).peer_id()));
    assert_eq!(vault.signers().collect::<Vec<_>>(), [signer(2), signer(3)]);
    let unlocked = vault.unlock(&passphrase("right")).unwrap();
    assert_eq!(unlocked.node_key().unwrap().peer_id(), node(1).peer_id());
    for byte in [2, 3] {
        let key = unlocked.signer_key(signer(byte)).unwrap();
        assert_eq!(key.public_key(), *signer(byte).as_public_key());
    }
    assert_eq!(unlocked.archive().unwrap(), archive());
    assert_eq!(unlocked.signer_key(signer(4)).unwrap_err(), UnlockError::Missing);
}

#[test]
fn a_wrong_passphrase_is_named_as_such() {
    for wrong in ["Right", "right ", "r", &"right".repeat(200)] {
        let refused = parse(&file()).unlock(&passphrase(wrong)).map(|_| ()).unwrap_err();
        assert_eq!(refused, UnlockError::WrongPassphrase, "{wrong}");
    }
}

#[test]
fn the_passphrase_changes_without_the_keys_changing() {
    let old = parse(&file());
    let draft = old.unlock(&passphrase("right")).unwrap().keys_for(Purpose::Home).unwrap();
    let random = Randomness { salt: [1; 16], nonce: [2; 24] };
    let new = parse(&draft.seal(&passphrase("new"), cheap(), CREATED, random).unwrap());
    assert!(new.unlock(&passphrase("right")).is_err());
    let unlocked = new.unlock(&passphrase("new")).unwrap();
    assert_eq!((new.purpose(), new.node()), (Purpose::Home, old.node()));
    assert!(new.signers().eq(old.signers()));
    assert!(unlocked.node_key().is_ok() && unlocked.signer_key(signer(3)).is_ok());
    assert_eq!(unlocked.archive().unwrap_err(), UnlockError::Missing);
}

#[test]
fn keys_go_separate_ways() {
    let whole = parse(&file());
    let unlocked = whole.unlock(&passphrase("right")).unwrap();
    let seal =
        |draft: Draft| parse(&draft.seal(&passphrase("other"), cheap(), CREATED, RANDOM).unwrap());
    let alone = seal(unlocked.signer_key_for(Purpose::Signer, signer(3)).unwrap());
    assert_eq!((alone.purpose(), alone.node()), (Purpose::Signer, None));
    assert!(alone.signers().eq([signer(3)]));
    assert!(alone.unlock(&passphrase("other")).unwrap().signer_key(signer(3)).is_ok());
    let rest = seal(unlocked.node_key_for(Purpose::Home).unwrap());
    assert_eq!((rest.node(), rest.signers().count()), (whole.node(), 0));
    assert!(unlocked.signer_key_for(Purpose::Signer, signer(4)).is_err());
}

#[test]
fn no_secret_byte_stands_in_the_file() {
    let file = file();
    for secret in [&[1; 8][..], &[2; 8], &[3; 8], b"alice", b"right"] {
        assert!(!file.windows(secret.len()).any(|part| part == secret), "{secret:?}");
    }
}

#[test]
fn equal_keys_and_passphrase_give_other_bytes_with_another_salt() {
    let seal = |salt, nonce| {
        let random = Randomness { salt: [salt; 16], nonce: [nonce; 24] };
        draft().seal(&passphrase("right"), cheap(), CREATED, random).unwrap()
    };
    let (one, other, third) = (seal(1, 1), seal(2, 1), seal(1, 2));
    // Sealed entries begin behind 92 bytes and four heads of 38.
    for start in (244..one.len() - 32).step_by(16) {
        let end = (start + 16).min(one.len() - 32);
        assert_ne!(one[start..end], other[start..end]);
        assert_ne!(one[start..end], third[start..end]);
    }
}

#[test]
fn debug_shows_no_secret() {
    let vault = parse(&file());
    let unlocked = vault.unlock(&passphrase("right")).unwrap();
    let text = format!("{:?} {:?} {:?} {:?}", draft(), passphrase("right"), unlocked, archive());
    assert!(!text.contains("1, 1, 1") && !text.contains("right") && !text.contains("alice"));
}

#[test]
fn drafts_refuse_what_is_no_key_and_what_stands_twice() {
    let draft = || Draft::new(Purpose::Home, Network::Signet);
    assert_eq!(draft().node_key(&secret(0)).unwrap_err(), DraftError::Secret);
    assert_eq!(draft().signer_key(&secret(0xff)).unwrap_err(), DraftError::Secret);
    let with = draft().signer_key(&secret(1)).unwrap().node_key(&secret(1)).unwrap();
    assert_eq!(with.signer_key(&secret(1)).unwrap_err(), DraftError::Entries);
    let with = draft().node_key(&secret(1)).unwrap();
    assert_eq!(with.node_key(&secret(2)).unwrap_err(), DraftError::Entries);
    let sealed = draft().seal(&passphrase("right"), cheap(), CREATED, RANDOM);
    assert_eq!(sealed.unwrap_err(), SealError::Empty);
    let mut big = Archive::default();
    big.add("big", vec![0; crate::FILE_BYTES_MAX]).unwrap();
    let sealed = draft().archive(&big).unwrap();
    let sealed = sealed.seal(&passphrase("right"), cheap(), CREATED, RANDOM);
    assert!(matches!(sealed, Err(SealError::TooLarge { .. })));
}

#[test]
fn passphrases_have_a_first_and_a_last_length() {
    let new = |bytes| Passphrase::new(Zeroizing::new(vec![b'x'; bytes])).map(|_| ());
    assert_eq!(new(0), Err(PassphraseError::Empty));
    assert_eq!((new(1), new(1024)), (Ok(()), Ok(())));
    assert_eq!(new(1025), Err(PassphraseError::TooLong { bytes: 1025 }));
}

#[test]
fn costs_are_bounded() {
    let check = |memory_kib, passes, lanes, expected| {
        assert_eq!(Cost::new(memory_kib, passes, lanes).map(|_| ()), expected);
    };
    check(1 << 20, 8, 16, Ok(()));
    check(8, 1 << 20, 1, Ok(()));
    check((1 << 20) + 1, 1, 1, Err(CostError::Memory { seen: (1 << 20) + 1, min: 8 }));
    check(15, 1, 2, Err(CostError::Memory { seen: 15, min: 16 }));
    check(1 << 20, 9, 1, Err(CostError::Passes { passes: 9, memory_kib: 1 << 20 }));
    check(8, u32::MAX, 1, Err(CostError::Passes { passes: u32::MAX, memory_kib: 8 }));
    check(8, 0, 1, Err(CostError::Passes { passes: 0, memory_kib: 8 }));
    check(1024, 1, 0, Err(CostError::Lanes { seen: 0 }));
    check(1024, 1, 17, Err(CostError::Lanes { seen: 17 }));
    let Cost { .. } = Cost::STANDARD;
    let standard = Cost::STANDARD;
    check(standard.memory_kib(), standard.passes(), standard.lanes(), Ok(()));
}

#[test]
fn archives_refuse_names_that_stand_twice_and_bytes_that_do_not_fit() {
    let mut archive = archive();
    assert_eq!(archive.add("ensign.toml", Vec::new()), Err(ArchiveError::Name { index: 2 }));
    assert_eq!(archive.add("", Vec::new()), Err(ArchiveError::Name { index: 2 }));
    assert_eq!(archive.add(&"x".repeat(256), Vec::new()), Err(ArchiveError::Name { index: 2 }));
    let bytes = archive.to_bytes();
    assert_eq!(Archive::from_bytes(&bytes), Ok(archive));
    for end in 0..bytes.len() {
        let refused = Archive::from_bytes(&bytes[..end]).unwrap_err();
        assert!(matches!(refused, ArchiveError::Layout { .. }), "{end}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(Archive::from_bytes(&longer), Err(ArchiveError::Layout { offset: bytes.len() }));
    assert_eq!(Archive::from_bytes(&[4, 1]), Err(ArchiveError::Files { seen: 1025 }));
}
