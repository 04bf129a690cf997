//! What the values of a scenario owe each other.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Latency, Partition, Scenario,
    error::{Rule, ScenarioError},
    file,
};

impl Scenario {
    /// Checks every value against its range, and those that depend on each other.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] with the first value that makes no sense.
    pub fn validate(&self) -> Result<(), ScenarioError> {
        file::check_table("", &self.table(), &BTreeMap::new())?;
        self.check_groups()?;
        self.check_regions()?;
        self.check_nat()?;
        self.check_faults()?;
        self.check_demand()
    }

    fn check_groups(&self) -> Result<(), ScenarioError> {
        let (nodes, signers) = (self.nodes, self.load.signers);
        if signers > nodes {
            let rule = Rule::TooFewNodes { needed: signers.into(), nodes };
            return Err(contradiction("load.signers", signers, rule));
        }
        let needed = u64::from(self.load.groups) * u64::from(signers);
        if needed > nodes.into() {
            let rule = Rule::TooFewNodes { needed, nodes };
            return Err(contradiction("load.groups", self.load.groups, rule));
        }
        let hostile = &self.adversaries;
        if hostile.signers >= signers {
            let rule = Rule::NobodyHonest { signers };
            return Err(contradiction("adversaries.signers", hostile.signers, rule));
        }
        if hostile.groups > 0.0 && hostile.signers > 0 && hostile.kinds.is_empty() {
            let rule = Rule::NoKind { kinds: "adversaries.kinds" };
            return Err(contradiction("adversaries.groups", hostile.groups, rule));
        }
        if hostile.strangers > 0 && hostile.stranger_kinds.is_empty() {
            let rule = Rule::NoKind { kinds: "adversaries.stranger-kinds" };
            return Err(contradiction("adversaries.strangers", hostile.strangers, rule));
        }
        Ok(())
    }

    fn check_regions(&self) -> Result<(), ScenarioError> {
        let Latency::Regions { millis, .. } = &self.link.latency else { return Ok(()) };
        let rows = millis.len();
        let odd = millis.iter().position(|row| row.len() != rows);
        let rule = match odd {
            None if rows > 0 => return Ok(()),
            None => Rule::NotSquare { rows, row: 0, cells: 0 },
            Some(at) => {
                Rule::NotSquare { rows, row: at + 1, cells: millis.get(at).map_or(0, Vec::len) }
            }
        };
        Err(contradiction("link.latency.millis", format!("{millis:?}"), rule))
    }

    fn check_nat(&self) -> Result<(), ScenarioError> {
        let shares =
            [self.nat.full_cone, self.nat.restricted, self.nat.symmetric].iter().sum::<f64>();
        // Shares such as 0.1, 0.2 and 0.7 add up to a little more than 1 in binary.
        if shares <= 1.0 + 1e-9 {
            return Ok(());
        }
        Err(contradiction("nat.full-cone", self.nat.full_cone, Rule::MoreThanAll))
    }

    fn check_faults(&self) -> Result<(), ScenarioError> {
        let faults = &self.faults;
        let until = written(faults.until);
        if faults.until < faults.from {
            let rule = Rule::EndsBeforeItBegins { from: written(faults.from) };
            return Err(contradiction("faults.until", until, rule));
        }
        if faults.until > self.length {
            let rule = Rule::AfterTheEnd { length: written(self.length) };
            return Err(contradiction("faults.until", until, rule));
        }
        if faults.until > faults.from {
            return Ok(());
        }
        let rates = [
            ("faults.crashes", faults.crashes),
            ("faults.lost-disks", faults.lost_disks),
            ("faults.stops", faults.stops),
            ("faults.sleeps", faults.sleeps),
            ("faults.breaks", faults.breaks),
        ];
        if let Some((key, rate)) = rates.into_iter().find(|(_, rate)| *rate > 0.0) {
            return Err(contradiction(key, rate, Rule::NoTimeForFaults));
        }
        if faults.partition != Partition::None {
            let partition = format!("{:?}", faults.partition).to_lowercase();
            return Err(contradiction("faults.partition", partition, Rule::NoTimeForFaults));
        }
        Ok(())
    }

    fn check_demand(&self) -> Result<(), ScenarioError> {
        let load = &self.load;
        let length = written(self.length);
        let last = load.first + load.spread;
        if load.requests > 0 && last > self.length {
            let rule = Rule::AfterTheEnd { length };
            return Err(contradiction("load.first + load.spread", written(last), rule));
        }
        let since = last.max(self.faults.until);
        let due = since + self.demand.within;
        if load.requests == 0 || !self.demand.liveness || due <= self.length {
            return Ok(());
        }
        let rule = Rule::DueAfterTheEnd { since: written(since), due: written(due), length };
        Err(contradiction("demand.within", written(self.demand.within), rule))
    }
}

fn contradiction(key: &'static str, value: impl ToString, rule: Rule) -> ScenarioError {
    ScenarioError::Contradiction { key, value: value.to_string(), rule }
}

/// A duration as it stands in a file.
fn written(span: Duration) -> String {
    format!("\"{}\"", humantime::format_duration(span))
}
