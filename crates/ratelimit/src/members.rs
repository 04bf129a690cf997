//! What members and whom we want have left: bytes and curve work by node, questions by connection.

use ensign_primitives::{Instant, Occupancy, PeerId};
use ensign_wire::{Family, Kind, ROSTER_MEMBERS_MAX, SHARED_GROUPS_MAX};

use crate::{Allowance, Allowances, Gcra, Keyed};

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
}

/// Bytes that each member may still send of what is dear to decode or to keep.
#[derive(Debug)]
pub struct MemberBudgets {
    allowances: Allowances,
    bytes: Keyed<(PeerId, Kind)>,
}

impl MemberBudgets {
    /// Makes full ones.
    ///
    /// - `members_max`: most nodes that can be members at once.
    pub const fn new(allowances: Allowances, members_max: usize) -> Self {
        Self { allowances, bytes: Keyed::new(KINDS_OF_BYTES * members_max) }
    }

    /// Takes a frame's bytes from its sender's budget; `false` when they are more than is left. Kinds that
    /// are small or of a session have none.
    pub fn take(&mut self, now: Instant, peer: PeerId, kind: Kind, bytes: usize) -> bool {
        #[expect(clippy::wildcard_enum_match_arm, reason = "all else is small or of a session")]
        let allowance = match kind {
            Kind::SessionAnnounce => self.allowances.announced_bytes,
            Kind::Payload => self.allowances.payload_bytes,
            _ => return true,
        };
        self.bytes.take(now, (peer, kind), allowance, bytes as u64)
    }

    /// Returns how many there are.
    pub fn occupancy(&self) -> Occupancy {
        self.bytes.occupancy("budgets of bytes")
    }
}

/// Kinds of frames that have a budget of bytes.
const KINDS_OF_BYTES: usize = 2;
