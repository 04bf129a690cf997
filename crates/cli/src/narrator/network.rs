//! What happens in the open network.

use std::net::SocketAddr;
use std::time::Duration;

use ensign_api::view::{NetAlarmView, UnreachedWords};
use ensign_coordinator::Busy;
use ensign_coordinator::overlay::{Event, Unreached, Way};
use ensign_primitives::PeerId;

use super::Narrator;
use crate::output::Line;
use crate::words;

/// How often people are told of one stretch of work while it goes on as it is expected to. Guess: a line every
/// few seconds.
const PARTS: u64 = 4;

impl Narrator {
    pub(super) fn network(&mut self, event: &Event) {
        match event {
            Event::Positioned => self.output.talk(
                &Line::new("net_positioned"),
                "this node has its place in the open network",
            ),
            // A program may wait for it; to a person it says nothing that joining does not.
            Event::Published { copies } => {
                let line = Line::new("net_published").with("copies", *copies);
                self.output.progress(&line, None);
            }
            Event::Joined { contacts } => {
                let known = words::count(*contacts, "node");
                let text = format!("joined the open network: {known} known so far");
                self.output.talk(&Line::new("net_joined").with("contacts", *contacts), text);
            }
            Event::Alone => self.output.talk(
                &Line::new("net_alone"),
                "no node of the open network answers any more: is this machine online? The nodes in net.bootstrap are \
                 asked again and again; members are reached where they were; `ensign net status` says how it goes",
            ),
            Event::Reachable { addresses } => {
                let at: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                let text =
                    format!("reachable at {}: others have dialled this node back", at.join(", "));
                self.output.talk(&Line::new("net_reachable").with("addresses", at), text);
            }
            Event::Unreachable => self.output.talk(
                &Line::new("net_unreachable"),
                "not reachable from outside: others dialled this node back in vain, so that it only asks them or is looked \
                 for in vain; `ensign net status` says what to do. Signing with members goes on",
            ),
            Event::FirstUnreached { peer, address, why } => {
                self.first_unreached(peer, *address, *why);
            }
            Event::Found { peer, by } => {
                let who = self.node(peer);
                let how = match by {
                    Way::NodeRecord => "",
                    Way::Rendezvous => " by what it has sealed for this home",
                };
                let text = format!("{who} was found in the open network{how}, and is dialled there");
                self.output.talk(&Line::new("net_found").with("who", who).with("by", by.name()), text);
            }
            Event::Dense { key, neighbours } => {
                self.alarm(&NetAlarmView::dense(*neighbours), Some(hex::encode(key.0)));
            }
            Event::Alarm { reason } => self.alarm(&NetAlarmView::new(reason), None),
            Event::Over { reason } => {
                let alarm = NetAlarmView::new(reason).alarm;
                let text = format!("the alarm `{alarm}` about the open network is over");
                self.output.talk(&Line::new("net_alarm_over").with("alarm", alarm), text);
            }
            // Whoever asked has the answer.
            Event::Ended { .. } | Event::Pinged { .. } => {}
        }
    }

    /// A node of net.bootstrap is not there: told to people once for each reason, until somebody answers.
    fn first_unreached(&mut self, peer: &PeerId, address: SocketAddr, why: Unreached) {
        let UnreachedWords { name, what, advice } = UnreachedWords::new(why);
        let (who, address) = (self.node(peer), address.to_string());
        let again = "it is asked again while few others are known, ever less often";
        let text = format!(
            "{who} at {address}, which is to be asked first: {what}; {again}\n  you: {advice}"
        );
        let line = Line::new("net_first_unreached")
            .with("who", who)
            .with("node", peer.to_string())
            .with("address", address.as_str())
            .with("state", name)
            .with("what", what)
            .with("do", advice);
        if self.reasons.is_new(*peer, &format!("{name} at {address}")) {
            self.output.talk(&line, text);
        } else {
            self.progress(&line, None);
        }
    }

    fn alarm(&self, alarm: &NetAlarmView, key: Option<String>) {
        let NetAlarmView { alarm, what, does, advice } = alarm;
        let text =
            format!("ALARM in the open network: {what}\n  this node: {does}\n  you: {advice}");
        let line = Line::new("net_alarm")
            .with("alarm", alarm.as_str())
            .with("what", what.as_str())
            .with("does", does.as_str())
            .with("do", advice.as_str())
            .with("key", key);
        self.output.talk(&line, text);
    }

    /// Our position is being worked for: told to people when it begins, and after each part of what is expected.
    pub(super) fn working(&mut self, bits: u8, tried: u64, spent: Duration) {
        let expected = Busy::Proving { bits, tried, spent }.expected();
        let all = 1_u64.checked_shl(bits.into()).unwrap_or(u64::MAX);
        let part = tried / (all / PARTS).max(1);
        let is_new = self.worked.replace(part) != Some(part);
        let line = Line::new("net_working")
            .with("bits", bits)
            .with("tried", tried)
            .with("spent_s", spent.as_secs_f64())
            .with("expected_s", expected.map(|it| it.as_secs_f64()));
        let text = expected.filter(|_| is_new).map(|expected| {
            let [all, so_far] = [expected, spent].map(|it| words::duration(it.max(Duration::from_secs(1))));
            format!(
                "working for this node's place in the open network, so that others find it: about {all} of one core, by \
                 luck more or less; {so_far} so far. Once a month, and kept; meanwhile this node asks, and signs"
            )
        });
        self.progress(&line, text);
    }
}
