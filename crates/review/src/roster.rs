//! Who is connected, since when and how; and who is not, and why.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use ensign_primitives::{GroupId, PeerId, UnixTime};

use crate::GroupInfo;

/// The node of a member of our groups, as it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// Which node.
    pub peer: PeerId,
    /// What our user calls its member, in the first of the groups.
    pub name: String,
    /// The groups of ours that it is in.
    pub groups: Vec<Arc<GroupInfo>>,
    /// Those of them that it does not have, by its own word.
    pub lacks: Vec<GroupId>,
    /// The connection to it; `None` while there is none.
    pub link: Option<Link>,
    /// Where it is dialled.
    pub addresses: Vec<SocketAddr>,
    /// When it was last connected, in this run; now, if it is.
    pub last_seen: Option<UnixTime>,
    /// Why it could not be reached the last time, in this run, since it was connected.
    pub last_error: Option<String>,
    /// Our user has banned it: it is neither dialled nor let in.
    pub is_banned: bool,
}

/// A connection to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Since when.
    pub since: UnixTime,
    /// Where it speaks from.
    pub remote: SocketAddr,
    /// Whether we dialled it.
    pub dialled: bool,
    /// How far its clock is ahead of ours; `None` until it has told.
    pub clock_offset_millis: Option<i64>,
}

/// Everybody who is connected, and what is known of members who are not: the transport bounds the
/// first, the groups the second.
#[derive(Debug, Default)]
pub struct Roster(BTreeMap<PeerId, Standing>);

#[derive(Debug, Default)]
struct Standing {
    link: Option<Link>,
    last_seen: Option<UnixTime>,
    last_error: Option<String>,
}

impl Roster {
    /// A node is connected: where it speaks from, and whether we dialled it.
    pub fn connected(
        &mut self,
        now: UnixTime,
        peer: PeerId,
        (remote, dialled): (SocketAddr, bool),
    ) {
        let standing = self.0.entry(peer).or_default();
        standing.link = Some(Link { since: now, remote, dialled, clock_offset_millis: None });
        standing.last_error = None;
    }

    /// A member told its clock.
    pub fn introduced(&mut self, peer: &PeerId, offset_millis: i64) {
        if let Some(link) = self.0.get_mut(peer).and_then(|standing| standing.link.as_mut()) {
            link.clock_offset_millis = Some(offset_millis);
        }
    }

    /// A connection is gone.
    ///
    /// - `is_member`: whether what is known of it is kept.
    pub fn disconnected(&mut self, now: UnixTime, peer: &PeerId, is_member: bool) {
        if !is_member {
            self.0.remove(peer);
        } else if let Some(standing) = self.0.get_mut(peer)
            && standing.link.take().is_some()
        {
            standing.last_seen = Some(now);
        }
    }

    /// A member could not be reached.
    pub fn missed(&mut self, peer: PeerId, reason: &str) {
        self.0.entry(peer).or_default().last_error = Some(reason.to_owned());
    }

    /// Forgets who is a member no more.
    pub fn forget(&mut self, peer: &PeerId) {
        self.0.remove(peer);
    }

    /// Returns every other member of the groups.
    pub fn peers<'a>(
        &self,
        now: UnixTime,
        groups: impl Iterator<Item = &'a Arc<GroupInfo>>,
        addresses: impl Fn(&PeerId) -> Vec<SocketAddr>,
        lacks: impl Fn(&PeerId, &GroupId) -> bool,
    ) -> Vec<PeerInfo> {
        let mut peers: BTreeMap<PeerId, PeerInfo> = BTreeMap::new();
        for group in groups {
            for (position, member) in group.members.iter().enumerate() {
                if position == group.own.as_usize() {
                    continue;
                }
                let info = peers.entry(member.peer).or_insert_with(|| PeerInfo {
                    peer: member.peer,
                    name: member.name.clone(),
                    groups: Vec::new(),
                    lacks: Vec::new(),
                    link: None,
                    addresses: addresses(&member.peer),
                    last_seen: None,
                    last_error: None,
                    is_banned: false,
                });
                info.groups.push(Arc::clone(group));
                info.lacks.extend(Some(group.id).filter(|id| lacks(&member.peer, id)));
            }
        }
        for (peer, info) in &mut peers {
            if let Some(standing) = self.0.get(peer) {
                info.link.clone_from(&standing.link);
                info.last_error.clone_from(&standing.last_error);
                info.last_seen = standing.link.as_ref().map(|_| now).or(standing.last_seen);
            }
        }
        peers.into_values().collect()
    }
}
