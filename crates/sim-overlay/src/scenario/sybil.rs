//! Hostile nodes that know everything, at random and around the key that is looked for.

use std::sync::Arc;

use super::{
    Found, Size, Workers,
    lookup::{asked, each, estimates, is_found, kilobytes, millis, trials, views},
};
use crate::{
    Cast, Fill, Hostile, Setting,
    figures::{Demand, Line, Share, percentile},
};

/// From how many nodes on positions are dense enough that a region is 256 of them.
const LARGE: u32 = 5_000;

/// One kind of attack, and what is to be reached against it.
struct Row {
    what: &'static str,
    setting: Setting,
    found: f64,
    asked: Option<f64>,
    /// How often the alarm has to fire, or may.
    alarm: Demand,
}

fn rows(nodes: u32) -> Vec<Row> {
    let honest = Setting::honest(nodes);
    let against = |what, hostile, found, asked, alarm| Row {
        what,
        setting: honest.against(hostile),
        found,
        asked,
        alarm,
    };
    let mut rows = vec![
        against("20 % hostile", Hostile::Share(0.2), 0.999, Some(12.0), Demand::AtMost(0.01)),
        against("50 % hostile", Hostile::Share(0.5), 0.995, Some(12.0), Demand::AtMost(0.02)),
        against("67 % hostile", Hostile::Share(0.67), 0.98, Some(20.0), Demand::AtMost(0.02)),
        against("20 nearest to the key", Hostile::Near(20), 0.99, None, Demand::AtLeast(0.99)),
        against("100 nearest to the key", Hostile::Near(100), 0.99, None, Demand::AtLeast(0.99)),
        against("20 in its region", Hostile::Region(20), 0.99, None, Demand::Told),
        against("100 in its region", Hostile::Region(100), 0.99, None, Demand::Told),
    ];
    // Of a small network a thousand are most, and no region.
    if nodes >= LARGE {
        let thousand = Hostile::Region(1000);
        rows.push(against("1,000 in its region", thousand, 0.88, None, Demand::Told));
        let mut old =
            against("1,000 in its region, who came later", thousand, 0.98, None, Demand::Told);
        old.setting.fill = Fill::HonestFirst;
        let mut owned =
            against("1,000 in its region, in 20 /24s", thousand, 0.99, None, Demand::Told);
        owned.setting.networks = Some(20);
        rows.extend([old, owned]);
    }
    let mut wins = against(
        "100 in its region, who win every slot",
        Hostile::Region(100),
        0.98,
        None,
        Demand::Told,
    );
    wins.setting.fill = Fill::HostileFirst;
    rows.push(wins);
    rows
}

pub(super) fn run(size: Size, workers: &impl Workers) -> Vec<Line> {
    let rows = rows(size.nodes);
    let most = rows.iter().max_by_key(|it| it.setting.hostile_nodes());
    let Some(most) = most else { return Vec::new() };
    let cast = Arc::new(Cast::new(&most.setting, size.seed));
    rows.iter()
        .flat_map(|row| lines(row, size, &trials(&cast, row.setting, size, workers)))
        .collect()
}

fn lines(row: &Row, size: Size, found: &[Found]) -> Vec<Line> {
    let budget = row.asked.map_or(Demand::Told, Demand::AtMost);
    let fires = Share::of(found.iter().map(|it| it.is_dense.0));
    let mut lines = vec![
        is_found(row.what, found, row.found),
        Line::mean("  asked, mean", &each(found, asked), "", budget),
        Line::number("  asked, p99", percentile(&each(found, asked), 99), "", Demand::Told),
        Line::number("  time, p99", percentile(&each(found, millis), 99), " ms", Demand::Told),
    ];
    let is_half = row.setting.hostile == Hostile::Share(0.5);
    let bytes = if is_half { Demand::AtMost(20.0) } else { Demand::Told };
    lines.push(Line::mean("  kB sent and heard, mean", &each(found, kilobytes), "", bytes));
    lines.push(Line::share("  density alarm at the store", fires, row.alarm));
    if found.iter().any(|it| it.agrees.is_some()) {
        lines.push(views("  views of a point that agree", found, Demand::Told));
    }
    if row.setting.hostile == Hostile::Share(0.2) {
        let all = size.nodes + row.setting.hostile_nodes();
        lines.push(estimates(found, all, Demand::AtLeast(0.95)));
    }
    lines
}
