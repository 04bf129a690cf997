//! `scenario new` and `scenario show`: files to read and to start from.

use std::{
    fs::File,
    io::{ErrorKind, Write as _},
    path::PathBuf,
};

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use ensign_sim::Scenario;

use super::{Console, Ending, text};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Writes a file in which every key is explained; keeps a file that is there already.
    New {
        /// Where to; prints it when left out
        file: Option<PathBuf>,
    },
    /// Prints the file of a scenario that comes with the simulator.
    Show {
        /// Which
        name: String,
    },
}

pub(super) fn run(command: &Command, console: &mut Console<'_>) -> Result<Ending> {
    match command {
        Command::New { file: Some(file) } => write_new(file, console)?,
        Command::New { file: None } => write!(console.out, "{}", Scenario::template("mine"))?,
        Command::Show { name } => show(name, console)?,
    }
    Ok(Ending::Good)
}

fn write_new(path: &PathBuf, console: &mut Console<'_>) -> Result<()> {
    let stem = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
    let mut file = match File::create_new(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} is there already; choose another name", path.display());
        }
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let template = Scenario::template(&stem);
    file.write_all(template.as_bytes()).with_context(|| path.display().to_string())?;
    let shown = text::quoted(&path.to_string_lossy());
    writeln!(console.out, "wrote {shown}; run it with: cargo xtask sim run {shown}")?;
    Ok(())
}

fn show(name: &str, console: &mut Console<'_>) -> Result<()> {
    let Some(shipped) = Scenario::shipped().iter().find(|shipped| shipped.name == name) else {
        let names = Scenario::shipped().iter().map(|shipped| shipped.name);
        bail!("no scenario is called `{name}`, the nearest is `{}`", text::nearest(name, names));
    };
    write!(console.out, "{}", shipped.text)?;
    Ok(())
}
