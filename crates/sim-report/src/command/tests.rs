//! Command lines: what is understood, what is refused, and what files come of it.

use std::{fs, io, path::Path};

use clap::{CommandFactory as _, Parser as _};
use ensign_sim_report::Folder as _;
use tempfile::TempDir;

use super::{Cli, Console, Ending, Stop};

/// Runs a command line; what it printed, and how it ended.
fn sim(words: &[&str]) -> (String, anyhow::Result<Ending>) {
    sim_until(words, &Stop::default())
}

fn sim_until(words: &[&str], stop: &Stop) -> (String, anyhow::Result<Ending>) {
    let cli = Cli::try_parse_from(["sim"].iter().chain(words)).unwrap();
    let mut out = Vec::new();
    let mut console =
        Console { out: Box::new(&mut out), err: Box::new(io::sink()), is_watched: false };
    let ending = super::run(&cli, &mut console, stop);
    drop(console);
    (String::from_utf8(out).unwrap(), ending)
}

fn refused(words: &[&str]) -> String {
    format!("{:#}", sim(words).1.unwrap_err())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A run of a second or less.
const SMALL: [&str; 8] =
    ["run", "signing-quiet", "--nodes", "6", "--threads", "1", "--set", "requests=1"];

#[test]
fn the_command_line_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn command_lines_of_the_documentation_are_understood() {
    for line in [
        "list",
        "run signing-under-faults --nodes 300 --seed 42 --out target/sim/run42",
        "run my-scenario.toml --set link.loss=0.1 --set crashes=3 --threads 2 --json",
        "scenario new",
        "scenario new my-scenario.toml",
        "scenario show churn",
        "sweep signing-under-faults --vary loss=0:0.3:0.05 --seeds 20 --out target/sim/sweep",
        "compare target/sim/base target/sim/change",
        "replay target/sim/run42 --node 17 --from 12s --to 14s",
        "replay target/sim/run42 --request 0a1b2c3d --intent 4",
        "check",
        "check --seeds 200 --nodes 50 --jobs 2 --first-seed 1000",
    ] {
        let words = ["sim"].into_iter().chain(line.split(' '));
        Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn scenarios_that_cannot_be_read_are_refused_with_advice() {
    assert_eq!(
        refused(&["run", "signing-quite"]),
        "no scenario is called `signing-quite`, the nearest is `signing-quiet`"
    );
    assert_eq!(
        refused(&["scenario", "show", "chrun"]),
        "no scenario is called `chrun`, the nearest is `churn`"
    );
    assert!(refused(&["run", "missing.toml"]).starts_with("missing.toml: No such file"));
    assert_eq!(
        refused(&["run", "churn", "--set", "los=0.1"]),
        "--set los=0.1: unknown key `los`, the nearest is `link.loss`"
    );
    assert_eq!(refused(&["run", "churn", "--set", "loss"]), "--set loss: write it as key=value");
    assert_eq!(
        refused(&["run", "churn", "--nodes", "2"]),
        "load.signers = 3 needs 3 nodes, and nodes = 2"
    );
}

#[test]
fn a_mistake_in_a_file_is_told_with_file_and_line() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("mine.toml");
    fs::write(&file, "nodes = 9\n[link]\nlos = 0.1\n").unwrap();
    assert_eq!(
        refused(&["run", text(&file)]),
        format!("{}: line 3: unknown key `link.los`, the nearest is `link.loss`", file.display())
    );
}

#[test]
fn list_names_every_scenario_and_adversary() {
    let (printed, ending) = sim(&["list"]);
    assert_eq!(ending.unwrap(), Ending::Good);
    for shipped in ensign_sim::Scenario::shipped() {
        assert!(printed.contains(shipped.name), "{printed}");
    }
    for act in ensign_sim::adversary::KINDS {
        assert!(printed.contains(act.about), "{printed}");
    }
}

#[test]
fn a_new_scenario_file_can_be_run_and_is_never_overwritten() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("mine.toml");
    let (printed, ending) = sim(&["scenario", "new", text(&file)]);
    assert_eq!(ending.unwrap(), Ending::Good);
    assert!(printed.contains("cargo xtask sim run"), "{printed}");
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.contains("name = \"mine\""), "{written}");
    assert!(refused(&["scenario", "new", text(&file)]).ends_with("choose another name"));
    let words = ["run", text(&file), "--nodes", "3", "--threads", "1"];
    assert_eq!(sim(&words).1.unwrap(), Ending::Good);
}

