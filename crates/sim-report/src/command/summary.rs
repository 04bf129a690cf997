//! A report in the words of a terminal.

use std::{collections::BTreeMap, fmt::Write as _};

use ensign_sim::{
    Report,
    report::{IntentReport, Outcome},
};

use ensign_sim_report::bars::Judged;

use super::text;

/// Commands and files that a summary points at.
#[derive(Clone, Debug)]
pub(super) struct Words {
    /// The command that runs the same again, with a report.
    pub(super) run: String,
    /// The command that shows the run from inside, to which a filter is added.
    pub(super) replay: String,
    /// The report for people, where one was written.
    pub(super) page: Option<String>,
}

/// Most causes, violations and unmet demands that are shown.
const LINES_MAX: usize = 5;

/// Sums a run up.
pub(super) fn of(report: &Report, words: &Words) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _infallible = write_all(&mut text, report, words);
    text
}

/// Says how a run stands to the bars of its scenario, a line each; nothing where it has none.
pub(super) fn of_bars(bars: &[Judged]) -> String {
    if bars.is_empty() {
        return String::new();
    }
    let lines: Vec<_> = bars.iter().map(|judged| format!("  {}\n", judged.text())).collect();
    let missed = bars.iter().filter(|judged| judged.is_missed()).count();
    format!("\nbars:\n{}{} bars, {missed} missed\n", lines.concat(), bars.len())
}

fn write_all(text: &mut String, report: &Report, words: &Words) -> std::fmt::Result {
    if !report.complete {
        writeln!(
            text,
            "STOPPED after {} of {}: what follows is a part of the run",
            text::latency(report.simulated_millis * 1000),
            text::span(report.scenario.length)
        )?;
    }
    write_head(text, report)?;
    write_outcomes(text, report)?;
    write_faults(text, report)?;
    write_run(text, report, words)?;
    write_failure(text, report, words)
}

fn write_head(text: &mut String, report: &Report) -> std::fmt::Result {
    let scenario = &report.scenario;
    writeln!(
        text,
        "{}, seed {}: {}, {} of virtual time, commit {}\n",
        scenario.name,
        report.seed,
        text::many(scenario.nodes.into(), "node"),
        text::span(scenario.length),
        report.commit.as_deref().unwrap_or("unknown")
    )
}

fn write_outcomes(text: &mut String, report: &Report) -> std::fmt::Result {
    let total = report.intents.len();
    let of = |outcome| report.intents.iter().filter(move |intent| intent.outcome == outcome);
    write!(
        text,
        "  signed    {} of {}",
        of(Outcome::Signed).count(),
        text::many(total as u64, "request")
    )?;
    let repeated = of(Outcome::Signed).filter(|intent| intent.attempts > 1).count();
    if repeated > 0 {
        write!(text, ", {repeated} not at the first attempt")?;
    }
    writeln!(text)?;
    for (outcome, word) in [
        (Outcome::Partly, "by some signers"),
        (Outcome::Declined, "declined"),
        (Outcome::Failed, "failed"),
        (Outcome::Open, "open"),
    ] {
        let (honest, hostile): (Vec<_>, Vec<_>) = of(outcome).partition(|intent| intent.honest);
        if honest.len() + hostile.len() > 0 {
            write!(text, "            {} {word}", honest.len() + hostile.len())?;
            match hostile.len() {
                0 => {}
                _ if honest.is_empty() => write!(text, ", all with a hostile signer")?,
                some => write!(text, ", {some} with a hostile signer")?,
            }
            writeln!(text)?;
        }
    }
    if let Some([half, most, nearly_all]) = quantiles(&report.intents) {
        let [half, most, nearly_all] = [half, most, nearly_all].map(text::latency);
        writeln!(text, "  latency   p50 {half}, p90 {most}, p99 {nearly_all}")?;
    }
    Ok(())
}

