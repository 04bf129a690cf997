//! `list`: what there is.

use std::io::Write as _;

use anyhow::Result;
use ensign_sim::{Scenario, adversary};

use super::{Console, Ending};

/// Prints a line for each scenario and each kind of adversary.
pub(super) fn run(console: &mut Console<'_>) -> Result<Ending> {
    let shipped = Scenario::shipped();
    writeln!(console.out, "scenarios, for `run`, `sweep` and `scenario show`:")?;
    let width = shipped.iter().map(|shipped| shipped.name.len()).max().unwrap_or(0);
    for shipped in shipped {
        let scenario = Scenario::from_toml(shipped.text)?;
        let (name, about) = (shipped.name, scenario.about);
        writeln!(console.out, "  {name:width$}  {about} ({} nodes)", scenario.nodes)?;
    }
    writeln!(console.out, "\nadversaries, for `adversaries.kinds` and `.stranger-kinds`:")?;
    let width = adversary::KINDS.iter().map(|act| act.name.len()).max().unwrap_or(0);
    for act in adversary::KINDS {
        writeln!(console.out, "  {:width$}  {}", act.name, act.about)?;
    }
    Ok(Ending::Good)
}
