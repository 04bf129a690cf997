//! The open network, as people read it.

use ensign_api::view::{
    HopView, NetContactView, NetFoundView, NetLinkView, NetPingView, NetStatusView, NetTraceView,
    NodeRecordView,
};

use super::net::name;
use super::{grouped, short, span, table};
use crate::words::{self, foreign};

/// Returns one screen: who we are there, whether we are found, whom we know, and what is wrong.
pub(crate) fn status(view: &NetStatusView) -> String {
    let mut lines = vec![format!("node {}", view.node), role(view), found(view)];
    let outbound: Vec<_> = view.outbound.iter().map(link).collect();
    let outbound = if outbound.is_empty() { "none".to_owned() } else { outbound.join(", ") };
    lines.push(format!(
        "connections: {} in, {} out; kept in the open network: {outbound}",
        view.peers_in, view.peers_out
    ));
    lines.push(format!(
        "known: {} in the table, {} further; {} of others kept; {} open",
        words::count(view.contacts, "node"),
        view.roots,
        words::count(view.records, "record"),
        words::count(view.warm, "further link")
    ));
    lines.push(match view.nodes {
        Some(nodes) => format!("the network has about {}", nodes_of(nodes)),
        None => "how many nodes the network has cannot be told yet".to_owned(),
    });
    if view.looked_for > 0 {
        lines.push(format!("{} away and looked for", words::count(view.looked_for, "member")));
    }
    if view.sealed_for > 0 {
        let members = words::count(view.sealed_for, "member");
        lines.push(format!("sealed for {members} who may look for this home: where it is"));
    }
    lines.extend(first(view));
    lines.extend(advice(view));
    for alarm in &view.alarms {
        lines.push(format!("ALARM {}: {}", foreign(&alarm.alarm), foreign(&alarm.what)));
        lines.push(format!("  this node: {}", foreign(&alarm.does)));
        lines.push(format!("  you: {}", foreign(&alarm.advice)));
    }
    lines.join("\n")
}

fn role(view: &NetStatusView) -> String {
    let (role, wanted) = (foreign(&view.role), foreign(&view.wanted_role));
    let does = match role.as_str() {
        "signer" => "answers others and stores for them",
        "bootstrap" => "answers and introduces others, and signs nothing",
        _ => "asks, and neither stores nor introduces",
    };
    if role == wanted {
        return format!("role {role}: {does}");
    }
    format!("role {role}, although {wanted} is wanted: nobody can reach it, so it only asks")
}

fn found(view: &NetStatusView) -> String {
    let at = foreign(&view.addresses.join(", "));
    match (&view.record, view.working, view.published) {
        (Some(_), _, true) => format!("found by others at {at}: its record is published"),
        (Some(_), _, false) => {
            format!("its record, with {at}, is published once other nodes are known")
        }
        (None, true, _) => {
            "its place is being worked for; then others find it, and until then it asks".to_owned()
        }
        (None, false, _) => "not found by others: it says nothing of itself".to_owned(),
    }
}

/// Most of those who are asked first that are shown. Guess: what a user names.
const FIRST_SHOWN_MAX: usize = 8;

/// Who was asked first and did not answer, and why; all of them while nobody is known.
fn first(view: &NetStatusView) -> Vec<String> {
    let is_alone = view.contacts == 0;
    let told = view.first.iter().filter(|it| it.what.is_some() || is_alone);
    let mut lines = Vec::new();
    for it in told.clone().take(FIRST_SHOWN_MAX) {
        let (who, at) = (name(it.name.as_deref(), &it.node), foreign(&it.address));
        let what = match (it.what.as_deref(), it.state.as_str()) {
            (Some(what), _) => foreign(what),
            (None, "answered") => "answers".to_owned(),
            (None, _) => "is to be asked".to_owned(),
        };
        lines.push(format!("asked first: {who} at {at}: {what}"));
        lines.extend(it.advice.as_ref().map(|advice| format!("  you: {}", foreign(advice))));
    }
    let more = told.count().saturating_sub(FIRST_SHOWN_MAX);
    if more > 0 {
        lines.push(format!("  and {} more", words::count(more, "node")));
    }
    lines
}

/// What its user can do, if something is missing.
fn advice(view: &NetStatusView) -> Vec<String> {
    let mut lines = Vec::new();
    if view.contacts + view.roots == 0 {
        lines.push(
            "nobody is known yet: name a node or a seed, `ensign up --bootstrap CODE|DNS_NAME`, and see that UDP goes out; \
             `ensign net seed DNS_NAME` says what a seed answers"
                .to_owned(),
        );
    }
    if view.addresses.is_empty() && view.wanted_role != "light" {
        lines.push(
            "no address that others can reach: forward a UDP port to this machine and name it, `ensign config set \
             net.addresses IP:PORT`; in a network of your own `ensign config set net.local true` lets private addresses count"
                .to_owned(),
        );
    }
    lines
}

