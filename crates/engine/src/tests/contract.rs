//! The contract of every machine. Each test of this crate runs on machines under observation;
//! here are the cases that none of them reaches.

use core::time::Duration;

use ensign_testkit::assert_replays;
use ensign_wire::Mode;

use super::net::{Net, digest};

#[test]
fn equal_inputs_give_equal_outputs() {
    assert_replays(|| {
        let mut net = Net::new(3);
        net.propose(Mode::Strict);
        net.run_until(|net| net.phase(1) == Some(ensign_session::Phase::Revealing));
        net.restart(1);
        net.pass(Duration::from_secs(600));
        net.assert_all_signed();
        digest(&net)
    });
}

#[test]
fn engine_becomes_idle_however_a_request_is_left() {
    use ensign_session::Phase::{Committing, Gathering, Revealing, Signing};
    for phase in [Gathering, Committing, Revealing, Signing] {
        let mut net = Net::new(3);
        net.nodes[1].approves = phase != Gathering;
        net.propose(Mode::Committed);
        if phase == Gathering {
            net.run();
        } else {
            assert!(net.run_until(|net| net.phase(1) == Some(phase)));
        }
        for node in 0..3 {
            let now = net.now();
            let node = &mut net.nodes[node];
            let (_, end) = node.subject.settle(now);
            assert!(end.instant.since(now.instant) <= Duration::from_secs(4 * 3600));
            assert_eq!(node.subject.machine().requests.len(), 0);
        }
    }
}

#[test]
fn wakeups_that_come_late_do_no_harm() {
    let mut net = Net::new(3);
    net.propose(Mode::Committed);
    net.run_until(|net| net.phase(0) == Some(ensign_session::Phase::Revealing));
    net.cut(0);
    net.run();
    // A laptop that slept: one wake-up for all that was due.
    let mut now = net.now();
    now.instant = now.instant.after(Duration::from_secs(8 * 3600));
    now.unix = now.unix.after(Duration::from_secs(8 * 3600));
    for node in &mut net.nodes {
        node.subject.wake(now);
        node.subject.wake(now);
        let (_, _) = node.subject.settle(now);
        assert_eq!(node.subject.machine().requests.len(), 0);
    }
}
