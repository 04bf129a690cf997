//! Groups: as the application gives them, and as they are handed out again.

use std::{net::SocketAddr, sync::Arc};

use ensign_identity::{DelegationProof, SignerKey};
use ensign_ledger::Handle;
use ensign_primitives::{GroupId, Network, PeerId, RequestId, SignerIndex};
use ensign_psbt::Issued;
use ensign_wire::{DecodeError, GroupKeys};

/// One signer of a group, as its contact code says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What our user calls it. A name is the user's own and reaches nobody.
    pub name: String,
    /// The key it signs with.
    pub signer: SignerKey,
    /// The node that speaks for it.
    pub peer: PeerId,
    /// Where the node may be reached; empty for ourselves, or for one that dials us.
    pub addresses: Vec<SocketAddr>,
    /// That the key lets the node speak, where our user was given that: an older node of the key is known
    /// for one by it.
    pub delegation: Option<DelegationProof>,
}

/// Signers that sign together; ourselves included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What our user calls it. A name is the user's own and reaches nobody.
    pub name: String,
    /// Every signer, in any order: keys are sorted as BIP327 `KeySort` does.
    pub members: Vec<Member>,
    /// Which of its addresses were handed out or seen, as the application remembers it.
    pub issued: Issued,
}

/// A group that the node has joined. Handed out as an [`Arc`]: it comes with every event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupInfo {
    /// Its id, the same for all members.
    pub id: GroupId,
    /// What our user calls it.
    pub name: String,
    /// Where it is paid.
    pub address: String,
    /// Its members in the order of their keys: a [`SignerIndex`] is a position here.
    pub members: Vec<MemberInfo>,
    /// Which of them we are.
    pub own: SignerIndex,
}

/// One member of a [`GroupInfo`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberInfo {
    /// What our user calls it.
    pub name: String,
    /// The key it signs with.
    pub signer: SignerKey,
    /// The node that speaks for it.
    pub peer: PeerId,
}

impl GroupInfo {
    /// Returns what our user calls a member; `?` for a position that the group does not have.
    pub fn name_of(&self, who: SignerIndex) -> &str {
        self.members.get(who.as_usize()).map_or("?", |member| member.name.as_str())
    }

    /// Returns which member a node is.
    pub fn index_of(&self, peer: &PeerId) -> Option<SignerIndex> {
        let index = self.members.iter().position(|member| member.peer == *peer);
        index.and_then(SignerIndex::from_usize)
    }
}

/// Which request something is about: comes with every event of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRef {
    /// Its name, the same for all signers.
    pub id: RequestId,
    /// Its name in this home; `None` where the store has none for it.
    pub handle: Option<Handle>,
    /// Who shall sign.
    pub group: Arc<GroupInfo>,
    /// Whose node made it, where that is known.
    pub creator: Option<PeerId>,
}

/// A group that was joined: its keys aggregated once, and what is handed out of it.
#[derive(Clone, Debug)]
pub struct Joined {
    /// The keys.
    pub keys: ensign_psbt::Group,
    /// What is handed out.
    pub info: Arc<GroupInfo>,
}

/// Why signers cannot form a group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// They are too many or too few, or one stands twice.
    #[error("{0}")]
    Keys(#[source] DecodeError),
    /// Their keys have no address.
    #[error("the group has no address: {0}")]
    Address(#[source] ensign_psbt::GroupError),
}

impl Joined {
    /// Sorts the members and aggregates their keys. Returns the members in that order too.
    ///
    /// # Errors
    ///
    /// [`JoinError`] when they cannot form a group.
    pub fn new(
        network: Network,
        own: SignerKey,
        group: Group,
    ) -> Result<(Self, Vec<Member>), JoinError> {
        let Group { name, mut members, issued } = group;
        members.sort_by_key(|member| member.signer);
        let keys = members.iter().map(|member| member.signer).collect();
        let keys = GroupKeys::sorted(keys).map_err(JoinError::Keys)?;
        let own = keys.index_of(&own).unwrap_or(SignerIndex(0));
        let keys = ensign_psbt::Group::new(network, &keys).map_err(JoinError::Address)?;
        let keys = keys.with_issued(issued);
        let info = |member: &Member| MemberInfo {
            name: member.name.clone(),
            signer: member.signer,
            peer: member.peer,
        };
        let info = GroupInfo {
            id: keys.id(),
            name,
            address: keys.address().to_owned(),
            members: members.iter().map(info).collect(),
            own,
        };
        Ok((Self { keys, info: Arc::new(info) }, members))
    }
}
