//! How a run came out, in a word and in a sentence.

use serde::{Deserialize, Serialize};

use crate::{Outcome, Report, units};

/// How a run came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// No checker fired and every demand was met.
    Good,
    /// It was stopped before its end; until then no checker fired.
    Partial,
    /// Something that had to be signed in time was not.
    Unmet,
    /// A checker fired.
    Unsafe,
}

impl Verdict {
    /// Returns it as a person says it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Partial => "stopped early",
            Self::Unmet => "demand not met",
            Self::Unsafe => "safety violated",
        }
    }

    /// Returns whether a checker fired or a demand was not met.
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Unmet | Self::Unsafe)
    }
}

/// A report in words.
pub trait Told {
    /// Returns how it came out; the worst of what is true.
    fn verdict(&self) -> Verdict;

    /// Returns how it came out, as one sentence.
    fn headline(&self) -> String;
}

impl Told for Report {
    fn verdict(&self) -> Verdict {
        if !self.violations.is_empty() {
            Verdict::Unsafe
        } else if !self.unmet.is_empty() {
            Verdict::Unmet
        } else if self.complete {
            Verdict::Good
        } else {
            Verdict::Partial
        }
    }

    fn headline(&self) -> String {
        let signed = signed_in_words(self);
        match (self.violations.first(), self.unmet.as_slice()) {
            (Some(first), _) => {
                let more = match self.violations.len() - 1 {
                    0 => String::new(),
                    more => format!(", and {more} more"),
                };
                let (checker, at) = (&first.checker, units::moment(first.at));
                format!("Safety violated: {checker}, at node {} after {at}{more}.", first.node)
            }
            (None, [_, ..]) => {
                let late = match self.unmet.len() {
                    1 => "1 intent was not signed in time".to_owned(),
                    late => {
                        format!("{} intents were not signed in time", units::count(late as u64))
                    }
                };
                format!("Demand not met: {late}; {signed}.")
            }
            (None, []) if !self.complete => {
                let at = units::seconds(self.simulated_millis as f64 / 1e3);
                format!("Stopped early, after {at}: no checker had fired; {signed}.")
            }
            (None, []) if !self.scenario.demand.liveness => {
                format!("Good: no checker fired; {signed}, and none had to be.")
            }
            (None, []) => format!("Good: no checker fired and every demand was met; {signed}."),
        }
    }
}

/// How many intents were signed, told apart by whether all their signers keep to the protocol.
fn signed_in_words(report: &Report) -> String {
    let count = |is_honest: bool| {
        let intents = report.intents.iter().filter(|intent| intent.honest == is_honest);
        let (all, signed) = intents.fold((0_u64, 0_u64), |(all, signed), intent| {
            (all + 1, signed + u64::from(intent.outcome == Outcome::Signed))
        });
        (all, format!("{} of {}", units::count(signed), units::count(all)))
    };
    match (count(true), count(false)) {
        ((_, honest), (0, _)) => format!("{honest} intents were signed"),
        ((_, honest), (_, hostile)) => {
            format!("{honest} intents were signed, and {hostile} in groups with a hostile signer")
        }
    }
}
