//! What is run: a scenario by name or from a file, with changes from the command line.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use ensign_sim::Scenario;

use super::text;

/// A scenario and what the command line changes in it.
#[derive(Clone, Debug, Args)]
pub(super) struct Subject {
    /// A scenario by name (`list` shows all), or a file that ends in .toml
    pub(super) scenario: String,
    /// How many nodes, instead of what the scenario says
    #[arg(long, value_name = "N")]
    pub(super) nodes: Option<u32>,
    /// Changes a key of the scenario, such as link.loss=0.1, or loss=0.1 where only one key ends
    /// so; may be given again (`scenario new` explains every key)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) changes: Vec<String>,
}

impl Subject {
    /// A scenario that comes with the simulator, without changes.
    pub(super) fn shipped(name: &str, nodes: Option<u32>) -> Self {
        Self { scenario: name.to_owned(), nodes, changes: Vec::new() }
    }

    /// Reads the scenario, carries out the changes, and checks what comes of it.
    pub(super) fn load(&self) -> Result<Scenario> {
        let mut scenario = self.read()?;
        if let Some(nodes) = self.nodes {
            scenario.set("nodes", &nodes.to_string())?;
        }
        for change in &self.changes {
            let Some((key, value)) = change.split_once('=') else {
                bail!("--set {change}: write it as key=value");
            };
            scenario.set(key.trim(), value.trim()).with_context(|| format!("--set {change}"))?;
        }
        scenario.validate()?;
        Ok(scenario)
    }

    fn read(&self) -> Result<Scenario> {
        if let Some(shipped) = Scenario::shipped().iter().find(|it| it.name == self.scenario) {
            return Ok(Scenario::from_toml(shipped.text)?);
        }
        let path = Path::new(&self.scenario);
        if path.extension().is_none() && !path.exists() {
            let names = Scenario::shipped().iter().map(|shipped| shipped.name);
            let nearest = text::nearest(&self.scenario, names);
            bail!("no scenario is called `{}`, the nearest is `{nearest}`", self.scenario);
        }
        let file = fs::read_to_string(path).with_context(|| self.scenario.clone())?;
        Scenario::from_toml(&file).with_context(|| self.scenario.clone())
    }

    /// The words that name the same scenario again on a command line.
    pub(super) fn words(&self) -> String {
        let mut words = text::quoted(&self.scenario);
        if let Some(nodes) = self.nodes {
            words += &format!(" --nodes {nodes}");
        }
        for change in &self.changes {
            words += &format!(" --set {}", text::quoted(change));
        }
        words
    }
}
