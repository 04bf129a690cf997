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

use crate::{CommandError, GROUPS_MAX, GroupConfig, MEMBERS_MAX, membership::Membership};

/// A group we belong to.
#[derive(Debug)]
pub(crate) struct Group {
    keys: GroupKeys,
    context: KeyAggCtx,
    peers: Arc<[PeerId]>,
    /// The nodes that were named when it was formed.
    named: Vec<PeerId>,
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

    /// The key beside which a node stands.
    pub(crate) fn key_of(&self, peer: &PeerId) -> Option<SignerKey> {
        self.keys.get(self.signer_of(peer)?).copied()
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

/// What another node in a member's place has changed.
#[derive(Debug, Default)]
pub(crate) struct Replaced {
    /// Who stood there, if anybody did.
    pub(crate) before: Option<PeerId>,
    /// Who is in no group any more.
    pub(crate) gone: Vec<PeerId>,
}

impl Groups {
    pub(crate) const fn new(network: Network, own_peer: PeerId, own_key: SignerKey) -> Self {
        let formed = BoundedMap::new(GROUPS_MAX);
        Self { network, own_peer, own_key, formed, members: BTreeMap::new() }
    }

    /// Forms a group. Members that are known to have another node than the one that is named have that
    /// one.
    pub(crate) fn form(
        &mut self,
        config: GroupConfig,
        membership: &Membership,
    ) -> Result<Formed, CommandError> {
        let GroupConfig { keys, peers } = config;
        check_members(&keys, &peers)?;
        let named = peers.clone();
        let peers = self.present(&keys, peers, membership);
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
        let group = Group { keys, context, peers: peers.into(), named, local };
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

    /// Returns the nodes that hold now. Our own key is where we are: our caller has its delegation. A
    /// member whose node stands beside another key, too, has the one that was named.
    fn present(
        &self,
        keys: &GroupKeys,
        named: Vec<PeerId>,
        membership: &Membership,
    ) -> Vec<PeerId> {
        let of = |(key, named): (&SignerKey, PeerId)| {
            let known = membership.of(key).map(|known| known.peer);
            if *key == self.own_key { self.own_peer } else { known.unwrap_or(named) }
        };
        let mut present: Vec<_> =
            keys.as_slice().iter().zip(named.iter().copied()).map(of).collect();
        for _ in 0..present.len() {
            let mut seen = BTreeMap::new();
            present.iter().for_each(|peer| *seen.entry(*peer).or_insert(0_usize) += 1);
            let places = keys.as_slice().iter().zip(present.iter_mut().zip(&named));
            let twice = places.filter(|(key, (peer, named))| {
                **key != self.own_key && peer != named && seen.get(*peer).is_some_and(|it| *it > 1)
            });
            let moved = twice.map(|(_, (peer, named))| *peer = *named).count();
            if moved == 0 {
                break;
            }
        }
        present
    }

    /// Returns the keys of all other members.
    pub(crate) fn signers(&self) -> BTreeSet<SignerKey> {
        let keys = self.formed.iter().flat_map(|(_, group)| group.keys.as_slice());
        keys.copied().filter(|key| *key != self.own_key).collect()
    }

    /// Returns the nodes of all other members.
    pub(crate) fn others(&self) -> Vec<PeerId> {
        self.members.keys().copied().collect()
    }

    /// Returns the nodes that stand beside a key of another member's.
    pub(crate) fn nodes_of(&self, signer: &SignerKey) -> BTreeSet<PeerId> {
        let groups = self.formed.iter().filter(|_| *signer != self.own_key);
        let node = |(_, group): (_, &Group)| group.node_of(group.keys.index_of(signer)?);
        groups.filter_map(node).collect()
    }

    /// Returns the nodes of the members that have a group with a key.
    pub(crate) fn beside(&self, signer: &SignerKey) -> BTreeSet<PeerId> {
        let with = self.formed.iter().filter(|(_, group)| group.keys.index_of(signer).is_some());
        let nodes = with.flat_map(|(_, group)| group.peers.iter().copied());
        nodes.filter(|peer| *peer != self.own_peer).collect()
    }

    /// Returns the keys, of groups with a node, whose node is another one than was named when the group
    /// was formed.
    pub(crate) fn changed(&self, peer: &PeerId) -> BTreeSet<SignerKey> {
        let with = self.formed.iter().filter(|(_, group)| group.has(peer));
        let changed = with.flat_map(|(_, group)| {
            let places = group.keys.as_slice().iter().zip(group.peers.iter()).zip(&group.named);
            places.filter(|((_, present), named)| present != named).map(|((key, _), _)| *key)
        });
        changed.filter(|key| *key != self.own_key).collect()
    }

    /// Returns the groups with a key, and its place in each.
    pub(crate) fn with_signer(&self, key: &SignerKey) -> Vec<(GroupId, SignerIndex)> {
        let of = |(id, group): (&GroupId, &Group)| Some((*id, group.keys.index_of(key)?));
        self.formed.iter().filter_map(of).collect()
    }

    /// Returns the keys beside which a node stands in our groups.
    pub(crate) fn signers_of(&self, peer: &PeerId) -> BTreeSet<SignerKey> {
        self.formed.iter().filter_map(|(_, group)| group.key_of(peer)).collect()
    }

    /// Lets another node stand beside a key, in every group; returns who stood there before, and who
    /// of them is in no group any more. A group in which that node stands beside another key stays as it
    /// is, unless it has not shown that key: then that key's member is where it was named.
    ///
    /// - `shown`: the keys for which the node has shown that it speaks.
    pub(crate) fn replace(
        &mut self,
        signer: &SignerKey,
        node: PeerId,
        shown: &BTreeSet<SignerKey>,
    ) -> Replaced {
        let mut replaced = Replaced::default();
        let ids: Vec<_> = self.formed.iter().map(|(id, _)| *id).collect();
        for id in ids {
            let Some(group) = self.formed.get(&id) else { continue };
            let Some(at) = group.keys.index_of(signer) else { continue };
            let Some(before) = group.node_of(at).filter(|it| *it != node) else { continue };
            if let Some(other) = group.signer_of(&node) {
                let named = group.named.get(other.as_usize()).copied();
                let has_shown = group.keys.get(other).is_some_and(|key| shown.contains(key));
                let Some(named) = named.filter(|it| !has_shown && !group.has(it)) else { continue };
                replaced.gone.extend(self.put(id, other, named));
            }
            replaced.gone.extend(self.put(id, at, node));
            replaced.before = Some(before);
        }
        let members = &self.members;
        replaced.gone.retain(|peer| !members.contains_key(peer));
        replaced
    }

    /// Puts a node in a place; returns who stood there, if it is in no group any more.
    fn put(&mut self, id: GroupId, at: SignerIndex, node: PeerId) -> Option<PeerId> {
        let group = self.formed.get_mut(&id)?;
        let mut peers = group.peers.to_vec();
        let before = core::mem::replace(peers.get_mut(at.as_usize())?, node);
        group.peers = peers.into();
        *self.members.entry(node).or_default() += 1;
        let memberships = self.members.entry(before).or_default();
        *memberships = memberships.saturating_sub(1);
        if *memberships > 0 {
            return None;
        }
        self.members.remove(&before);
        Some(before)
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
