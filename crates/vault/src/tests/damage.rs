//! Accidents: every byte, every bit, every length.

use proptest::prelude::*;

use super::*;
use crate::FormatError;

#[test]
fn every_changed_bit_is_told_as_damage_and_none_gives_a_key() {
    let whole = file();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut file = whole.clone();
            file[at] ^= 1 << bit;
            let refused = Vault::parse(file).unwrap_err();
            match at {
                0..8 => assert_eq!(refused, FormatError::NotAVault, "{at}"),
                _ => assert!(refused.is_damage(), "{at}: {refused}"),
            }
        }
    }
}

#[test]
fn every_shorter_file_is_told_as_cut_off() {
    let whole = file();
    for end in 0..whole.len() {
        let refused = Vault::parse(whole[..end].to_vec()).unwrap_err();
        assert!(matches!(refused, FormatError::Length { seen, .. } if seen == end), "{end}");
    }
    let longer = [&whole[..], b"\n"].concat();
    let expected = whole.len();
    let refused = FormatError::Length { seen: expected + 1, expected };
    assert_eq!(Vault::parse(longer), Err(refused));
}

#[test]
fn other_files_are_no_vaults() {
    for other in [&b"cHNidP8BA"[..], b"SQLite format 3\0", &[0xff; 4000], b"ensvaulx and more"] {
        assert_eq!(Vault::parse(other.to_vec()), Err(FormatError::NotAVault));
    }
}

proptest! {
    #[test]
    fn no_bytes_at_all_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Vault::parse(bytes.clone());
        let mut begun = b"ensvault\0\x01".to_vec();
        begun.extend(bytes);
        prop_assert!(Vault::parse(begun).is_err());
    }

    #[test]
    fn several_changed_bytes_are_found(
        changes in prop::collection::vec((8_usize..500, 1..=u8::MAX), 1..20),
    ) {
        let mut file = file();
        let whole = file.clone();
        for (at, change) in changes {
            let at = at.min(file.len() - 1);
            file[at] ^= change;
        }
        prop_assume!(file != whole);
        prop_assert!(Vault::parse(file).unwrap_err().is_damage());
    }
}
