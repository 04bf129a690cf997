//! Who is a member: a node that has shown, on its connection, that it speaks for a key of a group.

use core::time::Duration;
use std::{format, vec, vec::Vec};

use ensign_identity::{NUMBER_AHEAD_MAX, Terms};
use ensign_primitives::PeerId;
use ensign_wire::{Frame, Groups, Kind, Mode};

use super::{
    cast::{HOUR, NETWORK, START, delegated, group_id, introduced, key, own_word, peer, welcome},
    links::hello,
    net::Net,
};
use crate::{
    CloseCode, DELEGATIONS_ALLOWED, Offense, Output, Record,
    signing::{self, Delegated, Event, Offense as Of, SHOW_WAIT},
};

const MINUTE: Duration = Duration::from_secs(60);
/// The node that an edited contact code names, and later nodes of members; in no group.
const FALSE: usize = 7;
const NEWER: usize = 8;
/// The number of the delegation that everybody has from the start.
const FIRST: u64 = 1;

/// That a node speaks for person 1.
fn for_one(node: usize, number: u64) -> Delegated {
    delegated(1, peer(node), Terms { number, expires: START.after(HOUR * 24) })
}

/// Node 0 of a group of two, and a node that has said hello to it.
fn greeted(who: usize) -> Net {
    let mut net = Net::apart(2);
    greet(&mut net, who);
    net
}

fn greet(net: &mut Net, who: usize) {
    let up = net.names.up(0, peer(who));
    net.input(0, up);
    net.deliver(peer(who), 0, &Frame::Hello(hello()).encode());
}

/// A node says something about a delegation; returns what is sent then.
fn say(net: &mut Net, from: usize, it: &Delegated) -> Vec<(PeerId, Kind)> {
    let input = net.names.frame(0, peer(from), &introduced(it, peer(from), peer(0)).encode());
    sent(net, input)
}

/// Feeds node 0; returns the kinds that it sends, and to whom.
fn sent(net: &mut Net, input: crate::Input) -> Vec<(PeerId, Kind)> {
    let now = net.now();
    let outputs = net.nodes[0].subject.input(now, input);
    let kinds = outputs.iter().filter_map(|output| match output {
        Output::Send { link, kind, .. } => Some((net.names.peer(*link), *kind)),
        _ => None,
    });
    let kinds = kinds.collect();
    for output in outputs {
        match output {
            Output::Event(crate::Event::Signing(event)) => net.nodes[0].events.push(event),
            Output::Event(crate::Event::Offense { peer, offense, sentence, .. }) => {
                net.nodes[0].found.push((peer, offense, sentence));
            }
            Output::Persist { record: Record::Signing(record), .. } => {
                net.nodes[0].journal.push(record);
            }
            Output::Note(Record::Signing(record)) => net.nodes[0].notes.push(record),
            Output::Close { link, reason } => {
                let gone = net.names.peer(link);
                net.nodes[0].closed.push((gone, reason));
            }
            _ => {}
        }
    }
    kinds
}

fn is_member(net: &Net, who: usize) -> bool {
    net.nodes[0].subject.machine().signing().has_shown(&peer(who))
}

fn changes(net: &Net) -> Vec<(PeerId, PeerId, u64)> {
    let of = |event: &Event| match event {
        Event::NodeChanged { from, to, number, signer } => {
            assert_eq!(*signer, key(1));
            Some((*from, *to, *number))
        }
        _ => None,
    };
    net.nodes[0].events.iter().filter_map(of).collect()
}

/// Node 0 again, from what its store holds.
fn restart(net: &mut Net) {
    net.die(0);
    net.revive(0);
}

