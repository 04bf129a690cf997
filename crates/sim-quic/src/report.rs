//! What a run says at its end: for people, for programs, for spreadsheets.

use std::{fmt::Write as _, time::Duration};

use serde::Serialize;

use crate::{GroupOutcome, Outcome, Plan, Trace, scenario::mode_name};

/// Most failures in a summary.
const FAILURES_SHOWN_MAX: usize = 10;

/// Everything about a run that fits on a page. Times are in milliseconds of the run's own time.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    scenario: &'static str,
    command: String,
    seed: u64,
    digest: String,
    passed: bool,
    config: Config,
    groups_total: usize,
    groups_signed: usize,
    latency_ms: Option<Quantiles>,
    connections: u64,
    breaks: u64,
    packets: u64,
    bytes: u64,
    packets_lost: u64,
    packets_doubled: u64,
    packets_cut: u64,
    virtual_ms: u64,
    wall_ms: u64,
    failures: Vec<String>,
    groups: Vec<GroupReport>,
}

#[derive(Clone, Debug, Serialize)]
struct Config {
    nodes: u32,
    loss: f64,
    doubled: f64,
    held: f64,
    latency_min_ms: u64,
    latency_max_ms: u64,
    blackout_ms: u64,
    mode: &'static str,
    within_ms: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Quantiles {
    min: u64,
    p50: u64,
    p95: u64,
    max: u64,
}

#[derive(Clone, Debug, Serialize)]
struct GroupReport {
    group: usize,
    nodes: [u32; 3],
    proposed_ms: u64,
    done_ms: [Option<u64>; 3],
    latency_ms: Option<u64>,
    failure: Option<String>,
    trouble: Option<String>,
}

impl Report {
    /// Judges a run that took `wall` of real time.
    pub fn new(plan: &Plan, outcome: &Outcome, wall: Duration) -> Self {
        let judged = outcome.groups.iter().enumerate();
        let groups: Vec<_> = judged.map(|(group, came)| judge(plan, group, came)).collect();
        let failures: Vec<_> = groups.iter().filter_map(|group| group.failure.clone()).collect();
        let traffic = outcome.trace.traffic();
        Self {
            scenario: plan.scenario.name(),
            command: plan.command(),
            seed: plan.seed,
            digest: hex::encode(outcome.trace.digest()),
            passed: failures.is_empty(),
            config: Config::of(plan),
            groups_total: groups.len(),
            groups_signed: groups.len() - failures.len(),
            latency_ms: Quantiles::of(groups.iter().filter_map(|group| group.latency_ms).collect()),
            connections: outcome.connections,
            breaks: outcome.breaks,
            packets: traffic.packets,
            bytes: traffic.bytes,
            packets_lost: traffic.lost,
            packets_doubled: traffic.doubled,
            packets_cut: traffic.cut,
            virtual_ms: millis(outcome.elapsed),
            wall_ms: millis(wall),
            failures,
            groups,
        }
    }

    /// Returns whether every group signed in time, and rightly.
    pub const fn passed(&self) -> bool {
        self.passed
    }

    /// Returns the digest of the packet trace in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns what did not go as demanded, a sentence each.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// Returns the summary for people; its last two lines are the digest and the command that
    /// repeats the run.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        let Config { nodes, loss, latency_min_ms, latency_max_ms, mode, .. } = &self.config;
        line(&mut text, "scenario", self.scenario);
        line(
            &mut text,
            "network",
            format!(
                "{nodes} nodes, {latency_min_ms}-{latency_max_ms} ms, {} % lost, mode {mode}",
                loss * 100.0
            ),
        );
        line(
            &mut text,
            "signed",
            format!("{} of {} groups of 3", self.groups_signed, self.groups_total),
        );
        if let Some(Quantiles { min, p50, p95, max }) = &self.latency_ms {
            line(
                &mut text,
                "latency",
                format!("{min} ms least, {p50} ms median, {p95} ms at 95 %, {max} ms most"),
            );
        }
        line(
            &mut text,
            "connections",
            format!("{}, {} ends reported", self.connections, self.breaks),
        );
        line(
            &mut text,
            "packets",
            format!(
                "{}, {} bytes; {} lost, {} doubled, {} cut off",
                self.packets, self.bytes, self.packets_lost, self.packets_doubled, self.packets_cut
            ),
        );
        line(
            &mut text,
            "time",
            format!(
                "{:.3} s simulated in {:.3} s",
                self.virtual_ms as f64 / 1e3,
                self.wall_ms as f64 / 1e3
            ),
        );
        let shown = self.failures.iter().take(FAILURES_SHOWN_MAX);
        shown.for_each(|failure| line(&mut text, "FAILED", failure));
        if let Some(more @ 1..) = self.failures.len().checked_sub(FAILURES_SHOWN_MAX) {
            line(&mut text, "FAILED", format!("{more} more groups; report.json of --out has all"));
        }
        line(&mut text, "digest", &self.digest);
        line(&mut text, "repeat with", &self.command);
        text
    }
}

