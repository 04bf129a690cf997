//! One attack, with a quiet time before and after it.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::time::timeout;

use crate::{
    bars::{self, Verdict},
    figures::{Figure, Findings, Latencies, growth_mib, ratio},
    insider,
    kind::Kind,
    process::{Memory, MemoryWatch, Process, Usage},
    scene::{Amounts, Scene, pause},
    stage::Stage,
    stranger,
    victim::Victim,
};

/// How much longer than its time an attack may take to come to its end: the answers that it still
/// waits for.
const GRACE: Duration = Duration::from_secs(30);

/// After how much of an attack memory has to be flat.
const SETTLED: Duration = Duration::from_secs(10);

/// What goes by before the first quiet time begins. Guess: seconds.
const SETTING: Duration = Duration::from_secs(5);

/// How attacks are run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The program under attack.
    pub(crate) program: PathBuf,
    /// How long the attack takes, and each quiet time.
    pub(crate) phase: Duration,
    pub(crate) amounts: Amounts,
    /// Latency ratios up to this say nothing.
    pub(crate) noise: f64,
}

impl Plan {
    /// Returns how long an attack takes, quiet times and what follows included.
    pub(crate) fn time(&self, kind: Kind) -> Duration {
        kind.time_max(self.phase) + self.phase * 2 + SETTING
    }
}

/// What was measured of one attack.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) kind: Kind,
    /// Honest latencies before, under attack, and after it.
    pub(crate) latencies: [Latencies; 3],
    /// Per cent of one core, while the attack went on.
    pub(crate) cpu: Option<f64>,
    /// Resident bytes before, at most, and at the end.
    pub(crate) memory: Option<[u64; 3]>,
    /// Bytes in the victim's home before, and at the end.
    pub(crate) home: Option<[u64; 2]>,
    pub(crate) took: Duration,
    pub(crate) findings: Findings,
    pub(crate) verdicts: Vec<Verdict>,
}

/// Runs one attack on a stage.
///
/// # Errors
///
/// Fails if a victim cannot be restarted. An attack that is not carried through says so in its row.
pub(crate) async fn run(plan: &Plan, stage: &mut Stage, kind: Kind) -> Result<Row> {
    let is_own = stage.own.is_some();
    let quiet_time = if is_own { plan.phase } else { Duration::ZERO };
    let home_before = stage.home_bytes();
    let began = Instant::now();
    pause(quiet_time).await;

    let memory_before = stage.process.as_ref().map(Process::memory);
    let used = stage.process.as_ref().map(|process| (process.id(), process.usage()));
    let watch = stage.process.clone().map(MemoryWatch::start);
    let attack = Instant::now();
    let mut findings = attack_on(plan, stage, kind).await;
    let attacked = Instant::now();
    let cpu = cpu_percent(used, stage.process.as_ref(), attacked - attack);
    note_exit(stage, &mut findings);
    if kind == Kind::Fill || findings.figures.get(&Figure::Exits) == Some(&1.0) {
        stage.restart()?;
    }

    pause(quiet_time).await;
    let end = Instant::now();
    let watched = watch.map(MemoryWatch::end);
    let most = watched.as_ref().map(Memory::most);
    if let Some(memory) = &watched {
        note_growth(memory, (attack, attacked), &mut findings);
    }
    let memory_after = stage.process.as_ref().map(Process::memory);
    let memory = memory_before.zip(most).zip(memory_after);
    let memory = memory.map(|((before, most), after)| [before, most, after]);
    let home = is_own.then(|| [home_before, stage.home_bytes()]);
    // What still runs comes to its end, or is given up.
    note_prompts(stage, (attack, attacked), &mut findings);
    let latencies = stop_honest(stage, [began, attack, attacked, end]);
    if kind == Kind::Churn && is_own {
        // Alone: nobody else's work is in the count.
        let mut scene = Scene::new(stage, plan.amounts, plan.phase);
        insider::count_flushes(&mut scene, &mut findings).await?;
    }
    derive(&mut findings, &latencies, memory, home);
    let verdicts = bars::judge(kind, &findings, plan.noise);
    let took = attacked - attack;
    Ok(Row { kind, latencies, cpu, memory, home, took, findings, verdicts })
}

