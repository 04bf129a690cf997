//! Bars: what is judged, and in which words.

use super::fixture::{empty, run};
use crate::bars::{BARS, Figure, Judged, judge};

fn judged(bars: &[Judged], figure: Figure) -> &Judged {
    bars.iter().find(|judged| judged.bar.figure == figure).unwrap()
}

#[test]
fn every_bar_belongs_to_a_scenario_that_comes_with_the_simulator() {
    for bar in BARS {
        let known = |shipped: &ensign_sim::scenario::Shipped| shipped.name == bar.scenario;
        assert!(ensign_sim::Scenario::shipped().iter().any(known), "{}", bar.scenario);
    }
}

#[test]
fn a_figure_on_its_bar_is_ok_and_one_beyond_is_missed() {
    let mut report = empty(1);
    report.scenario.name = "grief".to_owned();
    report.attacks.prompt_delay_millis = 1000;
    let line = judged(&judge(&report, None), Figure::PromptDelay).text();
    assert!(line.contains("at most 1 ") && line.ends_with("ok"), "{line}");
    report.attacks.prompt_delay_millis = 1001;
    let bars = judge(&report, None);
    assert!(judged(&bars, Figure::PromptDelay).is_missed());
    assert!(judged(&bars, Figure::PromptDelay).text().ends_with("MISSED"));
}

#[test]
fn what_was_not_measured_is_neither_reached_nor_missed() {
    let mut report = run(1, 40, 300_000);
    report.scenario.name = "flood".to_owned();
    let bars = judge(&report, None);
    assert!(judged(&bars, Figure::P50Ratio).text().ends_with("not measured"));
    assert!(!judged(&bars, Figure::P50Ratio).is_missed());
    let slow = judge(&report, Some(&run(1, 40, 100_000)));
    assert!(judged(&slow, Figure::P50Ratio).is_missed(), "{slow:?}");
}

#[test]
fn a_scenario_without_bars_and_a_part_of_a_run_are_not_judged() {
    let mut report = empty(1);
    assert_eq!(judge(&report, None), []);
    report.scenario.name = "slots".to_owned();
    assert!(!judge(&report, None).is_empty());
    report.complete = false;
    assert_eq!(judge(&report, None), []);
}
