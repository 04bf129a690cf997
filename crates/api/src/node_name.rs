//! Which node a person means: by a member's name, or by the beginning of its digits.

use std::collections::BTreeSet;

use ensign_coordinator::{GroupInfo, MemberInfo};
use ensign_primitives::PeerId;

/// Fewest hex digits by which a node is named. Guess: nobody draws two that begin so by chance.
pub const DIGITS_MIN: usize = 8;

/// How alike two names must be (0 to 1, Jaro-Winkler) for one to be taken as meant. Guess: as for settings.
const ALIKE_MIN: f64 = 0.75;

/// Most letters of what was typed that are said back.
const SHOWN_MAX: usize = 80;

/// Why a text names no node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeNameError {
    /// There is no text.
    #[error("the name of a node is missing")]
    Missing,
    /// It is no name and no digits that are known.
    #[error("no node is called `{text}`{}", meant(near.as_deref()))]
    Unknown {
        /// What was asked for.
        text: String,
        /// The name that was probably meant.
        near: Option<String>,
    },
    /// Digits, and too few of them.
    #[error(
        "`{text}` is no member's name, and of a node's hex digits at least {DIGITS_MIN} are needed"
    )]
    TooShort {
        /// What was asked for.
        text: String,
    },
    /// Members of several groups have that name and different nodes.
    #[error("{} nodes are called `{text}`: {}; name one by its digits", places.len(), places.join(", "))]
    Several {
        /// What was asked for.
        text: String,
        /// The beginning of each node's digits, and the groups in which it is called so.
        places: Vec<String>,
    },
    /// Several nodes begin so.
    #[error("{count} nodes that are known begin `{text}`: more digits are needed")]
    Ambiguous {
        /// What was asked for.
        text: String,
        /// How many.
        count: usize,
    },
}

fn meant(near: Option<&str>) -> String {
    near.map_or(String::new(), |near| format!("; did you mean `{near}`?"))
}

/// A name that this home has for a node, and the group in which it has it; `None` for our own name.
type Called<'a> = (PeerId, &'a str, Option<&'a str>);

/// Returns the one node that a text names: a member's name in any group, our own name, 64 hex digits, or at
/// least [`DIGITS_MIN`] digits with which only one known node begins.
///
/// - `own`: our node, where it is known, and what we call ourselves.
/// - `known`: nodes that are known and no members.
///
/// # Errors
///
/// [`NodeNameError`].
pub fn named_node<'a>(
    text: &str,
    (own, own_name): (Option<PeerId>, &'a str),
    groups: impl IntoIterator<Item = &'a GroupInfo>,
    known: impl IntoIterator<Item = PeerId>,
) -> Result<PeerId, NodeNameError> {
    let text = text.trim();
    let mut bytes = [0; 32];
    if hex::decode_to_slice(text, &mut bytes).is_ok() {
        return Ok(PeerId::from_bytes(bytes));
    }
    if text.is_empty() {
        return Err(NodeNameError::Missing);
    }
    let members = groups.into_iter().flat_map(|group| {
        let called = |member: &'a MemberInfo| (member.peer, &*member.name, Some(&*group.name));
        group.members.iter().map(called)
    });
    let called: Vec<Called<'_>> = members.chain(own.map(|own| (own, own_name, None))).collect();
    let named = called.iter().filter(|(_, name, _)| *name == text);
    match unique(named.map(|(peer, ..)| *peer))[..] {
        [only] => return Ok(only),
        [] => {}
        ref several => {
            let places = several.iter().map(|peer| place(peer, text, &called)).collect();
            return Err(NodeNameError::Several { text: shown(text), places });
        }
    }
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) || text.len() > 2 * bytes.len() {
        return Err(unknown(text, &called));
    }
    let begin = text.to_ascii_lowercase();
    let all = called.iter().map(|(peer, ..)| *peer).chain(known);
    let begins = unique(all.filter(|peer| peer.to_string().starts_with(&begin)));
    match begins[..] {
        // Letters that happen to be digits are a name that was mistyped.
        _ if text.len() < DIGITS_MIN && meant_by(text, &called).is_none() => {
            Err(NodeNameError::TooShort { text: shown(text) })
        }
        _ if text.len() < DIGITS_MIN => Err(unknown(text, &called)),
        [only] => Ok(only),
        [] => Err(unknown(text, &called)),
        [..] => Err(NodeNameError::Ambiguous { text: shown(text), count: begins.len() }),
    }
}

