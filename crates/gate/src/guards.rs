//! The guard chain: what is asked of a frame before a byte of it is decoded, from cheap to dear.

use ensign_primitives::{Instant, Now, Occupancy};
use ensign_ratelimit::{
    Asker, Exceeded, Level, Limits, Load, MemberBudgets, Share, StrangerBudgets, tokens,
};
use ensign_signing::MEMBERS_MAX;
use ensign_wire::{Audience, Family, Kind};

use crate::{Offense, gate::Link};

/// What a guard says of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The next guard is asked.
    Allow,
    /// The frame is not read, for this reason, and its sender is not blamed.
    Deny(&'static str),
    /// The frame is not read, and its sender pays.
    Penalize(Offense),
}

/// What is known of a frame that is not decoded.
#[derive(Clone, Copy, Debug)]
pub struct Arriving {
    /// What its header says.
    pub kind: Kind,
    /// Bytes after the header.
    pub len: usize,
}

/// One guard; the frame comes over this link.
type Guard = fn(&mut Guards, Now, &mut Link, Arriving) -> Verdict;

/// Every guard, in the order in which they are asked.
const CHAIN: [Guard; 7] = [
    Guards::introduction,
    Guards::rate_of_strangers,
    Guards::service,
    Guards::rate_of_dialled,
    Guards::audience,
    Guards::questions_of_members,
    Guards::rate_of_members,
];

/// What the guards remember.
#[derive(Debug)]
pub struct Guards {
    members: MemberBudgets,
    strangers: StrangerBudgets,
    takes_part: bool,
}

impl Guards {
    /// Makes guards that remember nobody.
    ///
    /// - `takes_part`: whether the node takes part in the open network. In a closed home nothing of it is read.
    pub fn new(limits: Limits, takes_part: bool) -> Self {
        Self {
            takes_part,
            members: MemberBudgets::new(limits.members, MEMBERS_MAX),
            strangers: StrangerBudgets::new(limits.strangers),
        }
    }

    /// Returns how full each collection is, with the constant that bounds it.
    pub fn occupancy(&self) -> impl Iterator<Item = Occupancy> + use<> {
        self.strangers.occupancy().into_iter().chain([self.members.occupancy()])
    }

    /// Returns how far what strangers share is tightened.
    pub const fn level(&self) -> &Level {
        self.strangers.level()
    }

    /// Takes what was measured of the node.
    pub fn load(&mut self, now: Now, load: Load) {
        self.strangers.level_mut().load(now, load);
    }

    /// Returns when a connected node has all its budgets again, which may be past.
    pub fn full_at(&self, link: &Link) -> Instant {
        if link.is_close() {
            let open = self.strangers.own_full_at(&link.peer);
            self.members.full_at(&link.peer).max(link.budgets.full_at()).max(open)
        } else {
            self.strangers.full_at(&link.peer, link.remote.ip())
        }
    }

    /// Asks every guard until one does not allow the frame.
    pub fn judge(&mut self, now: Now, link: &mut Link, frame: Arriving) -> Verdict {
        let verdicts = CHAIN.iter().map(|guard| guard(self, now, link, frame));
        verdicts.into_iter().find(|it| *it != Verdict::Allow).unwrap_or(Verdict::Allow)
    }

    /// A hello comes first, and once.
    fn introduction(&mut self, _: Now, link: &mut Link, frame: Arriving) -> Verdict {
        match (link.is_introduced(), frame.kind.audience()) {
            (true, _) if frame.kind == Kind::Hello => Verdict::Penalize(Offense::SecondHello),
            (true, _) | (false, Audience::Anyone) => Verdict::Allow,
            // Its hello may be on its way: no member is cut off for the order of its words.
            (false, _) if link.is_wanted => Verdict::Deny("it came before the greeting"),
            (false, _) => Verdict::Penalize(Offense::NoHello { kind: frame.kind }),
        }
    }

