//! Payloads that were dropped on their way are sent once more, at their pace.

use std::{vec, vec::Vec};

use ensign_primitives::{Now, RequestId, StateMachine};
use ensign_wire::{Frame, Groups, Kind, Mode, PAYLOAD_BYTES_MAX};

use super::cast::{NETWORK, group, introduced, machine, peer, proposal, start};
use crate::{Input, Message, Output, Proposal, RESEND_PAUSE, Restored, Signing, Source};

/// Most calls of a timer that one case makes.
const WAKEUPS_MAX: usize = 50;

/// Person 0's machine, and another member that is connected and has the group.
fn connected() -> Signing {
    let mut signing = machine(0, 2, start(), Restored::default());
    up(&mut signing);
    signing
}

fn up(signing: &mut Signing) {
    signing.handle_input(start(), Input::Up { peer: peer(1) });
    let message = Message::Delegation(introduced(1, 0));
    signing.handle_input(start(), Input::Message { peer: peer(1), message });
    let shared = vec![group(2).keys.group_id(NETWORK)];
    let message = Message::Groups(Groups { shared });
    signing.handle_input(start(), Input::Message { peer: peer(1), message });
    payloads(signing, start());
}

fn propose(signing: &mut Signing, number: u8, len: usize) -> RequestId {
    let source = Source::Psbt(vec![number; len]);
    let proposal = Proposal { source, ..proposal(2, Mode::Fast) };
    signing.propose(start(), proposal, [number; 16]).unwrap()
}

/// Carries out all that is asked; returns whose payloads are sent.
fn payloads(signing: &mut Signing, now: Now) -> Vec<RequestId> {
    let mut sent = Vec::new();
    while let Some(output) = signing.poll_output() {
        match output {
            Output::Persist { token, .. } => signing.handle_input(now, Input::Persisted { token }),
            Output::Send { kind: Kind::Payload, frame, .. } => {
                let frame = Frame::decode_whole(&frame, NETWORK).unwrap();
                let Frame::Payload { request, .. } = frame else { panic!("{frame:?}") };
                sent.push(request);
            }
            _ => {}
        }
    }
    sent
}

/// Lets time go by; returns what is sent in it, each with its second.
fn wait(signing: &mut Signing, pauses: u32) -> Vec<(u64, RequestId)> {
    wait_and(signing, pauses, |_, _, _| {})
}

/// As [`wait`]; `then` follows whatever is sent, and hears how much that is so far.
fn wait_and(
    signing: &mut Signing,
    pauses: u32,
    mut then: impl FnMut(&mut Signing, Now, usize),
) -> Vec<(u64, RequestId)> {
    let mut sent = Vec::new();
    let end = start().instant.after(RESEND_PAUSE * pauses);
    for _ in 0..WAKEUPS_MAX {
        let Some(wakeup) = signing.poll_timeout().filter(|it| it.at <= end) else { return sent };
        let now = Now { instant: wakeup.at, ..start() };
        signing.handle_timeout(now);
        let second = wakeup.at.since(start().instant).as_secs();
        for id in payloads(signing, now) {
            sent.push((second, id));
            then(signing, now, sent.len());
        }
    }
    panic!("it spins");
}

fn dropped(signing: &mut Signing) {
    signing.handle_input(start(), Input::Dropped { peer: peer(1) });
    assert_eq!(payloads(signing, start()), [], "not at once: the lane is full");
}

#[test]
fn regression_dropped_payload_was_never_sent_again() {
    let mut signing = connected();
    let id = propose(&mut signing, 1, 10);
    assert_eq!(payloads(&mut signing, start()), [id]);
    dropped(&mut signing);
    dropped(&mut signing);
    assert_eq!(wait(&mut signing, 3), [(1, id)], "once");
}

#[test]
fn payloads_go_once_more_one_after_the_other_as_a_node_allows() {
    let mut signing = connected();
    for number in 1..=3 {
        propose(&mut signing, number, PAYLOAD_BYTES_MAX);
    }
    propose(&mut signing, 4, 10);
    let mut all = payloads(&mut signing, start());
    all.sort_unstable();
    dropped(&mut signing);
    let (seconds, sent): (Vec<u64>, Vec<_>) = wait(&mut signing, 5).into_iter().unzip();
    assert_eq!(sent, all, "each once");
    let pause = RESEND_PAUSE.as_secs();
    assert!([2 + 2 * pause, 1 + 3 * pause].contains(&seconds[3]), "{seconds:?}");
}

#[test]
fn payload_that_is_dropped_again_has_another_turn_and_no_other_one() {
    let mut signing = connected();
    for number in 1..=3 {
        propose(&mut signing, number, 10);
    }
    let mut all = payloads(&mut signing, start());
    all.sort_unstable();
    dropped(&mut signing);
    let sent = wait_and(&mut signing, 2, |signing, now, sent| {
        if sent == 2 {
            signing.handle_input(now, Input::Dropped { peer: peer(1) });
        }
    });
    let sent: Vec<_> = sent.into_iter().map(|(_, id)| id).collect();
    assert_eq!(sent, [all[0], all[1], all[2], all[1]]);
}

#[test]
fn nothing_is_sent_once_more_to_a_node_that_is_gone_or_over_what_has_ended() {
    let mut signing = connected();
    let id = propose(&mut signing, 1, 10);
    payloads(&mut signing, start());
    dropped(&mut signing);
    signing.handle_input(start(), Input::Down { peer: peer(1) });
    assert_eq!(wait(&mut signing, 1), []);
    dropped(&mut signing);
    assert_eq!(wait(&mut signing, 1), [], "it is not connected");
    up(&mut signing);
    dropped(&mut signing);
    signing.stop(start(), id, ensign_wire::AbortReason::Cancelled).unwrap();
    assert_eq!(wait(&mut signing, 2), []);
}
