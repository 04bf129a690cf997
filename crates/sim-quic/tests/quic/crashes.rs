//! A disk fails at some of the steps of a session; the whole set is a command.

use ensign_sim_quic::{CrashPlan, CrashReport, Mishap, run_crashes};
use ensign_wire::Mode;

fn play(modes: &[Mode], mishaps: &[Mishap], every: u32) -> CrashReport {
    let (modes, mishaps) = (modes.to_vec(), mishaps.to_vec());
    run_crashes(&CrashPlan { modes, mishaps, every, ..CrashPlan::default() }, |_| {}).unwrap()
}

#[test]
fn signer_that_loses_power_at_any_step_of_its_disk_signs_after_it_is_back() {
    let report = play(&[Mode::Committed], &[Mishap::PowerCut], 13);
    assert_eq!(report.failures(), [""; 0]);
    let cuts = report.of(Mishap::PowerCut);
    assert!(cuts.points > 0 && cuts.stopped == cuts.points && cuts.completed == cuts.points);
    // Some attempts were lost, and some cuts came after the last thing that mattered.
    assert!(cuts.attempts.keys().eq([1, 2].iter()), "{:?}", cuts.attempts);
}

#[test]
fn node_whose_disk_is_full_or_unreadable_says_so_and_signs_after_that_is_over() {
    let mishaps = [Mishap::DiskFull, Mishap::NearlyFull, Mishap::Unreadable];
    let report = play(&[Mode::Fast], &mishaps, 37);
    assert_eq!(report.failures(), [""; 0]);
    assert!(report.of(Mishap::DiskFull).stopped > 0);
    assert!(report.of(Mishap::NearlyFull).asked_again > 0);
    for mishap in mishaps {
        let tally = report.of(mishap);
        assert!(tally.points > 0 && tally.completed == tally.points, "{tally:?}");
    }
}

#[test]
fn disk_that_lies_about_its_flushes_is_noticed() {
    let report = play(&[Mode::Fast], &[Mishap::LostFlushes], 23);
    let lies = report.of(Mishap::LostFlushes);
    assert!(lies.points > 0 && lies.wrong > 0, "{lies:?}");
}

#[test]
fn equal_seeds_give_equal_crashes() {
    let digest = || play(&[Mode::Strict], &[Mishap::PowerCut], 60).digest().to_owned();
    assert_eq!(digest(), digest());
}
