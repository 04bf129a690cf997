//! Which members of a group see each other, by each one's own young word.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::time::Duration;

use ensign_primitives::{
    GroupId, Instant, Now, Occupancy, SIGNERS_MAX, SignerIndex, UnixTime, Wakeup,
};
use ensign_ratelimit::{Allowance, Gcra};
use ensign_replay::MESSAGE_AGE_MAX;
use ensign_wire::{LinkReport, RULES_REVISION, Signed, SignerSet};

use crate::{ClockGap, GROUPS_MAX, LACKS_NAMED_MAX, Lack, Wait};

/// How often a member says whom it sees while a request of the group is open.
pub const LINK_REPORT_INTERVAL: Duration = Duration::from_secs(30);

/// How old a report may be, by either clock of its receiver. Four are said in that time.
pub const LINK_REPORT_AGE_MAX: Duration = Duration::from_secs(2 * 60);

/// Reports that we say of one group, each to all: when what we see changes, and in their interval. Guess: all
/// members of an ordinary group come at once; of a large one the last word counts.
const REPORTS_SAID: Allowance = Allowance { burst: 16, per_minute: 60 };

/// How long a report waits when it may not be said now: until one more may.
const REPORT_PAUSE: Duration = Duration::from_secs(1);

/// The reports of every group.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    groups: BTreeMap<GroupId, OfGroup>,
    /// When which group is looked at again, the earliest first.
    due: BTreeSet<(Instant, GroupId)>,
}

#[derive(Debug)]
struct OfGroup {
    heard: BTreeMap<SignerIndex, Heard>,
    /// Whom we said that we see, and when.
    said: Option<(SignerSet, Instant)>,
    left: Gcra,
    due: Option<Instant>,
}

/// A member's latest report.
#[derive(Debug)]
struct Heard {
    report: Box<Signed<LinkReport>>,
    at: Now,
    /// Whether it came over the member's own connection, which is up.
    is_direct: bool,
}

impl Heard {
    fn is_young(&self, now: Now) -> bool {
        now.elapsed_since(self.at) <= LINK_REPORT_AGE_MAX
    }

    fn sees_all(&self, count: usize) -> bool {
        members(count).all(|signer| self.report.said().sees.contains(signer))
    }

    /// How far the member's clock is ahead of ours, in milliseconds.
    fn ahead_millis(&self) -> i64 {
        let signed = |time: UnixTime| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        signed(self.report.sent_at()).saturating_sub(signed(self.at.unix))
    }

    fn has_our_time(&self) -> bool {
        self.report.sent_at().abs_diff(self.at.unix) <= MESSAGE_AGE_MAX
    }

    fn has_our_rules(&self) -> bool {
        self.report.said().version == RULES_REVISION
    }
}

/// A group as we see it now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) group: &'a GroupId,
    /// How many members it has.
    pub(crate) count: usize,
    /// Which of them we are.
    pub(crate) local: SignerIndex,
    /// Whom we see, ourselves included.
    pub(crate) sees: &'a SignerSet,
}

impl Seen<'_> {
    fn others(&self) -> impl Iterator<Item = SignerIndex> + use<> {
        let local = self.local;
        members(self.count).filter(move |signer| *signer != local)
    }
}

impl Readiness {
    /// Decides whether to say whom we see: it has changed, or was said too long ago.
    ///
    /// - `is_needed`: whether a request is open and somebody is there; then it is asked again in time.
    pub(crate) fn says(&mut self, now: Now, seen: Seen<'_>, is_needed: bool) -> bool {
        let known = self.known(*seen.group);
        let is_said = known.said.as_ref().is_some_and(|(sees, at)| {
            *sees == *seen.sees && now.instant.since(*at) < LINK_REPORT_INTERVAL
        });
        let next = known.said.as_ref().map_or(now.instant, |(_, at)| *at);
        if is_said {
            let at = next.after(LINK_REPORT_INTERVAL).max(now.instant.after(REPORT_PAUSE));
            self.look_again(seen.group, is_needed.then_some(at));
            return false;
        }
        if !known.left.take(now.instant, REPORTS_SAID, 1) {
            self.look_again(seen.group, Some(now.instant.after(REPORT_PAUSE)));
            return false;
        }
        known.said = Some((seen.sees.clone(), now.instant));
        let at = now.instant.after(LINK_REPORT_INTERVAL);
        self.look_again(seen.group, is_needed.then_some(at));
        true
    }

    fn look_again(&mut self, group: &GroupId, at: Option<Instant>) {
        let Some(known) = self.groups.get_mut(group) else { return };
        if let Some(before) = core::mem::replace(&mut known.due, at) {
            self.due.remove(&(before, *group));
        }
        self.due.extend(at.map(|at| (at, *group)));
    }

    /// Looks at a group no more by itself.
    pub(crate) fn rest(&mut self, group: &GroupId) {
        self.look_again(group, None);
    }

    /// Takes the groups whose moment has come, by name.
    pub(crate) fn take_due(&mut self, now: Now) -> Vec<GroupId> {
        let due = self.due.iter().take_while(|(at, _)| *at <= now.instant);
        let mut due: Vec<_> = due.map(|(_, group)| *group).collect();
        due.iter().for_each(|group| self.look_again(group, None));
        due.sort_unstable();
        due
    }

