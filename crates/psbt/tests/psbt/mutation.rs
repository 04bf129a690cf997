//! No bytes make the crate panic, and what it reads it writes back.

use std::sync::OnceLock;

use ensign_primitives::KeyPath;
use ensign_psbt::{Group, analyze, parse};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::party::{Party, ROOT, funded};
use crate::vectors::{bip373, bip373_group, psbt_bytes};
use crate::version2;
use ensign_wire::KeyTweak;

/// One change to a byte string.
#[derive(Clone, Debug)]
enum Mutation {
    Flip(Index, u8),
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
    Cut(Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        4 => (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Mutation::Flip(at, 1 << bit)),
        4 => (any::<Index>(), prop::sample::select(vec![0, 1, 0x1a, 0x1b, 0xfb, 0xfd, 0xff]))
            .prop_map(|(at, byte)| Mutation::Set(at, byte)),
        1 => (any::<Index>(), prop::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        1 => (any::<Index>(), 1..40_usize).prop_map(|(at, len)| Mutation::Remove(at, len)),
        1 => (any::<Index>(), 1..120_usize).prop_map(|(at, len)| Mutation::Repeat(at, len)),
        1 => any::<Index>().prop_map(Mutation::Cut),
    ]
}

fn apply(bytes: &mut Vec<u8>, mutation: Mutation) {
    if bytes.is_empty() {
        return;
    }
    let len = bytes.len();
    match mutation {
        Mutation::Flip(at, bit) => bytes[at.index(len)] ^= bit,
        Mutation::Set(at, byte) => bytes[at.index(len)] = byte,
        Mutation::Insert(at, new) => {
            let at = at.index(len);
            bytes.splice(at..at, new);
        }
        Mutation::Remove(at, count) => {
            let at = at.index(len);
            bytes.drain(at..len.min(at + count));
        }
        Mutation::Repeat(at, count) => {
            let at = at.index(len);
            let again = bytes[at..len.min(at + count)].to_vec();
            bytes.splice(at..at, again);
        }
        Mutation::Cut(at) => bytes.truncate(at.index(len)),
    }
}

/// Good PSBTs and the group they belong to.
fn seeds() -> &'static [(Vec<u8>, Group)] {
    static SEEDS: OnceLock<Vec<(Vec<u8>, Group)>> = OnceLock::new();
    SEEDS.get_or_init(|| {
        let (vectors, party) = (bip373(), Party::new(2));
        let valid = vectors["valid"].as_array().unwrap();
        let tweaks = [None, Some(ROOT)]
            .map(|merkle_root| (1_000, KeyTweak::Taproot { path: KeyPath::ROOT, merkle_root }));
        let funded = funded(&party, &tweaks, &[1_500]).serialize();
        let vectors = valid.iter().map(|case| (psbt_bytes(case), bip373_group()));
        let derived = version2::good(&party).serialize();
        let ours = [(funded, party.group.clone()), (derived, party.group)];
        vectors.chain(ours).collect()
    })
}

/// Reads, analyzes and prints; returns whether the bytes were a PSBT.
fn digest(bytes: &[u8], group: &Group) -> bool {
    match parse(bytes) {
        Err(error) => {
            assert!(error.to_string().len() < 1_000, "{error}");
            false
        }
        Ok(psbt) => {
            assert_eq!(parse(&psbt.to_bytes()).as_ref(), Ok(&psbt));
            match analyze(&psbt, group) {
                Ok(spend) => {
                    assert_eq!(spend.messages.len(), spend.summary.inputs.len());
                    assert!(!spend.summary.to_string().is_empty());
                }
                Err(error) => assert!(error.to_string().len() < 1_000, "{error}"),
            }
            true
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn mutated_psbts_never_panic(
        seed in any::<Index>(),
        mutations in prop::collection::vec(mutation(), 1..4),
    ) {
        let seeds = seeds();
        let (bytes, group) = &seeds[seed.index(seeds.len())];
        let mut bytes = bytes.clone();
        mutations.into_iter().for_each(|mutation| apply(&mut bytes, mutation));
        digest(&bytes, group);
    }

    #[test]
    fn random_bytes_after_the_magic_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        digest(&[b"psbt\xff", &bytes[..]].concat(), &seeds()[0].1);
    }
}

#[test]
fn the_seeds_of_the_mutations_are_good() {
    assert_eq!(seeds().len(), 16);
    assert!(seeds().iter().all(|(bytes, group)| digest(bytes, group)));
}
