//! A run as one page that needs nothing else: no script, no network, no font.
//!
//! The template escapes every text: what a scenario file or a peer says is shown and never obeyed.

use std::{io, path::Path};

use askama::Template;

use crate::Told as _;
use crate::{
    Report, Verdict,
    figures::{self, Figure, Latencies},
    settings::Settings,
    units,
};

mod failures;
mod outcomes;
mod replay;
mod traffic;

use failures::{Cause, Failures};
use outcomes::Outcomes;
use replay::Replay;
use traffic::TrafficRow;

/// Most unmet demands that are shown.
const UNMET_SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "run.html")]
struct Page<'a> {
    report: &'a Report,
    title: &'a str,
    tone: &'static str,
    headline: String,
    stopped: Option<String>,
    facts: Vec<(&'static str, String)>,
    look: String,
    settings: Settings,
    outcomes: Outcomes,
    latencies: Vec<Latencies>,
    course: Vec<Figure>,
    window: Option<String>,
    traffic: Vec<TrafficRow>,
    violations: Vec<Found>,
    unmet: Vec<Found>,
    unmet_more: usize,
    causes: Vec<Cause>,
    failures: Failures,
}

/// Something bad, and how to look at it.
struct Found {
    title: String,
    at: String,
    what: String,
    command: String,
}

/// Makes the page of a report that is kept in a folder.
pub(crate) fn html(report: &Report, folder: &Path) -> io::Result<String> {
    let replay = Replay::new(folder);
    let page = Page {
        report,
        title: &report.scenario.name,
        tone: tone(report.verdict()),
        headline: report.headline(),
        stopped: stopped(report),
        facts: facts(report),
        look: replay.whole(),
        settings: Settings::of(&report.scenario),
        outcomes: Outcomes::of(report),
        latencies: figures::latencies(report)?,
        course: figures::course(report)?,
        window: window(report),
        traffic: traffic::rows(report),
        violations: violations(report, &replay),
        unmet: unmet(report, &replay),
        unmet_more: report.unmet.len().saturating_sub(UNMET_SHOWN),
        causes: failures::causes(report),
        failures: Failures::of(report, &replay),
    };
    page.render().map_err(io::Error::other)
}

/// The class of a verdict's colour.
pub(crate) const fn tone(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Partial => "partial",
        Verdict::Unmet | Verdict::Unsafe => "bad",
    }
}

fn stopped(report: &Report) -> Option<String> {
    let [ran, length] =
        [report.simulated_millis as f64 / 1e3, report.scenario.length.as_secs_f64()]
            .map(units::seconds);
    (!report.complete).then(|| {
        format!(
            "Partial report: the run was stopped after {ran} of {length}. Demands were not judged, \
             and every number here is as of then."
        )
    })
}

fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let wall = report.wall_millis as f64 / 1e3;
    let rate = (report.wall_millis > 0).then(|| report.events as f64 / wall);
    let faults = report.faults;
    vec![
        ("seed", report.seed.to_string()),
        ("commit", report.commit.clone().unwrap_or_else(|| "unknown".to_owned())),
        ("nodes", units::count(u64::from(report.scenario.nodes))),
        ("simulated time", units::seconds(report.simulated_millis as f64 / 1e3)),
        ("wall time", units::seconds(wall)),
        ("threads", report.threads.to_string()),
        ("events", units::count(report.events)),
        ("events per second", units::or_none(rate, units::decimal)),
        ("failed attempts", units::count(report.failed_attempts())),
        ("crashes", units::count(faults.crashes)),
        ("orderly stops", units::count(faults.stops)),
        ("connections lost, each end", units::count(faults.disconnections)),
        (
            "records cut off by a crash",
            format!("{}, {} survived", units::count(faults.torn), units::count(faults.survived)),
        ),
        ("offenses reported by honest nodes", units::count(faults.offenses)),
    ]
}

fn window(report: &Report) -> Option<String> {
    let faults = &report.scenario.faults;
    let [from, until] = [faults.from, faults.until].map(|it| units::seconds(it.as_secs_f64()));
    (faults.until > faults.from).then(|| format!("{from} to {until}"))
}

fn violations(report: &Report, replay: &Replay) -> Vec<Found> {
    let found = report.violations.iter().map(|violation| Found {
        title: violation.checker.clone(),
        at: format!("node {}, {}", violation.node, units::moment(violation.at)),
        what: violation.what.clone(),
        command: replay.node(violation.node, violation.at.saturating_sub(1_000_000), violation.at),
    });
    found.collect()
}

fn unmet(report: &Report, replay: &Replay) -> Vec<Found> {
    let found = report.unmet.iter().take(UNMET_SHOWN).map(|unmet| Found {
        title: unmet.intent.to_string(),
        at: units::moment(unmet.due),
        what: unmet.why.clone(),
        command: replay.intent(unmet.intent),
    });
    found.collect()
}
