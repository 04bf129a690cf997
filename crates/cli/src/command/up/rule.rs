//! Who says yes without being asked.

use std::collections::BTreeMap;
use std::path::Path;

use ensign_coordinator::{Asks, Signer as _, SocketSigner};
use ensign_primitives::GroupId;

use crate::args::{Approve, Up};
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::words;

/// What a request comes to by the options that `up` was started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Yes, by the rule of this name.
    Yes(String),
    /// Somebody is asked; grave notes of these names are why, if there are any.
    Ask(Vec<&'static str>),
    /// It stays open.
    Leave,
}

/// The option `--approve`, for the groups that there are at the start.
#[derive(Debug)]
pub(super) struct Rule {
    /// Groups whose requests get a yes, by their names.
    groups: BTreeMap<GroupId, String>,
    accepted: Vec<String>,
    asks: bool,
    is_all: bool,
}

impl Rule {
    /// Reads the options.
    ///
    /// # Errors
    ///
    /// [`code::GROUP_UNKNOWN`].
    pub(super) fn new(args: &Up, groups: &[SignerGroup]) -> Result<Self> {
        let chosen: Vec<&SignerGroup> = match &args.approve {
            Approve::Ask | Approve::None => Vec::new(),
            Approve::All => groups.iter().collect(),
            Approve::Groups(names) => {
                names.iter().map(|name| named(name, groups)).collect::<Result<_>>()?
            }
        };
        let groups = chosen.into_iter().map(|group| (group.id(), group.name.clone())).collect();
        let accepted = args.accept_note.clone();
        let (asks, is_all) = (args.approve != Approve::None, args.approve == Approve::All);
        Ok(Self { groups, accepted, asks, is_all })
    }

    /// Finds out before anything starts that neither this node nor its signer would ask anybody, and
    /// that not both were told that this is meant.
    ///
    /// # Errors
    ///
    /// [`code::NOBODY_ASKS`]. A signer that does not answer is found out later.
    pub(super) fn check_signer(&self, socket: Option<&Path>, is_meant: bool) -> Result<()> {
        let Some(socket) = socket.filter(|_| !self.groups.is_empty()) else { return Ok(()) };
        match SocketSigner::connect(socket).map(|signer| signer.asks()) {
            Ok(Asks::Coordinator) => {
                let what =
                    "the signer asks nobody, and was not told that this node asks nobody either";
                Err(Failure::new(&code::NOBODY_ASKS, what))
            }
            Ok(Asks::Nobody) if !is_meant => {
                let what =
                    "the signer asks nobody, and this node was not told that nobody is asked";
                Err(Failure::new(&code::NOBODY_ASKS, what))
            }
            Ok(Asks::Nobody | Asks::Itself) | Err(_) => Ok(()),
        }
    }

    /// Whether every request is asked about.
    pub(super) fn is_ask(&self) -> bool {
        self.asks && self.groups.is_empty()
    }

    /// Returns the groups whose requests get a yes, as people say them.
    pub(super) fn names(&self) -> Option<String> {
        let names: Vec<_> = self.groups.values().cloned().collect();
        (!names.is_empty()).then(|| words::list(&names))
    }

    /// Returns what becomes of a request of a group, with the names of its grave notes.
    pub(super) fn verdict(&self, group: &GroupId, grave: &[&'static str]) -> Verdict {
        if !self.asks {
            return Verdict::Leave;
        }
        let Some(name) = self.groups.get(group) else { return Verdict::Ask(Vec::new()) };
        let is_accepted = |note: &&&str| self.accepted.iter().any(|accepted| accepted == **note);
        let left: Vec<_> = grave.iter().filter(|note| !is_accepted(note)).copied().collect();
        if left.is_empty() {
            let of = if self.is_all { "all" } else { name };
            Verdict::Yes(format!("up --approve {of}"))
        } else {
            Verdict::Ask(left)
        }
    }
}

fn named<'a>(name: &str, groups: &'a [SignerGroup]) -> Result<&'a SignerGroup> {
    groups.iter().find(|group| group.name == name).ok_or_else(|| {
        let what = format!("--approve names the group `{}`", words::foreign(name));
        Failure::new(&code::GROUP_UNKNOWN, what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: GroupId = GroupId::from_bytes([1; 32]);
    const OTHER: GroupId = GroupId::from_bytes([2; 32]);

    fn rule(accepted: &[&str]) -> Rule {
        let accepted = accepted.iter().map(|note| (*note).to_owned()).collect();
        let groups = [(OURS, "treasury".to_owned())].into();
        Rule { groups, accepted, asks: true, is_all: false }
    }

    #[test]
    fn a_yes_is_for_the_groups_that_are_named() {
        let yes = Verdict::Yes("up --approve treasury".into());
        assert_eq!(rule(&[]).verdict(&OURS, &[]), yes);
        assert_eq!(rule(&[]).verdict(&OTHER, &[]), Verdict::Ask(vec![]));
        let all = Rule { is_all: true, ..rule(&[]) };
        assert_eq!(all.verdict(&OURS, &[]), Verdict::Yes("up --approve all".into()));
    }

    #[test]
    fn what_is_grave_is_asked_about_unless_each_note_is_named() {
        let grave = ["blind", "fee_rate"];
        assert_eq!(rule(&[]).verdict(&OURS, &grave), Verdict::Ask(grave.to_vec()));
        assert_eq!(rule(&["blind"]).verdict(&OURS, &grave), Verdict::Ask(vec!["fee_rate"]));
        let both = rule(&["fee_rate", "blind"]).verdict(&OURS, &grave);
        assert!(matches!(both, Verdict::Yes(_)), "{both:?}");
        // Nor does a note that is named make a yes for another group.
        assert_eq!(rule(&grave).verdict(&OTHER, &grave), Verdict::Ask(vec![]));
    }

    #[test]
    fn with_none_nothing_is_asked() {
        let groups = BTreeMap::new();
        let rule = Rule { groups, accepted: Vec::new(), asks: false, is_all: false };
        assert_eq!(rule.verdict(&OURS, &[]), Verdict::Leave);
        assert!(!rule.is_ask());
    }
}
