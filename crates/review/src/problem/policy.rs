//! What this user's own rules refuse.

use ensign_psbt::Rule;

use super::{Code, code};
use crate::Problem;

pub(super) const REFUSED: Code = code(
    "E-POL-001",
    "the rules of this home refuse it",
    "nothing needs to be done if the rule is meant; it stands under [policy] in the settings",
);

/// Words what a rule refuses.
pub fn of_policy(rule: &Rule) -> Problem {
    REFUSED.problem(format!("{} ({}): {rule}", REFUSED.what, rule.name()), Vec::new())
}
