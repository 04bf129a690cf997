//! `replay`: a reported run once more, and what nodes saw and did in it.

mod filter;
mod frame;
mod line;

use std::{
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Result, ensure};
use clap::Args;
use ensign_sim::{Cast, Observer, Plan, Report, Sight, Simulation, check::Checkers};
use ensign_sim_report::Folder as _;

use self::filter::Filter;
pub(super) use self::line::Scribe;
use super::{Console, Ending, Stop, launch, text};

/// What to replay and what of it to show.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// The folder that `run --out` wrote
    pub(super) folder: PathBuf,
    /// Shows one node only
    #[arg(long, value_name = "N")]
    pub(super) node: Option<u32>,
    /// Shows nothing before this moment of the run, such as 12s or 1500ms
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(super) from: Option<Duration>,
    /// Ends the replay at this moment
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(super) to: Option<Duration>,
    /// Shows one request: the first hex digits of its name
    #[arg(long, value_name = "HEX")]
    pub(super) request: Option<String>,
    /// Shows the requests of one intent, and what befell their signers
    #[arg(long, value_name = "N")]
    pub(super) intent: Option<u32>,
}

pub(super) fn run(arguments: &Arguments, console: &mut Console<'_>, stop: &Stop) -> Result<Ending> {
    let report = Report::read(&arguments.folder)?;
    let plan = Plan::new(report.scenario.clone(), report.seed);
    let length = report.scenario.length;
    let end = arguments.to.unwrap_or(length).min(length);
    let filter = Filter::new(arguments, &plan)?;
    introduce(&report, launch::commit().as_deref(), console)?;
    let mut simulation = Simulation::new(plan, launch::threads(None));
    let mut show = Show::new(filter, &mut console.out);
    let mut simulated = Duration::ZERO;
    while simulated < end && !stop.is_wanted() {
        let step = STEP.min(end.saturating_sub(simulated));
        simulation.run(step, &mut [&mut show]);
        simulated += step;
        show.result()?;
    }
    let shown = show.shown;
    let is_whole = simulated >= length;
    let digest = is_whole.then(|| hex(&simulation.digest()));
    conclude(&report, (shown, simulated), digest, console)
}

/// How much of a run passes between two looks at Ctrl-C.
const STEP: Duration = Duration::from_millis(250);

/// Says what is replayed, and whether it can come out the same.
fn introduce(report: &Report, commit: Option<&str>, console: &mut Console<'_>) -> Result<()> {
    let known = |commit: Option<&str>| commit.unwrap_or("unknown").to_owned();
    let (then, now) = (known(report.commit.as_deref()), known(commit));
    let (name, seed) = (&report.scenario.name, report.seed);
    writeln!(console.out, "replay of {name}, seed {seed}, commit {then}")?;
    if then != now {
        writeln!(
            console.err,
            "warning: the report is of commit {then} and this is {now}; the run may differ"
        )?;
    }
    Ok(())
}

fn conclude(
    report: &Report,
    (shown, simulated): (u64, Duration),
    digest: Option<String>,
    console: &mut Console<'_>,
) -> Result<Ending> {
    let lines = match shown {
        0 => "nothing was seen or done there".to_owned(),
        shown => text::many(shown, "line"),
    };
    let at = text::span(simulated);
    let ending = match digest {
        _ if simulated.is_zero() => Ending::Interrupted,
        None => {
            writeln!(console.out, "{lines}; replayed up to {at}")?;
            Ending::Good
        }
        Some(_) if !report.complete => {
            writeln!(
                console.out,
                "{lines}; replayed to the end, which the report had not reached"
            )?;
            Ending::Good
        }
        Some(digest) if digest == report.digest => {
            writeln!(console.out, "{lines}; the digest is that of the report: {digest}")?;
            Ending::Good
        }
        Some(digest) => {
            let reported = &report.digest;
            writeln!(
                console.out,
                "{lines}; THE RUN DIFFERS: its digest is {digest}, the report has {reported}"
            )?;
            Ending::Bad
        }
    };
    console.out.flush()?;
    Ok(ending)
}

/// Prints the sights that pass the filter, and every violation.
struct Show<'a> {
    filter: Filter,
    scribe: Scribe,
    checkers: Checkers,
    out: &'a mut dyn Write,
    shown: u64,
    failure: Option<io::Error>,
}

impl<'a> Show<'a> {
    fn new(filter: Filter, out: &'a mut dyn Write) -> Self {
        Self {
            filter,
            scribe: Scribe::default(),
            checkers: Checkers::default(),
            out,
            shown: 0,
            failure: None,
        }
    }

    /// Whether everything could be printed.
    fn result(&mut self) -> io::Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }

    fn print(&mut self, cast: &Cast, sight: &Sight, violations: usize) -> io::Result<()> {
        if self.filter.shows(&self.scribe, sight) {
            self.shown += 1;
            writeln!(self.out, "{}", self.scribe.line(cast, sight))?;
        }
        for violation in self.checkers.violations().iter().skip(violations) {
            let (at, node) = (text::moment(violation.at), violation.node);
            let (checker, what) = (&violation.checker, &violation.what);
            writeln!(self.out, "{at}  node {node}  VIOLATION of {checker}: {what}")?;
        }
        Ok(())
    }
}

impl Observer for Show<'_> {
    fn observe(&mut self, cast: &Cast, sight: &Sight) {
        let violations = self.checkers.violations().len();
        self.checkers.observe(cast, sight);
        self.scribe.learn(sight);
        self.filter.learn(cast, sight);
        if self.failure.is_none() {
            self.failure = self.print(cast, sight, violations).err();
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads the first digits of a request's name.
fn request_prefix(text: &str) -> Result<String> {
    let prefix = text.to_ascii_lowercase();
    ensure!(
        !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "--request {text}: write the first hex digits of a request, as the report shows them"
    );
    Ok(prefix)
}
