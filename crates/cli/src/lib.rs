//! The command line: homes, contact codes, groups, and signing together.
//!
//! Everything about a session is the coordinator's; this program turns files into its calls, its
//! events into words, and its failures into codes with advice (`catalogue`).
//!
//! Invariants:
//!
//! - A secret is never an argument or a variable, never printed, and lies only in files of mode
//!   0600, encrypted unless the user said otherwise. No core dump is written (`core_dump`).
//! - One process at a time uses a home.
//! - Nothing is signed that was not shown first, unless the user said so with a flag.
//! - Text of other people is escaped before it is printed.

mod address;
mod args;
mod catalogue;
mod command;
mod confirming;
mod core_dump;
mod demo;
mod durable;
mod failure;
mod former;
mod forming;
mod group;
mod home;
mod household;
mod kept;
mod key_file;
mod names;
mod narrator;
mod node;
mod opening;
mod output;
mod passphrase;
mod prefixes;
mod psbt_file;
mod question;
mod recent;
mod remote;
mod request;
mod results;
mod stop;
mod store;
mod target;
mod upkeep;
mod vault;
mod views;
mod words;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser as _;
use clap::error::ErrorKind;

pub use crate::demo::Accepts;

use crate::args::{Cli, Demo};
use crate::failure::Failure;
use crate::output::Output;

/// Does what the arguments of this process say; returns its exit code.
pub fn run() -> ExitCode {
    run_with(std::env::args_os().collect())
}

/// Shows `ensign-demo`, or is one of its signers: those are this program again, with a first argument
/// that says so and then the arguments of `ensign`.
///
/// - `accepts`: Bitcoin's consensus rules.
pub fn run_demo(accepts: Accepts) -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|first| first == demo::AS_SIGNER) {
        arguments.remove(1);
        return run_with(arguments);
    }
    match Demo::try_parse_from(arguments) {
        Ok(args) => {
            let output = Output::new(args.json);
            finish(output, command::block_on(demo::run(args, accepts, output)))
        }
        Err(error) => refuse(&error),
    }
}

fn run_with(arguments: Vec<OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let output = Output::new(cli.json);
    // Whatever the command: most of them unlock keys.
    if let Err(error) = core_dump::forbid() {
        output.notice(format!("a crash could write keys to a core dump: {error}"));
    }
    finish(output, command::run(cli, output))
}

fn finish(output: Output, ended: failure::Result<()>) -> ExitCode {
    // What led to a failure is read before it; what nobody reads is lost.
    let _all = Output::finish();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => end(output, &failure),
    }
}

fn end(output: Output, failure: &Failure) -> ExitCode {
    output.failure(failure);
    let _all = Output::finish();
    ExitCode::from(failure.exit() as u8)
}

/// Answers a command line that is not understood, or asks for help only.
fn refuse(error: &clap::Error) -> ExitCode {
    let is_json = std::env::args().any(|argument| argument == "--json");
    let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if is_json && !is_help {
        let text = error.render().to_string();
        let what = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        return end(Output::Json, &Failure::new(&catalogue::COMMAND_LINE, words::foreign(what)));
    }
    // Help goes to standard output, mistakes to standard error; a closed stream is no failure.
    let _gone = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}
