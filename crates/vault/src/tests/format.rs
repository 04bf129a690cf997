//! The bytes as `docs/security/vault.md` describes them, and headers that somebody made with care.

use super::*;
use crate::layout::checksum_of;
use crate::{CostError, Field, FormatError, UnlockError};

/// Changes bytes of a file and makes its checksum right again, as only intent does.
fn forged(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut file = file();
    change(&mut file);
    let end = file.len() - 32;
    let checksum = checksum_of(&file[..end]);
    file[end..].copy_from_slice(&checksum);
    file
}

fn check(change: impl FnOnce(&mut Vec<u8>), expected: FormatError) {
    assert_eq!(Vault::parse(forged(change)), Err(expected));
}

#[test]
fn the_fields_lie_where_the_description_says() {
    let file = file();
    let number = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
    assert_eq!(&file[..10], b"ensvault\0\x01");
    assert_eq!(number(10) as usize, file.len());
    assert_eq!(file[14..16], [2, 3]);
    assert_eq!(file[16..24], 1_700_000_000_000_u64.to_be_bytes());
    assert_eq!((file[24], number(25), number(29), file[33]), (1, 8, 1, 1));
    assert_eq!((&file[34..50], file[50], &file[51..75]), (&[0x5a; 16][..], 1, &[0x3c; 24][..]));
    assert_eq!((file[91], file[92], file[93]), (4, 1, 2));
    assert_eq!(file[94..126], *node(1).peer_id().as_bytes());
    assert_eq!((number(126), file[130]), (32, 2));
    assert_eq!(file[131..164], signer(2).to_bytes());
    assert_eq!(file.len(), 92 + 4 * 38 + 3 * 48 + number(92 + 4 * 38 - 4) as usize + 16 + 32);
}

/// Pins the format: a second implementation must give the same bytes. Rewrite it only together
/// with the version.
#[test]
fn the_example_of_the_description_is_what_is_written() {
    let draft = Draft::new(Purpose::Home, Network::Regtest);
    let draft = draft.node_key(&secret(1)).unwrap().signer_key(&secret(2)).unwrap();
    let cost = Cost::new(64, 2, 1).unwrap();
    let file = draft.seal(&passphrase("correct horse"), cost, CREATED, RANDOM).unwrap();
    let hex: String = file.iter().map(|byte| format!("{byte:02x}")).collect();
    let page = include_str!("../../../../docs/security/vault.md");
    let (_, example) = page.split_once("## Example").unwrap();
    let example = example.split("```").nth(1).unwrap();
    let example: String = example.chars().filter(|c| !c.is_whitespace()).collect();
    assert_eq!(example, hex);
}

#[test]
fn another_version_is_named_only_if_the_file_is_whole() {
    check(|file| file[9] = 2, FormatError::Version { seen: 2 });
    check(|file| file[8] = 1, FormatError::Version { seen: 257 });
    let longer = forged(|file| {
        file[9] = 2;
        let end = file.len() - 32;
        file.splice(end..end, [7; 100]);
    });
    assert_eq!(Vault::parse(longer), Err(FormatError::Version { seen: 2 }));
}

#[test]
fn a_header_that_asks_for_too_much_is_refused_before_anything_is_derived() {
    let ask = |at: usize, number: u32| {
        move |file: &mut Vec<u8>| file[at..at + 4].copy_from_slice(&number.to_be_bytes())
    };
    let memory = CostError::Memory { seen: 100 << 20, min: 8 };
    check(ask(25, 100 << 20), FormatError::Cost(memory));
    let passes = CostError::Passes { passes: u32::MAX, memory_kib: 8 };
    check(ask(29, u32::MAX), FormatError::Cost(passes));
    check(|file| file[33] = 0, FormatError::Cost(CostError::Lanes { seen: 0 }));
}

#[test]
fn bytes_without_a_meaning_are_refused() {
    for (at, field) in [
        (14, Field::Purpose),
        (15, Field::Network),
        (24, Field::KeyDerivation),
        (50, Field::Cipher),
        (92, Field::EntryKind),
    ] {
        check(|file| file[at] = 77, FormatError::Unknown { field, seen: 77 });
    }
    check(|file| file[91] = 0, FormatError::Entries { seen: 0 });
    check(|file| file[91] = 65, FormatError::Entries { seen: 65 });
    // The second entry becomes a second node key, which there is once.
    check(
        |file| {
            file[130] = 1;
            file[131] = 2;
        },
        FormatError::Entries { seen: 4 },
    );
    check(|file| file[93] = 3, FormatError::Entry { index: 0 });
    check(|file| file[131] = 5, FormatError::Entry { index: 1 });
    check(|file| file[129] = 31, FormatError::Entry { index: 0 });
    check(|file| file[207] = 1, FormatError::Entry { index: 3 });
}

#[test]
fn what_was_forged_with_care_never_gives_a_key() {
    let vault = parse(&file());
    let unlock = |file: &[u8]| parse(file).unlock(&passphrase("right")).map(|_| ());
    // Salt, cost and check lead to another key, which is told as a wrong passphrase.
    for at in [34, 49, 28, 75, 90] {
        assert_eq!(unlock(&forged(|file| file[at] ^= 16)), Err(UnlockError::WrongPassphrase));
    }
    // Purpose, network, date, nonce, names and entries are bound to the entries' tags.
    let last = file().len() - 33;
    for (at, byte) in [(14, 1), (15, 0), (23, 9), (51, 9), (74, 9), (244, 9), (last, 9)] {
        let forged = parse(&forged(|file| file[at] = byte));
        let unlocked = forged.unlock(&passphrase("right")).unwrap();
        let results = [
            unlocked.node_key().map(|_| ()),
            unlocked.signer_key(signer(2)).map(|_| ()),
            unlocked.archive().map(|_| ()),
        ];
        let altered = |result: &Result<(), _>| matches!(result, Err(UnlockError::Altered { .. }));
        assert!(results.iter().any(altered), "{at}: {results:?}");
        assert!(at >= 244 || results.iter().all(altered), "{at}: {results:?}");
        assert!(unlocked.keys_for(Purpose::Home).is_err() || at == last);
    }
    // Two entries change places, with their names.
    let swapped = forged(|file| {
        let (first, second) = file.split_at_mut(168);
        first[130..168].swap_with_slice(&mut second[..38]);
    });
    let swapped = parse(&swapped);
    assert!(swapped.signers().eq([signer(3), signer(2)]));
    let unlocked = swapped.unlock(&passphrase("right")).unwrap();
    for signer in vault.signers() {
        assert!(matches!(unlocked.signer_key(signer), Err(UnlockError::Altered { .. })));
    }
}
