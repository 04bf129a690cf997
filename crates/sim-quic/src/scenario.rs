//! What is played, and with which numbers.

use std::time::Duration;

use ensign_wire::Mode;

use crate::{Latency, Links};

/// The scenarios of this tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Links lose nothing: how long signing takes when only distance matters.
    SigningQuiet,
    /// Links lose packets, double them and put them out of order, and one link says nothing for a
    /// while: everybody must sign all the same.
    SigningUnderFaults,
}

impl Scenario {
    /// Every scenario.
    pub const ALL: [Self; 2] = [Self::SigningQuiet, Self::SigningUnderFaults];

    /// Returns the name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SigningQuiet => "signing-quiet",
            Self::SigningUnderFaults => "signing-under-faults",
        }
    }

    /// Returns the plan with the scenario's own numbers.
    pub const fn plan(self) -> Plan {
        let latency = Latency { min: Duration::from_millis(10), max: Duration::from_millis(50) };
        let quiet = Plan {
            scenario: self,
            nodes: 100,
            seed: 42,
            links: Links::quiet(latency),
            blackout: Duration::ZERO,
            mode: Mode::Committed,
            within: Duration::from_secs(60),
        };
        match self {
            Self::SigningQuiet => quiet,
            Self::SigningUnderFaults => {
                let links =
                    Links { latency, lost_ppm: 20_000, doubled_ppm: 2_000, held_ppm: 2_000 };
                Plan { links, blackout: Duration::from_secs(5), ..quiet }
            }
        }
    }
}

/// One run. Node `i` signs with the two nodes after it, the last ones with the first again, so that
/// every node is in three groups of three and there are as many groups as nodes. Each group signs
/// once, every second one a PSBT of several coins, the others a bare message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What is played.
    pub scenario: Scenario,
    /// How many nodes, and groups; at least 3.
    pub nodes: u32,
    /// What every random number is made from.
    pub seed: u64,
    /// How links behave.
    pub links: Links,
    /// How long the link between the first two nodes of the middle group says nothing, from the
    /// moment that group begins to sign.
    pub blackout: Duration,
    /// How sessions run.
    pub mode: Mode,
    /// How long a group may take from its proposal until its last member holds the signature.
    pub within: Duration,
}

/// Signers of a group.
pub(crate) const GROUP_SIZE: usize = 3;

/// When the first group may begin: connections stand by then, unless links are bad.
const FIRST_PROPOSAL: Duration = Duration::from_secs(3);

/// How long the beginnings are spread, in milliseconds.
const PROPOSALS_SPREAD_MILLIS: u64 = 2_000;

impl Plan {
    /// Returns the members of a group, the one that proposes first.
    pub(crate) fn members(&self, group: u32) -> [u32; GROUP_SIZE] {
        [0, 1, 2].map(|step| (group + step) % self.nodes)
    }

    /// Returns when a group begins to sign.
    pub(crate) fn proposal_at(&self, group: u32) -> Duration {
        let [first, second, ..] = crate::wallet::derive(self.seed, "proposal", group, 0);
        let drawn = u64::from(u16::from_le_bytes([first, second]));
        FIRST_PROPOSAL + Duration::from_millis(drawn % PROPOSALS_SPREAD_MILLIS)
    }

    /// Returns the command that repeats the run.
    pub fn command(&self) -> String {
        let share = |ppm| f64::from(ppm) / 1e6;
        let Links { latency, lost_ppm, .. } = self.links;
        format!(
            "cargo xtask sim run {} --tier quic --nodes {} --seed {} --loss {} --latency-ms {}:{} \
             --mode {} --within-s {}",
            self.scenario.name(),
            self.nodes,
            self.seed,
            share(lost_ppm),
            latency.min.as_millis(),
            latency.max.as_millis(),
            mode_name(self.mode),
            self.within.as_secs(),
        )
    }
}

/// Returns the name of a mode as the command line has it.
pub(crate) const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Committed => "committed",
        Mode::Fast => "fast",
        Mode::Strict => "strict",
    }
}
