//! What members and whom we want have left: bytes and curve work by node, questions by connection.

use ensign_primitives::{Instant, Occupancy, PeerId};
use ensign_wire::{Family, Kind, ROSTER_MEMBERS_MAX, SHARED_GROUPS_MAX};

use crate::{Allowance, Allowances, Charge, Gcra, Keyed, tokens};

/// Pings of one connection, member or not. Guess: a person who measures the way, not a program that
/// fills it.
pub const PINGS_ALLOWED: Allowance = Allowance { burst: 16, per_minute: 120 };
/// Lists of groups of one connection, member or not: a node says its list when it meets us, and again
/// for each group that it forms or gives up. None that is honest is lost.
pub const LISTS_ALLOWED: Allowance =
    Allowance { burst: 2 * SHARED_GROUPS_MAX as u64, per_minute: 120 };
/// Delegations of one connection, each of which may cost a signature check. Guess: a node says its own
/// when it meets us and a few times a year, and hands on what changed while we were away.
pub const DELEGATIONS_ALLOWED: Allowance = Allowance { burst: 64, per_minute: 60 };
/// Frames about groups that form, of one connection, each of which may cost a signature check. Guess: all
/// that the largest roster's members say, handed on by one of them, for each of eight groups that form at
/// once; then a person's pace.
pub const FORMATION_ALLOWED: Allowance =
    Allowance { burst: 8 * 3 * ROSTER_MEMBERS_MAX as u64, per_minute: 600 };

/// What is left to one connection.
#[derive(Clone, Debug, Default)]
pub struct LinkBudgets {
    pings: Gcra,
    lists: Gcra,
    delegations: Gcra,
    formation: Gcra,
}

impl LinkBudgets {
    /// Takes a frame of this kind from its budget; `false` when none is left. Other kinds have none.
    pub fn take(&mut self, now: Instant, kind: Kind) -> bool {
        #[expect(clippy::wildcard_enum_match_arm, reason = "all else is small or a member's")]
        let (budget, allowance) = match kind {
            Kind::Ping => (&mut self.pings, PINGS_ALLOWED),
            Kind::Groups => (&mut self.lists, LISTS_ALLOWED),
            Kind::Delegation => (&mut self.delegations, DELEGATIONS_ALLOWED),
            _ if kind.family() == Family::Formation => (&mut self.formation, FORMATION_ALLOWED),
            _ => return true,
        };
        budget.take(now, allowance, 1)
    }

    /// Returns when all of it is there again, which may be past.
    pub fn full_at(&self) -> Instant {
        let Self { pings, lists, delegations, formation } = self;
        (*pings).max(*lists).max(*delegations).max(*formation).full_at()
    }
}

/// What each member may still send: work of whatever kind, and bytes of what is dear to decode or to keep.
#[derive(Debug)]
pub struct MemberBudgets {
    allowances: Allowances,
    left: Keyed<PeerId, BUDGETS>,
}

/// A member's budgets, by their place.
const BUDGETS: usize = 3;
const WORK: usize = 0;
const ANNOUNCED: usize = 1;
const PAYLOADS: usize = 2;

impl MemberBudgets {
    /// Makes full ones.
    ///
    /// - `members_max`: most nodes that can be members at once.
    pub const fn new(allowances: Allowances, members_max: usize) -> Self {
        Self { allowances, left: Keyed::new(members_max) }
    }

    /// Takes what a frame costs from its sender's budgets; `false` when that is more than is left.
    ///
    /// - `bytes`: of the frame's body.
    pub fn take(&mut self, now: Instant, peer: PeerId, kind: Kind, bytes: usize) -> bool {
        let Allowances { announced_bytes, payload_bytes, work, .. } = self.allowances;
        #[expect(clippy::wildcard_enum_match_arm, reason = "all else is small or of a session")]
        let of_bytes = match kind {
            Kind::SessionAnnounce => Some((ANNOUNCED, announced_bytes)),
            Kind::Payload | Kind::Evidence => Some((PAYLOADS, payload_bytes)),
            _ => None,
        };
        let charge = |(budget, allowance), amount| Charge { budget, allowance, amount };
        let of_bytes = of_bytes.map(|it| charge(it, bytes as u64));
        let charges = [charge((WORK, work), tokens(kind, bytes))].into_iter().chain(of_bytes);
        self.left.charge(now, peer, charges).is_ok()
    }

    /// Returns when a member has all of it again, which may be past.
    pub fn full_at(&self, peer: &PeerId) -> Instant {
        self.left.full_at(peer)
    }

    /// Returns how many have less than all.
    pub fn occupancy(&self) -> Occupancy {
        self.left.occupancy("budgets of members")
    }

    /// Returns the most bytes that the budgets of so many members take.
    pub const fn bytes(members_max: usize) -> usize {
        Keyed::<PeerId, BUDGETS>::bytes(members_max)
    }
}
