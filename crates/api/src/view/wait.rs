//! What a request waits for before it can be signed.

use ensign_coordinator::{GroupInfo, Wait, words_of_readiness, words_of_wait};
use serde::{Deserialize, Serialize};

use super::names;

/// What a request waits for: whose yes, and who has to be there. Names are those of this home; our own
/// node is in the lists under our own name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitView {
    /// Whether all nodes are there, have said so lately, and agree on time and rules.
    pub ready: bool,
    /// Whose user has agreed.
    pub agreed: Vec<String>,
    /// Whose user has not, or not yet.
    pub missing: Vec<String>,
    /// Whose user has taken a yes back; these are missing too.
    pub withdrawn: Vec<String>,
    /// Whose node does not reach whose, by its own word.
    pub lacks: Vec<LackView>,
    /// Whose node has said nothing lately of whom it reaches.
    pub stale: Vec<String>,
    /// Whose clock differs from ours by more than is allowed.
    pub clocks: Vec<ClockView>,
    /// Whose node follows another revision of the rules.
    pub versions: Vec<VersionView>,
    /// Whose node our user has banned: it is ours to let it in again.
    #[serde(default)]
    pub banned: Vec<String>,
    /// All of it in sentences; the first says whose turn it is.
    pub text: Vec<String>,
}

/// One node does not reach another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LackView {
    /// Whose node.
    pub who: String,
    /// Whose node it does not reach.
    pub whom: String,
}

/// A clock that differs from ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockView {
    /// Whose.
    pub who: String,
    /// How far it is ahead of ours; negative if it is behind.
    pub minutes_ahead: i64,
}

/// A node that follows another revision of the rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionView {
    /// Whose.
    pub who: String,
    /// Which.
    pub revision: u16,
}

impl WaitView {
    /// Takes who of a group is there, whatever is open.
    pub fn of_group(wait: &Wait, group: &GroupInfo) -> Self {
        Self { text: words_of_readiness(wait, group), ..Self::new(wait, group) }
    }

    /// Takes what a request of the group waits for.
    pub fn new(wait: &Wait, group: &GroupInfo) -> Self {
        let name = |who| group.name_of(who).to_owned();
        let several = |who| names(Some(group), who);
        let lacks = wait.lacks.iter().map(|it| LackView { who: name(it.who), whom: name(it.whom) });
        let clocks = wait
            .clocks
            .iter()
            .map(|gap| ClockView { who: name(gap.who), minutes_ahead: gap.minutes_ahead });
        let versions = wait.versions.iter();
        let versions =
            versions.map(|(who, revision)| VersionView { who: name(*who), revision: *revision });
        Self {
            ready: wait.is_ready(),
            agreed: several(&wait.agreed),
            missing: several(&wait.missing),
            withdrawn: several(&wait.withdrawn),
            lacks: lacks.collect(),
            stale: several(&wait.stale),
            clocks: clocks.collect(),
            versions: versions.collect(),
            banned: several(&wait.banned),
            text: words_of_wait(wait, group),
        }
    }
}
