//! The automation of Ensign: `cargo xtask ci` is what people and CI run before a change lands.
//!
//! Each step of `ci` is also a command of its own, so that a failure is repeated alone. A step
//! that needs a tool which a new machine lacks says so; nothing else is ever skipped.
//!
//! Reading order: `ci` (the steps and their summary), `cargo_steps` (steps that are plain cargo
//! calls), then the checks of our own: `layers`, `tidy`, `no_std`, `fuzz`, `sim`,
//! `attack`; `long` is what takes longer.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal: its output is its purpose"
)]

mod attack;
mod cargo_steps;
mod ci;
mod demo;
mod fuzz;
mod layers;
mod lock;
mod long;
mod no_std;
mod process;
mod sim;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::attack::AttackArguments;
use crate::ci::Step;
use crate::fuzz::FuzzCommand;
use crate::sim::SimArguments;
use crate::workspace::Workspace;

/// Automation of the Ensign workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Attacks a node on loopback: `cargo xtask attack --help`.
    Attack(AttackArguments),
    /// Runs every step and prints a table of times; stops at the first step that fails.
    Ci,
    /// Works with the fuzz targets.
    Fuzz {
        #[command(subcommand)]
        command: FuzzCommand,
    },
    /// Carries the versions of the root lock file into the lock files of `fuzz` and the no_std probe.
    Lock,
    /// Runs what takes longer than `ci` may: hostile sessions, long memory, every attack.
    Long,
    /// Simulates networks of engines: `cargo xtask sim --help`.
    Sim(SimArguments),
    #[command(flatten)]
    Step(Step),
}

fn main() -> ExitCode {
    match run(&Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> anyhow::Result<()> {
    let workspace = Workspace::locate()?;
    match command {
        Command::Attack(arguments) => attack::run(&workspace, arguments),
        Command::Ci => ci::run(&workspace),
        Command::Fuzz { command } => fuzz::run(&workspace, command),
        Command::Lock => lock::carry_versions(&workspace),
        Command::Long => long::run(&workspace),
        Command::Sim(arguments) => sim::run(&workspace, arguments),
        Command::Step(step) => step.run(&workspace),
    }
}
