//! What is measured: latencies, growth, and what an attack found out.

use std::{collections::BTreeMap, time::Duration};

use crate::honest::Entry;

/// A figure that a bar can be set for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    /// Honest p50 under attack, over the quiet one.
    P50Ratio,
    /// Honest p99 under attack, over the quiet one.
    P99Ratio,
    /// Honest requests without a signature, under attack and after it.
    HonestFailed,
    /// MiB that the victim's resident memory grew at most.
    MemoryGrowth,
    /// Requests that were open again after they had ended.
    Returns,
    /// Attempts that the victim joined twice, with different words.
    SecondJoins,
    /// How often the victim ended by itself.
    Exits,
    /// Flushes of the victim's store for each hostile request that it took.
    FlushesPerRequest,
    /// Seconds until a member got in.
    SecondsToConnect,
    /// Pairs of connection ids that an observer can link.
    LinkedPairs,
    /// Questions for final signatures that the victim left without an answer.
    Withheld,
    /// Attempts at one request that one member opened, and the victim joined.
    AttemptsJoined,
    /// How often the attack did in a second what it is about.
    PerSecond,
    /// MiB that the victim's resident memory grew after the first ten seconds of the attack.
    LateGrowth,
    /// The victim's resident memory in MiB, at most.
    MemoryMost,
    /// MiB by which the victim's home grew.
    HomeGrowth,
    /// Of a hundred members that dialled one after the other, how many got in at once.
    MembersIn,
    /// Strangers that got a place although all of them were taken.
    StrangersIn,
    /// Seconds until the victim's user was shown an honest request.
    PromptSeconds,
    /// Requests of the attacker's that the victim's user was shown in a minute.
    AskedInAMinute,
}

impl Figure {
    /// Returns its name in tables and JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::P50Ratio => "honest p50 ratio",
            Self::P99Ratio => "honest p99 ratio",
            Self::HonestFailed => "honest requests failed",
            Self::MemoryGrowth => "memory growth MiB",
            Self::Returns => "returns",
            Self::SecondJoins => "second joins",
            Self::Exits => "exits",
            Self::FlushesPerRequest => "flushes per hostile request",
            Self::SecondsToConnect => "seconds until a member is in",
            Self::LinkedPairs => "linkable pairs of ids",
            Self::Withheld => "signatures withheld",
            Self::AttemptsJoined => "attempts joined at one request",
            Self::PerSecond => "attacks per second",
            Self::LateGrowth => "memory growth after 10 s MiB",
            Self::MemoryMost => "memory MiB",
            Self::HomeGrowth => "home growth MiB",
            Self::MembersIn => "members let in of 100",
            Self::StrangersIn => "strangers let in meanwhile",
            Self::PromptSeconds => "seconds until an honest request is shown",
            Self::AskedInAMinute => "questions of the attacker in a minute",
        }
    }

    /// Whether it compares latencies, which other work on the machine moves too.
    pub(crate) const fn is_ratio(self) -> bool {
        matches!(self, Self::P50Ratio | Self::P99Ratio)
    }
}

/// What an attack found out besides what is measured of every attack.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Findings {
    /// Figures with bars.
    pub(crate) figures: BTreeMap<Figure, f64>,
    /// Others, by name.
    pub(crate) notes: Vec<(&'static str, f64)>,
    /// Words, such as the last error of a node that ended.
    pub(crate) words: Vec<String>,
}

impl Findings {
    /// Sets a figure, or raises it: the worst of several parts of an attack counts.
    pub(crate) fn set(&mut self, figure: Figure, value: f64) {
        let known = self.figures.entry(figure).or_insert(value);
        *known = known.max(value);
    }

    /// Adds a number that has no bar.
    pub(crate) fn note(&mut self, name: &'static str, value: f64) {
        self.notes.push((name, value));
    }
}

/// Honest latencies of a phase, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Latencies {
    /// With signatures.
    pub(crate) done: usize,
    /// Without.
    pub(crate) failed: usize,
    /// Half of the requests took no longer; a failed one counts as endless.
    pub(crate) p50: Option<f64>,
    /// 99 of 100 took no longer.
    pub(crate) p99: Option<f64>,
}

impl Latencies {
    /// Sums a phase up.
    pub(crate) fn of(entries: &[Entry]) -> Self {
        let mut took: Vec<Duration> =
            entries.iter().map(|entry| entry.took.unwrap_or(Duration::MAX)).collect();
        took.sort_unstable();
        let failed = entries.iter().filter(|entry| entry.took.is_none()).count();
        let millis = |part| {
            let found = percentile(&took, part)?;
            Some(if found == Duration::MAX { f64::INFINITY } else { found.as_secs_f64() * 1e3 })
        };
        Self { done: took.len() - failed, failed, p50: millis(0.5), p99: millis(0.99) }
    }
}

/// Returns the smallest value that `part` of all sorted values do not exceed (nearest rank).
fn percentile(sorted: &[Duration], part: f64) -> Option<Duration> {
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// Returns how often `quiet` goes into `attack`; `None` where there is no quiet figure.
pub(crate) fn ratio(attack: Option<f64>, quiet: Option<f64>) -> Option<f64> {
    let quiet = quiet.filter(|quiet| quiet.is_finite() && *quiet > 0.0)?;
    Some(attack? / quiet)
}

/// Returns MiB by which `most` exceeds `before`.
pub(crate) fn growth_mib(before: u64, most: u64) -> f64 {
    most.saturating_sub(before) as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn entries(millis: &[Option<u64>]) -> Vec<Entry> {
        let began = Instant::now();
        millis
            .iter()
            .map(|ms| Entry { request: None, began, took: ms.map(Duration::from_millis) })
            .collect()
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let all: Vec<_> = (1..=200).map(Some).collect();
        let found = Latencies::of(&entries(&all));
        assert_eq!((found.p50, found.p99), (Some(100.0), Some(198.0)));
        let one = Latencies::of(&entries(&[Some(7)]));
        assert_eq!((one.p50, one.p99), (Some(7.0), Some(7.0)));
    }

    #[test]
    fn a_failed_request_is_endless_and_counted() {
        let found = Latencies::of(&entries(&[Some(1), None, Some(2)]));
        assert_eq!((found.done, found.failed), (2, 1));
        assert_eq!((found.p50, found.p99), (Some(2.0), Some(f64::INFINITY)));
    }

    #[test]
    fn a_phase_without_requests_has_no_latency() {
        let none = Latencies::of(&[]);
        assert_eq!((none.done, none.failed, none.p50, none.p99), (0, 0, None, None));
        assert_eq!(ratio(Some(1.0), none.p50), None);
        assert_eq!(ratio(Some(6.0), Some(2.0)), Some(3.0));
    }

    #[test]
    fn the_worst_part_of_an_attack_counts() {
        let mut findings = Findings::default();
        findings.set(Figure::Returns, 2.0);
        findings.set(Figure::Returns, 1.0);
        assert_eq!(findings.figures.get(&Figure::Returns), Some(&2.0));
    }

    #[test]
    fn memory_that_shrinks_has_not_grown() {
        assert!(growth_mib(2 << 20, 1 << 20).abs() < f64::EPSILON);
        assert!((growth_mib(1 << 20, 4 << 20) - 3.0).abs() < f64::EPSILON);
    }
}
