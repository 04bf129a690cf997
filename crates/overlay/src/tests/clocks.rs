//! Clocks that are wrong for a while: what we say of ourselves holds again when they are right.

use core::time::Duration;
use std::vec::Vec;

use ensign_primitives::{Direction, Instant, Now, StateMachine};
use ensign_wire::{
    DhtMessage, NodeRecord, POSITION_EPOCH, Proof, RecordRules, Role, Scope, position_epoch,
};

use super::cast::{NETWORK, START, address, config, machine, peer, said};
use crate::{Input, Message, Output, Overlay, Record, Restored};

const RULES: RecordRules = RecordRules { network: NETWORK, bits: 0, scope: Scope::Global };

/// A moment so long after the start, by a wall clock that is ahead by so much.
fn at(after: Duration, ahead: Duration) -> Now {
    Now { instant: START.instant.after(after), unix: START.unix.after(after).after(ahead) }
}

/// Solves whatever is to be solved; returns for which epochs.
fn solve(overlay: &mut Overlay, now: Now) -> Vec<u64> {
    let mut epochs = Vec::new();
    while let Some(output) = overlay.poll_output() {
        if let Output::Solve { puzzle, .. } = output {
            epochs.push(puzzle.epoch);
            let proof = Some(Proof { version: 1, epoch: puzzle.epoch, nonce: 0 });
            overlay.handle_input(now, Input::Solved { proof });
        }
    }
    epochs
}

/// What it says of itself to whomever it asks.
fn own(overlay: &Overlay, now: Now) -> NodeRecord {
    overlay.status(now).own.expect("it says something of itself")
}

#[test]
fn regression_a_clock_that_was_ahead_once_left_a_node_without_a_position_until_then() {
    let (start, ahead) = (Duration::ZERO, POSITION_EPOCH * 2);
    let wrong = at(start, ahead);
    let mut overlay = machine(7, config(7, Role::Signer), Restored::default(), wrong);
    assert_eq!(solve(&mut overlay, wrong), [position_epoch(wrong.unix)]);
    // It is set right: an epoch that has not come is no one's.
    let right = at(Duration::from_secs(60), start);
    overlay.handle_input(right, Input::Unwanted { peer: peer(1) });
    assert_eq!(solve(&mut overlay, right), [position_epoch(right.unix)]);
    assert_eq!(own(&overlay, right).verify(right.unix, RULES), Ok(()));
    // Nor is what the store has kept of it.
    let proof = Proof { version: 1, epoch: position_epoch(wrong.unix), nonce: 0 };
    let restored = Restored { position: Some(proof), ..Restored::default() };
    let mut overlay = machine(7, config(7, Role::Signer), restored, right);
    assert_eq!(solve(&mut overlay, right), [position_epoch(right.unix)]);
}

#[test]
fn regression_what_a_node_said_of_itself_while_its_clock_was_ahead_was_said_for_twenty_minutes() {
    let ahead = Duration::from_secs(3 * 3600);
    let wrong = at(Duration::ZERO, ahead);
    let mut overlay = machine(7, config(7, Role::Signer), Restored::default(), wrong);
    solve(&mut overlay, wrong);
    let right = at(Duration::from_secs(60), Duration::ZERO);
    let (peer, remote, direction) = (peer(0), address(0), Direction::Inbound);
    overlay.handle_input(right, Input::Up { peer, remote, direction });
    assert_eq!(own(&overlay, right).verify(right.unix, RULES), Ok(()));
    // Once: not again with each input.
    let before = own(&overlay, right);
    let later = at(Duration::from_secs(61), Duration::ZERO);
    overlay.handle_input(later, Input::Down { peer });
    assert_eq!(own(&overlay, later), before);
}

/// What a node asks and tells in the minutes after its clock was set by so much.
fn told_after(set_by: impl Fn(Now) -> Now) -> usize {
    let mut overlay = machine(7, config(7, Role::Signer), Restored::default(), START);
    solve(&mut overlay, START);
    let (mut now, mut sent) = (START, 0);
    for second in 0..600 {
        let right = at(Duration::from_secs(second), Duration::ZERO);
        now = if second < 60 { right } else { set_by(right) };
        let (peer, remote) = (peer(second as u16 % 8), address(second as u16 % 8));
        let direction = Direction::Inbound;
        overlay.handle_input(now, Input::Up { peer, remote, direction });
        overlay.handle_timeout(now);
        let outputs = said(&mut overlay);
        assert!(!outputs.iter().any(|it| matches!(it, Output::Offense { .. })), "{outputs:?}");
        let is_said = |it: &&Output| match it {
            Output::Send { message: Message::Dht(DhtMessage::Reply(_)), .. } => false,
            Output::Send { .. } | Output::Note(Record::Position(_)) => true,
            _ => false,
        };
        sent += outputs.iter().filter(is_said).count();
        overlay.handle_input(now, Input::Down { peer });
        said(&mut overlay);
    }
    assert!(overlay.poll_timeout().is_none_or(|it| it.at > now.instant), "nothing is overdue");
    assert_ne!(now.instant, Instant::from_micros(0));
    sent
}

#[test]
fn clocks_that_jump_by_hours_either_way_blame_nobody_and_keep_no_node_busy() {
    let hours = Duration::from_secs(5 * 3600);
    let back = |it: Now| Now { unix: START.unix, ..it };
    let ahead = |it: Now| Now { unix: it.unix.after(hours), ..it };
    let steady = told_after(|it| it);
    for (name, sent) in [("back", told_after(back)), ("ahead", told_after(ahead))] {
        assert!(sent <= 2 * steady + 16, "{name}: {sent}, {steady} by a clock that is right");
    }
}
