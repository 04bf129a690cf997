//! Timings as ratios within one run; see `benches/`.