/// The latencies that 50, 90 and 99 of 100 requests stay within.
fn quantiles(intents: &[IntentReport]) -> Option<[u64; 3]> {
    let mut latencies: Vec<_> = intents.iter().filter_map(|intent| intent.latency).collect();
    latencies.sort_unstable();
    let rank = |percent: usize| (latencies.len() * percent).div_ceil(100).saturating_sub(1);
    let at = |percent| latencies.get(rank(percent)).copied();
    Some([at(50)?, at(90)?, at(99)?])
}

fn write_faults(text: &mut String, report: &Report) -> std::fmt::Result {
    let mut causes: BTreeMap<&str, u64> = BTreeMap::new();
    for failure in &report.failures {
        *causes.entry(&failure.first_cause).or_default() += 1;
    }
    if !causes.is_empty() {
        let failed = text::many(report.failures.len() as u64, "attempt");
        writeln!(text, "  failed    {failed}, by what came first:")?;
        let mut causes: Vec<_> = causes.into_iter().collect();
        causes.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        for (cause, times) in causes.into_iter().take(LINES_MAX) {
            writeln!(text, "            {times:>6}  {cause}")?;
        }
    }
    let faults = report.faults;
    let torn = if faults.torn > 0 {
        format!(
            " ({} torn, {} of them survived)",
            text::many(faults.torn, "record"),
            faults.survived
        )
    } else {
        String::new()
    };
    writeln!(
        text,
        "  faults    {}{torn}, {}, {}, {} reported",
        match faults.crashes {
            1 => "1 crash".to_owned(),
            crashes => format!("{} crashes", text::count(crashes)),
        },
        text::many(faults.stops, "stop"),
        text::many(faults.disconnections, "disconnection"),
        text::many(faults.offenses, "offense"),
    )
}

fn write_run(text: &mut String, report: &Report, words: &Words) -> std::fmt::Result {
    let seconds = (report.wall_millis as f64 / 1e3).max(1e-3);
    writeln!(
        text,
        "  events    {} in {seconds:.1} s on {}: {} a second",
        text::count(report.events),
        text::many(report.threads.into(), "thread"),
        text::rate(report.events as f64 / seconds)
    )?;
    writeln!(text, "  digest    {}", report.digest)?;
    if let Some(page) = &words.page {
        writeln!(text, "  report    {page}")?;
    }
    Ok(())
}

fn write_failure(text: &mut String, report: &Report, words: &Words) -> std::fmt::Result {
    if report.is_good() {
        return Ok(());
    }
    let (violations, unmet) = (report.violations.len() as u64, report.unmet.len() as u64);
    writeln!(
        text,
        "\nFAILED: {} of safety, {} not signed in time",
        text::many(violations, "violation"),
        text::many(unmet, "request")
    )?;
    for violation in report.violations.iter().take(LINES_MAX) {
        let (at, node) = (text::moment(violation.at), violation.node);
        writeln!(text, "  {at}  node {node}  {}: {}", violation.checker, violation.what)?;
    }
    for unmet in report.unmet.iter().take(LINES_MAX) {
        let due = text::moment(unmet.due);
        writeln!(text, "  intent {}, due at {due}: {}", unmet.intent, unmet.why)?;
    }
    writeln!(text, "\nrun it again:  {}", words.run)?;
    writeln!(text, "replay it:     {}{}", words.replay, filter(report))
}

/// What the replay should show: the moments before the first violation, else the first request
/// that was not signed.
fn filter(report: &Report) -> String {
    if let Some(first) = report.violations.first() {
        let until = first.at / 1000 + 1;
        let from = until.saturating_sub(REPLAYED_MILLIS);
        return format!(" --node {} --from {from}ms --to {until}ms", first.node);
    }
    report.unmet.first().map_or(String::new(), |unmet| format!(" --intent {}", unmet.intent))
}

/// How much before a violation is worth seeing first.
const REPLAYED_MILLIS: u64 = 5000;