async fn attack_on(plan: &Plan, stage: &mut Stage, kind: Kind) -> Findings {
    let time = kind.time_max(plan.phase);
    let mut scene = Scene::new(stage, plan.amounts, time);
    let scene = &mut scene;
    let attack = async {
        match kind {
            Kind::Pong => stranger::pong(scene).await,
            Kind::Ping => stranger::ping(scene).await,
            Kind::Hold => stranger::hold(scene).await,
            Kind::Partial => stranger::partial(scene).await,
            Kind::Handshakes => stranger::handshakes(scene).await,
            Kind::Initials => stranger::initials(scene).await,
            Kind::Frames => stranger::frames(scene).await,
            Kind::Sources => stranger::sources(scene).await,
            Kind::Slots => stranger::slots(scene).await,
            Kind::Limits => stranger::limits(scene).await,
            Kind::Cids => stranger::cids(scene).await,
            Kind::Washing => insider::washing(scene).await,
            Kind::Fill => insider::fill(scene).await,
            Kind::Bulk => insider::bulk(scene).await,
            Kind::Churn => insider::churn(scene).await,
            Kind::Silence => insider::silence(scene).await,
            Kind::Attempts => insider::attempts(scene).await,
            Kind::Drown => insider::drown(scene).await,
        }
    };
    let why = match timeout(time + GRACE, attack).await {
        Ok(Ok(findings)) => return findings,
        Ok(Err(error)) => format!("the attack was not carried through: {error:#}"),
        Err(_) => "the attack did not come to its end".to_owned(),
    };
    Findings { words: vec![why], ..Findings::default() }
}

/// Sets by how much memory still grew when the attack had gone on for a while.
fn note_growth(memory: &Memory, (began, ended): (Instant, Instant), findings: &mut Findings) {
    if let Some(growth) = memory.growth_between(began + SETTLED, ended) {
        findings.set(Figure::LateGrowth, growth_mib(0, growth));
    }
}

/// Sets how long honest requests of the attack took to be shown to the victim's user, and how many of the
/// attacker's were.
fn note_prompts(stage: &Stage, (began, ended): (Instant, Instant), findings: &mut Findings) {
    let Some(own) = &stage.own else { return };
    let Some(shown) = own.victim.as_ref().map(Victim::shown) else { return };
    let proposed = own.honest.between(began, ended);
    let names: BTreeMap<String, Instant> = proposed
        .iter()
        .filter_map(|entry| Some((entry.request?.to_string(), entry.began)))
        .collect();
    for (name, since) in &names {
        if let Some(at) = shown.get(name) {
            let seconds = at.saturating_duration_since(*since).as_secs_f64();
            findings.set(Figure::PromptSeconds, seconds);
        }
    }
    let is_meant = |at: &Instant| *at >= began && *at < ended;
    let asked = shown.iter().filter(|(name, at)| is_meant(at) && !names.contains_key(*name));
    // An attack takes a minute or less.
    findings.set(Figure::AskedInAMinute, asked.count() as f64);
}

/// Notes whether the victim has ended by itself.
fn note_exit(stage: &mut Stage, findings: &mut Findings) {
    if stage.own.is_none() {
        return;
    }
    let words = stage.last_words();
    findings.set(Figure::Exits, if words.is_some() { 1.0 } else { 0.0 });
    findings.words.extend(words);
}

/// Lets the honest pair come to its end; returns its latencies between the four moments.
fn stop_honest(stage: &mut Stage, [began, attack, attacked, end]: [Instant; 4]) -> [Latencies; 3] {
    let Some(own) = &mut stage.own else { return [Latencies::default(); 3] };
    own.honest.stop();
    [(began, attack), (attack, attacked), (attacked, end)]
        .map(|(from, to)| Latencies::of(&own.honest.between(from, to)))
}

/// Sets the figures that every attack has.
fn derive(
    findings: &mut Findings,
    [quiet, during, after]: &[Latencies; 3],
    memory: Option<[u64; 3]>,
    home: Option<[u64; 2]>,
) {
    let ratios = [
        (Figure::P50Ratio, ratio(during.p50, quiet.p50)),
        (Figure::P99Ratio, ratio(during.p99, quiet.p99)),
    ];
    for (figure, ratio) in ratios {
        if let Some(ratio) = ratio {
            findings.set(figure, ratio);
        }
    }
    if let Some([before, most, _]) = memory {
        findings.set(Figure::MemoryGrowth, growth_mib(before, most));
        findings.set(Figure::MemoryMost, growth_mib(0, most));
    }
    if let Some([began, ended]) = home {
        findings.set(Figure::HomeGrowth, growth_mib(began, ended));
        findings.set(Figure::HonestFailed, (during.failed + after.failed) as f64);
    }
}

/// Returns per cent of one core; nothing if another process took its place meanwhile.
fn cpu_percent(
    before: Option<(u32, Usage)>,
    process: Option<&Process>,
    time: Duration,
) -> Option<f64> {
    let ((id, before), process) = (before?, process?);
    let used = process.usage().cpu - before.cpu;
    (process.id() == id).then(|| used / time.as_secs_f64().max(1e-3) * 100.0)
}
