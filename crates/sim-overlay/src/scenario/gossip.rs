//! How messages spread: among honest nodes, among silent ones, among Sybils from the first moment on.

use std::time::Duration;

use ensign_gossip::EAGER_LINKS;
use ensign_wire::MessageId;

use super::Size;
use crate::{
    draw::Draw,
    figures::{Demand, Line, Share, percentile},
    gossip::{Network, Plan, WARM_UP},
};

/// Copies for each node and message that the bar allows, in a network of so many nodes.
const COPIES_MAX: f64 = 2.5;
/// The same in a smaller one.
const COPIES_OF_FEW_MAX: f64 = 3.5;
/// See [`COPIES_MAX`].
const NODES_OF_BARS: u32 = 1000;
/// Between two messages of the network.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(250);
/// How long is waited after the last one: IHAVE of three heartbeats, and what it brings.
const LAST: Duration = Duration::from_secs(5);
/// Messages by which links are measured before a figure is taken in the steady state.
const WARM_UP_MESSAGES: u32 = 240;

/// Messages among honest nodes, in the steady state, and before it.
pub(super) fn latency(size: Size) -> Vec<Line> {
    let plan = Plan {
        nodes: size.nodes,
        silent: 0.0,
        sybils: 0,
        eager_links: EAGER_LINKS,
        links_within: Duration::from_secs(1),
    };
    let mut network = Network::new(plan, size.seed);
    network.run(Duration::from_millis(1100));
    let first = publish(&mut network, size.seed, 1);
    network.run(WARM_UP);
    publish(&mut network, size.seed + 1, WARM_UP_MESSAGES);
    let before = network.sent;
    let ids = publish(&mut network, size.seed + 2, size.trials);
    network.run(LAST);
    let (took, reached) = (took(&network, &ids), reached(&network, &ids));
    let copies = copies(&network, &ids);
    let per = |all: u64| all as f64 / f64::from(size.nodes) / ids.len().max(1) as f64;
    // What a publisher sends to all its links is little among many nodes, and counts among few.
    let most = if size.nodes < NODES_OF_BARS { COPIES_OF_FEW_MAX } else { COPIES_MAX };
    let (first, ready) = (self::took(&network, &first), millis(&network.ready));
    vec![
        Line::number("time, p50", percentile(&took, 50), " ms", Demand::AtMost(95.0)),
        Line::number("time, p99", percentile(&took, 99), " ms", Demand::AtMost(150.0)),
        Line::number("time, longest", percentile(&took, 100), " ms", Demand::Told),
        Line::share("delivered", reached, Demand::AtLeast(1.0)),
        Line::mean("copies for each node and message", &copies, "", Demand::AtMost(most)),
        Line::number(
            "names for each node and message",
            per(network.sent.names - before.names),
            "",
            Demand::Told,
        ),
        Line::number(
            "bytes for each node and message",
            per(network.sent.bytes - before.bytes),
            "",
            Demand::Told,
        ),
        Line::number(
            "messages asked for, of 100 delivered",
            100.0 * per(network.sent.asked - before.asked),
            "",
            Demand::Told,
        ),
        Line::number("mesh ready, p99", percentile(&ready, 99), " ms", Demand::AtMost(1000.0)),
        Line::number("first message, p99", percentile(&first, 99), " ms", Demand::AtMost(1000.0)),
        unpublished(&network),
        wronged(&network),
    ]
}

/// Half of the nodes take part in the mesh and forward nothing.
pub(super) fn silent(size: Size) -> Vec<Line> {
    let plan = Plan {
        nodes: size.nodes,
        silent: 0.5,
        sybils: 0,
        eager_links: EAGER_LINKS,
        links_within: Duration::from_secs(1),
    };
    let mut network = Network::new(plan, size.seed);
    network.run(Duration::from_secs(2));
    let ids = publish(&mut network, size.seed, size.trials);
    network.run(LAST);
    let early = ids.get(..ids.len().min(10)).unwrap_or_default();
    let (took, first) = (took(&network, &ids), took(&network, early));
    let within = Share { good: within_a_second(&took), of: reached(&network, &ids).of };
    vec![
        Line::share("delivered within 1 s", within, Demand::AtLeast(0.999)),
        Line::share("delivered", reached(&network, &ids), Demand::AtLeast(0.999)),
        Line::number("time, p50", percentile(&took, 50), " ms", Demand::Told),
        Line::number("time, p99", percentile(&took, 99), " ms", Demand::Told),
        Line::number(
            "time of the first ten messages, p99",
            percentile(&first, 99),
            " ms",
            Demand::Told,
        ),
        Line::mean("copies for each node and message", &copies(&network, &ids), "", Demand::Told),
        wronged(&network),
    ]
}