#[test]
fn a_shown_scenario_is_its_file() {
    let (printed, _) = sim(&["scenario", "show", "churn"]);
    let shipped = ensign_sim::Scenario::shipped().iter().find(|it| it.name == "churn").unwrap();
    assert_eq!(printed, shipped.text);
}

#[test]
fn a_run_is_summed_up() {
    let (printed, ending) = sim(&SMALL);
    assert_eq!(ending.unwrap(), Ending::Good, "{printed}");
    assert!(
        printed.starts_with("signing-quiet, seed 1: 6 nodes, 40s of virtual time"),
        "{printed}"
    );
    assert!(printed.contains("  signed    2 of 2 requests\n"), "{printed}");
    assert!(printed.contains("  latency   p50 "), "{printed}");
    assert!(!printed.contains("FAILED"), "{printed}");
}

#[test]
fn a_run_that_misses_its_demand_fails_and_says_how_to_repeat_it() {
    let unmet = ["--set", "think=20s", "--set", "within=1s", "--seed", "9"];
    let (printed, ending) = sim(&[&SMALL[..], &unmet].concat());
    assert_eq!(ending.unwrap(), Ending::Bad, "{printed}");
    let repeat = "cargo xtask sim run signing-quiet --nodes 6 --set requests=1 --set think=20s --set \
                  within=1s --seed 9 --out target/sim/signing-quiet-9";
    assert!(printed.contains(repeat), "{printed}");
    assert!(
        printed.contains("cargo xtask sim replay target/sim/signing-quiet-9 --intent"),
        "{printed}"
    );
}

#[test]
fn a_run_of_an_attack_ends_with_its_bars() {
    let words = ["run", "flood", "--nodes", "6", "--threads", "1"];
    let small = ["--set", "strangers=1", "--set", "requests=1", "--set", "length=20s"];
    let (printed, ending) = sim(&[&words[..], &small].concat());
    assert_eq!(ending.unwrap(), Ending::Good, "{printed}");
    let (_, bars) = printed.split_once("\nbars:\n").unwrap();
    assert!(bars.contains("  p50, times quiet ") && bars.contains("at most 2 "), "{printed}");
    assert!(bars.ends_with("5 bars, 0 missed\n"), "{printed}");
}

#[test]
fn an_interrupted_run_keeps_what_it_found_and_says_so() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("run");
    let words = [&SMALL[..], &["--out", text(&out)]].concat();
    let (printed, ending) = sim_until(&words, &Stop::now());
    assert_eq!(ending.unwrap(), Ending::Interrupted);
    assert!(printed.starts_with("STOPPED after "), "{printed}");
    assert!(!ensign_sim::Report::read(&out).unwrap().complete);
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_before_the_run() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let words = [&SMALL[..], &["--out", text(&file)]].concat();
    assert!(refused(&words).starts_with(&format!("cannot write to {}", file.display())));
}

#[test]
fn a_reported_run_is_replayed_to_the_same_digest() {
    let folder = TempDir::new().unwrap();
    let out = text(folder.path());
    assert_eq!(sim(&[&SMALL[..], &["--out", out]].concat()).1.unwrap(), Ending::Good);
    let (printed, ending) = sim(&["replay", out]);
    assert_eq!(ending.unwrap(), Ending::Good);
    assert!(printed.starts_with("replay of signing-quiet, seed 1"), "{printed}");
    for expected in
        ["  <- node ", "  -> node ", "PartialSigShare signer 0, 1 partial", "DONE with 1"]
    {
        assert!(printed.contains(expected), "{expected}");
    }
    let last = printed.lines().last().unwrap();
    assert!(last.contains("the digest is that of the report"), "{last}");
}

