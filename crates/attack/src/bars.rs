//! What a node must hold out, as data.

use crate::{
    figures::{Figure, Findings},
    kind::Kind,
};

/// The most a figure may be under an attack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bar {
    pub(crate) kind: Kind,
    pub(crate) figure: Figure,
    pub(crate) most: f64,
    /// Where the number is from.
    source: &'static str,
}

const fn bar(kind: Kind, figure: Figure, most: f64, source: &'static str) -> Bar {
    Bar { kind, figure, most, source }
}

/// What an attacker must not gain at all.
const PROMISE: &str = "a promise of docs/protocol/session.md or SECURITY.md";
/// What is set by what an honest request costs.
const SHARE: &str = "set: an attack costs an honest user at most half as much again";
/// As [`SHARE`], for the slowest.
const TAIL: &str = "set: the slowest of a hundred may wait for one piece of hostile work";
/// Connections, or what else is bounded, times what each may hold.
const BOUND: &str = "bounds of transport and engine, multiplied";

/// Every bar of one attack; that the process lives is one of all attacks.
#[rustfmt::skip]
pub(crate) const BARS: &[Bar] = &[
    bar(Kind::Pong,     Figure::MemoryGrowth,      32.0, BOUND),
    bar(Kind::Ping,     Figure::P50Ratio,          1.5,  SHARE),
    bar(Kind::Hold,     Figure::SecondsToConnect,  2.0,  "set: longer than a person notices"),
    bar(Kind::Partial,  Figure::MemoryGrowth,      256.0, BOUND),
    bar(Kind::Cids,     Figure::LinkedPairs,       0.0,  PROMISE),
    bar(Kind::Washing,  Figure::Returns,           0.0,  PROMISE),
    bar(Kind::Washing,  Figure::SecondJoins,       0.0,  PROMISE),
    bar(Kind::Fill,     Figure::HonestFailed,      0.0,  PROMISE),
    bar(Kind::Bulk,     Figure::P50Ratio,          1.5,  SHARE),
    bar(Kind::Bulk,     Figure::P99Ratio,          3.0,  TAIL),
    bar(Kind::Churn,    Figure::P50Ratio,          1.5,  SHARE),
    bar(Kind::Churn,    Figure::FlushesPerRequest, 1.0,  "docs/protocol/session.md, on disk before what"),
    bar(Kind::Silence,  Figure::Withheld,          0.0,  PROMISE),
    bar(Kind::Attempts, Figure::AttemptsJoined,    9.0,  "the first, and eight that one member may open in an hour"),
];

/// How a figure stands to its bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) bar: Bar,
    /// What was measured; `None` when it could not be.
    pub(crate) seen: Option<f64>,
    pub(crate) holds: Holds,
}

/// What a figure says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// The bar is reached.
    Yes,
    /// It is missed.
    No,
    /// It was not measured, or the machine is too noisy to tell.
    Unknown,
}

/// Judges an attack.
///
/// - `noise`: a latency ratio above its bar but not above this says nothing, because other work on
///   the machine gives as much.
pub(crate) fn judge(kind: Kind, findings: &Findings, noise: f64) -> Vec<Verdict> {
    // No attack may end the process.
    let lives = bar(kind, Figure::Exits, 0.0, PROMISE);
    let bars = BARS.iter().filter(|bar| bar.kind == kind).copied().chain([lives]);
    bars.map(|bar| {
        let seen = findings.figures.get(&bar.figure).copied();
        Verdict { bar, seen, holds: holds(&bar, seen, noise) }
    })
    .collect()
}

fn holds(bar: &Bar, seen: Option<f64>, noise: f64) -> Holds {
    match seen {
        None => Holds::Unknown,
        Some(seen) if seen <= bar.most => Holds::Yes,
        Some(seen) if bar.figure.is_ratio() && seen <= noise => Holds::Unknown,
        Some(_) => Holds::No,
    }
}

impl Verdict {
    /// Says it in one line.
    pub(crate) fn text(&self) -> String {
        let Bar { kind, figure, most, source } = self.bar;
        let seen = self.seen.map_or("not measured".to_owned(), |seen| format!("{seen:.2}"));
        let word = match self.holds {
            Holds::Yes => "reached",
            Holds::No => "MISSED",
            Holds::Unknown => "unclear",
        };
        format!("{word:8} {}: {} {seen}, at most {most} ({source})", kind.name(), figure.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Kind, figure: Figure, seen: f64, noise: f64, expected: Holds) {
        let mut findings = Findings::default();
        findings.set(figure, seen);
        let verdicts = judge(kind, &findings, noise);
        let verdict = verdicts.iter().find(|verdict| verdict.bar.figure == figure).unwrap();
        assert_eq!(verdict.holds, expected, "{}", verdict.text());
    }

    #[test]
    fn a_figure_on_its_bar_reaches_it() {
        check(Kind::Pong, Figure::MemoryGrowth, 32.0, 1.0, Holds::Yes);
        check(Kind::Pong, Figure::MemoryGrowth, 32.1, 9.0, Holds::No);
        check(Kind::Washing, Figure::Returns, 1.0, 9.0, Holds::No);
    }

    #[test]
    fn noise_excuses_latencies_and_nothing_else() {
        check(Kind::Ping, Figure::P50Ratio, 1.9, 2.0, Holds::Unknown);
        check(Kind::Ping, Figure::P50Ratio, 2.1, 2.0, Holds::No);
        check(Kind::Ping, Figure::P50Ratio, f64::INFINITY, 2.0, Holds::No);
        check(Kind::Hold, Figure::SecondsToConnect, 2.1, 9.0, Holds::No);
    }

    #[test]
    fn what_was_not_measured_reaches_no_bar() {
        let verdicts = judge(Kind::Bulk, &Findings::default(), 1.0);
        assert_eq!(verdicts.len(), 3);
        assert!(verdicts.iter().all(|verdict| verdict.holds == Holds::Unknown));
    }

    #[test]
    fn a_process_that_ends_misses_a_bar_under_every_attack() {
        let mut findings = Findings::default();
        findings.set(Figure::Exits, 1.0);
        let verdicts = judge(Kind::Handshakes, &findings, 1.0);
        let text: Vec<String> = verdicts.iter().map(Verdict::text).collect();
        assert!(
            text.iter().any(|text| text.starts_with("MISSED   handshakes: exits 1.00")),
            "{text:?}"
        );
    }
}
