//! What a node must hold out, as data.

use crate::{
    figures::{Figure, Findings},
    kind::Kind,
};

/// How large a figure may be under an attack, or must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    Most(f64),
    /// The attack was strong enough to say something, or somebody got what is theirs.
    Least(f64),
}

impl Limit {
    const fn holds(self, seen: f64) -> bool {
        match self {
            Self::Most(most) => seen <= most,
            Self::Least(least) => seen >= least,
        }
    }

    /// The worse of two figures.
    pub(crate) fn worse(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Most(_) => one.max(other),
            Self::Least(_) => one.min(other),
        }
    }
}

/// What a figure may be under an attack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bar {
    pub(crate) kind: Kind,
    pub(crate) figure: Figure,
    pub(crate) limit: Limit,
    /// Where the number is from.
    source: &'static str,
}

const fn bar(kind: Kind, figure: Figure, most: f64, source: &'static str) -> Bar {
    Bar { kind, figure, limit: Limit::Most(most), source }
}

const fn least(kind: Kind, figure: Figure, least: f64, source: &'static str) -> Bar {
    Bar { kind, figure, limit: Limit::Least(least), source }
}

/// What an attacker must not gain at all.
const PROMISE: &str = "a promise of docs/protocol/session.md or SECURITY.md";
/// What is set by what an honest request costs.
const SHARE: &str = "set: an attack costs an honest user at most half as much again";
/// As [`SHARE`], for the slowest.
const TAIL: &str = "set: the slowest of a hundred may wait for one piece of hostile work";
/// Connections, or what else is bounded, times what each may hold.
const BOUND: &str = "bounds of transport and engine, multiplied";

/// What a flood may cost an honest user.
const FLOOD: &str = "set: a flood from one core costs an honest user at most as much again";
/// As [`FLOOD`], for the slowest.
const FLOOD_TAIL: &str = "set: the slowest of a hundred may wait for two pieces of hostile work";
/// What makes an attack one.
const STRONG: &str = "set: what one core of an attacker's can do";
/// Memory that has stopped growing. Guess: what an allocator moves by itself.
const FLAT: &str = "set: bounds are reached within ten seconds";

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
    bar(Kind::Handshakes, Figure::P50Ratio,        2.0,  FLOOD),
    bar(Kind::Handshakes, Figure::P99Ratio,        3.0,  FLOOD_TAIL),
    bar(Kind::Handshakes, Figure::HonestFailed,    0.0,  PROMISE),
    bar(Kind::Handshakes, Figure::LateGrowth,      4.0,  FLAT),
    least(Kind::Handshakes, Figure::PerSecond,     500.0, STRONG),
    bar(Kind::Initials, Figure::P50Ratio,          2.0,  FLOOD),
    bar(Kind::Initials, Figure::P99Ratio,          3.0,  FLOOD_TAIL),
    bar(Kind::Initials, Figure::HonestFailed,      0.0,  PROMISE),
    bar(Kind::Initials, Figure::LateGrowth,        4.0,  FLAT),
    least(Kind::Initials, Figure::PerSecond,       20_000.0, STRONG),
    bar(Kind::Frames,   Figure::P50Ratio,          2.0,  FLOOD),
    bar(Kind::Frames,   Figure::P99Ratio,          3.0,  FLOOD_TAIL),
    bar(Kind::Frames,   Figure::HonestFailed,      0.0,  PROMISE),
    bar(Kind::Frames,   Figure::LateGrowth,        4.0,  FLAT),
    least(Kind::Sources, Figure::MembersIn,        100.0, "set: every member, whoever else dials"),
    bar(Kind::Sources,  Figure::SecondsToConnect,  1.0,  "set: as long as a person does not notice"),
    bar(Kind::Sources,  Figure::HonestFailed,      0.0,  PROMISE),
    bar(Kind::Slots,    Figure::SecondsToConnect,  1.0,  "set: as long as a person does not notice"),
    least(Kind::Slots,  Figure::StrangersIn,       1.0,  "strangers turn over"),
    bar(Kind::Slots,    Figure::HonestFailed,      0.0,  PROMISE),
    bar(Kind::Limits,   Figure::MemoryMost,        512.0, "set: what a small machine has to spare"),
    bar(Kind::Limits,   Figure::HonestFailed,      0.0,  PROMISE),
    bar(Kind::Drown,    Figure::P50Ratio,          2.0,  FLOOD),
    bar(Kind::Drown,    Figure::PromptSeconds,     1.0,  "set: as long as a person does not notice"),
    bar(Kind::Drown,    Figure::AskedInAMinute,    55.0, "25 requests of one creator at once, and one more in two seconds"),
    bar(Kind::Drown,    Figure::HomeGrowth,        32.0, "set: what is kept of one member"),
    bar(Kind::Drown,    Figure::HonestFailed,      0.0,  PROMISE),
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
        Some(seen) if bar.limit.holds(seen) => Holds::Yes,
        Some(seen) if bar.figure.is_ratio() && seen <= noise => Holds::Unknown,
        Some(_) => Holds::No,
    }
}