#[test]
fn a_replay_shows_the_node_time_and_request_asked_for() {
    let folder = TempDir::new().unwrap();
    let out = text(folder.path());
    assert_eq!(sim(&[&SMALL[..], &["--out", out]].concat()).1.unwrap(), Ending::Good);
    let words = ["replay", out, "--node", "2", "--from", "2s", "--to", "2500ms"];
    let (printed, _) = sim(&words);
    let lines: Vec<_> = printed.lines().collect();
    let (_, shown) = lines.split_first().unwrap();
    let (last, shown) = shown.split_last().unwrap();
    assert!(shown.iter().all(|line| line.contains("s  node 2      ")), "{printed}");
    assert!(shown.iter().all(|line| line.trim_start().starts_with("2.")), "{printed}");
    assert!(last.ends_with("replayed up to 2s 500ms"), "{last}");

    let (printed, _) = sim(&["replay", out, "--intent", "0"]);
    let proposed = printed.lines().find(|line| line.contains("proposes intent")).unwrap();
    let request = proposed.rsplit(' ').next().unwrap();
    assert!(!printed.contains("proposes intent 1"), "{printed}");
    let (printed, _) = sim(&["replay", out, "--request", request]);
    assert!(printed.contains("proposes intent 0 "), "{printed}");
    assert!(!printed.contains("proposes intent 1"), "{printed}");
}

#[test]
fn a_replay_that_cannot_be_is_refused() {
    let folder = TempDir::new().unwrap();
    let out = text(folder.path());
    assert!(refused(&["replay", out]).starts_with("no report.json in "));
    assert_eq!(sim(&[&SMALL[..], &["--out", out]].concat()).1.unwrap(), Ending::Good);
    assert_eq!(refused(&["replay", out, "--node", "6"]), "--node 6: the run has nodes 0 to 5");
    assert_eq!(
        refused(&["replay", out, "--intent", "2"]),
        "--intent 2: the run has intents 0 to 1"
    );
    assert!(refused(&["replay", out, "--request", "xyz"]).starts_with("--request xyz: "));
}

#[test]
fn check_runs_every_seed_and_tells_a_line_for_each_scenario() {
    let words =
        ["check", "signing-quiet", "clock-skew", "--seeds", "3", "--nodes", "6", "--jobs", "2"];
    let (printed, ending) = sim(&words);
    assert_eq!(ending.unwrap(), Ending::Good, "{printed}");
    assert!(printed.starts_with("6 nodes, seeds 1 to 3, each in every scenario\n"), "{printed}");
    assert_eq!(printed.lines().count(), 4, "{printed}");
}

#[test]
fn a_sweep_runs_every_value_over_every_seed_and_can_be_compared() {
    let folder = TempDir::new().unwrap();
    let out = text(folder.path());
    let words =
        ["sweep", "signing-quiet", "--nodes", "6", "--vary", "loss=0:0.2:0.1", "--seeds", "2"];
    let (printed, ending) = sim(&[&words[..], &["--out", out, "--jobs", "2"]].concat());
    assert_eq!(ending.unwrap(), Ending::Good, "{printed}");
    let values: Vec<_> =
        printed.lines().skip(2).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(values, ["0.0", "0.1", "0.2", "report"], "{printed}");
    let report = ensign_sim_report::SweepReport::read(folder.path()).unwrap();
    assert_eq!(report.runs.len(), 6);
    assert!(report.complete);
    let again = "cargo xtask sim run signing-quiet --nodes 6 --set link.loss=0.1 --seed 2";
    assert!(report.runs.iter().any(|run| run.command == again), "{:?}", report.runs);
    let (printed, ending) = sim(&["compare", out, out]);
    assert_eq!(ending.unwrap(), Ending::Good);
    assert!(printed.contains("latency"), "{printed}");
}

#[test]
fn a_sweep_that_makes_no_sense_is_refused_before_its_first_run() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let sweep = |vary| refused(&["sweep", "churn", "--vary", vary, "--out", text(&file)]);
    assert_eq!(sweep("los=0:1:0.1"), "unknown key `los`, the nearest is `link.loss`");
    assert_eq!(sweep("load.signers=62:66:2"), "load.signers = 66 is outside 2 to 64");
    assert!(sweep("until=200s:300s:50s").starts_with("demand.within = "));
    assert!(sweep("loss=0:0.1:0.1").starts_with("cannot write to "));
}

#[test]
fn folders_without_runs_cannot_be_compared() {
    let folder = TempDir::new().unwrap();
    let folder = text(folder.path());
    assert!(refused(&["compare", folder, folder]).contains(folder));
}
