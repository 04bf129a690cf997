//! What one connection may ask of us, whoever is at its other end: questions, and what costs curve work.

use ensign_primitives::Instant;
use ensign_wire::{Family, Kind, ROSTER_MEMBERS_MAX};

use crate::{Allowance, Bucket, GROUPS_MAX};

/// Pings of one connection, member or not. Guess: a person who measures the way, not a program that
/// fills it.
pub const PINGS_ALLOWED: Allowance = Allowance { burst: 16, per_minute: 120 };
/// Lists of groups of one connection, member or not: a node says its list when it meets us, and again
/// for each group that it forms or gives up. None that is honest is lost.
pub const LISTS_ALLOWED: Allowance = Allowance { burst: 2 * GROUPS_MAX as u64, per_minute: 120 };
/// Delegations of one connection, each of which may cost a signature check. Guess: a node says its own
/// when it meets us and a few times a year, and hands on what changed while we were away.
pub const DELEGATIONS_ALLOWED: Allowance = Allowance { burst: 64, per_minute: 60 };
/// Frames about groups that form, of one connection, each of which may cost a signature check. Guess: all
/// that the largest roster's members say, handed on by one of them, for each of eight groups that form at
/// once; then a person's pace.
pub const FORMATION_ALLOWED: Allowance =
    Allowance { burst: 8 * 3 * ROSTER_MEMBERS_MAX as u64, per_minute: 600 };

/// What is left to one connection.
#[derive(Clone, Debug)]
pub struct LinkBudgets {
    pings: Bucket,
    lists: Bucket,
    delegations: Bucket,
    formation: Bucket,
}

impl LinkBudgets {
    /// Makes full ones.
    pub const fn full(now: Instant) -> Self {
        Self {
            pings: Bucket::full(now, PINGS_ALLOWED),
            lists: Bucket::full(now, LISTS_ALLOWED),
            delegations: Bucket::full(now, DELEGATIONS_ALLOWED),
            formation: Bucket::full(now, FORMATION_ALLOWED),
        }
    }

    /// Takes a frame of this kind from its budget; `false` when none is left. Other kinds have none.
    pub fn take(&mut self, now: Instant, kind: Kind) -> bool {
        #[expect(clippy::wildcard_enum_match_arm, reason = "all else is small or a member's")]
        let (bucket, allowance) = match kind {
            Kind::Ping => (&mut self.pings, PINGS_ALLOWED),
            Kind::Groups => (&mut self.lists, LISTS_ALLOWED),
            Kind::Delegation => (&mut self.delegations, DELEGATIONS_ALLOWED),
            _ if kind.family() == Family::Formation => (&mut self.formation, FORMATION_ALLOWED),
            _ => return true,
        };
        bucket.take(now, allowance, 1)
    }
}