impl Verdict {
    /// Says it in one line.
    pub(crate) fn text(&self) -> String {
        let Bar { kind, figure, limit, source } = self.bar;
        let limit = match limit {
            Limit::Most(most) => format!("at most {most}"),
            Limit::Least(least) => format!("at least {least}"),
        };
        let seen = self.seen.map_or("not measured".to_owned(), |seen| format!("{seen:.2}"));
        let word = match self.holds {
            Holds::Yes => "reached",
            Holds::No => "MISSED",
            Holds::Unknown => "unclear",
        };
        format!("{word:8} {}: {} {seen}, {limit} ({source})", kind.name(), figure.name())
    }
}

/// Returns the worst figure of each bar in several runs, in the order in which bars first came.
///
/// - `noise`: as for [`judge`].
pub(crate) fn worst(verdicts: &[Verdict], noise: f64) -> Vec<Verdict> {
    let mut worst: Vec<Verdict> = Vec::new();
    for verdict in verdicts {
        let Some(known) = worst.iter_mut().find(|known| known.bar == verdict.bar) else {
            worst.push(*verdict);
            continue;
        };
        // What one run could not measure is not known of all.
        let seen = known.seen.zip(verdict.seen);
        known.seen = seen.map(|(one, other)| known.bar.limit.worse(one, other));
        known.holds = holds(&known.bar, known.seen, noise);
    }
    worst
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
    fn a_figure_that_must_be_large_is_judged_the_other_way_round() {
        check(Kind::Initials, Figure::PerSecond, 20_000.0, 1.0, Holds::Yes);
        check(Kind::Initials, Figure::PerSecond, 19_999.0, 1.0, Holds::No);
    }

    #[test]
    fn the_worst_of_several_runs_counts_and_a_run_that_measured_nothing_makes_it_unknown() {
        let of = |figure, seen: f64| {
            let mut findings = Findings::default();
            findings.set(figure, seen);
            judge(Kind::Initials, &findings, 1.0)
        };
        let rates = [of(Figure::PerSecond, 30_000.0), of(Figure::PerSecond, 19_000.0)].concat();
        let find = |verdicts: &[Verdict], figure| {
            let found = worst(verdicts, 1.0).into_iter().find(|it| it.bar.figure == figure);
            found.map(|verdict| (verdict.seen, verdict.holds)).unwrap()
        };
        assert_eq!(find(&rates, Figure::PerSecond), (Some(19_000.0), Holds::No));
        assert_eq!(find(&rates, Figure::P50Ratio), (None, Holds::Unknown));
        let half = [of(Figure::PerSecond, 30_000.0), of(Figure::P50Ratio, 1.0)].concat();
        assert_eq!(find(&half, Figure::PerSecond), (None, Holds::Unknown));
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
