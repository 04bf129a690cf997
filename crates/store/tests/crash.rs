//! The power fails at every write, and the store keeps its promises.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails says so")]

use ensign_store::{
    Batch, Opening, RedbStore, Store, StoreOptions,
    medium::{Fault, FaultDisk},
};
use ensign_testkit::store::{Model, history};

/// Optimized, every step is tried; else every one of this many.
const STRIDE: usize = if cfg!(debug_assertions) { 7 } else { 1 };

/// How often each step is tried, with another part of what was not flushed.
const TRIES: u8 = if cfg!(debug_assertions) { 1 } else { 20 };

fn open(disk: &FaultDisk, mark: u8) -> Option<(RedbStore, Opening)> {
    let options = StoreOptions { mark: [mark; 32], ..StoreOptions::default() };
    RedbStore::open_on(disk.clone(), &options).ok()
}

/// What the store holds after each number of batches.
fn states(batches: &[Batch]) -> Vec<Model> {
    let mut model = Model::default();
    let mut states = vec![model.clone()];
    for batch in batches {
        model.apply(batch);
        states.push(model.clone());
    }
    states
}

/// Commits until the power fails; returns how many batches were acknowledged.
fn work(disk: &FaultDisk, batches: &[Batch]) -> usize {
    let Some((mut store, _)) = open(disk, 1) else { return 0 };
    batches.iter().take_while(|batch| store.commit(batch).is_ok()).count()
}

fn steps(batches: &[Batch]) -> u64 {
    let disk = FaultDisk::new([0; 32]);
    assert_eq!(work(&disk, batches), batches.len());
    disk.steps()
}

/// A disk whose power failed in a step, and how many batches it had acknowledged.
fn crashed(step: u64, attempt: u8, batches: &[Batch]) -> (FaultDisk, usize) {
    let mut seed = [attempt; 32];
    seed[..8].copy_from_slice(&step.to_le_bytes());
    let disk = FaultDisk::new(seed);
    disk.crash_at(step);
    let acknowledged = work(&disk, batches);
    disk.power_off();
    disk.power_on();
    (disk, acknowledged)
}

#[test]
fn crash_at_any_write_loses_no_acknowledged_batch_and_leaves_none_in_half() {
    let batches = history();
    let states = states(&batches);
    let steps = (0..steps(&batches)).step_by(STRIDE);
    for (step, attempt) in steps.flat_map(|step| (0..TRIES).map(move |attempt| (step, attempt))) {
        let (disk, acknowledged) = crashed(step, attempt, &batches);
        let (mut store, opening) = open(&disk, 2).expect("a store that opens");
        assert!(matches!(opening, Opening::New | Opening::Continued), "{step}: {opening:?}");
        let found = Model::of(&store);
        let allowed = &states[acknowledged..states.len().min(acknowledged + 2)];
        let there = allowed.iter().position(|state| *state == found);
        let there = acknowledged + there.unwrap_or_else(|| panic!("step {step}: a batch in half"));
        // It goes on from there.
        for batch in &batches[there..] {
            store.commit(batch).unwrap();
        }
        assert_eq!(Model::of(&store), states[batches.len()]);
    }
}

#[test]
fn one_seed_gives_one_outcome() {
    let batches = history();
    for step in (0..steps(&batches)).step_by(STRIDE * 2) {
        let [(one, first), (other, second)] = [(); 2].map(|()| crashed(step, 3, &batches));
        assert_eq!(first, second, "step {step}");
        assert_eq!(one.steps(), other.steps(), "step {step}");
        assert!(one.copy() == other.copy(), "step {step}: the disks differ");
    }
}

#[test]
fn crash_while_a_store_is_opened_after_a_crash_changes_nothing() {
    let batches = &history()[..8];
    let states = states(batches);
    for (round, step) in (0..steps(batches)).step_by(STRIDE * 6).enumerate() {
        let opening_steps = {
            let (disk, _) = crashed(step, 0, batches);
            let before = disk.steps();
            assert!(open(&disk, 2).is_some());
            disk.steps() - before
        };
        for later in (round as u64 % 3..opening_steps).step_by(STRIDE / 3 + 1) {
            let (disk, acknowledged) = crashed(step, 0, batches);
            disk.crash_at(disk.steps() + later);
            let found = open(&disk, 2).is_some();
            disk.power_off();
            disk.power_on();
            let (store, opening) = open(&disk, 3).expect("a store that opens");
            let expected = matches!(opening, Opening::New | Opening::Continued);
            assert!(expected, "{step}, {later}, opened before: {found}: {opening:?}");
            let found = Model::of(&store);
            let allowed = &states[acknowledged..states.len().min(acknowledged + 2)];
            assert!(allowed.contains(&found), "{step}, {later}: a batch in half");
        }
    }
}

