//! Address books: a restart with hostile nodes in one, and the alarm when all connections turn hostile.

use std::{collections::BTreeSet, time::Duration};

use ensign_book::{OUTBOUND_MAX, Reason};
use ensign_diversity::PrefixTable;
use ensign_primitives::PeerId;

use super::{Size, Workers};
use crate::{
    draw::Draw,
    figures::{Demand, Line, Share, mean, percentile},
    street::{Card, Street},
};

/// Of the honest nodes of a book so many do not answer any more, in the second row.
const AWAY: f64 = 1.0 / 3.0;
/// How long a node has to find its connections again.
const RESTARTED: Duration = Duration::from_secs(600);
/// How long a node has had its connections when they turn.
const SETTLED: Duration = Duration::from_secs(30);
/// Within which time it has to notice.
const NOTICED: Duration = Duration::from_secs(300);
/// How long each node is watched for false alarms, and how many such spans are a year.
const WATCHED: Duration = Duration::from_secs(365 * 24 * 3600 / 20);
const SPANS_PER_YEAR: f64 = 20.0;
/// Trials of the alarm for each node that is watched.
const TRIALS_PER_WATCHED: u32 = 10;

/// Who is in a book: a fifth of them is hostile.
struct Known {
    honest: Vec<Card>,
    hostile: Vec<Card>,
}

impl Known {
    fn new(nodes: u32) -> Self {
        let hostile = nodes / 5;
        Self {
            honest: (hostile..nodes).map(Card::lone).collect(),
            hostile: (0..hostile).map(Card::lone).collect(),
        }
    }

    fn all(&self) -> Vec<Card> {
        self.honest.iter().chain(&self.hostile).cloned().collect()
    }
}

/// How many honest connections each of so many restarts leads to.
pub(super) fn restart(size: Size, workers: &impl Workers) -> Vec<Line> {
    let known = Known::new(size.nodes);
    let rows = [("all others answer", 0.0), ("a third of the others is away", AWAY)];
    let lines = rows.into_iter().flat_map(|(what, away)| {
        let honest = workers
            .each(size.trials.into(), |at| starts((size.seed << 32) + at, &known, away) as f64);
        let eclipsed = honest.iter().filter(|it| **it == 0.0).count();
        let fewest = percentile(&honest, 0);
        [
            Line::number(format!("eclipsed, {what}"), eclipsed as f64, "", Demand::AtMost(0.0)),
            Line::number("  honest outbound, fewest", fewest, "", Demand::AtLeast(2.0)),
            Line::number(
                format!("  honest outbound of {OUTBOUND_MAX}, mean"),
                mean(&honest),
                "",
                Demand::Told,
            ),
        ]
    });
    lines.collect()
}

/// Anchors are as likely hostile as all others.
fn starts(seed: u64, known: &Known, away: f64) -> usize {
    let mut draw = Draw::new(seed, "restart", 0);
    let all = known.all();
    let anchors = draw.sample(&(0..all.len()).collect::<Vec<_>>(), 2);
    let anchors = anchors.into_iter().filter_map(|it| all.get(it)).map(Card::peer).collect();
    let mut street = Street::new(seed, &all, anchors, PrefixTable::default());
    known.hostile.iter().for_each(|it| street.lives(it));
    for card in &known.honest {
        if draw.unit() >= away {
            street.lives(card);
        }
    }
    street.pass(RESTARTED);
    let hostile: BTreeSet<PeerId> = known.hostile.iter().map(Card::peer).collect();
    street.outbound().iter().filter(|it| !hostile.contains(it)).count()
}

/// The alarm by views: when it has to rise, and when it must not.
pub(super) fn eclipse(size: Size, workers: &impl Workers) -> Vec<Line> {
    let known = Known::new(size.nodes);
    let seed_of = |at| (size.seed << 32) + at;
    let after = workers.each(size.trials.into(), |at| turned(seed_of(at), &known));
    let times: Vec<f64> = after.iter().flatten().copied().collect();
    let watched = size.trials.div_ceil(TRIALS_PER_WATCHED);
    let alarms = workers.each(watched.into(), |at| watch(seed_of(at), &known));
    let years = f64::from(watched) / SPANS_PER_YEAR;
    let false_alarms = alarms.iter().sum::<usize>() as f64 / years;
    let raised = Share::of(after.iter().map(Option::is_some));
    vec![
        Line::share("alarm within 5 min, all outbound hostile", raised, Demand::AtLeast(0.95)),
        Line::number("  after, p50", percentile(&times, 50), " s", Demand::Told),
        Line::number("  after, last", percentile(&times, 100), " s", Demand::Told),
        Line::number(
            "false alarms by views, of a node in a year",
            false_alarms,
            "",
            Demand::AtMost(1.0),
        ),
        Line::number("  years that were watched", years, "", Demand::Told),
    ]
}

fn settled(seed: u64, known: &Known) -> Street {
    let all = known.all();
    let mut street = Street::new(seed, &all, Vec::new(), PrefixTable::default());
    all.iter().for_each(|it| street.lives(it));
    known.hostile.iter().for_each(|it| street.turns(it.peer()));
    street.pass(SETTLED);
    street
}

/// All outbound connections turn hostile, beside the fifth that was: after how many seconds the node says so.
fn turned(seed: u64, known: &Known) -> Option<f64> {
    let mut street = settled(seed, known);
    street.outbound().into_iter().for_each(|it| street.turns(it));
    let begin = street.now();
    street.pass(NOTICED);
    let by_views = street.alarms.iter().find(|it| it.1 == Reason::ViewsApart);
    by_views.map(|(at, _)| at.since(begin).as_secs_f64())
}

/// How many alarms by views there are while only the fifth is hostile.
fn watch(seed: u64, known: &Known) -> usize {
    let mut street = settled(seed, known);
    street.pass(WATCHED);
    street.alarms.iter().filter(|it| it.1 == Reason::ViewsApart).count()
}