    /// What only members may say is not heard from others. A node that should be one may take itself for
    /// one that has shown it, when clocks differ: it is not blamed.
    fn audience(&mut self, _: Now, link: &mut Link, frame: Arriving) -> Verdict {
        let is_of_members = frame.kind.audience() == Audience::Member
            || matches!(frame.kind, Kind::Groups | Kind::Welcome);
        match is_of_members && !link.is_member() {
            false => Verdict::Allow,
            true if link.is_wanted => Verdict::Deny("it has not shown yet that it is a member"),
            true => Verdict::Penalize(Offense::Stranger { kind: frame.kind }),
        }
    }

    /// A node of a closed home takes no part in the open network, and whoever asks it for that is told
    /// nothing: it may have been a node of that network before.
    fn service(&mut self, _: Now, _: &mut Link, frame: Arriving) -> Verdict {
        match frame.kind.family() {
            Family::Connection | Family::Signing | Family::Formation => Verdict::Allow,
            Family::Dht if self.takes_part => Verdict::Allow,
            Family::Dht | Family::Gossip | Family::Discovery => {
                Verdict::Deny("it asks for the open network, in which we take no part")
            }
        }
    }

    /// A node that we have dialled, and that is no member, asks no more of the open network than one that has
    /// dialled us; it shares with no stranger, so that no flood comes between us and whom we chose.
    fn rate_of_dialled(&mut self, now: Now, link: &mut Link, frame: Arriving) -> Verdict {
        if !Self::is_outside(link, frame.kind) {
            return Verdict::Allow;
        }
        let taken = self.strangers.take_open(now.instant, link.peer, (frame.kind, frame.len));
        taken.map_or_else(|exceeded| Self::beyond(exceeded, frame.kind), |()| Verdict::Allow)
    }

    /// Whether a frame is of the open network, from a node that we have dialled and that is no member.
    fn is_outside(link: &Link, kind: Kind) -> bool {
        kind.family() == Family::Dht && link.is_close() && !link.is_member()
    }

    /// Who asks too much pays, in the open network less: its own limits may be others than ours. Whoever suffers
    /// from others, or answers, does not.
    const fn beyond(exceeded: Exceeded, kind: Kind) -> Verdict {
        match exceeded.share {
            Share::Peer => Verdict::Penalize(Offense::TooManyPings),
            Share::Questions => Verdict::Penalize(Offense::TooManyQuestions { kind }),
            share @ (Share::Answers | Share::Address | Share::Network | Share::Everyone) => {
                Verdict::Deny(share.name())
            }
        }
    }

    /// Strangers have budgets by node, address and network, and one in all. A stranger that is beyond its
    /// own loses its connection in the end; whoever suffers from others is not blamed.
    fn rate_of_strangers(&mut self, now: Now, link: &mut Link, frame: Arriving) -> Verdict {
        if link.is_close() {
            return Verdict::Allow;
        }
        let asker =
            Asker { peer: link.peer, ip: link.remote.ip(), has_paid: link.place.effort > 0 };
        let taken = self.strangers.take(now.instant, asker, (frame.kind, frame.len));
        taken.map_or_else(|exceeded| Self::beyond(exceeded, frame.kind), |()| Verdict::Allow)
    }

    /// What asks for an answer or for curve work has a budget of its kind on each connection. A member that
    /// asks for more gets none and keeps its connection.
    fn questions_of_members(&mut self, now: Now, link: &mut Link, frame: Arriving) -> Verdict {
        let is_within = !link.is_close() || link.budgets.take(now.instant, frame.kind);
        if is_within {
            Verdict::Allow
        } else {
            Verdict::Deny("it asks more than is answered in a minute")
        }
    }

    /// A member has budgets of work, and of bytes that are dear to decode or to keep.
    fn rate_of_members(&mut self, now: Now, link: &mut Link, frame: Arriving) -> Verdict {
        let Arriving { kind, len } = frame;
        if !link.is_close() || Self::is_outside(link, kind) {
            return Verdict::Allow;
        }
        if self.members.take(now.instant, link.peer, kind, len) {
            self.strangers.level_mut().count_member(tokens(kind, len));
            Verdict::Allow
        } else {
            Verdict::Penalize(Offense::OverBudget { kind })
        }
    }
}