#[test]
fn edited_code_gets_no_byte_of_the_group() {
    // Person 1's key beside a false node.
    let mut net = Net::apart(2);
    net.command(0, |engine, now| engine.forget_group(now, &group_id(&[0, 1])).ok());
    let mut edited = super::cast::group_of(&[0, 1]);
    edited.peers[1] = peer(FALSE);
    net.command(0, |engine, now| engine.add_group(now, edited)).unwrap();
    let up = net.names.up(0, peer(FALSE));
    let mut all = sent(&mut net, up);
    let greeting = net.names.frame(0, peer(FALSE), &Frame::Hello(hello()).encode());
    all.extend(sent(&mut net, greeting));
    net.propose(Mode::Committed);
    // It says all it can: that it has the group, another's word, a word of its own key, and a replayed one.
    let own = delegated(FALSE, peer(FALSE), Terms { number: 9, expires: START.after(HOUR) });
    let groups = Frame::Groups(Groups { shared: vec![group_id(&[0, 1])] });
    let replayed = introduced(&for_one(1, FIRST), peer(1), peer(0));
    for frame in [
        groups.encode(),
        welcome([1; 8], START),
        introduced(&for_one(1, FIRST), peer(FALSE), peer(0)).encode(),
        replayed.encode(),
        introduced(&own, peer(FALSE), peer(0)).encode(),
        own_word(1, 0),
        groups.encode(),
    ] {
        let input = net.names.frame(0, peer(FALSE), &frame);
        all.extend(sent(&mut net, input));
    }
    let now = net.now();
    for _ in 0..100 {
        net.now = net.now.after(SHOW_WAIT);
        let later = net.now();
        for output in net.nodes[0].subject.wake(later) {
            if let Output::Send { link, kind, .. } = output {
                all.push((net.names.peer(link), kind));
            }
        }
    }
    assert!(now.instant < net.now);
    // Our own word, and after the true node was named, who speaks for person 1. Nothing of the group.
    let kinds: Vec<_> = all.iter().filter(|(to, _)| *to == peer(FALSE)).map(|it| it.1).collect();
    assert!(kinds.iter().all(|kind| matches!(kind, Kind::Hello | Kind::Delegation)), "{kinds:?}");
    assert!(!is_member(&net, FALSE));
    // The true node takes its place by its own word.
    assert!(changes(&net).is_empty());
    greet(&mut net, 1);
    let _ = say(&mut net, 1, &for_one(1, FIRST));
    assert_eq!(changes(&net), [(peer(FALSE), peer(1), FIRST)]);
    assert!(is_member(&net, 1));
}

#[test]
fn delegation_that_does_not_hold_makes_no_member_and_blames_a_clock() {
    let day = HOUR * 24;
    let unix = |number| START.after(number);
    let now = START.as_millis() / 1000;
    for (terms, weight) in [
        (Terms { number: 2, expires: START }, 1),
        (Terms { number: 2, expires: unix(day * 367) }, 1),
        (Terms { number: now + NUMBER_AHEAD_MAX.as_secs() + 1, expires: unix(day) }, 1),
        (Terms { number: u64::MAX, expires: unix(day) }, 1),
    ] {
        let mut net = greeted(1);
        let _ = say(&mut net, 1, &delegated(1, peer(1), terms));
        assert!(!is_member(&net, 1));
        assert!(matches!(net.nodes[0].found[..], [(_, Offense::Signing(Of::NotDelegated(_)), it)]
            if it.weight == weight));
        // With a right one it is a member as ever.
        assert_eq!(say(&mut net, 1, &for_one(1, 3)).len(), 2);
        assert!(is_member(&net, 1));
    }
}

#[test]
fn delegation_of_another_key_node_or_network_makes_no_member() {
    let other_network = {
        let terms = Terms { number: 2, expires: START.after(HOUR) };
        let signer = super::cast::local_signer(1);
        let proof = signer.delegate(ensign_primitives::Network::Signet, peer(1), terms);
        Delegated { signer: key(1), peer: peer(1), proof }
    };
    assert_ne!(NETWORK, ensign_primitives::Network::Signet);
    let other_node = Delegated { peer: peer(1), ..for_one(NEWER, 2) };
    for it in [other_network, other_node] {
        let mut net = greeted(1);
        assert_eq!(say(&mut net, 1, &it), []);
        assert!(!is_member(&net, 1));
        assert!(matches!(net.nodes[0].found[..], [(_, Offense::Signing(Of::NotDelegated(_)), it)]
            if it.weight == 5));
    }
}

#[test]
fn replayed_hint_is_about_nobody() {
    let mut net = greeted(FALSE);
    // What node 1 said to node 0, and what it said to the false node.
    for frame in [own_word(1, 0), own_word(1, FALSE)] {
        let input = net.names.frame(0, peer(FALSE), &frame);
        assert_eq!(sent(&mut net, input), []);
    }
    assert!(!is_member(&net, FALSE) && net.nodes[0].found.is_empty());
}

#[test]
fn higher_number_takes_the_place_at_once_and_everywhere() {
    let mut net = greeted(1);
    let _ = say(&mut net, 1, &for_one(1, FIRST));
    greet(&mut net, NEWER);
    let said = say(&mut net, NEWER, &for_one(NEWER, 2));
    let to = |who: usize| -> Vec<_> {
        said.iter().filter(|(to, _)| *to == peer(who)).map(|it| it.1).collect()
    };
    assert_eq!(to(NEWER), [Kind::Delegation, Kind::Welcome, Kind::Groups]);
    assert_eq!(to(1), [Kind::Delegation], "it is told who has its place");
    assert_eq!(changes(&net), [(peer(1), peer(NEWER), 2)]);
    assert!(is_member(&net, NEWER) && !is_member(&net, 1));
    assert_eq!(net.nodes[0].closed, [(peer(1), CloseCode::Unwanted)]);
    assert!(net.nodes[0].notes.contains(&signing::Record::Delegated(for_one(NEWER, 2))));
    // The older one comes back: it is told once on each connection, and nothing else.
    greet(&mut net, 1);
    let older = say(&mut net, 1, &for_one(1, FIRST));
    assert_eq!(older, [(peer(1), Kind::Delegation), (peer(NEWER), Kind::Delegation)]);
    assert_eq!(say(&mut net, 1, &for_one(1, FIRST)), []);
    assert!(!is_member(&net, 1));
    net.assert_no_offenses();
}

