//! Connections to the nodes of members.

use std::time::Duration;

use ensign_coordinator::{Busy, GroupInfo, PeerEvent, Whose};
use ensign_engine::pow::{BITS_PAYABLE_MAX, HASHES_PAYABLE, POW_VERSION};
use ensign_primitives::{GroupId, PeerId};
use ensign_replay::MESSAGE_AGE_MAX;

use super::Narrator;
use crate::catalogue;
use crate::failure::Failure;
use crate::output::Line;
use crate::words::{self, foreign};

impl Narrator {
    pub(super) fn peer(&mut self, peer: &PeerId, event: &PeerEvent) {
        match event {
            PeerEvent::Up { clock_offset_millis } => self.peer_up(peer, *clock_offset_millis),
            PeerEvent::Down { is_banned: true, .. } => self.peer_banned(peer),
            PeerEvent::Down { has_stopped, .. } => self.peer_down(peer, *has_stopped),
            PeerEvent::DialFailed { reason, retry_in } => {
                self.dial_failed(peer, reason, retry_in.as_secs_f64());
            }
            PeerEvent::GroupUnknown { group } => self.group_unknown(peer, group),
            PeerEvent::GroupKnown { group } => self.group_known(peer, group),
            PeerEvent::GroupMissing { group } => self.group_missing(peer, group),
            PeerEvent::NotShown => self.not_shown(peer),
            PeerEvent::TookPlace { from, number } => self.took_place(peer, from, *number),
            PeerEvent::OwnKey { number, is_newer } => self.own_key(peer, *number, *is_newer),
            PeerEvent::Copied { whose } => self.copied(peer, *whose),
            _ => {}
        }
    }

    fn peer_up(&mut self, peer: &PeerId, clock_offset_millis: i64) {
        self.reasons.reached(peer);
        let who = self.node(peer);
        let line = Line::new("connected").with("who", who.as_str());
        let line = line.with("clock_offset_ms", clock_offset_millis);
        match clocks_apart(&who, clock_offset_millis) {
            None => {
                let text = format!("{who} is connected (clock {clock_offset_millis:+} ms)");
                self.progress(&line, Some(text));
            }
            Some(failure) => {
                self.progress(&line, Some(format!("{who} is connected")));
                self.output.warning(&failure);
            }
        }
    }

    fn peer_down(&mut self, peer: &PeerId, has_stopped: bool) {
        let who = self.node(peer);
        let how = if has_stopped { "has stopped" } else { "is gone" };
        let line = Line::new("disconnected").with("who", who.as_str()).with("stopped", has_stopped);
        let line = line.with("banned", false);
        self.progress(&line, Some(format!("{who} {how}; trying to reach it again")));
    }

    fn peer_banned(&mut self, peer: &PeerId) {
        let who = self.node(peer);
        let text = format!(
            "{who} is gone: you have banned it, and nothing is signed without it: `ensign net unban {who}`"
        );
        let line = Line::new("disconnected").with("who", who).with("stopped", false);
        self.progress(&line.with("banned", true), Some(text));
    }

    /// The commonest first-day state: the other has not formed the group yet. No attack, and no alarm.
    fn not_shown(&mut self, peer: &PeerId) {
        let who = self.node(peer);
        let text = format!(
            "{who} is connected and has not shown that it is the node of {who}; nothing of a group is sent to it. \
             Mostly {who} has not made the group yet; if it stays so, compare contact codes"
        );
        let line = Line::new("not_shown").with("who", who);
        if self.not_shown.insert(*peer) {
            self.output.talk(&line, text);
        } else {
            self.progress(&line, None);
        }
    }

    fn took_place(&mut self, peer: &PeerId, from: &PeerId, number: u64) {
        let who = self.node(from);
        let line = Line::new("node_changed")
            .with("who", who.as_str())
            .with("node", peer.to_string())
            .with("from", from.to_string())
            .with("number", number);
        let text = format!(
            "{who} has another node now, {}: the key of {who} says so, and the former node {} counts for nothing any more",
            peer.short(),
            from.short()
        );
        self.output.talk(&line, text);
    }

    fn own_key(&self, peer: &PeerId, number: u64, is_newer: bool) {
        let node = peer.to_string();
        let what = if is_newer {
            format!(
                "node {node} has taken the place of this one: your signer key let it speak (number {number})"
            )
        } else {
            format!("an earlier node of yours is alive: {node} (number {number})")
        };
        self.output.warning(&Failure::new(&catalogue::KEY_ELSEWHERE, what));
    }

    fn copied(&self, peer: &PeerId, whose: Whose) {
        let who = self.node(peer);
        let what = match whose {
            Whose::Theirs => format!("the home of {who} runs twice: two nodes push each other off"),
            Whose::Ours => {
                format!("a second copy of this home runs: {who} is pushed from one to the other")
            }
        };
        self.output.warning(&Failure::new(&catalogue::NODE_TWICE, what).who([who]));
    }

    /// Another node is busy. What is done in a moment is told to programs only.
    pub(super) fn busy(&mut self, peer: &PeerId, busy: Busy) {
        let who = self.node(peer);
        match busy {
            Busy::Proving { bits, .. } => {
                let expected = busy.expected();
                let text = expected.map(|expected| {
                    let work = words::duration(expected.max(Duration::from_secs(1)));
                    format!(
                        "{who} is busy: proving about {work} of work, so that it lets us in first"
                    )
                });
                let line = Line::new("proving").with("who", who).with("bits", bits);
                self.progress(&line.with("expected_s", expected.map(|it| it.as_secs_f64())), text);
            }
            Busy::Proven => self.progress(&Line::new("proven").with("who", who), None),
            Busy::Unpayable { version, bits } => {
                let text = too_dear(&who, version, bits);
                let line = Line::new("too_busy").with("who", who).with("bits", bits);
                self.progress(&line.with("version", version), Some(text));
            }
            Busy::Enough { bits } => {
                let text = paid_enough(&who);
                let line = Line::new("paid_enough").with("who", who).with("bits", bits);
                self.progress(&line, Some(text));
            }
            _ => {}
        }
    }

