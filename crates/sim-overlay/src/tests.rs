//! Small worlds.

use std::sync::Arc;

use crate::{Cast, Hostile, Setting, scenario};

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
