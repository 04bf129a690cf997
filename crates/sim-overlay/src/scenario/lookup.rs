//! Honest nodes among themselves.

use std::sync::Arc;

use super::{Found, Size, Workers, find};
use crate::{
    Cast, Setting,
    figures::{Demand, Line, Share, percentile},
};

/// Trials that share a world, where nobody hostile lies around one key.
pub(super) const TRIALS_PER_WORLD: u32 = 50;
/// Digests that neighbours are told of for one record: eight by each of 256, and some more by who counts fewer nodes.
const HAVES_MAX: f64 = 2100.0;
/// How far an estimate of the number of nodes may be off.
const ESTIMATE_OFF: f64 = 0.25;

pub(super) fn run(size: Size, workers: &impl Workers) -> Vec<Line> {
    let setting = Setting::honest(size.nodes);
    let cast = Arc::new(Cast::new(&setting, size.seed));
    let warm = trials(&cast, setting, size, workers);
    let cold = trials(&cast, Setting { is_warm: false, ..setting }, size, workers);
    let mut lines = vec![
        is_found("found, warm links", &warm, 0.99),
        Line::mean("asked, mean", &each(&warm, asked), "", Demand::AtMost(9.0)),
        Line::number("asked, p99", percentile(&each(&warm, asked), 99), "", Demand::Told),
        Line::number("time, p50", percentile(&each(&warm, millis), 50), " ms", Demand::Told),
        Line::number(
            "time, p99",
            percentile(&each(&warm, millis), 99),
            " ms",
            Demand::AtMost(400.0),
        ),
        is_found("found, a handshake for each node", &cold, 0.99),
        Line::number(
            "  time, p99",
            percentile(&each(&cold, millis), 99),
            " ms",
            Demand::AtMost(700.0),
        ),
        Line::mean("  handshakes, mean", &each(&cold, |it| it.handshakes as f64), "", Demand::Told),
        Line::mean("  kB sent and heard, mean", &each(&cold, kilobytes), "", Demand::Told),
    ];
    lines.extend(costs(&warm));
    lines.push(estimates(&warm, size.nodes, Demand::AtLeast(0.95)));
    lines.push(views("views of a point that agree", &warm, Demand::AtLeast(0.99)));
    let offenses = warm.iter().chain(&cold).map(|it| it.offenses).sum::<u64>();
    lines.push(Line::number("offenses of honest nodes", offenses as f64, "", Demand::AtMost(0.0)));
    lines
}

/// What a store costs its publisher and the region.
fn costs(found: &[Found]) -> Vec<Line> {
    let stored = each(found, |it| f64::from(it.store_asked));
    let haves = each(found, |it| it.haves as f64);
    vec![
        Line::number(
            "asked by a publisher, most",
            percentile(&stored, 100),
            "",
            Demand::AtMost(40.0),
        ),
        Line::mean("digests told of in the region, mean", &haves, "", Demand::AtMost(HAVES_MAX)),
        Line::mean("holders, mean", &each(found, |it| it.holders as f64), "", Demand::Told),
    ]
}

/// Does as many trials as are wanted, some in each world.
pub(super) fn trials(
    cast: &Arc<Cast>,
    setting: Setting,
    size: Size,
    workers: &impl Workers,
) -> Vec<Found> {
    let per_world = if setting.is_about_a_key() { 1 } else { TRIALS_PER_WORLD.min(size.trials) };
    let worlds = u64::from(size.trials.div_ceil(per_world));
    let work = |world| find(cast, setting, (size.seed << 32) + world, per_world);
    workers.each(worlds, work).into_iter().flatten().collect()
}

pub(super) fn each(found: &[Found], of: impl Fn(&Found) -> f64) -> Vec<f64> {
    found.iter().map(of).collect()
}

pub(super) fn asked(found: &Found) -> f64 {
    f64::from(found.asked)
}

pub(super) fn millis(found: &Found) -> f64 {
    found.millis
}

pub(super) fn kilobytes(found: &Found) -> f64 {
    found.bytes as f64 / 1e3
}

pub(super) fn is_found(what: &str, found: &[Found], least: f64) -> Line {
    Line::share(what, Share::of(found.iter().map(|it| it.is_found)), Demand::AtLeast(least))
}

/// How many of the nodes that looked around know how many nodes there are.
pub(super) fn estimates(found: &[Found], nodes: u32, demand: Demand) -> Line {
    let is_near = |it: &u64| (*it as f64 / f64::from(nodes) - 1.0).abs() <= ESTIMATE_OFF;
    let all = found.iter().flat_map(|it| &it.estimates);
    Line::share("number of nodes known within 25 %", Share::of(all.map(is_near)), demand)
}

/// How often two looks at one point by way of different nodes showed the same.
pub(super) fn views(what: &str, found: &[Found], demand: Demand) -> Line {
    Line::share(what, Share::of(found.iter().filter_map(|it| it.agrees)), demand)
}
