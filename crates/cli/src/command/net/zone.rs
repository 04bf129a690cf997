//! `ensign net zone`: what makes a name in the DNS a seed.

use std::net::SocketAddr;

use ensign_peers::contact::{Address, Contact};
use ensign_primitives::Network;
use ensign_seeds::{ADDRESSES_PER_RECORD_MAX, SeedRecord, check_address, scope_of, zone};

use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::{Home, contact_failure};
use crate::names;
use crate::output::{Line, Output};

/// Prints the lines of a zone file, and nothing else on standard output, so that they can be piped.
pub(super) fn run(home: &Home, codes: &[String], owner: &str, output: Output) -> Result<()> {
    let own = home.contact()?;
    let mut contacts = vec![own];
    for text in codes {
        let (alias, code) = names::split(text)?;
        let contact: Contact = code.parse().map_err(|error| contact_failure(&error))?;
        contacts.push(Contact { alias, ..contact });
    }
    let network = home.settings().network;
    let (mut nodes, mut warnings) = (Vec::<SeedRecord>::new(), Vec::new());
    for contact in &contacts {
        let node = record(network, contact, &mut warnings)?;
        if nodes.iter().all(|known| known.peer != node.peer) {
            nodes.push(node);
        }
    }
    let lines = zone(owner, &nodes);
    let texts: Vec<String> = nodes.iter().map(SeedRecord::to_string).collect();
    let line = Line::new("zone")
        .with("name", owner)
        .with("records", texts)
        .with("warnings", warnings.clone());
    output.tell(&line, lines.trim_end());
    for warning in warnings {
        output.notice(format!("warning: {warning}"));
    }
    Ok(())
}

/// Returns how a seed names a signer's node; says which of its addresses are left out.
///
/// # Errors
///
/// [`code::ZONE_NODE`], if none is left, or it is of another network.
fn record(network: Network, contact: &Contact, warnings: &mut Vec<String>) -> Result<SeedRecord> {
    let name = contact.called();
    if contact.network != network {
        let what = format!("{name} is on {}, this home on {network}", contact.network);
        return Err(Failure::new(&code::ZONE_NODE, what).hint("leave that code out"));
    }
    let scope = scope_of(network);
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in &contact.addresses {
        let reason = match address {
            Address::Host(..) => "a seed names addresses by number only".to_owned(),
            Address::Ip(address) => match check_address(scope, *address) {
                Ok(()) if addresses.len() < ADDRESSES_PER_RECORD_MAX => {
                    addresses.push(*address);
                    continue;
                }
                Ok(()) => format!("a seed names {ADDRESSES_PER_RECORD_MAX} of a node at most"),
                Err(reason) => reason.to_string(),
            },
        };
        warnings.push(format!("{address} of {name} is left out: {reason}"));
    }
    if addresses.is_empty() {
        let left_out = warnings.join("; ");
        let what = format!("{name} has no address that can be dialled from everywhere");
        let what = if left_out.is_empty() { what } else { format!("{what} ({left_out})") };
        return Err(Failure::new(&code::ZONE_NODE, what));
    }
    Ok(SeedRecord { network, peer: contact.peer, addresses })
}
