//! `dht`: networks of the hash table or of gossip alone, thousands of nodes, and hostile ones that know everything.

use std::{io::Write as _, time::Duration};

use anyhow::Result;
use clap::{Args, builder::PossibleValuesParser};
use ensign_sim_overlay::{
    figures::Line,
    scenario::{Scenario, Size, Spent, Workers},
};

use super::{
    Console, Ending, Stop,
    launch::{self, Stopwatch},
    pool,
};

/// What to try, and how much.
#[derive(Clone, Debug, Args)]
#[command(after_help = SCENARIOS)]
pub(super) struct Arguments {
    /// What to try; everything when nothing is named
    #[arg(value_parser = PossibleValuesParser::new(Scenario::ALL.map(Scenario::name)))]
    pub(super) scenarios: Vec<String>,
    /// How many honest nodes there are [default: as many as the bars are stated for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(100..=100_000))]
    pub(super) nodes: Option<u32>,
    /// How many trials each row has
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) trials: Option<u32>,
    /// What all is drawn from: the same seed gives the same figures
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = clap::value_parser!(u64).range(..1 << 32))]
    pub(super) seed: u64,
    /// Tries what takes seconds, as `check` does
    #[arg(long)]
    pub(super) small: bool,
    /// How many trials go on at a time [default: one for each core]
    #[arg(long, value_name = "N")]
    pub(super) jobs: Option<usize>,
}

const SCENARIOS: &str = "\
A bar that is missed ends the command with exit code 1, unless chance alone can explain it: its
interval at 95 %, behind the figure, reaches what was to be reached.";

pub(super) fn run(arguments: &Arguments, console: &mut Console<'_>, stop: &Stop) -> Result<Ending> {
    let is_named = |it: &Scenario| arguments.scenarios.iter().any(|name| name == it.name());
    let all = Scenario::ALL.into_iter();
    let wanted = all.filter(|it| arguments.scenarios.is_empty() || is_named(it));
    let watch = Stopwatch::start();
    let threads = Threads { jobs: launch::threads(arguments.jobs), stop, watch };
    let mut ending = Ending::Good;
    for scenario in wanted {
        let usual = if arguments.small {
            scenario.small(arguments.seed)
        } else {
            scenario.size(arguments.seed)
        };
        let size = Size {
            nodes: arguments.nodes.unwrap_or(usual.nodes),
            trials: arguments.trials.unwrap_or(usual.trials),
            seed: arguments.seed,
        };
        if try_one(scenario, size, &threads, console)? == Ending::Bad {
            ending = Ending::Bad;
        }
        if stop.is_wanted() {
            writeln!(console.out, "STOPPED: figures above are of the trials until then")?;
            return Ok(Ending::Interrupted);
        }
    }
    Ok(ending)
}

/// Tries every scenario at the size that takes seconds.
pub(super) fn check(console: &mut Console<'_>, stop: &Stop) -> Result<Ending> {
    let (scenarios, nodes, trials, jobs) = (Vec::new(), None, None, None);
    run(&Arguments { scenarios, nodes, trials, seed: 1, small: true, jobs }, console, stop)
}

fn try_one(
    scenario: Scenario,
    size: Size,
    threads: &Threads<'_>,
    console: &mut Console<'_>,
) -> Result<Ending> {
    let watch = Stopwatch::start();
    let commit = launch::commit().unwrap_or_else(|| "unknown".to_owned());
    let Size { nodes, trials, seed } = size;
    let (name, about) = (scenario.name(), scenario.about());
    writeln!(console.out, "dht {name}: {about}")?;
    writeln!(console.out, "  {nodes} honest nodes, {trials} trials, seed {seed}, commit {commit}")?;
    console.out.flush()?;
    let lines = scenario.run(size, threads);
    for line in &lines {
        writeln!(console.out, "{}", line.text())?;
    }
    writeln!(console.out, "  {:.0} s\n", watch.elapsed().as_secs_f64())?;
    console.out.flush()?;
    let is_bad = |it: &Line| it.is_missed() && !it.may_be_chance();
    Ok(if lines.iter().any(is_bad) { Ending::Bad } else { Ending::Good })
}

/// Shares trials among threads; none begins once the user has stopped.
struct Threads<'a> {
    jobs: usize,
    stop: &'a Stop,
    watch: Stopwatch,
}

/// Bytes that this process holds, where Linux tells.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// Processor time of this process, where Linux tells: in hundredths of a second.
fn busy() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name before is in brackets and may have anything in it.
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks()? + ticks()?) * 10))
}

impl Workers for Threads<'_> {
    fn spent(&self) -> Option<Spent> {
        Some(Spent { time: self.watch.elapsed(), busy: busy()?, resident: resident()? })
    }

    fn each<R: Send>(&self, count: u64, work: impl Fn(u64) -> R + Sync) -> Vec<R> {
        let all: Vec<u64> = (0..count).collect();
        pool::each(&all, self.jobs, self.stop, |at| work(*at))
    }
}
