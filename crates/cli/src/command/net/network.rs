//! `ensign net status`, `dht`, `find`, `trace` and `ping`: the open network, as the node that runs sees it.

use ensign_api::view::{
    About, NetContactView, NetFoundView, NetPingView, NetStatusView, NetTraceView, Traced,
};

use super::line;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::output::{Output, unix_micros};
use crate::remote::Remote;
use crate::views::{self, network};
use crate::words;

/// Prints what this node is there, and what it sees.
pub(super) fn status(node: &Remote, output: Output) -> Result<()> {
    let status: NetStatusView = node.get("/v1/net/status")?;
    output.tell(&line("net_status", &status), network::status(&status));
    Ok(())
}

/// Prints the contacts.
pub(super) fn contacts(node: &Remote, output: Output) -> Result<()> {
    let contacts: Vec<NetContactView> = node.get("/v1/net/dht")?;
    contacts.iter().for_each(|contact| output.json(&line("net_contact", contact)));
    if contacts.is_empty() {
        output.notice("no node of the open network is known yet; `ensign net status` says why");
    } else {
        output.text(network::contacts(&contacts, unix_micros() / 1000));
    }
    Ok(())
}

/// Looks for a node.
pub(super) fn find(node: &Remote, peer: &str, output: Output) -> Result<()> {
    let about = About { peer: peer.to_owned() };
    let found: NetFoundView = node.post("/v1/net/find", &about)?;
    let Some(record) = &found.record else {
        let name = views::net::name(found.name.as_deref(), &found.node);
        return Err(not_found(&name, (found.asked, found.took_us)));
    };
    output.tell(
        &line("net_found_node", &found),
        network::found_node(&found, record, unix_micros() / 1000),
    );
    Ok(())
}

/// Looks for a node or a record, and prints the way.
pub(super) fn trace(node: &Remote, (what, is_key): (&str, bool), output: Output) -> Result<()> {
    let what = Some(what.to_owned());
    let traced = match is_key {
        true => Traced { key: what, peer: None },
        false => Traced { key: None, peer: what },
    };
    let trace: NetTraceView = node.post("/v1/net/trace", &traced)?;
    output.tell(&line("net_trace", &trace), network::trace(&trace));
    if trace.found {
        return Ok(());
    }
    let name = trace.node.as_ref().map_or_else(
        || format!("the record at {}", views::short(&trace.key)),
        |node| views::net::name(trace.name.as_deref(), node),
    );
    Err(not_found(&name, (trace.hops.len(), trace.took_us)))
}

/// Sees whether a node is there.
pub(super) fn ping(node: &Remote, peer: &str, output: Output) -> Result<()> {
    let about = About { peer: peer.to_owned() };
    let ping: NetPingView = node.post("/v1/net/ping", &about)?;
    let name = views::net::name(ping.name.as_deref(), &ping.node);
    if ping.there {
        output.tell(&line("net_ping", &ping), network::ping(&name, &ping));
        return Ok(());
    }
    Err(match &ping.address {
        Some(address) => {
            let what = format!("{name} does not answer at {}", words::foreign(address));
            Failure::new(&code::NET_NO_ANSWER, what)
        }
        None => {
            let asked = words::count(ping.asked, "node");
            let what = format!("nobody says where {name} is; {asked} asked");
            Failure::new(&code::NET_NOT_FOUND, what)
        }
    })
}

fn not_found(name: &str, (asked, took_us): (usize, u64)) -> Failure {
    let (asked, took) = (words::count(asked, "node"), words::micros(took_us));
    let what = format!("{name} was not found: {asked} asked in {took}");
    Failure::new(&code::NET_NOT_FOUND, what)
}
