//! One line for each attack, for people and as JSON.

use serde_json::{Map, Value, json};

use crate::{
    bars::{Holds, Limit, Verdict},
    figures::{Latencies, ratio},
    run::Row,
};

const MIB: f64 = 1_048_576.0;

/// The heading above rows.
pub(crate) const HEADING: &str = "\
kind          quiet ms     attack ms      after ms   p50x   p99x  CPU %       RSS MiB   home MiB  done/failed   s
              p50/p99       p50/p99       p50/p99                     before/most/end     growth    in attack";

/// Says a row in one line of a table.
pub(crate) fn table_line(row: &Row) -> String {
    let [quiet, during, after] = &row.latencies;
    let times = |part: Option<f64>| part.map_or("-".to_owned(), |part| format!("{part:.1}"));
    let memory = row.memory.map_or("-".to_owned(), |memory| {
        memory.map(|bytes| format!("{:.0}", bytes as f64 / MIB)).join("/")
    });
    let growth = row.home.map_or("-".to_owned(), |[before, after]| {
        format!("{:.1}", (after as f64 - before as f64) / MIB)
    });
    format!(
        "{:10} {:>12} {:>13} {:>13} {:>6} {:>6} {:>6} {:>15} {:>9} {:>12} {:>5.1}",
        row.kind.name(),
        pair(quiet),
        pair(during),
        pair(after),
        times(ratio(during.p50, quiet.p50)),
        times(ratio(during.p99, quiet.p99)),
        times(row.cpu),
        memory,
        growth,
        format!("{}/{}", during.done, during.failed),
        row.took.as_secs_f64(),
    )
}

fn pair(latencies: &Latencies) -> String {
    let part = |part: Option<f64>| match part {
        None => "-".to_owned(),
        Some(ms) if ms.is_infinite() => "never".to_owned(),
        Some(ms) if ms < 100.0 => format!("{ms:.1}"),
        Some(ms) => format!("{ms:.0}"),
    };
    format!("{}/{}", part(latencies.p50), part(latencies.p99))
}

/// Says what stands beside the table: numbers of this attack alone, and how it stands to the bars.
pub(crate) fn more_lines(row: &Row) -> Vec<String> {
    let mut lines = Vec::new();
    let notes = row.findings.notes.iter();
    let notes: Vec<_> = notes.map(|(name, value)| format!("{name} {value:.2}")).collect();
    if !notes.is_empty() {
        lines.push(format!("    {}", notes.join(", ")));
    }
    lines.extend(row.findings.words.iter().map(|words| format!("    {words}")));
    lines.extend(row.verdicts.iter().map(|verdict| format!("  {}", verdict.text())));
    lines
}

/// Says a row as one JSON object.
pub(crate) fn json_line(row: &Row) -> Value {
    let [quiet, during, after] = row.latencies.map(|latencies| {
        let Latencies { done, failed, p50, p99 } = latencies;
        json!({ "done": done, "failed": failed, "p50_ms": number(p50), "p99_ms": number(p99) })
    });
    let named = |pairs: Vec<(&str, f64)>| -> Map<String, Value> {
        pairs.into_iter().map(|(name, value)| (name.to_owned(), number(Some(value)))).collect()
    };
    let figures = row.findings.figures.iter().map(|(figure, value)| (figure.name(), *value));
    json!({
        "kind": row.kind.name(),
        "quiet": quiet,
        "attack": during,
        "after": after,
        "cpu_percent": number(row.cpu),
        "rss_bytes": row.memory,
        "home_bytes": row.home,
        "seconds": row.took.as_secs_f64(),
        "figures": named(figures.collect()),
        "notes": named(row.findings.notes.clone()),
        "words": row.findings.words,
        "bars": row.verdicts.iter().map(bar).collect::<Vec<_>>(),
    })
}

/// JSON has no infinity: what never came is a word.
fn number(value: Option<f64>) -> Value {
    match value {
        Some(value) if value.is_infinite() => json!("never"),
        Some(value) => json!(value),
        None => Value::Null,
    }
}

fn bar(verdict: &Verdict) -> Value {
    let limit = verdict.bar.limit;
    let (Limit::Most(bound) | Limit::Least(bound)) = limit;
    let holds = match verdict.holds {
        Holds::Yes => "reached",
        Holds::No => "missed",
        Holds::Unknown => "unclear",
    };
    json!({
        "figure": verdict.bar.figure.name(),
        "most": matches!(limit, Limit::Most(_)).then_some(bound),
        "least": matches!(limit, Limit::Least(_)).then_some(bound),
        "seen": number(verdict.seen),
        "verdict": holds,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        bars::judge,
        figures::{Figure, Findings},
        kind::Kind,
    };

    fn row() -> Row {
        let quiet = Latencies { done: 9, failed: 0, p50: Some(10.0), p99: Some(40.0) };
        let during = Latencies { done: 3, failed: 1, p50: Some(35.0), p99: Some(f64::INFINITY) };
        let mut findings = Findings::default();
        findings.set(Figure::P50Ratio, 3.5);
        findings.note("pings", 12.0);
        let verdicts = judge(Kind::Ping, &findings, 1.0);
        Row {
            kind: Kind::Ping,
            latencies: [quiet, during, quiet],
            cpu: Some(82.0),
            memory: Some([14 << 20, 33 << 20, 20 << 20]),
            home: Some([1 << 20, 3 << 20]),
            took: Duration::from_secs(10),
            findings,
            verdicts,
        }
    }

    #[test]
    fn a_row_holds_what_was_measured() {
        let line = table_line(&row());
        for part in ["ping", "10.0/40.0", "35.0/never", "3.5", "82.0", "14/33/20", "2.0", "3/1"] {
            assert!(line.contains(part), "{part} in {line}");
        }
        let more = more_lines(&row()).join("\n");
        assert!(more.contains("pings 12.00") && more.contains("MISSED   ping"), "{more}");
    }

    #[test]
    fn json_says_the_same_and_names_what_never_came() {
        let line = json_line(&row());
        assert_eq!(line["attack"]["p99_ms"], json!("never"));
        assert_eq!(line["bars"][0]["verdict"], json!("missed"));
        assert_eq!(line["figures"]["honest p50 ratio"], json!(3.5));
    }

    #[test]
    fn a_node_that_runs_elsewhere_leaves_gaps() {
        let bare = Row { cpu: None, memory: None, home: None, ..row() };
        assert!(table_line(&bare).contains(" - "));
        assert_eq!(json_line(&bare)["rss_bytes"], Value::Null);
    }
}
