//! The command line.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use ensign_sim_quic::{CrashPlan, Latency, Plan, Scenario};
use ensign_wire::Mode;

/// Real coordinators over real QUIC in a simulated network
#[derive(Debug, Parser)]
#[command(name = "ensign-sim-quic", bin_name = "cargo xtask sim", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play a scenario; exit code 1 when a group does not sign in time
    #[command(override_usage = "cargo xtask sim run <SCENARIO> --tier quic [OPTIONS]")]
    Run(Run),
}

#[derive(Debug, Args)]
struct Run {
    /// What is played
    #[arg(value_enum)]
    scenario: Name,
    /// How many nodes, and groups of three: each node signs with the next two [default: 100; each
    /// run of crash-in-every-phase has 3]
    #[arg(long, value_parser = clap::value_parser!(u32).range(3..=1000))]
    nodes: Option<u32>,
    /// What every random number is made from
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Share of packets that are lost, 0 to 0.5 [default: 0 when quiet, 0.02 under faults]
    #[arg(long, value_parser = parse_share)]
    loss: Option<Ppm>,
    /// How long packets are under way: least and most milliseconds, at most 10000
    #[arg(long, value_name = "MIN:MAX", default_value = "10:50", value_parser = parse_latency)]
    latency_ms: Latency,
    /// How sessions run [default: committed; crash-in-every-phase plays all]
    #[arg(long, value_enum)]
    mode: Option<SessionMode>,
    /// Simulated seconds from a proposal until the last signer must hold the signature [default: 60;
    /// 300 with crashes]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=7200))]
    within_s: Option<u64>,
    /// With crash-in-every-phase: of how many steps of a disk one is tried
    #[arg(long, value_name = "STEPS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    every: u32,
    /// Folder for report.json and, without crashes, packets.csv
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// What is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Signing(Plan),
    Crashes(CrashPlan),
}

impl Cli {
    /// Returns what to run and where its files go.
    pub(crate) fn asked(&self) -> (Asked, Option<&Path>) {
        let Command::Run(run) = &self.command;
        let asked = match run.scenario.scenario() {
            Some(scenario) => Asked::Signing(run.signing(scenario)),
            None => Asked::Crashes(run.crashes()),
        };
        (asked, run.out.as_deref())
    }
}

impl Run {
    fn signing(&self, scenario: Scenario) -> Plan {
        let mut plan = scenario.plan();
        plan.nodes = self.nodes.unwrap_or(plan.nodes);
        plan.seed = self.seed;
        plan.links.lost_ppm = self.loss.map_or(plan.links.lost_ppm, |Ppm(ppm)| ppm);
        plan.links.latency = self.latency_ms;
        plan.mode = self.mode.map_or(plan.mode, SessionMode::to_wire);
        plan.within = self.within_s.map_or(plan.within, Duration::from_secs);
        plan
    }

    fn crashes(&self) -> CrashPlan {
        let mut plan = CrashPlan { seed: self.seed, every: self.every, ..CrashPlan::default() };
        plan.links.lost_ppm = self.loss.map_or(plan.links.lost_ppm, |Ppm(ppm)| ppm);
        plan.links.latency = self.latency_ms;
        plan.modes = self.mode.map_or(plan.modes, |mode| vec![mode.to_wire()]);
        plan.within = self.within_s.map_or(plan.within, Duration::from_secs);
        plan
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Name {
    /// Links lose nothing
    SigningQuiet,
    /// Links lose, double and hold back packets, and one says nothing for 5 seconds
    SigningUnderFaults,
    /// A signer's disk fails at every step of a session in turn
    CrashInEveryPhase,
}

impl Name {
    /// Returns the scenario of whole networks; `None` for the one of crashes.
    const fn scenario(self) -> Option<Scenario> {
        match self {
            Self::SigningQuiet => Some(Scenario::SigningQuiet),
            Self::SigningUnderFaults => Some(Scenario::SigningUnderFaults),
            Self::CrashInEveryPhase => None,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SessionMode {
    /// Three hops: everybody commits to the nonces before any is shown
    Committed,
    /// Two hops: nonces travel with the consent
    Fast,
    /// Four hops: also, everybody confirms the same nonces before any partial signature
    Strict,
}

impl SessionMode {
    const fn to_wire(self) -> Mode {
        match self {
            Self::Committed => Mode::Committed,
            Self::Fast => Mode::Fast,
            Self::Strict => Mode::Strict,
        }
    }
}

/// A share in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ppm(u32);

fn parse_share(text: &str) -> Result<Ppm, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=0.5).contains(share));
    let share = share.ok_or("a share of packets is a number from 0 to 0.5")?;
    Ok(Ppm((share * 1e6).round() as u32))
}

fn parse_latency(text: &str) -> Result<Latency, String> {
    let (min, max) = text.split_once(':').ok_or("write least and most as in 10:50")?;
    let millis = |text: &str| text.parse::<u64>().ok().filter(|millis| *millis <= 10_000);
    let both = millis(min).zip(millis(max));
    let (min, max) = both.ok_or("each side is a whole number of milliseconds from 0 to 10000")?;
    if min > max {
        return Err(format!("least is {min}, above most, which is {max}"));
    }
    Ok(Latency { min: Duration::from_millis(min), max: Duration::from_millis(max) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(line: &str) -> Result<Asked, String> {
        let words = ["sim"].into_iter().chain(line.split(' '));
        Cli::try_parse_from(words).map(|cli| cli.asked().0).map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn command_of_a_plan_gives_the_plan() {
        for scenario in Scenario::ALL {
            let mut plan = scenario.plan();
            plan.links.lost_ppm = 12_345;
            plan.links.latency.max = Duration::from_millis(77);
            plan.mode = Mode::Strict;
            let command = plan.command();
            let words = command.strip_prefix("cargo xtask sim ").unwrap();
            assert_eq!(parse(&words.replace("--tier quic ", "")), Ok(Asked::Signing(plan)));
        }
    }

    #[test]
    fn command_of_crashes_gives_the_crashes() {
        let mut plan = CrashPlan { seed: 7, every: 9, ..CrashPlan::default() };
        for modes in [plan.modes.clone(), vec![Mode::Strict]] {
            plan.modes = modes;
            let command = plan.command();
            let words = command.strip_prefix("cargo xtask sim ").unwrap();
            assert_eq!(parse(&words.replace("--tier quic ", "")), Ok(Asked::Crashes(plan.clone())));
        }
    }

    #[test]
    fn unknown_scenario_is_refused_with_the_names_of_the_known() {
        let error = parse("run signing").unwrap_err();
        assert!(
            error.contains("signing-quiet, signing-under-faults, crash-in-every-phase"),
            "{error}"
        );
    }

    #[test]
    fn impossible_numbers_are_refused_with_the_range() {
        for (line, words) in [
            ("--nodes 2", "3..=1000"),
            ("--loss 0.7", "0 to 0.5"),
            ("--loss nan", "0 to 0.5"),
            ("--latency-ms 50", "10:50"),
            ("--latency-ms 50:10", "least is 50, above most, which is 10"),
            ("--latency-ms 1:20000", "0 to 10000"),
            ("--within-s 0", "1..=7200"),
        ] {
            let error = parse(&format!("run signing-quiet {line}")).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
