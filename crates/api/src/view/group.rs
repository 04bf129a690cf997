//! Groups and the nodes of their members.

use ensign_coordinator::GroupInfo;
use serde::{Deserialize, Serialize};

use super::WaitView;

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupView {
    /// What this home calls it.
    pub name: String,
    /// Its id, the same for all members.
    pub id: String,
    /// Its members in the order of their keys.
    pub members: Vec<MemberView>,
    /// Whether all members are there, and what is missing for that; null where it was not asked for, or
    /// nothing runs.
    #[serde(default)]
    pub wait: Option<WaitView>,
    /// What its user should know about a change that was just made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// An address of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressView {
    /// The group's name.
    pub group: String,
    /// The address.
    pub address: String,
    /// Which child of the group's key it is (BIP328): `0/3`.
    pub path: String,
    /// When the group was drilled last.
    pub drilled_ms: Option<u64>,
}

/// Which address is wanted: `POST /v1/groups/{name}/addresses`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// One that was not handed out before; else the one that was handed out last.
    #[serde(default)]
    pub new: bool,
    /// Of a group that an earlier version made, without a certificate.
    #[serde(default)]
    pub uncertified: bool,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView {
    /// What this home calls it.
    pub name: String,
    /// Whether that is us.
    pub own: bool,
    /// The key it signs with.
    pub signer: String,
    /// Its node.
    pub node: String,
    /// Whether its node is connected, and has this group too.
    #[serde(default)]
    pub ready: bool,
    /// Whether its node is connected and has no such group.
    #[serde(default)]
    pub lacks_it: bool,
}

impl GroupView {
    /// Takes a group; nobody is ready yet but ourselves.
    pub fn new(group: &GroupInfo) -> Self {
        let members = group.members.iter().enumerate().map(|(index, member)| {
            let own = index == group.own.as_usize();
            MemberView {
                name: member.name.clone(),
                own,
                signer: member.signer.to_string(),
                node: member.peer.to_string(),
                ready: own,
                lacks_it: false,
            }
        });
        Self {
            name: group.name.clone(),
            id: group.id.to_string(),
            members: members.collect(),
            wait: None,
            notes: Vec::new(),
        }
    }
}

/// The node of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerView {
    /// What this home calls its member.
    pub name: String,
    /// Its node.
    pub node: String,
    /// The names of the groups that we share.
    pub groups: Vec<String>,
    /// Whether it is connected.
    pub connected: bool,
    /// Since when it is, or is not.
    pub since_ms: u64,
    /// How far its clock is ahead of ours, as it told when it was connected last.
    pub clock_offset_ms: Option<i64>,
    /// When it was connected last, in this run.
    pub seen_ms: Option<u64>,
    /// Why it could not be reached the last time.
    pub problem: Option<String>,
    /// Whether our user has banned it: then it is neither dialled nor let in.
    #[serde(default)]
    pub banned: bool,
}