#[test]
fn retired_node_stays_retired_after_a_restart_though_it_comes_first() {
    let mut net = greeted(1);
    let _ = say(&mut net, 1, &for_one(1, FIRST));
    greet(&mut net, NEWER);
    let _ = say(&mut net, NEWER, &for_one(NEWER, 2));
    restart(&mut net);
    greet(&mut net, 1);
    let _ = say(&mut net, 1, &for_one(1, FIRST));
    assert!(!is_member(&net, 1));
    greet(&mut net, NEWER);
    let _ = say(&mut net, NEWER, &for_one(NEWER, 2));
    assert!(is_member(&net, NEWER));
    // A number that rises again gives the first one its place back: its owner has said so.
    let _ = say(&mut net, 1, &for_one(1, 3));
    assert!(is_member(&net, 1) && !is_member(&net, NEWER));
    assert_eq!(changes(&net), [(peer(NEWER), peer(1), 3)]);
}

#[test]
fn news_that_is_handed_on_silences_the_older_node_and_gives_its_place_to_nobody_else() {
    let mut net = greeted(1);
    let _ = say(&mut net, 1, &for_one(1, FIRST));
    greet(&mut net, FALSE);
    let _ = say(&mut net, FALSE, &for_one(NEWER, 2));
    assert!(!is_member(&net, FALSE) && !is_member(&net, 1));
    assert!(changes(&net).is_empty());
    // Also after a restart, and though the older one comes first.
    restart(&mut net);
    greet(&mut net, 1);
    let _ = say(&mut net, 1, &for_one(1, FIRST));
    assert!(!is_member(&net, 1));
    greet(&mut net, NEWER);
    let _ = say(&mut net, NEWER, &for_one(NEWER, 2));
    assert!(is_member(&net, NEWER));
}

/// Node 0 of a group of three, with nodes 1 and 2 as its members.
fn three() -> Net {
    let mut net = Net::apart(3);
    for who in [1, 2] {
        greet(&mut net, who);
        let it =
            delegated(who, peer(who), Terms { number: FIRST, expires: START.after(HOUR * 24) });
        let _ = say(&mut net, who, &it);
        assert!(is_member(&net, who));
    }
    net
}

#[test]
fn regression_key_that_names_another_members_node_or_ours_kept_groups_from_being_formed() {
    for squatted in [0, 2] {
        let mut net = three();
        let _ = say(&mut net, 2, &for_one(squatted, 2));
        let _ = say(&mut net, 1, &for_one(squatted, 3));
        assert!(is_member(&net, 2) && changes(&net).is_empty());
        net.die(0);
        net.revive(0);
        let ids = [group_id(&[0, 1, 2])];
        assert!(
            ids.iter().all(|id| net.nodes[0]
                .subject
                .machine()
                .signing()
                .readiness(id, net.now())
                .is_some())
        );
        greet(&mut net, 2);
        let two = delegated(2, peer(2), Terms { number: FIRST, expires: START.after(HOUR * 24) });
        let _ = say(&mut net, 2, &two);
        assert!(is_member(&net, 2));
    }
}

#[test]
fn regression_key_that_names_another_members_next_node_kept_it_out() {
    let mut net = three();
    // Person 1 has seen person 2's next node before us.
    let _ = say(&mut net, 1, &for_one(NEWER, 2));
    let next = delegated(2, peer(NEWER), Terms { number: 2, expires: START.after(HOUR * 24) });
    restart(&mut net);
    greet(&mut net, NEWER);
    let _ = say(&mut net, NEWER, &next);
    assert!(is_member(&net, NEWER));
}

#[test]
fn regression_member_that_changed_nodes_twice_made_another_ones_node_look_absent() {
    let mut net = three();
    let group = group_id(&[0, 1, 2]);
    let groups = Frame::Groups(Groups { shared: vec![group] }).encode();
    net.deliver(peer(2), 0, &groups);
    let sees = |net: &Net| {
        let wait = net.nodes[0].subject.machine().signing().readiness(&group, net.now()).unwrap();
        format!("{wait:?}")
    };
    let before = sees(&net);
    let _ = say(&mut net, 1, &for_one(2, 2));
    let _ = say(&mut net, 1, &for_one(1, 3));
    assert!(is_member(&net, 2));
    assert_eq!(sees(&net), before);
}

