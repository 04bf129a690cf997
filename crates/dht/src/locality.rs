//! Whose neighbours nodes of one network are, where the whole network is local.

use core::net::IpAddr;

use ensign_diversity::network;
use ensign_wire::Scope;

/// Returns the network by which a node at this address is counted; `None` for one that shares none.
///
/// In a network of local addresses one user runs all of it, and its nodes lie in one /24 or /48: there a node at a
/// loopback, private, link-local or unique local address shares nothing with others. In a network of global scope
/// such an address counts as any other, whatever a proxy or a router shows: nobody gets more places by it.
pub(crate) fn shared_network(scope: Scope, ip: IpAddr) -> Option<IpAddr> {
    let is_own = scope == Scope::Local && is_local(ip.to_canonical());
    (!is_own).then(|| network(ip))
}

/// Whether an address means something else on another machine or network.
const fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}
