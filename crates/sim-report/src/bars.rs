//! What must hold under attack, as data: for some of the scenarios that come with the simulator, figures
//! and how large or small each must be.

use serde::Serialize;

use crate::{Outcome, Report, metric, statistics};

/// A figure of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// Intents of groups without a hostile member that were signed, of all of them: 0 to 1.
    HonestSigned,
    /// Intents of groups with a hostile member that were signed, of all of them: 0 to 1.
    HostileSigned,
    /// Median latency of the intents of all groups, over that of the same run without attackers.
    P50Ratio,
    /// The same of what 99 of 100 stay below.
    P99Ratio,
    /// Hostile members that every honest member of their group convicted by proof, of all: 0 to 1.
    ConvictedByAll,
    /// Hostile members that somebody honest convicted by proof.
    Convicted,
    /// Honest nodes that somebody honest named.
    HonestBlamed,
    /// Seconds until an honest proposal was shown to a co-signer, at most.
    PromptDelay,
    /// Questions that one hostile member had one person asked within a minute, at most.
    AskedInAMinute,
    /// Ends of connections between honest members that were missing at the end.
    MembersApart,
    /// Hostile strangers at one honest node at once, of those it keeps: 0 to 1.
    PlacesTaken,
    /// Hostile strangers that had a place at every honest node at some time, of those it keeps.
    StrangersTurned,
    /// How often a checker fired: a bound was exceeded, what was over came back, and the like.
    Violations,
}

/// How large or small a figure must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// No larger.
    Most(f64),
    /// No smaller.
    Least(f64),
}

/// What one figure of one scenario must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// The name of the scenario.
    pub scenario: &'static str,
    /// The figure.
    pub figure: Figure,
    /// Its limit.
    pub limit: Limit,
    /// Where the number is from.
    pub source: &'static str,
}

const fn most(scenario: &'static str, figure: Figure, most: f64, source: &'static str) -> Bar {
    Bar { scenario, figure, limit: Limit::Most(most), source }
}

const fn least(scenario: &'static str, figure: Figure, least: f64, source: &'static str) -> Bar {
    Bar { scenario, figure, limit: Limit::Least(least), source }
}

/// What an attacker must not gain at all.
const PROMISE: &str = "a promise of docs/protocol/session.md or SECURITY.md";
/// What an attack may cost others.
const SHARE: &str = "set: an attack costs others at most as much again";
/// As [`SHARE`], for the slowest.
const TAIL: &str = "set: the slowest of a hundred may wait for two pieces of hostile work";
/// What the scenario is for: an attack that did not take place proves nothing.
const ATTACK: &str = "the attack took place";

/// Every bar.
#[rustfmt::skip]
pub const BARS: &[Bar] = &[
    least("flood",      Figure::HonestSigned,   1.0,  PROMISE),
    most ("flood",      Figure::P50Ratio,       2.0,  SHARE),
    most ("flood",      Figure::P99Ratio,       3.0,  TAIL),
    most ("flood",      Figure::HonestBlamed,   0.0,  PROMISE),
    most ("flood",      Figure::Violations,     0.0,  PROMISE),
    least("replay",     Figure::HonestSigned,   1.0,  PROMISE),
    least("replay",     Figure::HostileSigned,  1.0,  PROMISE),
    most ("replay",     Figure::Convicted,      0.0,  "what is said twice is no lie"),
    most ("replay",     Figure::HonestBlamed,   0.0,  PROMISE),
    most ("replay",     Figure::Violations,     0.0,  PROMISE),
    least("equivocate", Figure::ConvictedByAll, 1.0,  PROMISE),
    least("equivocate", Figure::HonestSigned,   1.0,  PROMISE),
    most ("equivocate", Figure::HonestBlamed,   0.0,  PROMISE),
    most ("equivocate", Figure::Violations,     0.0,  PROMISE),
    least("grief",      Figure::HonestSigned,   1.0,  PROMISE),
    most ("grief",      Figure::P50Ratio,       2.0,  SHARE),
    most ("grief",      Figure::PromptDelay,    1.0,  "set: as long as a person does not notice"),
    most ("grief",      Figure::AskedInAMinute, 55.0, "25 requests of one creator at once, and one more in two seconds"),
    most ("grief",      Figure::HonestBlamed,   0.0,  PROMISE),
    most ("grief",      Figure::Violations,     0.0,  PROMISE),
    least("slots",      Figure::PlacesTaken,    1.0,  ATTACK),
    least("slots",      Figure::StrangersTurned, 2.0, "set: each place changes hands twice in a minute"),
    most ("slots",      Figure::MembersApart,   0.0,  PROMISE),
    least("slots",      Figure::HonestSigned,   1.0,  PROMISE),
    most ("slots",      Figure::HonestBlamed,   0.0,  PROMISE),
    most ("slots",      Figure::Violations,     0.0,  PROMISE),
];

