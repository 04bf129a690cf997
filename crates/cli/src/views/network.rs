//! The open network, as people read it.

use ensign_api::view::{
    HopView, NetContactView, NetFoundView, NetLinkView, NetPingView, NetStatusView, NetTestedView,
    NetTraceView, NodeRecordView,
};

use super::net::name;
use super::{grouped, short, span, table};
use crate::words::{self, foreign};

/// Returns one screen: who we are there, whether we are found, whom we know, and what is wrong.
pub(crate) fn status(view: &NetStatusView) -> String {
    let mut lines = vec![format!("node {}", view.node), role(view), reach(view), found(view)];
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

/// Whether others reach it, and how that is known.
fn reach(view: &NetStatusView) -> String {
    let (reach, at) = (&view.reach, foreign(&view.addresses.join(", ")));
    match reach.state.as_str() {
        "reached" => {
            let found = reach.tested.iter().filter(|it| it.reached);
            let found: Vec<_> = found.map(|it| reached(view, it)).collect();
            format!("reachable at {}", found.join("; "))
        }
        "unreached" => {
            let tried = reach.tested.iter().filter(|it| it.failed > 0).map(|it| {
                let nodes = words::count(it.failed, "node");
                format!("{} dialled {} in vain", nodes, foreign(&it.address))
            });
            format!("not reachable: {}", tried.collect::<Vec<_>>().join("; "))
        }
        "testing" => {
            let tested = reach.tested.iter().map(|it| foreign(&it.address)).collect::<Vec<_>>();
            format!("not known to be reachable yet: others are asked to dial {}", tested.join(", "))
        }
        "unseen" => match reach.seen.as_slice() {
            [] => "not known to be reachable: nobody has said yet where this node is seen from"
                .to_owned(),
            seen => {
                let said = seen.iter().map(|it| {
                    format!("{} ({})", foreign(&it.address), words::count(it.networks, "network"))
                });
                let said: Vec<_> = said.collect();
                format!("not known to be reachable: seen at {}", said.join(", "))
            }
        },
        "light" => "not tested: a light node is reached by nobody".to_owned(),
        _ if reach.given => format!("announced at {at}, as its settings say; nobody has tested it"),
        _ if view.addresses.is_empty() => "announced nowhere".to_owned(),
        _ => format!("announced at {at}, where it listens: in a local network that is not tested"),
    }
}

fn reached(view: &NetStatusView, tested: &NetTestedView) -> String {
    let seen = view.reach.seen.iter().filter(|it| it.address == tested.address);
    let seen: usize = seen.map(|it| it.networks).sum();
    let seen = (seen > 0).then(|| format!("seen by {}", words::count(seen, "network")));
    let by = tested.by.last().map(|it| {
        let ago = span(it.at_ms, view.now_ms);
        format!("dialled back by {} {ago} ago", name(it.name.as_deref(), &it.node))
    });
    let how: Vec<_> = seen.into_iter().chain(by).collect();
    format!("{} ({})", foreign(&tested.address), how.join(", "))
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
    lines.extend(view.reach.advice.as_deref().map(foreign));
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The lines about whether it is reached, and what to do.
    fn shown(addresses: &[&str], reach: serde_json::Value) -> String {
        let view: NetStatusView = serde_json::from_value(json!({
            "now_ms": 1_000_000, "node": "4d", "role": "signer", "wanted_role": "signer",
            "addresses": addresses, "reach": reach, "record": null, "working": false,
            "published": false, "copies": null, "peers_in": 0, "peers_out": 0, "outbound": [],
            "warm": 0, "dials": 0, "contacts": 1, "roots": 0, "records": 0, "nodes": null,
            "looked_for": 0, "sealed_for": 0, "alarms": [], "first": []
        }))
        .unwrap();
        let text = status(&view);
        let lines: Vec<_> = text.lines().collect();
        let advice = view.reach.advice.map(|_| lines[lines.len() - 1]);
        [lines[2]].into_iter().chain(advice).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn user_reads_who_has_dialled_back_or_what_to_do() {
        let by = json!([{ "name": null, "node": "4d4b6cd1361032ca", "at_ms": 700_000 }]);
        let at = "198.51.100.7:4820";
        let tested =
            json!([{ "address": at, "reached": true, "by": by, "failed": 0, "refused": 0 }]);
        let seen = json!([{ "address": at, "networks": 3 }]);
        let reached = json!({
            "state": "reached", "given": false, "port": 4820, "seen": seen, "tested": tested, "advice": null
        });
        assert_eq!(
            shown(&[at], reached),
            "reachable at 198.51.100.7:4820 (seen by 3 networks, dialled back by 4d4b6cd1 5 min ago)"
        );
        let tested =
            json!([{ "address": at, "reached": false, "by": [], "failed": 3, "refused": 1 }]);
        let unreached = json!({
            "state": "unreached", "given": false, "port": 4820, "seen": seen, "tested": tested,
            "advice": "forward UDP port 4820"
        });
        assert_eq!(
            shown(&[], unreached),
            "not reachable: 3 nodes dialled 198.51.100.7:4820 in vain\nforward UDP port 4820"
        );
        let one = json!([{ "address": at, "networks": 1 }]);
        let unseen = json!({
            "state": "unseen", "given": false, "port": 4820, "seen": one, "tested": [], "advice": null
        });
        assert_eq!(
            shown(&[], unseen),
            "not known to be reachable: seen at 198.51.100.7:4820 (1 network)"
        );
        let given = json!({
            "state": "untested", "given": true, "port": 4820, "seen": [], "tested": [], "advice": null
        });
        assert_eq!(
            shown(&[at], given),
            "announced at 198.51.100.7:4820, as its settings say; nobody has tested it"
        );
    }
}
