//! The groups that our user formed, and who is a member of one.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};

use ensign_identity::SignerKey;
use ensign_musig::KeyAggCtx;
use ensign_primitives::{BoundedMap, GroupId, Network, Occupancy, PeerId, SignerIndex};
use ensign_wire::GroupKeys;

use crate::{CommandError, GROUPS_MAX, GroupConfig, MEMBERS_MAX};

/// A group we belong to.
#[derive(Debug)]
pub(crate) struct Group {
    keys: GroupKeys,
    context: KeyAggCtx,
    peers: Arc<[PeerId]>,
    local: SignerIndex,
}

impl Group {
    pub(crate) const fn keys(&self) -> &GroupKeys {
        &self.keys
    }

    pub(crate) const fn context(&self) -> &KeyAggCtx {
        &self.context
    }

    /// The node of each signer.
    pub(crate) const fn peers(&self) -> &Arc<[PeerId]> {
        &self.peers
    }

    /// Which signer we are.
    pub(crate) const fn local(&self) -> SignerIndex {
        self.local
    }

    pub(crate) fn has(&self, peer: &PeerId) -> bool {
        self.peers.contains(peer)
    }

    pub(crate) fn node_of(&self, signer: SignerIndex) -> Option<PeerId> {
        self.peers.get(signer.as_usize()).copied()
    }

    pub(crate) fn signer_of(&self, peer: &PeerId) -> Option<SignerIndex> {
        let position = self.peers.iter().position(|member| member == peer)?;
        SignerIndex::from_usize(position)
    }
}

/// All groups.
#[derive(Debug)]
pub(crate) struct Groups {
    network: Network,
    own_peer: PeerId,
    own_key: SignerKey,
    formed: BoundedMap<GroupId, Group>,
    /// In how many groups each other member's node is.
    members: BTreeMap<PeerId, usize>,
}

/// What forming a group has changed.
#[derive(Debug)]
pub(crate) struct Formed {
    pub(crate) id: GroupId,
    /// Whether the group was there already; then nothing has changed.
    pub(crate) was_known: bool,
    /// The nodes of the other members, in key order.
    pub(crate) others: Vec<PeerId>,
    /// Those that were members of no other group.
    pub(crate) new: BTreeSet<PeerId>,
}

impl Groups {
    pub(crate) const fn new(network: Network, own_peer: PeerId, own_key: SignerKey) -> Self {
        let formed = BoundedMap::new(GROUPS_MAX);
        Self { network, own_peer, own_key, formed, members: BTreeMap::new() }
    }

    /// Forms a group.
    pub(crate) fn form(&mut self, config: GroupConfig) -> Result<Formed, CommandError> {
        let GroupConfig { keys, peers } = config;
        check_members(&keys, &peers)?;
        let not_a_member = CommandError::NotAMember { key: self.own_key, peer: self.own_peer };
        let local = keys.index_of(&self.own_key).ok_or(not_a_member.clone())?;
        if peers.get(local.as_usize()) != Some(&self.own_peer) {
            return Err(not_a_member);
        }
        let public: Vec<_> = keys.as_slice().iter().map(|key| *key.as_public_key()).collect();
        let context = KeyAggCtx::new(&public).map_err(CommandError::KeyAgg)?;
        let id = keys.group_id(self.network);
        if let Some(known) = self.formed.get(&id) {
            if *known.peers != *peers {
                return Err(CommandError::GroupDiffers { group: id });
            }
            return Ok(Formed { id, was_known: true, others: Vec::new(), new: BTreeSet::new() });
        }
        let others: Vec<_> = peers.iter().copied().filter(|peer| *peer != self.own_peer).collect();
        let group = Group { keys, context, peers: peers.into(), local };
        self.formed
            .insert(id, group)
            .map_err(|_| CommandError::TooManyGroups { limit: GROUPS_MAX })?;
        let mut new = BTreeSet::new();
        for peer in &others {
            let memberships = self.members.entry(*peer).or_default();
            *memberships += 1;
            if *memberships == 1 {
                new.insert(*peer);
            }
        }
        Ok(Formed { id, was_known: false, others, new })
    }

    /// Gives a group up; returns its nodes, and those of them that are members of no other group.
    pub(crate) fn forget(&mut self, id: &GroupId) -> (Arc<[PeerId]>, Vec<PeerId>) {
        let Some(group) = self.formed.remove(id) else { return (Arc::new([]), Vec::new()) };
        let mut gone = Vec::new();
        for peer in group.peers.iter().filter(|peer| **peer != self.own_peer) {
            let Some(memberships) = self.members.get_mut(peer) else { continue };
            *memberships = memberships.saturating_sub(1);
            if *memberships == 0 {
                self.members.remove(peer);
                gone.push(*peer);
            }
        }
        (group.peers, gone)
    }

    pub(crate) fn get(&self, id: &GroupId) -> Option<&Group> {
        self.formed.get(id)
    }

    /// Returns a group that our caller names.
    pub(crate) fn known(&self, id: &GroupId) -> Result<&Group, CommandError> {
        self.get(id).ok_or(CommandError::UnknownGroup { group: *id })
    }

    /// Whether a node is one of a group's.
    pub(crate) fn has(&self, id: &GroupId, peer: &PeerId) -> bool {
        self.get(id).is_some_and(|group| group.has(peer))
    }

    pub(crate) fn is_member(&self, peer: &PeerId) -> bool {
        self.members.contains_key(peer)
    }

    /// Returns our groups with a node, rising.
    pub(crate) fn shared_with(&self, peer: &PeerId) -> Vec<GroupId> {
        let shared = self.formed.iter().filter(|(_, group)| group.has(peer));
        shared.map(|(id, _)| *id).collect()
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 2] {
        let members = Occupancy { name: "members", len: self.members.len(), limit: MEMBERS_MAX };
        [self.formed.occupancy("groups"), members]
    }
}

fn check_members(keys: &GroupKeys, peers: &[PeerId]) -> Result<(), CommandError> {
    if keys.len() != peers.len() {
        return Err(CommandError::MemberCount { keys: keys.len(), peers: peers.len() });
    }
    let mut seen_keys = BTreeSet::new();
    if let Some(key) = keys.as_slice().iter().find(|key| !seen_keys.insert(**key)) {
        return Err(CommandError::DuplicateSigner { key: *key });
    }
    let mut seen_peers = BTreeSet::new();
    if let Some(peer) = peers.iter().find(|peer| !seen_peers.insert(**peer)) {
        return Err(CommandError::DuplicatePeer { peer: *peer });
    }
    Ok(())
}
