//! The command line of the simulator: `cargo xtask sim`.
//!
//! Everything about a run is the library's; this program turns arguments into plans, progress and
//! reports into words, and is the only part that reads a clock, and only to tell how long people
//! waited.

mod command;

use std::{
    io::{self, ErrorKind, Write as _},
    process::ExitCode,
};

use clap::Parser as _;

use crate::command::{Cli, Console, Ending, Stop};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let stop = Stop::on_interrupt();
    let ending = stop.and_then(|stop| command::run(&cli, &mut Console::standard(), &stop));
    match ending {
        Ok(ending) => ExitCode::from(ending.code()),
        // Whoever read our output has seen enough, as `head` does.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _gone = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(Ending::Refused.code())
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    kinds.map(io::Error::kind).any(|kind| kind == ErrorKind::BrokenPipe)
}