/// Four Sybils for each node are there first, and messages begin at once.
pub(super) fn sybils(size: Size) -> Vec<Line> {
    let plan = Plan {
        nodes: size.nodes,
        silent: 0.0,
        sybils: 4,
        eager_links: EAGER_LINKS,
        links_within: Duration::from_secs(1),
    };
    let mut network = Network::new(plan, size.seed);
    network.run(Duration::from_millis(1100));
    let ids = publish(&mut network, size.seed, size.trials);
    network.run(LAST);
    let early = ids.get(..ids.len().min(10)).unwrap_or_default();
    let (took, first) = (took(&network, &ids), took(&network, early));
    let within = Share { good: within_a_second(&took), of: reached(&network, &ids).of };
    let false_relayed = network.false_relayed as f64;
    let mesh: Vec<f64> = network.speaking().iter().map(|it| network.honest_in_mesh(*it)).collect();
    vec![
        // Whoever is not reached counts as late.
        Line::share("delivered within 1 s", within, Demand::AtLeast(0.99)),
        Line::number("time, p50", percentile(&took, 50), " ms", Demand::Told),
        Line::number("time, p99", percentile(&took, 99), " ms", Demand::AtMost(1000.0)),
        Line::number(
            "time of the first ten messages, p99",
            percentile(&first, 99),
            " ms",
            Demand::AtMost(1000.0),
        ),
        Line::share("delivered", reached(&network, &ids), Demand::AtLeast(0.999)),
        Line::number(
            "false messages that honest nodes sent",
            false_relayed,
            "",
            Demand::AtMost(0.0),
        ),
        Line::mean("copies for each node and message", &copies(&network, &ids), "", Demand::Told),
        Line::mean("honest links of a mesh at the end", &mesh, "", Demand::Told),
        // Not traced; perhaps a GRAFT and a PRUNE that cross. Four of them count for nothing.
        Line::number("offenses of honest nodes", network.wronged as f64, "", Demand::Told),
    ]
}

/// Publishes messages of nodes that are drawn, one after the other.
fn publish(network: &mut Network, seed: u64, count: u32) -> Vec<MessageId> {
    let mut draw = Draw::new(seed, "publishers", count.into());
    let nodes = network.speaking();
    let mut ids = Vec::new();
    for _ in 0..count {
        let node = nodes.get(draw.below(nodes.len())).copied().unwrap_or_default();
        ids.extend(network.publish(node));
        network.run(PUBLISH_INTERVAL);
    }
    ids
}

/// After how many ms each message reached each node, where it did; its publisher aside.
fn took(network: &Network, ids: &[MessageId]) -> Vec<f64> {
    let all = ids.iter().filter_map(|id| network.tally(id)).flat_map(|it| it.took.values());
    let all: Vec<Duration> = all.copied().filter(|it| !it.is_zero()).collect();
    millis(&all)
}

fn millis(of: &[Duration]) -> Vec<f64> {
    of.iter().map(|it| it.as_secs_f64() * 1000.0).collect()
}

fn within_a_second(took: &[f64]) -> u64 {
    took.iter().filter(|it| **it <= 1000.0).count() as u64
}

fn reached(network: &Network, ids: &[MessageId]) -> Share {
    let others = network.speaking().len() as u64 - 1;
    let reached = ids.iter().filter_map(|id| network.tally(id)).map(|it| it.took.len() as u64 - 1);
    Share { good: reached.sum(), of: others * ids.len() as u64 }
}

/// How often each message was sent to a node, in the mean.
fn copies(network: &Network, ids: &[MessageId]) -> Vec<f64> {
    let others = network.speaking().len().saturating_sub(1).max(1) as f64;
    ids.iter().filter_map(|id| network.tally(id)).map(|it| it.copies as f64 / others).collect()
}

fn wronged(network: &Network) -> Line {
    Line::number("offenses of honest nodes", network.wronged as f64, "", Demand::AtMost(0.0))
}

fn unpublished(network: &Network) -> Line {
    Line::number("messages that did not leave", network.unpublished as f64, "", Demand::AtMost(0.0))
}