impl Figure {
    /// Returns its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HonestSigned => "signed in honest groups",
            Self::HostileSigned => "signed beside a hostile member",
            Self::P50Ratio => "p50, times quiet",
            Self::P99Ratio => "p99, times quiet",
            Self::ConvictedByAll => "hostile members convicted by all",
            Self::Convicted => "members convicted",
            Self::HonestBlamed => "honest nodes blamed",
            Self::PromptDelay => "seconds until an honest proposal is shown",
            Self::AskedInAMinute => "questions by one member in a minute",
            Self::MembersApart => "members apart at the end",
            Self::PlacesTaken => "places of strangers taken",
            Self::StrangersTurned => "strangers let in, for each place",
            Self::Violations => "violations of safety",
        }
    }

    /// Whether a run without attackers is needed to tell.
    pub const fn needs_quiet(self) -> bool {
        matches!(self, Self::P50Ratio | Self::P99Ratio)
    }

    /// Returns the figure of a run; `None` where the run cannot tell.
    ///
    /// - `quiet`: the same run without attackers.
    pub fn of(self, report: &Report, quiet: Option<&Report>) -> Option<f64> {
        let attacks = &report.attacks;
        let kept = f64::from(report.scenario.strangers_kept);
        // Otherwise nobody tried to take every place.
        let is_dialled_by_all = report.scenario.overlay >= report.scenario.nodes;
        let of_kept = |count: u32| is_dialled_by_all.then(|| f64::from(count) / kept);
        match self {
            Self::HonestSigned => signed_share(report, true),
            Self::HostileSigned => signed_share(report, false),
            Self::P50Ratio => times(report, quiet?, 0.5),
            Self::P99Ratio => times(report, quiet?, 0.99),
            Self::ConvictedByAll => share(attacks.convicted_by_all, attacks.hostile_members),
            Self::Convicted => Some(attacks.convicted.into()),
            Self::HonestBlamed => Some(attacks.honest_blamed.into()),
            Self::PromptDelay => Some(attacks.prompt_delay_millis as f64 / 1e3),
            Self::AskedInAMinute => Some(attacks.asked_in_a_minute.into()),
            Self::MembersApart => Some(attacks.members_apart.into()),
            Self::PlacesTaken => of_kept(attacks.strangers_at_once),
            Self::StrangersTurned => of_kept(attacks.strangers_let_in),
            Self::Violations => Some(report.violations.len() as f64),
        }
    }
}

fn share(part: u32, whole: u32) -> Option<f64> {
    (whole > 0).then(|| f64::from(part) / f64::from(whole))
}

fn signed_share(report: &Report, honest: bool) -> Option<f64> {
    let of = || report.intents.iter().filter(|intent| intent.honest == honest);
    let signed = of().filter(|intent| intent.outcome == Outcome::Signed).count();
    share(u32::try_from(signed).ok()?, u32::try_from(of().count()).ok()?)
}

fn times(report: &Report, quiet: &Report, part: f64) -> Option<f64> {
    let of = |report| statistics::quantile(&metric::latencies(report), part);
    Some(of(report)? / of(quiet).filter(|quiet| *quiet > 0.0)?)
}

/// How a run stands to a bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// The bar.
    pub bar: Bar,
    /// The figure; `None` where the run could not tell.
    pub seen: Option<f64>,
}

impl Judged {
    /// Whether the bar is missed; what was not measured misses none.
    pub fn is_missed(&self) -> bool {
        self.seen.is_some_and(|seen| match self.bar.limit {
            Limit::Most(most) => seen > most,
            Limit::Least(least) => seen < least,
        })
    }

    /// Says it in one line: the figure, its bar, and how they stand.
    pub fn text(&self) -> String {
        let seen = self.seen.map_or("-".to_owned(), number);
        let limit = match self.bar.limit {
            Limit::Most(most) => format!("at most {}", number(most)),
            Limit::Least(least) => format!("at least {}", number(least)),
        };
        let word = match (self.seen, self.is_missed()) {
            (None, _) => "not measured",
            (Some(_), false) => "ok",
            (Some(_), true) => "MISSED",
        };
        format!("{:42} {seen:>8}  {limit:<14} {word}", self.bar.figure.name())
    }
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// Judges a run that came to its end by the bars of its scenario, in the order of [`BARS`].
///
/// - `quiet`: the same run without attackers, where it was made.
pub fn judge(report: &Report, quiet: Option<&Report>) -> Vec<Judged> {
    let bars = BARS.iter().filter(|bar| report.complete && bar.scenario == report.scenario.name);
    bars.map(|bar| Judged { bar: *bar, seen: bar.figure.of(report, quiet) }).collect()
}
