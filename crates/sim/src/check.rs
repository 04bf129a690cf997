//! What must never happen, whatever goes wrong: looked at on every sight of every run.
//!
//! A checker is a file of its own and a line in [`all`]. Each has a test in which an engine that is
//! broken on purpose makes it fire.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use crate::{Cast, NodeIndex, Observer, Seen, Sight};

mod bounds;

/// Most violations that are kept: the first is the one to look at.
pub const VIOLATIONS_MAX: usize = 100;

/// One thing that must never happen.
pub trait Checker: Debug {
    /// What it demands, in a few words.
    fn name(&self) -> &'static str;

    /// Looks at one sight.
    ///
    /// # Errors
    ///
    /// What was violated, as a sentence that names everybody concerned.
    fn check(&mut self, cast: &Cast, sight: &Sight) -> Result<(), String>;
}

/// A checker fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Which.
    pub checker: String,
    /// When, in microseconds of the simulation's time.
    pub at: u64,
    /// At which node.
    pub node: u32,
    /// What happened.
    pub what: String,
}

/// All checkers, as one observer.
#[derive(Debug)]
pub struct Checkers {
    checkers: Vec<Box<dyn Checker>>,
    violations: Vec<Violation>,
}

impl Default for Checkers {
    fn default() -> Self {
        Self { checkers: all(), violations: Vec::new() }
    }
}

/// Returns every checker.
fn all() -> Vec<Box<dyn Checker>> {
    vec![Box::new(bounds::Bounds)]
}

impl Checkers {
    /// Returns what happened that must never happen, in order; at most [`VIOLATIONS_MAX`].
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }
}

impl Observer for Checkers {
    fn observe(&mut self, cast: &Cast, sight: &Sight) {
        for checker in &mut self.checkers {
            let Err(what) = checker.check(cast, sight) else { continue };
            if self.violations.len() < VIOLATIONS_MAX {
                let Sight { at, node: NodeIndex(node), .. } = *sight;
                let checker = checker.name().to_owned();
                self.violations.push(Violation { checker, at: at.as_micros(), node, what });
            }
        }
    }
}