fn link(link: &NetLinkView) -> String {
    format!("{} ({})", name(link.name.as_deref(), &link.node), foreign(&link.address))
}

fn nodes_of(nodes: u64) -> String {
    format!("{} {}", grouped(nodes), if nodes == 1 { "node" } else { "nodes" })
}

/// Returns the contacts as a table, those that share most bits with us last.
pub(crate) fn contacts(contacts: &[NetContactView], now: u64) -> String {
    let rows: Vec<_> = contacts
        .iter()
        .map(|contact| {
            [
                contact.shared_bits.to_string(),
                name(contact.name.as_deref(), &contact.node),
                foreign(&contact.record.role),
                foreign(&contact.record.addresses.join(" ")),
                format!("{} ago", span(contact.heard_ms, now)),
            ]
        })
        .collect();
    table::table(["SHARED BITS", "NODE", "ROLE", "AT", "HEARD"], &rows)
}

/// Returns what was found of a node.
pub(crate) fn found_node(view: &NetFoundView, record: &NodeRecordView, now: u64) -> String {
    let named = view.name.as_ref().map_or_else(String::new, |it| format!("{} is ", foreign(it)));
    let how = match view.asked {
        0 => "it was known here".to_owned(),
        asked => format!("{} asked, {}", words::count(asked, "node"), words::micros(view.took_us)),
    };
    format!("{named}node {}\n{}\n  {how}", foreign(&view.node), said(record, now))
}

fn said(record: &NodeRecordView, now: u64) -> String {
    let at = match record.addresses.join(", ") {
        none if none.is_empty() => "no address".to_owned(),
        at => foreign(&at),
    };
    format!(
        "  {} at {at}; said {} ago, holds for {}",
        foreign(&record.role),
        span(record.issued_ms, now),
        span(now, record.expires_ms)
    )
}

/// Returns each question of a walk.
pub(crate) fn trace(view: &NetTraceView) -> String {
    let rows: Vec<_> = view.hops.iter().map(hop).collect();
    let mut text = match &view.node {
        Some(node) => {
            format!("{}, which lies at {}", name(view.name.as_deref(), node), foreign(&view.key))
        }
        None => format!("the record at {}", foreign(&view.key)),
    };
    if rows.is_empty() {
        text +=
            if view.found { ": known here, nobody was asked" } else { ": nobody could be asked" };
    } else {
        text += "\n";
        text += &table::table(["AT", "NODE", "SHARED BITS", "DEPTH", "ANSWER", "NEW NODES"], &rows);
    }
    if view.found {
        let what = match (&view.record, &view.publisher) {
            (Some(record), _) => format!("found at {}", foreign(&record.addresses.join(", "))),
            (None, Some(publisher)) => format!("found, published by {}", short(publisher)),
            (None, None) => "found".to_owned(),
        };
        text += &format!(
            "\n{what}: {} asked, {}",
            words::count(rows.len(), "node"),
            words::micros(view.took_us)
        );
    }
    text
}

fn hop(hop: &HopView) -> [String; 6] {
    let answer = match (hop.heard.as_str(), hop.after_us) {
        ("answered", Some(after)) => {
            let has = if hop.has_record { ", has it" } else { "" };
            format!("after {}{has}", words::micros(after))
        }
        ("waiting", _) => "not waited for any more".to_owned(),
        ("offense", _) => "no honest node answers so".to_owned(),
        _ => "none".to_owned(),
    };
    [
        words::micros(hop.at_us),
        name(hop.name.as_deref(), &hop.node),
        hop.shared_bits.to_string(),
        hop.depth.to_string(),
        answer,
        hop.new_nodes.to_string(),
    ]
}

/// Says that a node is there.
pub(crate) fn ping(name: &str, view: &NetPingView) -> String {
    let at = view.address.as_deref().map_or_else(String::new, |at| format!(" at {}", foreign(at)));
    let round_trip = view.round_trip_us.map_or_else(String::new, |micros| {
        format!("; there and back takes {}", words::micros(micros))
    });
    match view.connected_us {
        None => format!("{name} is connected{at}{round_trip}"),
        Some(after) => {
            let by = match view.by.as_str() {
                "code" => ", where its code says that it is".to_owned(),
                "search" => format!(", which {} said", words::count(view.asked, "node")),
                _ => String::new(),
            };
            format!("{name} answers{at}{by}: connected after {}{round_trip}", words::micros(after))
        }
    }
}
