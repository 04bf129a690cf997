//! A comparison as a table for people.

use std::{collections::BTreeSet, fmt};

use super::{Comparison, Finding, Method, Row, Side};
use crate::{Metric, statistics::Interval, units};

/// Most seeds that are named.
const SEEDS_SHOWN: usize = 10;

pub(crate) fn write(comparison: &Comparison, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    side("base", &comparison.base, f)?;
    side("change", &comparison.change, f)?;
    differences(comparison, f)?;
    writeln!(f)?;
    table(comparison, f)?;
    writeln!(f)?;
    notes(comparison, f)
}

fn side(name: &str, side: &Side, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let runs = if side.runs == 1 { "1 run".to_owned() } else { format!("{} runs", side.runs) };
    let plural = if side.seeds.len() == 1 { "" } else { "s" };
    let seeds = listed(side.seeds.iter().map(u64::to_string));
    let commits = listed(side.commits.iter().cloned());
    writeln!(f, "{name:<8}{}: {runs}, seed{plural} {seeds}, commit {commits}", side.folder)?;
    if side.bad > 0 {
        let what = "a checker fired or a demand was not met";
        writeln!(f, "{:8}in {} of them {what}", "", side.bad)?;
    }
    if side.partial > 0 {
        writeln!(f, "{:8}{} of them stopped early: their numbers are partial", "", side.partial)?;
    }
    Ok(())
}

fn differences(comparison: &Comparison, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if comparison.base.commits != comparison.change.commits {
        writeln!(f, "commits differ")?;
    }
    for difference in &comparison.settings {
        let [base, change] = [&difference.base, &difference.change].map(values);
        writeln!(f, "scenario differs: {} was {base}, is {change}", difference.key)?;
    }
    Ok(())
}

fn values(values: &BTreeSet<String>) -> String {
    listed(values.iter().map(
        |value| {
            if value.is_empty() { "absent".to_owned() } else { value.clone() }
        },
    ))
}

fn listed(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(SEEDS_SHOWN);
    let mut text = names.take(SEEDS_SHOWN).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text += &format!(" and {more} more");
    }
    text
}

fn table(comparison: &Comparison, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let head = ["metric", "base", "change", "difference", "95 % interval", "verdict"];
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(comparison.rows.iter().map(cells));
    let mut widths = [0; 6];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    for line in lines {
        let padded = line.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        writeln!(f, "{}", padded.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

fn cells(row: &Row) -> [String; 6] {
    let metric = row.metric;
    let value = |estimate: Option<f64>| units::or_none(estimate, |value| metric.text(value));
    let interval = row.difference.and_then(|difference| difference.interval);
    let text = |Interval { low, high }| {
        format!("{} to {}", metric.difference_text(low), metric.difference_text(high))
    };
    [
        metric.title().to_owned(),
        value(row.base.map(|it| it.value)),
        value(row.change.map(|it| it.value)),
        units::or_none(row.difference.map(|it| it.value), |it| difference(row, it)),
        interval.map_or_else(|| units::NONE.to_owned(), text),
        words(row.finding).to_owned(),
    ]
}

/// A difference with what it is of the base, where that says more.
fn difference(row: &Row, value: f64) -> String {
    let text = row.metric.difference_text(value);
    let base = row.base.map(|it| it.value).filter(|base| *base > 0.0 && value != 0.0);
    match base.filter(|_| row.metric != Metric::SignedShare) {
        Some(base) if value > 0.0 => format!("{text} (+{})", units::percent(value / base)),
        Some(base) => format!("{text} ({})", units::percent(value / base)),
        None => text,
    }
}

const fn words(finding: Finding) -> &'static str {
    match finding {
        Finding::Better => "better",
        Finding::Worse => "worse",
        Finding::Higher => "higher",
        Finding::Lower => "lower",
        Finding::Equal => "equal",
        Finding::Unclear => "no clear difference",
        Finding::Single => "n = 1: not known",
        Finding::Unknown => "no value",
    }
}

fn notes(comparison: &Comparison, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let runs = comparison.base.runs.min(comparison.change.runs);
    match comparison.method {
        Method::Paired => {
            writeln!(f, "{runs} pairs of runs with equal seeds; Student's intervals.")?
        }
        Method::Unpaired => {
            writeln!(f, "The sides do not have the same seeds: Welch's intervals, less exact.")?;
        }
        Method::Single => {
            writeln!(f, "One run each: intervals are over its intents (Welch; shares: Newcombe),")?;
            writeln!(f, "and say nothing about other seeds. Run several seeds to know more.")?;
        }
    }
    let clear = comparison.rows.iter().filter(|row| row.difference.is_some()).count();
    writeln!(f, "Of {clear} rows about one in twenty looks clear by chance.")
}
