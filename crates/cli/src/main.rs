//! The program `ensign`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ensign_cli::run()
}
