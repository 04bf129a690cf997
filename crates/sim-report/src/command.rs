//! The commands, and what they share.

mod check;
mod compare;
mod console;
mod dht;
mod excerpt;
mod launch;
mod list;
mod pool;
mod progress;
mod replay;
mod run;
mod scenario;
mod stop;
mod subject;
mod summary;
mod sweep;
mod text;

#[cfg(test)]
mod tests;

use anyhow::Result;
use clap::{Parser, Subcommand};

pub(crate) use self::{console::Console, stop::Stop};

/// Simulates networks of production engines in virtual time.
///
/// A run is decided by a scenario and a seed: the same two give the same run, on any machine and
/// with any number of threads. Checkers watch every step; a run that breaks safety, or leaves
/// unsigned what had to be signed, ends with exit code 1 and the command that replays it.
#[derive(Debug, Parser)]
#[command(name = "ensign-sim", bin_name = "cargo xtask sim")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the scenarios that come with the simulator, and what adversaries can do.
    List,
    /// Runs a scenario and tells how it came out.
    Run(run::Arguments),
    /// Shows a scenario, or writes a commented one to start from.
    #[command(subcommand)]
    Scenario(scenario::Command),
    /// Varies one key of a scenario, runs each value over many seeds, and reports what it does.
    Sweep(sweep::Arguments),
    /// Says what a change did: runs before against runs after, with confidence intervals.
    Compare(compare::Arguments),
    /// Runs a reported run again and prints what nodes saw and did.
    Replay(replay::Arguments),
    /// Tries networks of the hash table, honest and under attack, and prints figures and bars.
    Dht(dht::Arguments),
    /// Runs every scenario with faults over many seeds: what must hold before a change lands.
    Check(check::Arguments),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As it should.
    Good,
    /// A checker fired, a demand was not met, or a replay went another way.
    Bad,
    /// The arguments make no sense, or a file cannot be read or written.
    Refused,
    /// By the user.
    Interrupted,
}

impl Ending {
    /// Returns the exit code: 130 is what shells say of a program ended by Ctrl-C.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Bad => 1,
            Self::Refused => 2,
            Self::Interrupted => 130,
        }
    }
}

/// Carries out a command.
pub(crate) fn run(cli: &Cli, console: &mut Console<'_>, stop: &Stop) -> Result<Ending> {
    match &cli.command {
        Command::List => list::run(console),
        Command::Run(arguments) => run::run(arguments, console, stop),
        Command::Scenario(command) => scenario::run(command, console),
        Command::Sweep(arguments) => sweep::run(arguments, console, stop),
        Command::Compare(arguments) => compare::run(arguments, console),
        Command::Replay(arguments) => replay::run(arguments, console, stop),
        Command::Dht(arguments) => dht::run(arguments, console, stop),
        Command::Check(arguments) => check::run(arguments, console, stop),
    }
}
