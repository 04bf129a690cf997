//! Small worlds.

use std::sync::Arc;

use crate::{
    Cast, Hostile, Setting,
    figures::Line,
    scenario::{self, OneByOne, Scenario, Size},
};

#[test]
fn what_one_stores_another_finds_among_honest_nodes() {
    let setting = Setting::honest(300);
    let cast = Arc::new(Cast::new(&setting, 1));
    let found = scenario::find(&cast, setting, 1, 5);
    assert!(found.iter().all(|it| it.is_found && it.offenses == 0), "{found:?}");
}

#[test]
fn equal_seeds_give_equal_trials() {
    let setting = Setting::honest(200).against(Hostile::Share(0.5));
    let run = || {
        let cast = Arc::new(Cast::new(&setting, 3));
        format!("{:?}", scenario::find(&cast, setting, 3, 2))
    };
    assert_eq!(run(), run());
}

/// Every scenario at a size that takes seconds without optimization: what it says is good.
fn tried(scenario: Scenario, nodes: u32, trials: u32) {
    let lines = scenario.run(Size { nodes, trials, seed: 1 }, &OneByOne);
    let text: Vec<String> = lines.iter().map(Line::text).collect();
    let is_missed = |it: &Line| it.is_missed() && !it.may_be_chance();
    assert!(!lines.iter().any(is_missed), "{}\n{}", scenario.name(), text.join("\n"));
    assert!(lines.len() > 1, "{}", text.join("\n"));
}

#[test]
fn honest_nodes_find_what_they_store() {
    tried(Scenario::Lookup, 150, 4);
}

#[test]
fn records_survive_hostile_nodes_of_each_kind() {
    tried(Scenario::Sybil, 400, 1);
}

#[test]
fn fresh_node_finds_records() {
    tried(Scenario::FreshNode, 200, 2);
}

#[test]
fn crowds_of_one_network_get_few_places() {
    tried(Scenario::Capture, 300, 1);
}

#[test]
fn all_begin_at_once_and_know_one() {
    tried(Scenario::ColdStart, 200, 10);
}

#[test]
fn third_of_the_nodes_vanishes() {
    tried(Scenario::Vanish, 100, 10);
}

#[test]
fn half_of_the_nodes_go_in_an_hour() {
    tried(Scenario::Churn, 80, 10);
}

#[test]
fn halves_come_together_again() {
    tried(Scenario::PartitionHeals, 100, 10);
}

#[test]
fn books_and_alarms() {
    tried(Scenario::PoisonedBook, 200, 10);
    tried(Scenario::Eclipse, 200, 4);
}

#[test]
fn nodes_live_for_ten_minutes() {
    tried(Scenario::Network, 80, 1);
    tried(Scenario::NetworkAlone, 40, 1);
}

#[test]
fn messages_reach_all_nodes_soon_and_in_few_copies() {
    tried(Scenario::GossipLatency, 60, 20);
}

#[test]
fn messages_reach_all_nodes_past_silent_ones() {
    tried(Scenario::GossipSilentPeers, 80, 20);
}

#[test]
fn messages_reach_all_nodes_past_sybils_and_false_ones_none() {
    tried(Scenario::GossipSybils, 40, 10);
}