fn unique(peers: impl Iterator<Item = PeerId>) -> Vec<PeerId> {
    peers.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Says where a node is called so.
fn place(peer: &PeerId, text: &str, called: &[Called<'_>]) -> String {
    let is_it = |(of, name, _): &&Called<'_>| of == peer && *name == text;
    let groups: Vec<_> = called.iter().filter(is_it).filter_map(|(.., group)| *group).collect();
    match &groups[..] {
        [] => format!("{} (this one)", peer.short()),
        groups => format!("{} (in {})", peer.short(), groups.join(", ")),
    }
}

fn unknown(text: &str, called: &[Called<'_>]) -> NodeNameError {
    NodeNameError::Unknown { text: shown(text), near: meant_by(text, called) }
}

/// Returns the name that was probably meant.
fn meant_by(text: &str, called: &[Called<'_>]) -> Option<String> {
    let typed = text.to_lowercase();
    let alike = |name: &&str| {
        let name = name.to_lowercase();
        let begins = if name.starts_with(&typed) { 1.0 } else { 0.0 };
        strsim::jaro_winkler(&typed, &name).max(begins)
    };
    let names = called.iter().map(|(_, name, _)| *name);
    let best = names.max_by(|one, other| alike(one).total_cmp(&alike(other)));
    best.filter(|name| alike(name) >= ALIKE_MIN).map(str::to_owned)
}

/// What was typed, as far as it is said back.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN_MAX).map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use ensign_coordinator::MemberInfo;
    use ensign_identity::SignerKey;
    use ensign_musig::SecKey;
    use ensign_primitives::{GroupId, SignerIndex};

    use super::*;

    fn peer(byte: u8) -> PeerId {
        PeerId::from_bytes([byte; 32])
    }

    fn group(name: &str, members: &[(u8, &str)]) -> GroupInfo {
        let member = |(byte, name): &(u8, &str)| MemberInfo {
            name: (*name).to_owned(),
            signer: SignerKey::from_public_key(
                SecKey::from_secret_bytes([*byte; 32]).unwrap().public_key(),
            ),
            peer: peer(*byte),
        };
        GroupInfo {
            id: GroupId::from_bytes([1; 32]),
            name: name.to_owned(),
            address: String::new(),
            members: members.iter().map(member).collect(),
            own: SignerIndex(0),
        }
    }

    #[track_caller]
    fn check(text: &str, expect: Result<PeerId, &str>) {
        let groups = [
            group("savings", &[(0xa1, "alice"), (0xb0, "bob"), (0xc4, "carol")]),
            group("office", &[(0xa1, "alice"), (0xb0, "robert"), (0xd7, "carol")]),
        ];
        let mut stranger = [0xab; 32];
        let known = [0, 1].map(|last| {
            stranger[31] = last;
            PeerId::from_bytes(stranger)
        });
        let found = named_node(text, (Some(peer(0xa1)), "alice"), &groups, known);
        assert_eq!(found.map_err(|error| error.to_string()), expect.map_err(str::to_owned));
    }

    #[test]
    fn node_is_found_by_each_of_its_names_and_by_its_digits() {
        check("bob", Ok(peer(0xb0)));
        check(" robert ", Ok(peer(0xb0)));
        check("alice", Ok(peer(0xa1)));
        check("D7d7d7d7", Ok(peer(0xd7)));
        check(&"ef".repeat(32), Ok(peer(0xef)));
    }

    #[test]
    fn name_of_two_nodes_is_told_with_both() {
        check(
            "carol",
            Err("2 nodes are called `carol`: c4c4c4c4 (in savings), d7d7d7d7 (in office); \
                 name one by its digits"),
        );
        check("abababab", Err("2 nodes that are known begin `abababab`: more digits are needed"));
    }

    #[test]
    fn what_was_mistyped_is_answered_with_what_was_meant_or_needed() {
        check("", Err("the name of a node is missing"));
        check("Bob", Err("no node is called `Bob`; did you mean `bob`?"));
        check("b", Err("no node is called `b`; did you mean `bob`?"));
        check("carl", Err("no node is called `carl`; did you mean `carol`?"));
        check("zz\u{1b}", Err("no node is called `zz?`"));
        check(
            "1234567",
            Err("`1234567` is no member's name, and of a node's hex digits at least 8 are needed"),
        );
        check("12345678", Err("no node is called `12345678`"));
    }

    #[test]
    fn own_name_is_known_before_there_is_a_group() {
        assert_eq!(named_node("alice", (Some(peer(1)), "alice"), [], []), Ok(peer(1)));
        let groups = [group("savings", &[(2, "alice")])];
        let two = named_node("alice", (Some(peer(1)), "alice"), &groups, []);
        let what = "2 nodes are called `alice`: 01010101 (this one), 02020202 (in savings); name one by its digits";
        assert_eq!(two.unwrap_err().to_string(), what);
    }
}
