//! Forming groups.

use core::{net::SocketAddr, time::Duration};
use std::{vec, vec::Vec};

use ensign_musig::SecKey;
use ensign_wire::{AbortReason, GroupKeys, Mode};

use super::{
    cast::{engine, group_id, group_of, key, peer, start},
    net::Net,
};
use crate::{
    CommandError, Engine, GroupConfig, Output,
    signing::{Event, GROUPS_MAX},
};
use ensign_identity::SignerKey;
use ensign_primitives::{GroupId, PeerId, StateMachine};

fn outputs(engine: &mut Engine) -> Vec<Output> {
    core::iter::from_fn(|| engine.poll_output()).collect()
}

/// Leaves a group; returns whom the node lets go of.
fn let_go(engine: &mut Engine, group: &GroupId) -> Result<Vec<PeerId>, CommandError> {
    outputs(engine);
    engine.forget_group(start(), group)?;
    let forgotten = |output| match output {
        Output::Forget { peer } => Some(peer),
        _ => None,
    };
    Ok(outputs(engine).into_iter().filter_map(forgotten).collect())
}

#[test]
fn keys_and_nodes_that_do_not_pair_up_are_refused() {
    let not_a_member = CommandError::NotAMember { key: key(0), peer: peer(0) };
    let swapped = GroupConfig { peers: vec![peer(1), peer(0)], ..group_of(&[0, 1]) };
    let short = GroupConfig { peers: vec![peer(0)], ..group_of(&[0, 1]) };
    let same_node = GroupConfig { peers: vec![peer(0), peer(1), peer(1)], ..group_of(&[0, 1, 2]) };
    for (group, expected) in [
        (group_of(&[1, 2]), not_a_member),
        // Our own node is where we are, whatever was named.
        (swapped, CommandError::DuplicatePeer { peer: peer(0) }),
        (short, CommandError::MemberCount { keys: 2, peers: 1 }),
        (same_node, CommandError::DuplicatePeer { peer: peer(1) }),
    ] {
        let mut engine = engine(0);
        assert_eq!(engine.add_group(start(), group), Err(expected));
        assert_eq!(outputs(&mut engine).len(), 0);
    }
}

#[test]
fn key_that_stands_twice_cannot_be_written_down() {
    assert!(GroupKeys::new(vec![key(0), key(0)]).is_err());
}

#[test]
fn group_is_formed_once_and_its_members_are_dialled() {
    let mut engine = engine(0);
    let address = |index: u8| SocketAddr::from(([127, 0, 0, index], 9));
    for index in 1..=2 {
        engine.know(start(), peer(index.into()), &[address(index)]).unwrap();
    }
    assert_eq!(engine.add_group(start(), group_of(&[0, 1, 2])), Ok(group_id(&[0, 1, 2])));
    let said: Vec<_> = outputs(&mut engine)
        .into_iter()
        .map(|output| match output {
            Output::Expect { peer } => (peer, None),
            Output::Dial { peer, address } => (peer, Some(address)),
            other => panic!("{other:?}"),
        })
        .collect();
    let dialled =
        |index: u8| [(peer(index.into()), None), (peer(index.into()), Some(address(index)))];
    assert_eq!(said, [dialled(1), dialled(2)].concat());
    assert_eq!(engine.add_group(start(), group_of(&[0, 1, 2])), Ok(group_id(&[0, 1, 2])));
    assert_eq!(engine.add_group(start(), group_of(&[0, 2])), Ok(group_id(&[0, 2])));
    assert_eq!(outputs(&mut engine).len(), 0, "everybody is dialled already");
}

#[test]
fn group_with_other_nodes_for_its_keys_is_refused() {
    let mut engine = engine(0);
    let group = engine.add_group(start(), group_of(&[0, 1])).unwrap();
    let other = GroupConfig { peers: vec![peer(0), peer(5)], ..group_of(&[0, 1]) };
    assert_eq!(engine.add_group(start(), other), Err(CommandError::GroupDiffers { group }));
}

#[test]
fn group_beyond_the_limit_is_refused() {
    let mut engine = engine(0);
    for number in 0..=GROUPS_MAX {
        let secret = [number as u8 + 1; 32];
        let other = SecKey::from_secret_bytes(secret).unwrap().public_key();
        let keys = vec![key(0), SignerKey::from_public_key(other)];
        let keys = GroupKeys::new(keys).unwrap();
        let added = engine.add_group(start(), GroupConfig { keys, peers: vec![peer(0), peer(1)] });
        let limit = CommandError::TooManyGroups { limit: GROUPS_MAX };
        assert_eq!(added.err(), (number == GROUPS_MAX).then_some(limit));
    }
}

#[test]
fn member_that_was_connected_before_is_admitted_when_the_group_is_formed() {
    let mut net = Net::new(2);
    net.command(0, |engine, now| engine.add_group(now, group_of(&[0, 1]))).unwrap();
    let ups = |event: &&Event| matches!(event, Event::PeerUp { .. });
    assert_eq!(net.nodes[0].events.iter().filter(ups).count(), 1);
}

#[test]
fn group_that_is_left_lets_go_of_whoever_is_in_no_other_one() {
    let mut engine = engine(0);
    for people in [&[0, 1, 2][..], &[0, 2]] {
        engine.add_group(start(), group_of(people)).unwrap();
    }
    let (three, two) = (group_id(&[0, 1, 2]), group_id(&[0, 2]));
    assert_eq!(let_go(&mut engine, &three), Ok(vec![peer(1)]));
    assert!(!engine.signing().is_member(&peer(1)) && engine.signing().is_member(&peer(2)));
    assert_eq!(let_go(&mut engine, &three), Err(CommandError::UnknownGroup { group: three }));
    assert_eq!(let_go(&mut engine, &two), Ok(vec![peer(2)]));
    let again = engine.add_group(start(), group_of(&[0, 1, 2]));
    assert_eq!(again, Ok(three), "whoever comes back is as welcome as before");
    assert!(engine.signing().is_member(&peer(1)));
}

#[test]
fn group_with_an_open_request_is_not_left_and_a_request_of_a_left_one_is_not_taken() {
    let mut net = Net::new(2);
    net.nodes[1].approves = false;
    let id = net.propose(Mode::Committed);
    net.pass(Duration::from_secs(1));
    let group = group_id(&[0, 1]);
    let busy = Err(CommandError::GroupInUse { request: id });
    for node in [0, 1] {
        assert_eq!(net.command(node, |engine, now| engine.forget_group(now, &group)), busy);
    }
    net.stop(0, id, AbortReason::Cancelled).unwrap();
    net.pass(Duration::from_secs(1));
    assert_eq!(net.command(1, |engine, now| engine.forget_group(now, &group)), Ok(()));
    net.propose(Mode::Committed);
    net.pass(Duration::from_secs(1));
    assert_eq!(net.nodes[1].reviews(), 1, "only the first was asked about");
}
