//! Brings an ended request back: after a restart and thousands of others, and after tens of thousands
//! without one.

use std::time::Duration;

use anyhow::Result;
use ensign_equivocation::Evidence;
use ensign_wire::{Body, Envelope, Mode};

use super::{
    Insider,
    churn::Small,
    requests::{Flood, Until},
};
use crate::{
    figures::{Figure, Findings},
    member::Asked,
    scene::{Scene, pause},
};

/// How many are open at a time: below what one creator may have.
const WINDOW: usize = 20;
/// How long an answer is waited for. Guess: many times what a busy node takes.
const PATIENCE: Duration = Duration::from_secs(3);
/// Requests that push one out of every memory of its end that is counted in requests, joined or not.
const WASH_AFTER_RESTART: u64 = 4_200;

/// How often a request is brought back: a victim that is only busy at the moment has not shown that it
/// remembers.
const RETURNS: u32 = 4;
/// How often a victim is looked at that may be about to end, and the pause between two looks.
const EXIT_LOOKS: u32 = 30;
const EXIT_PAUSE: Duration = Duration::from_millis(100);

/// One request that ended, and what the victim said in it.
struct Ended {
    asked: Asked,
    join: Option<Box<Envelope>>,
}

/// One way to wash.
struct Wash {
    count: u64,
    until: Until,
    /// How what it does is called in the report.
    names: [&'static str; 4],
}

/// Washes after a restart with a few thousand requests, then without one with all of them.
///
/// # Errors
///
/// Fails if the victim does not let the member in, or does not start again.
pub(crate) async fn washing(scene: &mut Scene<'_>) -> Result<Findings> {
    let mut findings = Findings::default();
    for figure in [Figure::Returns, Figure::SecondJoins, Figure::Exits] {
        findings.set(figure, 0.0);
    }
    let few = Wash {
        count: scene.amounts.requests.min(WASH_AFTER_RESTART),
        until: Until::Acknowledged,
        names: ["restart: others", "restart: taken", "restart: returns", "restart: second joins"],
    };
    if scene.stage.own.is_some() {
        let ended = once(scene).await?;
        scene.stage.restart()?;
        wash(scene, &mut findings, &ended, &few).await?;
        revive(scene, &mut findings).await?;
    }
    let all = Wash {
        count: scene.amounts.requests,
        until: Until::Joined,
        names: ["others", "taken", "returns", "second joins"],
    };
    let ended = once(scene).await?;
    wash(scene, &mut findings, &ended, &all).await?;
    revive(scene, &mut findings).await?;
    Ok(findings)
}

/// Starts a victim again that ended by itself, over a request that came back.
async fn revive(scene: &mut Scene<'_>, findings: &mut Findings) -> Result<()> {
    if findings.figures.get(&Figure::Returns) != Some(&1.0) {
        return Ok(());
    }
    for _ in 0..EXIT_LOOKS {
        if let Some(words) = scene.stage.last_words() {
            findings.set(Figure::Exits, 1.0);
            findings.words.push(words);
            scene.stage.restart()?;
            break;
        }
        pause(EXIT_PAUSE).await;
    }
    Ok(())
}

/// Leads a request to the victim's partial signature, and gives it up.
async fn once(scene: &Scene<'_>) -> Result<Ended> {
    let (door, member) = scene.member()?;
    let mut insider = Insider::new(member, door, scene.deadline()).await?;
    let asked = member.ask(Mode::Fast)?;
    let session = asked.session;
    insider.say(&member.announce(&asked, 1)?).await?;
    let join = insider.hear_in(session, PATIENCE, is_join).await;
    lead_on(&mut insider, &asked).await?;
    insider.say(&member.cancel(session)?).await?;
    insider.leave().await;
    Ok(Ended { asked, join })
}

/// Joins, and waits for the victim's partial signature, which is not sent if it cannot be kept.
async fn lead_on(insider: &mut Insider<'_>, asked: &Asked) -> Result<()> {
    let (member, session) = (insider.member, asked.session);
    insider.say(&member.join(session)?).await?;
    let is_partial = |body: &Body| matches!(body, Body::PartialSigShare(_));
    let _ = insider.hear_in(session, PATIENCE, is_partial).await;
    Ok(())
}

async fn wash(
    scene: &Scene<'_>,
    findings: &mut Findings,
    ended: &Ended,
    wash: &Wash,
) -> Result<()> {
    let [others, taken, returns, second_joins] = wash.names;
    let (door, member) = scene.member()?;
    let mut insider = Insider::new(member, door, scene.deadline()).await?;
    let flood = Flood { count: wash.count, window: WINDOW, until: wash.until };
    let tally = flood.run(&mut insider, &mut Small(Mode::Committed)).await?;
    findings.note(others, tally.announced as f64);
    findings.note(taken, tally.taken as f64);
    // The flood has used up what the victim takes from a member, and what it does not look at shows nothing.
    pause(PATIENCE).await;
    // A fresh connection, so that nothing of the flood is heard any more.
    let mut insider = Insider::new(member, door, scene.deadline() + PATIENCE * RETURNS).await?;
    let session = ended.asked.session;
    let is_open = |body: &Body| matches!(body, Body::SessionReady(_) | Body::SessionJoin(_));
    let mut first = None;
    for _ in 0..RETURNS {
        insider.say(&member.announce(&ended.asked, 1)?).await?;
        first = insider.hear_in(session, PATIENCE, is_open).await;
        if first.is_some() {
            break;
        }
    }
    findings.note(returns, count(first.is_some()));
    findings.set(Figure::Returns, count(first.is_some()));
    let again = match first {
        Some(said) if is_join(said.body()) => Some(said),
        Some(_) => insider.hear_in(session, PATIENCE, is_join).await,
        None => return Ok(()),
    };
    let is_second = is_other_join(findings, ended.join.as_deref(), again.as_deref());
    findings.note(second_joins, count(is_second));
    findings.set(Figure::SecondJoins, count(is_second));
    lead_on(&mut insider, &ended.asked).await?;
    // The victim may have ended over it.
    if insider.is_connected() {
        insider.say(&member.cancel(session)?).await?;
        insider.leave().await;
    }
    Ok(())
}

fn count(happened: bool) -> f64 {
    f64::from(u8::from(happened))
}

const fn is_join(body: &Body) -> bool {
    matches!(body, Body::SessionJoin(_))
}

/// Whether the victim joined one attempt with two different statements. If they convict it, too, that is
/// put into words.
fn is_other_join(
    findings: &mut Findings,
    first: Option<&Envelope>,
    second: Option<&Envelope>,
) -> bool {
    let Some((first, second)) = first.zip(second) else { return false };
    if first.body() == second.body() {
        return false;
    }
    let (first, second) = (Box::new(first.clone()), Box::new(second.clone()));
    let evidence = Evidence::Conflict { first, second };
    if evidence.verify().is_ok() {
        findings.words.push("two joins of one attempt convict an honest node".to_owned());
    }
    true
}
