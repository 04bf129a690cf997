//! Who can reach whom through which kind of NAT.

use crate::{random::Random, scenario::Scenario};

/// How a node can be reached (RFC 4787's mapping and filtering, reduced to what decides).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nat {
    /// By everybody.
    #[default]
    Open,
    /// By everybody: it keeps one mapping open for all.
    FullCone,
    /// By those it has sent to, from the port it sent to.
    Restricted,
    /// By those it has sent to, on a port that only they have seen.
    Symmetric,
}

impl Nat {
    /// Draws a node's kind by the shares of the scenario.
    pub(crate) fn draw(random: &mut Random, scenario: &Scenario) -> Self {
        let shares = scenario.nat;
        let at = random.unit();
        if at < shares.full_cone {
            Self::FullCone
        } else if at < shares.full_cone + shares.restricted {
            Self::Restricted
        } else if at < shares.full_cone + shares.restricted + shares.symmetric {
            Self::Symmetric
        } else {
            Self::Open
        }
    }

    /// Returns whether a dial from a node behind `self` gets through to one behind `other`, when both
    /// know each other's address and both keep dialling.
    ///
    /// Two nodes that dial each other open the way for each other, unless one of them shows the
    /// other a port that nobody could know and the other insists on known ports.
    pub const fn reaches(self, other: Self) -> bool {
        match (self, other) {
            (_, Self::Open | Self::FullCone)
            | (Self::Open | Self::FullCone, _)
            | (Self::Restricted, Self::Restricted) => true,
            (Self::Restricted | Self::Symmetric, Self::Symmetric)
            | (Self::Symmetric, Self::Restricted) => false,
        }
    }
}
