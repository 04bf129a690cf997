//! How long each step took, and what it cost each signer.

use serde_json::{Map, Value, json};

use super::story::{Deed, Story};
use crate::args::SessionMode;
use crate::output::{Line, Output};
use crate::words;

/// Tells the times of a story that came to its end.
pub(super) fn tell(story: &Story, output: Output) {
    let times = Times::of(story);
    let mut text = String::from("\nHow long it took, from the last approval on:");
    for (step, us) in &times.steps {
        text += &format!("\n  {:>9}  {step}", words::micros(*us));
    }
    text += &format!(
        "\n  {:>9}  in all: last approval to final signature at all {}",
        words::micros(times.signing_us),
        story.names.len()
    );
    let cpu = times.cpu.iter().map(|(name, us)| format!("{name} {}", words::micros(*us)));
    text += &format!("\n  processor time over that: {}", cpu.collect::<Vec<_>>().join(", "));
    let steps = times.steps.iter().map(|(step, us)| json!({ "step": step, "us": us }));
    let cpu = times.cpu.iter().map(|(name, us)| (name.clone(), Value::from(*us)));
    let line = Line::new("times")
        .with("signing_us", times.signing_us)
        .with("signing_from_join_us", times.from_join_us)
        .with("steps", steps.collect::<Vec<_>>())
        .with("cpu_us", cpu.collect::<Map<_, _>>());
    output.tell(&line, text);
}

struct Times {
    /// From the last signer's approval to the last signer's final signature.
    signing_us: u64,
    /// The same, from the last signer's join.
    from_join_us: u64,
    steps: Vec<(&'static str, u64)>,
    cpu: Vec<(String, u64)>,
}

impl Times {
    fn of(story: &Story) -> Self {
        let last = |what: &str| {
            let times = story.deeds.iter().filter(|deed| deed.what == what);
            times.map(|deed| deed.time_us).max()
        };
        let approved = last("approved").max(last("proposed")).unwrap_or_default();
        let done = last("done").unwrap_or_default();
        let joined = last("joined").unwrap_or(approved);
        // A step ends when the last signer goes on to the next phase.
        let marks: &[(&str, Option<u64>)] = match story.mode {
            SessionMode::Fast => &[
                ("consent and nonces: all have joined", last("phase:signing")),
                ("partial signatures, verified and aggregated by each", Some(done)),
            ],
            SessionMode::Committed | SessionMode::Strict => &[
                ("consent and commitments: all have joined", last("phase:revealing")),
                ("nonces: all are revealed", last("phase:signing")),
                ("partial signatures, verified and aggregated by each", Some(done)),
            ],
        };
        let mut from = approved;
        let mut steps = Vec::new();
        for (step, until) in marks {
            let until = until.unwrap_or(from);
            steps.push((*step, until.saturating_sub(from)));
            from = until;
        }
        let cpu = (0..)
            .zip(&story.names)
            .map(|(signer, name)| (name.clone(), cpu_between(story, signer, approved)));
        Self {
            signing_us: done.saturating_sub(approved),
            from_join_us: done.saturating_sub(joined),
            steps,
            cpu: cpu.collect(),
        }
    }
}

/// What a signer's process worked from the last thing it said up to `start` until it was done.
fn cpu_between(story: &Story, signer: usize, start: u64) -> u64 {
    let own = || story.deeds.iter().filter(move |deed: &&Deed| deed.signer == signer);
    let before = own().filter(|deed| deed.time_us <= start).filter_map(|deed| deed.cpu_us).max();
    let first = own().find_map(|deed| deed.cpu_us);
    let done = story.did(signer, "done").and_then(|deed| deed.cpu_us).unwrap_or_default();
    done.saturating_sub(before.or(first).unwrap_or(done))
}