    fn dial_failed(&mut self, peer: &PeerId, reason: &str, retry_in_s: f64) {
        let (who, reason) = (self.node(peer), foreign(reason));
        let is_new = self.reasons.is_new(*peer, &reason);
        let text = is_new.then(|| format!("{who} is not reachable ({reason}); trying again"));
        let line = Line::new("dial_failed").with("who", who).with("reason", reason);
        self.progress(&line.with("retry_in_s", retry_in_s), text);
    }

    fn group_unknown(&mut self, peer: &PeerId, group: &GroupInfo) {
        let (who, name, id) = (self.node(peer), &group.name, group.id);
        let line = Line::new("group_unknown")
            .with("who", who.as_str())
            .with("group", name.as_str())
            .with("group_id", id.to_string());
        let text = format!(
            "{who} has no group `{name}` (id {}): {who} must run `ensign group new {name}` with the \
             codes of all its other members, {}",
            id.short(),
            words::list(&others(group, peer)),
        );
        self.lacks(peer, id, &line, &text);
    }

    fn group_known(&mut self, peer: &PeerId, group: &GroupInfo) {
        let (who, name) = (self.node(peer), &group.name);
        let line = Line::new("group_known")
            .with("who", who.as_str())
            .with("group", name.as_str())
            .with("group_id", group.id.to_string());
        self.lacking.remove(&(*peer, group.id));
        self.progress(&line, Some(format!("{who} has the group `{name}` now")));
    }

    fn group_missing(&mut self, peer: &PeerId, group: &GroupId) {
        let who = self.node(peer);
        let line = Line::new("group_missing").with("who", who.as_str());
        let line = line.with("group_id", group.to_string());
        let text = format!(
            "{who} asks as a member of a group with you that this home does not have (id {}): ask \
             {who} who is in it, then `ensign group new NAME` with the codes of all of them",
            group.short()
        );
        self.lacks(peer, *group, &line, &text);
    }

    /// Tells people once.
    fn lacks(&mut self, peer: &PeerId, group: GroupId, line: &Line, text: &str) {
        if self.lacking.insert((*peer, group)) {
            self.output.talk(line, text);
        } else {
            self.progress(line, None);
        }
    }
}

/// Returns the names of a group's members besides one.
fn others(group: &GroupInfo, peer: &PeerId) -> Vec<String> {
    let others = group.members.iter().filter(|member| member.peer != *peer);
    others.map(|member| member.name.clone()).collect()
}

/// Says why a price is not paid at all.
fn too_dear(who: &str, version: u8, bits: u8) -> String {
    if version == POW_VERSION {
        format!(
            "{who} is too busy: it asks for {bits} bits of work, and this node proves at most {BITS_PAYABLE_MAX}; \
             trying again until it asks for less or has room"
        )
    } else {
        format!(
            "{who} is busy, and asks for work of a kind that this ensign does not know (version {version}): \
             one of the two needs a newer ensign; trying again until it has room"
        )
    }
}

/// Says why a price that is not too dear is not paid now.
fn paid_enough(who: &str) -> String {
    let whole = 60 * HASHES_PAYABLE.burst / HASHES_PAYABLE.per_minute;
    format!(
        "{who} is busy, and this node has proven as much work to it as it does for one node in {}; \
         it goes on by itself with time, or as soon as {who} has room",
        words::duration(Duration::from_secs(whole))
    )
}

/// Says that a clock is so far from ours that nothing can be signed, if it is.
fn clocks_apart(who: &str, offset_millis: i64) -> Option<Failure> {
    let apart = Duration::from_millis(offset_millis.unsigned_abs());
    if apart <= MESSAGE_AGE_MAX {
        return None;
    }
    let side = if offset_millis > 0 { "ahead of" } else { "behind" };
    let what = format!(
        "the clock of {who} is {} {side} ours; with more than {} nothing can be signed",
        words::duration(apart),
        words::duration(MESSAGE_AGE_MAX)
    );
    let entry = catalogue::find("E-PEER-003").unwrap_or(&catalogue::INTERNAL);
    Some(Failure::new(entry, what).who([who.to_owned()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn price_that_is_too_dear_and_one_beyond_the_budget_are_told_apart() {
        let dear = too_dear("bob", POW_VERSION, 40);
        assert!(
            dear.contains("it asks for 40 bits of work, and this node proves at most 25"),
            "{dear}"
        );
        let other = too_dear("bob", POW_VERSION + 1, 5);
        assert!(other.contains("a kind that this ensign does not know (version 2)"), "{other}");
        let enough = paid_enough("bob");
        assert!(
            enough.contains("as much work to it as it does for one node in 10 min"),
            "{enough}"
        );
        assert!(!enough.contains("too busy"), "{enough}");
    }

    #[test]
    fn clocks_that_are_too_far_apart_are_told_with_the_side() {
        assert_eq!(clocks_apart("bob", 300_000), None);
        let told = |offset| clocks_apart("bob", offset).unwrap();
        assert!(told(600_000).what.contains("bob is 10 min ahead of ours"), "{:?}", told(600_000));
        assert!(told(-2_592_000_000).what.contains("bob is 30 d behind ours"));
        assert_eq!(told(600_000).entry.code, "E-PEER-003");
    }
}
