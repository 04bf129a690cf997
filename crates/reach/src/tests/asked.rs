//! Whom we dial back: an asker, where it is, and not too often.

use core::{net::SocketAddr, time::Duration};

use ensign_wire::{DialBackAsk, DialBackOutcome, DialBackRefusal, Scope};

use super::cast::{World, at, config, nonce, peer};
use crate::{
    Announce, FAVOUR_TIMEOUT, FAVOURS_IN_ALL, FAVOURS_MAX, FAVOURS_OF_AREA, FAVOURS_OF_NODE, Input,
    Output, ReachConfig,
};

/// What comes of a question, of whoever speaks from `remote`.
fn ask(world: &mut World, number: u16, remote: SocketAddr, address: SocketAddr) -> Output {
    let before = world.outputs.len();
    let ask = DialBackAsk { nonce: nonce(9), address };
    world.input(Input::Asked { from: peer(number), remote, ask });
    let [output] = world.outputs[before..] else { panic!("one answer") };
    output
}

fn refused(output: Output) -> Option<DialBackRefusal> {
    match output {
        Output::Tell { told, .. } => match told.outcome {
            DialBackOutcome::Refused(why) => Some(why),
            DialBackOutcome::Reached | DialBackOutcome::Unreached => None,
        },
        _ => None,
    }
}

fn dial(output: Output) -> SocketAddr {
    let Output::DialBack { address, .. } = output else { panic!("{output:?}") };
    address
}

#[test]
fn asker_is_dialled_where_it_is_and_told_what_came_of_it() {
    for is_reached in [true, false] {
        let mut world = World::new(config());
        let address = SocketAddr::new(at(1).ip(), 4820);
        assert_eq!(dial(ask(&mut world, 1, at(1), address)), address);
        world.input(Input::Dialled { peer: peer(1), is_reached });
        let Some(Output::Tell { to, told }) = world.outputs.last().copied() else { panic!() };
        let outcome =
            if is_reached { DialBackOutcome::Reached } else { DialBackOutcome::Unreached };
        assert_eq!((to, told.nonce, told.outcome), (peer(1), nonce(9), outcome));
        let before = world.outputs.len();
        world.input(Input::Dialled { peer: peer(1), is_reached });
        assert_eq!(world.outputs.len(), before, "once");
    }
}

#[test]
fn nobody_else_is_dialled_and_no_service() {
    let mut world = World::new(config());
    let own = at(1).ip();
    for (remote, address, why) in [
        (at(1), at(2), DialBackRefusal::NotYours),
        (at(1), SocketAddr::new([8, 0, 1, 2].into(), 4820), DialBackRefusal::NotYours),
        (at(1), "127.0.0.1:4820".parse().unwrap(), DialBackRefusal::NotYours),
        (at(1), SocketAddr::new(own, 25), DialBackRefusal::Port),
        (at(1), SocketAddr::new(own, 1023), DialBackRefusal::Port),
        (
            "192.168.0.9:4000".parse().unwrap(),
            "192.168.0.9:4820".parse().unwrap(),
            DialBackRefusal::OtherScope,
        ),
        (
            "127.0.0.1:4000".parse().unwrap(),
            "127.0.0.1:4820".parse().unwrap(),
            DialBackRefusal::OtherScope,
        ),
    ] {
        assert_eq!(refused(ask(&mut world, 1, remote, address)), Some(why), "{address}");
    }
    // None of these took from what it may ask; IPv4 in IPv6 is the same host.
    let mapped = SocketAddr::new([0, 0, 0, 0, 0, 0xffff, 0x0800, 0x0101].into(), 4000);
    let address = SocketAddr::new(own, 1024);
    assert_eq!(dial(ask(&mut world, 1, mapped, address)), address);
}

#[test]
fn local_network_dials_local_addresses_and_a_light_node_nobody() {
    let local = "127.0.0.1:4000".parse().unwrap();
    let address: SocketAddr = "127.0.0.1:4820".parse().unwrap();
    let mut world = World::new(ReachConfig { scope: Scope::Local, ..config() });
    assert_eq!(dial(ask(&mut world, 1, local, address)), address);
    let announce = Announce::Nothing;
    let mut world = World::new(ReachConfig { scope: Scope::Local, announce, ..config() });
    let answer = ask(&mut world, 1, local, address);
    assert_eq!(refused(answer), Some(DialBackRefusal::Unwilling));
}

#[test]
fn each_node_each_area_and_all_together_have_so_many() {
    let mut world = World::new(config());
    let done = |world: &mut World, number| {
        world.input(Input::Dialled { peer: peer(number), is_reached: true });
    };
    // One asks all that one may.
    for _ in 0..FAVOURS_OF_NODE.burst {
        dial(ask(&mut world, 1, at(1), at(1)));
        let again = ask(&mut world, 1, at(1), at(1));
        assert_eq!(refused(again), Some(DialBackRefusal::TooOften), "one at a time");
        done(&mut world, 1);
    }
    assert_eq!(refused(ask(&mut world, 1, at(1), at(1))), Some(DialBackRefusal::TooOften));
    // Its neighbours have the rest of what its area may.
    let mut world = World::new(config());
    for number in 1..=FAVOURS_OF_AREA.burst as u16 {
        dial(ask(&mut world, number, at(1), at(1)));
        done(&mut world, number);
    }
    assert_eq!(refused(ask(&mut world, 99, at(1), at(1))), Some(DialBackRefusal::TooOften));
    // Everybody together.
    for number in 100..100 + (FAVOURS_IN_ALL.burst - FAVOURS_OF_AREA.burst) as u16 {
        dial(ask(&mut world, number, at(number), at(number)));
        done(&mut world, number);
    }
    assert_eq!(refused(ask(&mut world, 999, at(999), at(999))), Some(DialBackRefusal::Busy));
    world.run(Duration::from_secs(2));
    dial(ask(&mut world, 998, at(998), at(998)));
}

#[test]
fn few_are_dialled_at_a_time_and_a_dial_that_nobody_answers_for_ends() {
    let mut world = World::new(config());
    for number in 1..=FAVOURS_MAX as u16 {
        dial(ask(&mut world, number, at(number), at(number)));
    }
    assert_eq!(refused(ask(&mut world, 99, at(99), at(99))), Some(DialBackRefusal::Busy));
    let before = world.outputs.len();
    world.run(FAVOUR_TIMEOUT);
    let told = world.outputs[before..].iter().filter(
        |it| matches!(it, Output::Tell { told, .. } if told.outcome == DialBackOutcome::Unreached),
    );
    assert_eq!(told.count(), FAVOURS_MAX);
    dial(ask(&mut world, 98, at(98), at(98)));
}