#[test]
fn regression_bearer_was_blamed_for_what_another_clock_accepts_or_another_node_signed_twice() {
    let now = START.as_millis() / 1000;
    for number in [now + NUMBER_AHEAD_MAX.as_secs() + 1, FIRST] {
        let mut net = three();
        let _ = say(&mut net, 2, &for_one(NEWER, number));
        assert!(net.nodes[0].found.is_empty(), "{number}");
    }
    // A forged second one is no second one.
    let mut net = three();
    let forged = Delegated { peer: peer(NEWER), ..for_one(FALSE, FIRST) };
    greet(&mut net, NEWER);
    let _ = say(&mut net, NEWER, &forged);
    assert!(matches!(net.nodes[0].found[..], [(_, Offense::Signing(Of::NotDelegated(_)), _)]));
}

#[test]
fn two_nodes_for_one_number_are_told_and_the_first_holds() {
    let mut net = greeted(1);
    let _ = say(&mut net, 1, &for_one(1, 5));
    greet(&mut net, NEWER);
    assert_eq!(say(&mut net, NEWER, &for_one(NEWER, 5)), []);
    let twice = Of::TwoDelegations { signer: key(1), number: 5 };
    assert_eq!(net.nodes[0].offenses(), [(peer(NEWER), Offense::Signing(twice))]);
    assert!(is_member(&net, 1) && !is_member(&net, NEWER) && changes(&net).is_empty());
}

#[test]
fn contact_code_that_is_newer_than_what_a_node_shows_keeps_it_out() {
    let mut net = greeted(1);
    net.command(0, |engine, now| engine.know_delegation(now, for_one(NEWER, 2))).unwrap();
    let _ = say(&mut net, 1, &for_one(1, FIRST));
    assert!(!is_member(&net, 1));
    let forged = Delegated { peer: peer(FALSE), ..for_one(NEWER, 9) };
    assert!(net.command(0, |engine, now| engine.know_delegation(now, forged)).is_err());
}

#[test]
fn own_key_at_another_node_alarms_its_owner_and_is_not_taken_back() {
    let own = |number| delegated(0, peer(NEWER), Terms { number, expires: START.after(HOUR * 24) });
    let elsewhere = |net: &Net| -> Vec<_> {
        let of = |event: &Event| match event {
            Event::OwnKeyElsewhere { peer, number, is_newer } => Some((*peer, *number, *is_newer)),
            _ => None,
        };
        net.nodes[0].events.iter().filter_map(of).collect()
    };
    let mut net = greeted(1);
    let _ = say(&mut net, 1, &for_one(1, FIRST));
    // An older one of ours is alive.
    let _ = say(&mut net, 1, &own(0));
    assert_eq!(elsewhere(&net), [(peer(NEWER), 0, false)]);
    let _ = say(&mut net, 1, &own(7));
    let _ = say(&mut net, 1, &own(7));
    assert_eq!(elsewhere(&net)[1..], [(peer(NEWER), 7, true)]);
    // Whoever replaced us is not replaced for having slept.
    net.now = net.now.after(HOUR * 24 * 359);
    let later = net.now();
    let asked = net.nodes[0].subject.wake(later).into_iter();
    assert_eq!(asked.filter(|it| matches!(it, Output::Signer(_))).count(), 0);
}

#[test]
fn flood_of_delegations_is_bounded_and_a_stranger_pays_for_it() {
    for who in [1, FALSE] {
        let mut net = greeted(who);
        let frame = introduced(&for_one(1, FIRST), peer(9), peer(0)).encode();
        for _ in 0..DELEGATIONS_ALLOWED.burst + 4 {
            net.deliver(peer(who), 0, &frame);
        }
        let offenses = net.nodes[0].offenses();
        if who == 1 {
            assert_eq!((offenses.len(), net.nodes[0].closed.len()), (0, 0));
        } else {
            assert_eq!(net.nodes[0].closed, [(peer(FALSE), CloseCode::Offense)]);
        }
        for occupancy in net.nodes[0].subject.machine().occupancy() {
            assert!(occupancy.is_within_limit(), "{occupancy:?}");
        }
    }
}

#[test]
fn group_that_is_formed_later_knows_who_has_introduced_itself() {
    let mut net = Net::apart(3);
    net.command(0, |engine, now| engine.forget_group(now, &group_id(&[0, 1, 2]))).unwrap();
    net.connect_all();
    net.run();
    assert!(!is_member(&net, 1));
    net.form(0);
    net.propose(Mode::Committed);
    net.pass(MINUTE);
    net.assert_all_signed();
    net.assert_no_offenses();
}