impl Config {
    fn of(plan: &Plan) -> Self {
        let share = |ppm| f64::from(ppm) / 1e6;
        Self {
            nodes: plan.nodes,
            loss: share(plan.links.lost_ppm),
            doubled: share(plan.links.doubled_ppm),
            held: share(plan.links.held_ppm),
            latency_min_ms: millis(plan.links.latency.min),
            latency_max_ms: millis(plan.links.latency.max),
            blackout_ms: millis(plan.blackout),
            mode: mode_name(plan.mode),
            within_ms: millis(plan.within),
        }
    }
}

impl Quantiles {
    /// Nearest-rank quantiles; `None` without values.
    fn of(mut values: Vec<u64>) -> Option<Self> {
        values.sort_unstable();
        let at = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100);
            values.get(rank.saturating_sub(1)).copied()
        };
        Some(Self { min: *values.first()?, p50: at(50)?, p95: at(95)?, max: *values.last()? })
    }
}

fn judge(plan: &Plan, group: usize, came: &GroupOutcome) -> GroupReport {
    GroupReport {
        group,
        nodes: came.members,
        proposed_ms: millis(came.proposed),
        done_ms: came.done.map(|done| done.map(millis)),
        latency_ms: came.latency().map(millis),
        failure: failure(plan, group, came),
        trouble: came.trouble.clone(),
    }
}

/// Says in a sentence what a group did not do.
fn failure(plan: &Plan, group: usize, came: &GroupOutcome) -> Option<String> {
    let [one, two, three] = came.members;
    let who = format!("group {group} (nodes {one}, {two}, {three})");
    if let Some(number) = came.wrong_at {
        return Some(format!("{who}: node {number} was handed a signature that does not hold"));
    }
    let within = plan.within.as_secs_f64();
    match came.latency() {
        Some(latency) if latency <= plan.within => None,
        Some(latency) => Some(format!(
            "{who}: signed after {:.3} s, demanded was {within} s",
            latency.as_secs_f64()
        )),
        None => {
            let members = came.members.iter().zip(came.done);
            let missing = members.filter(|(_, done)| done.is_none());
            let missing: Vec<_> = missing.map(|(number, _)| number.to_string()).collect();
            let trouble = came.trouble.as_ref();
            let trouble = trouble.map_or_else(String::new, |last| format!("; at last {last}"));
            let missing = missing.join(", ");
            Some(format!("{who}: not signed within {within} s at node {missing}{trouble}"))
        }
    }
}

/// Writes the packets as comma-separated values, a header line first.
///
/// # Errors
///
/// What the writer says.
pub fn write_packets(trace: &Trace, mut to: impl std::io::Write) -> std::io::Result<()> {
    writeln!(to, "time_us,from,to,bytes,fate")?;
    for packet in trace.packets() {
        let (from, bytes, fate) = (packet.from, packet.bytes, packet.fate.name());
        writeln!(to, "{},{from},{},{bytes},{fate}", packet.at_micros, packet.to)?;
    }
    to.flush()
}

fn line(text: &mut String, name: &str, value: impl std::fmt::Display) {
    // A string takes everything.
    let _ = writeln!(text, "{name:<12} {value}");
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
