//! The test vector of `docs/protocol/pow.md`.

use std::{fs, string::String, vec::Vec};

use ensign_primitives::{Network, PeerId, TaggedHasher};

use crate::{Proof, Purpose, Puzzle, Solver};

/// What the page says under a name.
fn said(page: &str, name: &str) -> String {
    let line = page.lines().find_map(|line| line.strip_prefix(name)).expect("the page has it");
    line.trim().into()
}

#[test]
fn page_and_code_agree_on_the_vector() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol/pow.md");
    let page = fs::read_to_string(page).unwrap();
    let page = page.split("```text vector\n").nth(1).and_then(|it| it.split("```").next()).unwrap();
    let bytes = |name: &str| -> Vec<u8> { hex::decode(said(page, name)).unwrap() };
    let number = |name: &str| -> u64 { said(page, name).parse().unwrap() };
    let puzzle = Puzzle {
        purpose: Purpose::Gate,
        network: Network::Bitcoin,
        key: PeerId::from_bytes(bytes("key").try_into().unwrap()),
        seed: bytes("seed").try_into().unwrap(),
        epoch: number("epoch"),
        bits: number("bits") as u8,
    };
    // Beside the code of the crate, from the words of the page.
    let challenge = TaggedHasher::new("ensign/pow-challenge/v1", puzzle.network)
        .bytes(&[1, 1])
        .bytes(&bytes("key"))
        .bytes(&bytes("seed"))
        .u64(number("epoch"))
        .finish();
    assert_eq!(hex::encode(challenge), said(page, "challenge"));
    let nonce = number("nonce");
    let work = TaggedHasher::new("ensign/pow-work/v1", puzzle.network).bytes(&challenge);
    assert_eq!(hex::encode(work.u64(nonce).finish()), said(page, "work"));

    let first = Solver::new(&puzzle, 0).step(u32::MAX);
    assert_eq!(first, Some(Proof { version: 1, epoch: puzzle.epoch, nonce }));
    assert_eq!(u64::from(puzzle.bits_of(nonce)), number("zero bits"));
}
