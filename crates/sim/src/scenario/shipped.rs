//! Scenarios that come with the simulator.

use super::Scenario;

/// A scenario that comes with the simulator.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// Its name, which is also that of its file.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
    /// Whether something goes wrong in it, so that it is run before every change lands.
    pub has_faults: bool,
    /// Whether a run of it costs so much that it is run over few seeds and with no more nodes than it says.
    pub is_costly: bool,
}

impl Scenario {
    /// Returns the scenarios that come with the simulator.
    pub const fn shipped() -> &'static [Shipped] {
        SHIPPED
    }
}

macro_rules! shipped {
    ($name:literal, $has_faults:literal) => {
        shipped!($name, $has_faults, false)
    };
    ($name:literal, $has_faults:literal, $is_costly:literal) => {
        Shipped {
            name: $name,
            text: include_str!(concat!("../../scenarios/", $name, ".toml")),
            has_faults: $has_faults,
            is_costly: $is_costly,
        }
    };
}

const SHIPPED: &[Shipped] = &[
    shipped!("signing-quiet", false),
    shipped!("signing-under-faults", true),
    shipped!("churn", true),
    shipped!("partition-heals", true),
    shipped!("crash-in-every-phase", true),
    shipped!("byzantine-signer", true),
    shipped!("clock-skew", true),
    shipped!("flood", true),
    shipped!("replay", true),
    shipped!("equivocate", true, true),
    shipped!("grief", true, true),
    shipped!("slots", true, true),
    shipped!("long-wait", true, true),
    shipped!("member-away", true, true),
];
