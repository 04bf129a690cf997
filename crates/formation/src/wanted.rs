//! Whom we want to be connected with while groups form, and where.

use alloc::{collections::BTreeMap, vec::Vec};
use core::{cmp::Reverse, net::SocketAddr};

use ensign_peers::{Input as Ask, Why};
use ensign_primitives::PeerId;
use ensign_wire::ADDRESSES_MAX;

use crate::{Formation, Output, pending::Pending};

impl Formation {
    /// Makes what is wanted true to what forms.
    pub(crate) fn want_members(&mut self) {
        let mut nodes = self.nodes();
        nodes.remove(&self.us());
        let why = Why::Formation;
        for peer in self.wanted.keys().filter(|peer| !nodes.contains_key(peer)) {
            self.outputs.push_back(Output::Ask(Ask::Forget { peer: *peer, why }));
        }
        for (peer, addresses) in &nodes {
            if self.wanted.get(peer) != Some(addresses) {
                let (peer, addresses) = (*peer, addresses.clone());
                self.outputs.push_back(Output::Ask(Ask::Want { peer, addresses, why }));
            }
        }
        self.wanted = nodes;
    }

    /// Returns everybody whom something needs that forms, or has just formed, and where it is: what the
    /// latest says first.
    fn nodes(&self) -> BTreeMap<PeerId, Vec<SocketAddr>> {
        let mut nodes: BTreeMap<PeerId, Vec<SocketAddr>> = BTreeMap::new();
        let mut latest: Vec<&Pending> = self.pending.iter().map(|(_, pending)| pending).collect();
        latest.sort_by_key(|pending| Reverse(pending.run));
        for (peer, addresses) in latest.into_iter().flat_map(Pending::nodes) {
            let known = nodes.entry(peer).or_default();
            for address in addresses {
                if known.len() < ADDRESSES_MAX && !known.contains(&address) {
                    known.push(address);
                }
            }
        }
        for (_, held) in self.held.iter().filter(|(_, held)| held.lingers_until.is_some()) {
            for member in &held.certificate.roster.members {
                nodes.entry(member.peer).or_default();
            }
        }
        nodes
    }
}
