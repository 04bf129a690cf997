//! The way children are heard, with toy children: what one says the other is told, and it ends.

use core::time::Duration;
use std::{collections::VecDeque, vec::Vec};

use ensign_primitives::{Instant, Now, Rooms, StateMachine, Wakeup, settle};
use ensign_testkit::{Bounds, Inputs, check_contract, ops};
use proptest::prelude::*;

use super::cast::start;
use crate::SETTLE_ROUNDS_MAX;

/// Says what it is told, one smaller, until that is zero; and repeats its last word once, later.
#[derive(Debug, Default)]
struct Toy {
    outputs: VecDeque<u16>,
    due: Option<(Instant, u16)>,
}

impl StateMachine for Toy {
    type Input = u16;
    type Output = u16;

    fn handle_input(&mut self, now: Now, word: u16) {
        if let Some(answer) = word.checked_sub(1) {
            self.outputs.push_back(answer);
            self.due = Some((now.instant.after(Duration::from_secs(1)), 1));
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        if let Some((_, word)) = self.due.take_if(|(at, _)| *at <= now.instant) {
            self.outputs.push_back(word - 1);
        }
    }

    fn poll_output(&mut self) -> Option<u16> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wakeup> {
        self.due.map(|(at, _)| Wakeup { at, reason: "toy" })
    }
}

/// Two toys, each told what the other says.
#[derive(Debug, Default)]
struct Hall {
    toys: [Toy; 2],
    notes: VecDeque<(usize, u16)>,
    resumes_at: Option<Instant>,
    /// Who said what.
    said: VecDeque<(usize, u16)>,
}

impl Rooms for Hall {
    fn listen(&mut self, _: Now) -> bool {
        let said = (0..2).find_map(|at| Some((at, self.toys[at].poll_output()?)));
        let Some((at, word)) = said else { return false };
        self.said.push_back((at, word));
        self.notes.push_back((1 - at, word));
        true
    }

    fn notes(&self) -> usize {
        self.notes.len()
    }

    fn deliver(&mut self, now: Now) {
        let (at, word) = self.notes.pop_front().unwrap();
        self.toys[at].handle_input(now, word);
    }
}

impl StateMachine for Hall {
    type Input = (bool, u16);
    type Output = (usize, u16);

    fn handle_input(&mut self, now: Now, (first, word): (bool, u16)) {
        self.notes.push_back((usize::from(!first), word));
        self.resumes_at = settle(self, SETTLE_ROUNDS_MAX, now);
    }

    fn handle_timeout(&mut self, now: Now) {
        if self.poll_timeout().is_none_or(|wakeup| wakeup.at > now.instant) {
            return;
        }
        self.toys.iter_mut().for_each(|toy| toy.handle_timeout(now));
        self.resumes_at = settle(self, SETTLE_ROUNDS_MAX, now);
    }

    fn poll_output(&mut self) -> Option<(usize, u16)> {
        self.said.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wakeup> {
        let resumes = self.resumes_at.map(|at| Wakeup { at, reason: "settling" });
        let toys = self.toys.each_ref().map(Toy::poll_timeout);
        toys.into_iter().chain([resumes]).flatten().min()
    }
}

fn said(hall: &mut Hall) -> Vec<(usize, u16)> {
    core::iter::from_fn(|| hall.poll_output()).collect()
}

#[test]
fn router_keeps_the_contract_whatever_its_children_tell_each_other() {
    let bounds = Bounds { outputs_per_call: 4096, wakeups_until_idle: 4096 };
    let words = (any::<bool>(), prop_oneof![4 => 0..8_u16, 1 => 0..200_u16]);
    proptest!(|(ops in ops(words, 0..40))| {
        check_contract(|| Inputs { machine: |_| Hall::default(), bounds }, &ops);
    });
}

#[test]
fn what_one_child_says_the_other_is_told_in_the_same_call() {
    let mut hall = Hall::default();
    hall.handle_input(start(), (true, 4));
    assert_eq!(said(&mut hall), [(0, 3), (1, 2), (0, 1), (1, 0)]);
    assert_eq!((hall.resumes_at, hall.notes.len()), (None, 0));
}

#[test]
fn children_that_answer_each_answer_are_heard_for_so_many_rounds_and_go_on_at_once() {
    let mut hall = Hall::default();
    let mut now = start();
    hall.handle_input(now, (true, u16::MAX));
    let first = said(&mut hall);
    assert_eq!(first.len(), SETTLE_ROUNDS_MAX);
    // Nothing is lost: the next call takes up the word where the last one left it.
    let mut next = first.last().unwrap().1;
    for _ in 0..10 {
        let wakeup = hall.poll_timeout().unwrap();
        assert_eq!(wakeup.at.since(now.instant), Duration::from_micros(1), "at once");
        now.instant = wakeup.at;
        hall.handle_timeout(now);
        let words = said(&mut hall);
        assert_eq!(words.len(), SETTLE_ROUNDS_MAX);
        assert_eq!(words[0].1, next - 1);
        next = words.last().unwrap().1;
    }
}
