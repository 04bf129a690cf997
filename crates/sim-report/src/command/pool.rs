//! Many runs, some at a time: each on one thread, because runs side by side need no windows.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use ensign_sim::{Options, Plan, Report, Scenario};

use super::{Stop, launch};

/// Does `work` on every item, `jobs` at a time.
///
/// Returns what came of each, in the order of the items; those not begun when the user stopped are
/// missing.
pub(super) fn each<T: Sync, R: Send>(
    items: &[T],
    jobs: usize,
    stop: &Stop,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        while !stop.is_wanted() {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { break };
            done.push((at, work(item)));
        }
        done
    };
    let mut done: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("runs do not panic")).collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// One run without an audience.
pub(super) fn play(scenario: &Scenario, seed: u64, threads: usize, stop: &Stop) -> Report {
    let sample_every = launch::sample_every(scenario.length);
    let options = Options { threads, sample_every, commit: None };
    ensign_sim::run(Plan::new(scenario.clone(), seed), &options, &mut |_| stop.answer())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items_whatever_the_jobs() {
        let items: Vec<u64> = (0..100).collect();
        for jobs in [1, 4] {
            let doubled = each(&items, jobs, &Stop::default(), |item| item * 2);
            assert_eq!(doubled, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn nothing_begins_once_the_user_has_stopped() {
        assert!(each(&[1, 2, 3], 2, &Stop::now(), |item| *item).is_empty());
    }
}
