//! The guard chain: what is asked of a frame before a byte of it is decoded, from cheap to dear.

use ensign_primitives::Now;
use ensign_signing::{Allowances, ByteBudgets};
use ensign_wire::{Audience, Kind};

use crate::{Offense, gate::Link};

/// What a guard says of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The next guard is asked.
    Allow,
    /// The frame is not read, for this reason, and its sender is not blamed.
    Deny(&'static str),
    /// The frame is not read, and its sender pays.
    Penalize(Offense),
}

/// What is known of a frame that is not decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arriving {
    pub(crate) kind: Kind,
    /// Bytes after the header.
    pub(crate) len: usize,
}

/// One guard; the frame comes over this link.
type Guard = fn(&mut Guards, Now, &mut Link, Arriving) -> Verdict;

/// Every guard, in the order in which they are asked.
const CHAIN: [Guard; 4] = [Guards::introduction, Guards::audience, Guards::answers, Guards::bytes];

/// What the guards remember.
#[derive(Debug)]
pub(crate) struct Guards {
    pub(crate) bytes: ByteBudgets,
}

impl Guards {
    pub(crate) const fn new(allowances: Allowances) -> Self {
        Self { bytes: ByteBudgets::new(allowances) }
    }

    /// Asks every guard until one does not allow the frame.
    pub(crate) fn judge(&mut self, now: Now, link: &mut Link, frame: Arriving) -> Verdict {
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

    /// What asks for an answer or for curve work has a budget of its kind on each connection. A member that
    /// asks for more gets none and keeps its connection; a stranger loses it in the end.
    fn answers(&mut self, now: Now, link: &mut Link, frame: Arriving) -> Verdict {
        if link.budgets.take(now.instant, frame.kind) {
            Verdict::Allow
        } else if link.is_member() || link.is_wanted {
            Verdict::Deny("it asks more than is answered in a minute")
        } else {
            Verdict::Penalize(Offense::TooManyPings)
        }
    }

    /// What is dear to decode or to keep has a budget of bytes.
    fn bytes(&mut self, now: Now, link: &mut Link, frame: Arriving) -> Verdict {
        if self.bytes.take(now.instant, link.peer, frame.kind, frame.len) {
            Verdict::Allow
        } else {
            Verdict::Penalize(Offense::OverBudget { kind: frame.kind })
        }
    }
}