    pub(crate) fn wakeup(&self) -> Option<Wakeup> {
        self.due.first().map(|(at, _)| Wakeup { at: *at, reason: "link reports" })
    }

    /// Whether a report is newer than the one held of its member. What comes over the member's own connection
    /// always is; what another brings never takes the place of that.
    pub(crate) fn is_news(
        &self,
        signer: SignerIndex,
        report: &Signed<LinkReport>,
        is_direct: bool,
    ) -> bool {
        let held = self.groups.get(&report.said().group).and_then(|it| it.heard.get(&signer));
        held.is_none_or(|held| {
            is_direct || !held.is_direct && held.report.sent_at() < report.sent_at()
        })
    }

    fn known(&mut self, group: GroupId) -> &mut OfGroup {
        self.groups.entry(group).or_insert_with(|| OfGroup {
            heard: BTreeMap::new(),
            said: None,
            left: Gcra::FULL,
            due: None,
        })
    }

    /// Takes a verified report of a group of ours. It may come before we know that its member is there: a
    /// report and the member's list of groups take different lanes.
    pub(crate) fn take(
        &mut self,
        now: Now,
        signer: SignerIndex,
        report: Box<Signed<LinkReport>>,
        is_direct: bool,
    ) {
        let heard = Heard { report, at: now, is_direct };
        self.known(heard.report.said().group).heard.insert(signer, heard);
    }

    /// A member's connection is gone: its word has to come again over the next one.
    pub(crate) fn down(&mut self, group: &GroupId, signer: SignerIndex) {
        if let Some(heard) =
            self.groups.get_mut(group).and_then(|known| known.heard.get_mut(&signer))
        {
            heard.is_direct = false;
        }
    }

    /// Returns a member's latest report.
    pub(crate) fn of(&self, group: &GroupId, signer: SignerIndex) -> Option<&Signed<LinkReport>> {
        self.groups.get(group)?.heard.get(&signer).map(|heard| heard.report.as_ref())
    }

    /// Whether all see each other, have said so lately over their own connections, and agree on time and rules.
    pub(crate) fn is_ready(&self, now: Now, seen: Seen<'_>) -> bool {
        let known = self.groups.get(seen.group);
        seen.others().all(|signer| {
            let heard = known.and_then(|known| known.heard.get(&signer));
            seen.sees.contains(signer)
                && heard.is_some_and(|heard| {
                    heard.is_direct
                        && heard.is_young(now)
                        && heard.sees_all(seen.count)
                        && heard.has_our_time()
                        && heard.has_our_rules()
                })
        })
    }

    /// Tells what is missing for that.
    ///
    /// - `is_open`: whether a request is; reports are said again only then, and count by their age.
    pub(crate) fn look(&self, now: Now, seen: Seen<'_>, is_open: bool) -> Wait {
        let mut wait = Wait::default();
        let lacking = |who, sees: &SignerSet| -> Vec<Lack> {
            let unseen = members(seen.count).filter(|whom| !sees.contains(*whom));
            unseen.map(|whom| Lack { who, whom }).collect()
        };
        for who in members(seen.count) {
            if who == seen.local {
                wait.lacks.extend(lacking(who, seen.sees));
                continue;
            }
            let heard = self.groups.get(seen.group).and_then(|known| known.heard.get(&who));
            let young = heard.filter(|heard| !is_open || heard.is_young(now));
            wait.lacks.extend(
                young.map(|heard| lacking(who, &heard.report.said().sees)).unwrap_or_default(),
            );
            let direct = young.filter(|heard| heard.is_direct);
            let Some(heard) = direct.filter(|_| seen.sees.contains(who)) else {
                wait.stale.extend(seen.sees.contains(who).then_some(who));
                continue;
            };
            if !heard.has_our_time() {
                let minutes_ahead = heard.ahead_millis() / 60_000;
                wait.clocks.push(ClockGap { who, minutes_ahead });
            }
            if !heard.has_our_rules() {
                wait.versions.push((who, heard.report.said().version));
            }
        }
        wait.lacks.truncate(LACKS_NAMED_MAX);
        wait
    }

    /// Forgets what a member's node said that was replaced.
    pub(crate) fn forget_member(&mut self, group: &GroupId, signer: SignerIndex) {
        if let Some(known) = self.groups.get_mut(group) {
            known.heard.remove(&signer);
        }
    }

    /// Forgets a group that our user has left.
    pub(crate) fn forget(&mut self, group: &GroupId) {
        self.look_again(group, None);
        self.groups.remove(group);
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 2] {
        let heard = self.groups.values().map(|known| known.heard.len()).max().unwrap_or(0);
        [
            Occupancy {
                name: "groups with link reports",
                len: self.groups.len(),
                limit: GROUPS_MAX,
            },
            Occupancy { name: "link reports of a group", len: heard, limit: SIGNERS_MAX },
        ]
    }
}

fn members(count: usize) -> impl Iterator<Item = SignerIndex> {
    (0..count).filter_map(SignerIndex::from_usize)
}
