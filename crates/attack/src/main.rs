//! A hostile client against a running node, on loopback only: what an attack costs honest users.
//!
//! Without `--target` it sets its own stage in a temporary folder: the program `ensign up` as the
//! victim, two honest members that sign with it one request after the other, and an attacker, who is
//! a stranger or a member of another group of the victim. Before, during and after each attack it
//! measures the honest requests, and the victim's processor time, memory and files, and compares
//! them with the bars ([`bars`]).
//!
//! Invariants:
//!
//! - Nothing is sent to an address that is not loopback, unless the caller says that the node there is
//!   their own; every loop ends by count and by time.
//! - What strangers do uses raw QUIC (`line`), so that the victim's own rules are not in the way.
//! - A figure that was not measured reaches no bar.
//!
//! Reading order: `kind` (which attacks there are), `bars`, `run` (one attack with its quiet times),
//! `stage`, then `stranger` and `insider`, the attacks themselves.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal: its output is its purpose"
)]

mod bars;
mod calibration;
mod cores;
mod figures;
mod home;
mod honest;
mod insider;
mod kind;
mod line;
mod member;
mod process;
mod report;
mod run;
mod scene;
mod stage;
mod stranger;
mod tls;
mod victim;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result, bail};
use clap::Parser;

use crate::{
    bars::Holds,
    cores::Side,
    kind::Kind,
    run::{Plan, Row},
    scene::Amounts,
    stage::Stage,
};

/// Attacks a node on loopback, and says what that cost its honest users.
#[derive(Debug, Parser)]
#[command(name = "ensign-attack", after_help = kinds())]
struct Arguments {
    /// Which attack: all, or a name from the list below
    #[arg(long, default_value = "all")]
    kind: String,
    /// A node that runs already; without it one is started in a temporary folder
    #[arg(long, value_name = "IP:PORT")]
    target: Option<SocketAddr>,
    /// The target is not on this machine, and it is yours
    #[arg(long, requires = "target")]
    i_run_this_node: bool,
    /// A throw-away home, without a passphrase, in a group with the target: for what members do
    #[arg(long, value_name = "DIR", requires = "target")]
    home: Option<PathBuf>,
    /// The process of the target, to be measured
    #[arg(long, requires = "target")]
    pid: Option<u32>,
    /// The program `ensign`
    #[arg(long, value_name = "PATH", default_value = "target/release/ensign")]
    ensign: PathBuf,
    /// How many seconds an attack takes, and each quiet time before and after it
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// How often each attack is run; of several the worst figures are told at the end
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=20))]
    runs: u32,
    /// Connections of strangers
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// Requests that wash others out of memories
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    requests: u64,
    /// Megabytes of payloads
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=4096))]
    megabytes: u64,
    /// First packets a second of `initials`; 0 for as fast as one core can
    #[arg(long, value_name = "PACKETS", default_value_t = 25_000)]
    rate: u64,
    /// A latency ratio above its bar is unclear, not missed, up to this: for machines with other work
    #[arg(long, value_name = "RATIO", default_value_t = 1.0)]
    noise: f64,
    /// Print one JSON object for each attack instead of a table
    #[arg(long)]
    json: bool,
}

fn kinds() -> String {
    let lines = Kind::ALL.map(|kind| format!("  {:11} {}", kind.name(), kind.about()));
    format!("Attacks:\n{}", lines.join("\n"))
}

fn main() -> ExitCode {
    match attack(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs what was asked for; whether no bar was missed.
fn attack(arguments: &Arguments) -> Result<bool> {
    let kinds = kinds_of(arguments)?;
    let plan = plan(arguments)?;
    if !cores::keep_to(Side::Hostile) {
        eprintln!("victim and attacker share one core: latencies say little");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if !arguments.json {
        println!("{}", report::HEADING);
    }
    let mut verdicts = Vec::new();
    let runs = kinds.iter().flat_map(|kind| (0..arguments.runs).map(|_| *kind));
    for kind in runs {
        let mut stage = match (arguments.target, &arguments.home) {
            (Some(target), Some(home)) => Stage::visit(&plan.program, target, home, arguments.pid)?,
            (Some(target), None) => runtime.block_on(Stage::knock(target, arguments.pid))?,
            (None, _) => Stage::set(&plan.program, honest::pace(plan.time(kind)))?,
        };
        let row = runtime.block_on(run::run(&plan, &mut stage, kind));
        let row = row.with_context(|| format!("attack {}", kind.name()))?;
        tell(&row, arguments.json);
        verdicts.extend(row.verdicts);
    }
    let verdicts = bars::worst(&verdicts, plan.noise);
    if arguments.runs > 1 && !arguments.json {
        println!("\nthe worst of {} runs:", arguments.runs);
        verdicts.iter().for_each(|verdict| println!("  {}", verdict.text()));
    }
    let are = |holds| verdicts.iter().filter(move |verdict| verdict.holds == holds);
    let (missed, unclear) = (are(Holds::No).count(), are(Holds::Unknown).count());
    if !arguments.json {
        println!("\n{} bars: {missed} missed, {unclear} unclear", verdicts.len());
        are(Holds::No).for_each(|verdict| println!("{}", verdict.text()));
    }
    Ok(missed == 0)
}

/// Which attacks are meant and possible: on a node elsewhere only some are.
fn kinds_of(arguments: &Arguments) -> Result<Vec<Kind>> {
    let target = arguments.target.filter(|target| !target.ip().is_loopback());
    if let Some(target) = target.filter(|_| !arguments.i_run_this_node) {
        bail!("{target} is not a loopback address: say --i-run-this-node if that node is yours");
    }
    let lacks = |kind: Kind| {
        if target.is_some() && kind.is_from_many_addresses() {
            Some("comes from many addresses, which only loopback has")
        } else if arguments.target.is_some() && arguments.home.is_none() && kind.is_members() {
            Some("needs --home, a home in a group with the target")
        } else {
            None
        }
    };
    if arguments.kind == "all" {
        return Ok(Kind::ALL.into_iter().filter(|kind| lacks(*kind).is_none()).collect());
    }
    let kind: Kind = arguments.kind.parse().map_err(anyhow::Error::msg)?;
    match lacks(kind) {
        Some(why) => bail!("{}: {why}", kind.name()),
        None => Ok(vec![kind]),
    }
}

fn plan(arguments: &Arguments) -> Result<Plan> {
    let program = match (arguments.target, &arguments.home) {
        // Nothing is started, and no home is read.
        (Some(_), None) => arguments.ensign.clone(),
        (Some(_), Some(_)) | (None, _) => arguments
            .ensign
            .canonicalize()
            .with_context(|| format!("{}: no program to attack", arguments.ensign.display()))?,
    };
    let amounts = Amounts {
        connections: arguments.connections.into(),
        requests: arguments.requests,
        megabytes: arguments.megabytes,
        rate: arguments.rate,
    };
    let phase = Duration::from_secs(arguments.seconds);
    Ok(Plan { program, phase, amounts, noise: arguments.noise })
}

fn tell(row: &Row, json: bool) {
    if json {
        return println!("{}", report::json_line(row));
    }
    println!("{}", report::table_line(row));
    report::more_lines(row).iter().for_each(|line| println!("{line}"));
}
