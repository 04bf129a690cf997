//! What was sent, by kind of frame.

use crate::{Report, Traffic, units};

/// One kind, or all of them.
#[derive(Debug)]
pub(crate) struct TrafficRow {
    pub(crate) kind: String,
    pub(crate) is_total: bool,
    pub(crate) frames: String,
    pub(crate) frames_per_signed: String,
    pub(crate) bytes: String,
    pub(crate) bytes_per_signed: String,
    pub(crate) share: String,
    /// The share of bytes, in percent.
    pub(crate) width: String,
}

/// Most bytes first, then the sum; nothing of a run that sent nothing.
pub(crate) fn rows(report: &Report) -> Vec<TrafficRow> {
    let mut kinds: Vec<&Traffic> = report.traffic.iter().collect();
    kinds.sort_by(|one, two| two.bytes.cmp(&one.bytes).then_with(|| one.kind.cmp(&two.kind)));
    let all = Traffic {
        kind: "all".to_owned(),
        frames: kinds.iter().map(|kind| kind.frames).sum(),
        bytes: kinds.iter().map(|kind| kind.bytes).sum(),
    };
    let signed = report.signed();
    let mut rows: Vec<_> = kinds.iter().map(|kind| row(kind, all.bytes, signed)).collect();
    if !rows.is_empty() {
        rows.push(TrafficRow { is_total: true, ..row(&all, all.bytes, signed) });
    }
    rows
}

fn row(kind: &Traffic, all: u64, signed: usize) -> TrafficRow {
    let per_signed = |number: u64| (signed > 0).then(|| number as f64 / signed as f64);
    let share = if all == 0 { 0.0 } else { kind.bytes as f64 / all as f64 };
    TrafficRow {
        kind: kind.kind.clone(),
        is_total: false,
        frames: units::count(kind.frames),
        frames_per_signed: units::or_none(per_signed(kind.frames), units::decimal),
        bytes: units::bytes(kind.bytes as f64),
        bytes_per_signed: units::or_none(per_signed(kind.bytes), units::bytes),
        share: units::share(kind.bytes, all),
        width: format!("{:.1}", share * 100.0),
    }
}
