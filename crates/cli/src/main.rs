//! The command line: homes, contact codes, groups, and signing together.
//!
//! Everything about a session is the coordinator's; this program turns files into its calls, its
//! events into words, and its failures into codes with advice ([`catalogue`]).
//!
//! Invariants:
//!
//! - A secret is never an argument or a variable, never printed, and lies only in files of mode
//!   0600, encrypted unless the user said otherwise. No core dump is written ([`core_dump`]).
//! - One process at a time uses a home.
//! - Nothing is signed that was not shown first, unless the user said so with a flag.
//! - Text of other people is escaped before it is printed.

mod address;
mod args;
mod catalogue;
mod command;
mod contact;
mod core_dump;
mod demo;
mod durable;
mod failure;
mod group;
mod home;
mod household;
mod kept;
mod key_file;
mod names;
mod narrator;
mod node;
mod output;
mod passphrase;
mod psbt_file;
mod question;
mod recent;
mod remote;
mod request;
mod results;
mod stop;
mod store;
mod target;
mod vault;
mod views;
mod words;

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use crate::args::Cli;
use crate::failure::Failure;
use crate::output::Output;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let output = Output::new(cli.json);
    // Whatever the command: most of them unlock keys.
    if let Err(error) = core_dump::forbid() {
        output.notice(format!("a crash could write keys to a core dump: {error}"));
    }
    let ended = command::run(cli, output);
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
