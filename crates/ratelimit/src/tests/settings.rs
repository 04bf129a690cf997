//! Settings are named with their range and unit.

use std::{collections::BTreeSet, string::ToString};

use crate::{Allowance, Allowances, Limits, Part, REQUESTS_PER_MINUTE_MAX};

#[test]
fn defaults_are_within_their_ranges_and_so_is_the_most_that_members_get() {
    assert_eq!(Limits::default().check(), Ok(()));
    for per_minute in [0, 30, 31, 500, REQUESTS_PER_MINUTE_MAX, u64::MAX] {
        let members = Allowances::of_requests(per_minute);
        assert_eq!(Limits { members, ..Limits::default() }.check(), Ok(()), "{per_minute}");
    }
}

#[test]
fn each_number_is_checked_at_both_ends_of_its_range() {
    let keys: BTreeSet<_> = Limits::SETTINGS.iter().map(|it| it.key).collect();
    assert_eq!(keys.len(), Limits::SETTINGS.len());
    for setting in Limits::SETTINGS {
        let usual = setting.of(&Limits::default());
        for part in [Part::Burst, Part::PerMinute] {
            let range = if part == Part::Burst { &setting.burst } else { &setting.per_minute };
            let (min, max) = (*range.start(), *range.end());
            for value in [0, min - 1, min, max, max + 1, u64::MAX] {
                let mut limits = Limits::default();
                setting.set(
                    &mut limits,
                    match part {
                        Part::Burst => Allowance { burst: value, ..usual },
                        Part::PerMinute => Allowance { per_minute: value, ..usual },
                    },
                );
                match limits.check() {
                    Ok(()) => assert!(range.contains(&value), "{setting:?} {value}"),
                    Err(wrong) => {
                        assert!(!range.contains(&value), "{wrong}");
                        let seen = (wrong.key, wrong.part, wrong.value);
                        assert_eq!(seen, (setting.key, part, value));
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_wrong_is_said_with_range_and_unit() {
    let mut limits = Limits::default();
    limits.strangers.bytes.burst = 5;
    assert_eq!(
        limits.check().unwrap_err().to_string(),
        "strangers.bytes_burst is 5, which is not between 65536 and 1073741824 bytes at once"
    );
}
