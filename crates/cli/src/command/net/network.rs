//! `ensign net status`, `dht`, `find`, `trace` and `ping`: the open network, as the node that runs sees it.

use ensign_api::view::{
    About, NetContactView, NetFoundView, NetPingView, NetStatusView, NetTraceView, Traced,
};

use super::line;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::{First, Home};
use crate::output::{Output, unix_micros};
use crate::remote::Remote;
use crate::views::{self, network};
use crate::words;

/// Prints what this node is there, and what it sees.
pub(super) fn status(node: &Remote, home: &Home, output: Output) -> Result<()> {
    let mut status: NetStatusView = node.get("/v1/net/status")?;
    let open = home.settings().open();
    let entries = open.iter().flat_map(|open| &open.first);
    let mut seeds = Vec::new();
    for entry in entries {
        match entry {
            First::Node(contact) => {
                let node = contact.peer.to_string();
                let unnamed =
                    status.first.iter_mut().find(|it| it.name.is_none() && it.node == node);
                unnamed.into_iter().for_each(|it| it.name = Some(contact.called().to_owned()));
            }
            First::Seed(name) => seeds.push(name.as_str()),
        }
    }
    let mut text = network::status(&status);
    if status.contacts == 0 {
        for seed in seeds {
            text += &format!(
                "\nthe seed {seed} is asked too: `ensign net seed {seed}` says what it answers"
            );
        }
    }
    output.tell(&line("net_status", &status), text);
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
