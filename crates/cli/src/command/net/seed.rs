//! `ensign net seed`: what seeds say.

use std::net::SocketAddr;

use ensign_peers::contact::HostName;
use ensign_seeds::{Answers, Candidate, Config, Resolver, SeedAnswer, SeedError, Seeds};

use crate::catalogue as code;
use crate::command::block_on;
use crate::failure::{Failure, Result};
use crate::home::Home;
use crate::output::{Line, Output};
use crate::words;

/// Most refused records of a seed that are told; the rest are counted.
const REFUSED_TOLD_MAX: usize = 5;

/// Asks seeds, as a node would that knows nobody.
pub(super) fn run(
    home: &Home,
    names: &[HostName],
    resolver: &[SocketAddr],
    output: Output,
) -> Result<()> {
    let resolver = match resolver {
        [] => Resolver::System,
        servers => Resolver::At(servers.to_vec()),
    };
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy)
        .map_err(|error| Failure::new(&code::INTERNAL, format!("no randomness: {error}")))?;
    let config = Config { resolver, ..Config::new(home.settings().network) };
    let answers = block_on(async {
        let seeds = Seeds::new(config);
        let seeds = seeds.map_err(|error| Failure::new(&code::DNS_SETUP, error.to_string()))?;
        Ok(seeds.ask(names, entropy).await)
    })?;
    told(&answers, output);
    if answers.candidates.is_empty() {
        let what =
            answers.failures.first().map_or("no seed was asked".to_owned(), SeedError::to_string);
        let failure = Failure::new(&code::SEED_NONE, what);
        return Err(match answers.failures.first() {
            Some(first) => failure.hint(first.reason.advice()),
            None => failure,
        });
    }
    Ok(())
}

fn told(answers: &Answers, output: Output) {
    for answer in &answers.answers {
        tell_answer(answer, output);
    }
    for candidate in &answers.candidates {
        tell_candidate(candidate, output);
    }
    let is_none = answers.candidates.is_empty();
    // If there is nothing else, the first is the failure of the command.
    for failure in answers.failures.iter().skip(usize::from(is_none)) {
        output.notice(format!("warning: {failure}; {}", failure.reason.advice()));
    }
    if is_none {
        return;
    }
    output.notice(
        "whoever answers there has to prove that it is that node: what a seed says is never more than a claim",
    );
}

/// Says of one seed how many nodes it names, and why records are refused.
fn tell_answer(answer: &SeedAnswer, output: Output) {
    let refused: Vec<String> = answer.refused.iter().map(ToString::to_string).collect();
    let line = Line::new("seed")
        .with("seed", answer.seed.as_str())
        .with("records", answer.records)
        .with("nodes", answer.nodes.len())
        .with("refused", refused.clone());
    let (records, nodes) =
        (words::count(answer.records, "record"), words::count(answer.nodes.len(), "node"));
    output.tell(&line, format!("{}: {records}, {nodes} taken", answer.seed.as_str()));
    for reason in refused.iter().take(REFUSED_TOLD_MAX) {
        output.notice(format!("  refused: {reason}"));
    }
    if let more @ 1.. = refused.len().saturating_sub(REFUSED_TOLD_MAX) {
        output.notice(format!("  refused: {more} more"));
    }
}

fn tell_candidate(candidate: &Candidate, output: Output) {
    let addresses: Vec<String> = candidate.addresses.iter().map(ToString::to_string).collect();
    let line = Line::new("candidate")
        .with("node", candidate.peer.to_string())
        .with("addresses", addresses.clone())
        .with("seed", candidate.seed.as_str());
    output.tell(
        &line,
        format!("  {}  {}  by {}", candidate.peer, addresses.join(" "), candidate.seed.as_str()),
    );
}