#[test]
fn process_that_ends_at_any_write_loses_nothing_that_was_acknowledged() {
    let batches = history();
    let states = states(&batches);
    for step in (0..steps(&batches)).step_by(STRIDE * 3) {
        let disk = FaultDisk::new([1; 32]);
        disk.crash_at(step);
        let acknowledged = work(&disk, &batches);
        disk.power_off();
        disk.process_ended();
        let (store, opening) = open(&disk, 2).expect("a store that opens");
        assert!(matches!(opening, Opening::New | Opening::Continued), "{step}: {opening:?}");
        let allowed = &states[acknowledged..states.len().min(acknowledged + 2)];
        assert!(allowed.contains(&Model::of(&store)), "step {step}");
    }
}

#[test]
fn crash_while_a_store_is_compacted_changes_nothing() {
    let batches = history();
    let states = states(&batches);
    let prepared = || {
        let disk = FaultDisk::new([5; 32]);
        assert_eq!(work(&disk, &batches), batches.len());
        let (store, _) = open(&disk, 2).unwrap();
        (disk, store)
    };
    let (disk, mut store) = prepared();
    let before = disk.steps();
    store.compact().unwrap();
    for step in (before..disk.steps()).step_by(STRIDE) {
        let (disk, mut store) = prepared();
        disk.crash_at(step);
        let compacted = store.compact();
        assert!(compacted.is_err(), "step {step}");
        assert!(store.commit(&batches[0]).is_err(), "a store that stopped goes on");
        disk.power_off();
        drop(store);
        disk.power_on();
        let (store, opening) = open(&disk, 3).expect("a store that opens");
        assert_eq!(opening, Opening::Continued);
        assert_eq!(Model::of(&store), states[batches.len()]);
    }
}

/// The control: without it, a harness that never loses anything would pass everything above.
#[test]
fn disk_that_lies_about_its_flushes_loses_something_and_is_never_read_as_something_else() {
    let batches = history();
    let states = states(&batches);
    let mut lost = 0;
    for seed in 0..24 {
        let disk = FaultDisk::new([seed; 32]);
        let (mut store, _) = open(&disk, 1).unwrap();
        disk.lie_from(Some(disk.flushes() + u64::from(seed)));
        batches.iter().for_each(|batch| store.commit(batch).unwrap());
        disk.power_off();
        drop(store);
        disk.lie_from(None);
        disk.power_on();
        match open(&disk, 2) {
            Some((store, _)) => {
                let found = Model::of(&store);
                let is_known = states.contains(&found);
                assert!(is_known, "seed {seed}: content that was never there");
                lost += usize::from(found != states[batches.len()]);
            }
            None => lost += 1,
        }
    }
    assert!(lost > 0, "the harness does not bite");
}

#[test]
fn full_disk_stops_the_store_and_keeps_what_was_acknowledged() {
    let batches = history();
    for length in (0..batches.len()).step_by(STRIDE) {
        let disk = FaultDisk::new([2; 32]);
        let (mut store, _) = open(&disk, 1).unwrap();
        batches[..length].iter().for_each(|batch| store.commit(batch).unwrap());
        disk.set_full(Fault::On);
        let error = store.commit(&batches[length]).unwrap_err();
        assert!(error.to_string().contains("full"), "{error}");
        disk.set_full(Fault::Off);
        let again = store.commit(&batches[length]).unwrap_err();
        assert!(again.to_string().contains("earlier error"), "{again}");
        drop(store);
        let (mut store, opening) = open(&disk, 2).expect("a store that opens");
        assert_eq!(opening, Opening::Continued);
        let states = states(&batches);
        assert!(states[length..length + 2].contains(&Model::of(&store)));
        store.commit(&batches[length]).unwrap();
        assert_eq!(Model::of(&store), states[length + 1]);
    }
}
