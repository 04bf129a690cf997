//! No seed chooses for us.

use super::*;
use crate::{CANDIDATES_MAX, CANDIDATES_PER_SEED_MAX, Candidate, SeedAnswer, pick::pick};

fn answer(seed: &str, nodes: impl Iterator<Item = u8>) -> SeedAnswer {
    let nodes: Vec<_> = nodes.map(node).collect();
    let records = nodes.len();
    SeedAnswer { seed: name(seed), nodes, refused: Vec::new(), records }
}

fn of(picked: &[Candidate], seed: &str) -> usize {
    picked.iter().filter(|it| it.seed == name(seed)).count()
}

#[test]
fn a_seed_names_at_most_a_third_of_those_who_are_dialled() {
    let full = CANDIDATES_PER_SEED_MAX as u8;
    for (a, b, c, expect) in [
        (full, full, full, [full, full, full]),
        (full, 6, 6, [6, 6, 6]),
        (full, 1, 1, [4, 1, 1]),
        (full, 12, 2, [4, 4, 2]),
        (full, 0, 0, [4, 0, 0]),
        (2, 1, 0, [2, 1, 0]),
    ] {
        let answers = [
            answer("a.example", 1..=a),
            answer("b.example", 50..50 + b),
            answer("c.example", 100..100 + c),
        ];
        let picked = pick(&answers);
        let seen = ["a.example", "b.example", "c.example"].map(|seed| of(&picked, seed) as u8);
        assert_eq!(seen, expect, "{a} {b} {c}");
    }
}

#[test]
fn seeds_take_turns_and_what_two_say_alike_counts_once() {
    let answers = [answer("a.example", 1..4), answer("b.example", 3..6)];
    let picked = pick(&answers);
    let order: Vec<_> = picked.iter().map(|it| it.peer).collect();
    assert_eq!(order, [1, 4, 2, 5, 3].map(peer));
}

#[test]
fn a_seed_that_lies_about_an_address_does_not_hide_the_node() {
    let mut liar = answer("a.example", 1..4);
    liar.nodes.iter_mut().for_each(|node| node.addresses = vec!["8.8.8.8:9".parse().unwrap()]);
    let picked = pick(&[liar, answer("b.example", 1..4)]);
    for number in 1..4 {
        let honest =
            |it: &&Candidate| it.peer == peer(number) && it.addresses == node(number).addresses;
        assert_eq!(picked.iter().filter(honest).count(), 1);
    }
}

#[test]
fn many_seeds_name_no_more_than_can_be_dialled() {
    let names: Vec<_> =
        (0..10u8).map(|seed| format!("{}.example", char::from(b'a' + seed))).collect();
    let answers: Vec<_> = (0..10u8)
        .zip(&names)
        .map(|(seed, name)| answer(name, 1 + 16 * seed..17 + 16 * seed))
        .collect();
    let picked = pick(&answers);
    assert_eq!(picked.len(), CANDIDATES_MAX);
    assert!(names.iter().all(|name| of(&picked, name) <= CANDIDATES_PER_SEED_MAX));
}
