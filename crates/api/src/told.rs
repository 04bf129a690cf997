//! Events of a coordinator as the objects of the stream. Names and fields are those of the JSON lines
//! that the command line prints; `docs/operate/api.md` lists them.

use ensign_coordinator::overlay::Event as Network;
use ensign_coordinator::{
    Because, Busy, Event, GroupInfo, Outcome, PeerEvent, RequestEvent, RequestRef, Whose,
};
use ensign_primitives::{PeerId, SignerIndex};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::view::{
    ApprovalView, NetAlarmView, NoteView, UnreachedWords, WaitView, names, phase_name,
};

/// Words an event; nothing for those that clients have no use for.
///
/// - `node`: how a node is called.
pub(crate) fn told(event: &Event, node: impl Fn(&PeerId) -> String) -> Option<Value> {
    match event {
        Event::Peer(peer, event) => of_peer(&node(peer), event),
        Event::Request(request, event) => of_request(request, event),
        Event::Warning { peer, problem } => {
            let who: Vec<_> = peer.iter().map(node).collect();
            let (code, what) = (problem.code, problem.what.as_str());
            Some(json!({ "event": "warning", "code": code, "what": what, "who": who }))
        }
        Event::Convicted { peer, case, .. } => {
            let case = case.map(hex::encode);
            Some(json!({ "event": "convicted", "who": node(peer), "evidence": case }))
        }
        Event::Busy(peer, busy) => of_busy(&node(peer), busy),
        Event::Network(event) => of_network(event, node),
        Event::Working { bits, tried, spent } => {
            let work = Busy::Proving { bits: *bits, tried: *tried, spent: *spent };
            let expected_s = work.expected().map(|it| it.as_secs_f64());
            let spent_s = spent.as_secs_f64();
            Some(json!({
                "event": "net_working", "bits": bits, "tried": tried, "spent_s": spent_s, "expected_s": expected_s
            }))
        }
        Event::Formation(_) | _ => None,
    }
}

fn of_network(event: &Network, node: impl Fn(&PeerId) -> String) -> Option<Value> {
    Some(match event {
        Network::Positioned => json!({ "event": "net_positioned" }),
        Network::Published { copies } => json!({ "event": "net_published", "copies": copies }),
        Network::Joined { contacts } => json!({ "event": "net_joined", "contacts": contacts }),
        Network::Alone => json!({ "event": "net_alone" }),
        Network::Reachable { addresses } => {
            let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            json!({ "event": "net_reachable", "addresses": addresses })
        }
        Network::Unreachable => json!({ "event": "net_unreachable" }),
        Network::FirstUnreached { peer, address, why } => {
            let UnreachedWords { name, what, advice } = UnreachedWords::new(*why);
            json!({
                "event": "net_first_unreached", "who": node(peer), "node": peer.to_string(),
                "address": address.to_string(), "state": name, "what": what, "do": advice
            })
        }
        Network::Found { peer, by } => {
            json!({ "event": "net_found", "who": node(peer), "by": by.name() })
        }
        Network::Dense { key, neighbours } => {
            let key = hex::encode(key.0);
            about_alarm(&NetAlarmView::dense(*neighbours), Some(key))
        }
        Network::Alarm { reason } => about_alarm(&NetAlarmView::new(reason), None),
        Network::Over { reason } => {
            json!({ "event": "net_alarm_over", "alarm": NetAlarmView::new(reason).alarm })
        }
        // Whoever asked has the answer.
        Network::Ended { .. } | Network::Pinged { .. } => return None,
    })
}

fn about_alarm(alarm: &NetAlarmView, key: Option<String>) -> Value {
    let NetAlarmView { alarm, what, does, advice } = alarm;
    json!({ "event": "net_alarm", "alarm": alarm, "what": what, "does": does, "do": advice, "key": key })
}

fn of_busy(who: &str, busy: &Busy) -> Option<Value> {
    Some(match busy {
        Busy::Proving { bits, .. } => {
            let expected_s = busy.expected().map(|it| it.as_secs_f64());
            json!({ "event": "proving", "who": who, "bits": bits, "expected_s": expected_s })
        }
        Busy::Proven => json!({ "event": "proven", "who": who }),
        Busy::Unpayable { bits, version } => {
            json!({ "event": "too_busy", "who": who, "bits": bits, "version": version })
        }
        Busy::Enough { bits } => json!({ "event": "paid_enough", "who": who, "bits": bits }),
        _ => return None,
    })
}

fn of_peer(who: &str, event: &PeerEvent) -> Option<Value> {
    Some(match event {
        PeerEvent::Up { clock_offset_millis } => {
            json!({ "event": "connected", "who": who, "clock_offset_ms": clock_offset_millis })
        }
        PeerEvent::Down { has_stopped, is_banned } => json!({
            "event": "disconnected",
            "who": who,
            "stopped": has_stopped,
            "banned": is_banned,
        }),
        PeerEvent::DialFailed { reason, retry_in } => {
            let retry_in_s = retry_in.as_secs_f64();
            json!({ "event": "dial_failed", "who": who, "reason": reason, "retry_in_s": retry_in_s })
        }
        PeerEvent::GroupUnknown { group } => {
            json!({ "event": "group_unknown", "who": who, "group": group.name, "group_id": group.id.to_string() })
        }
        PeerEvent::GroupKnown { group } => {
            json!({ "event": "group_known", "who": who, "group": group.name, "group_id": group.id.to_string() })
        }
        PeerEvent::GroupMissing { group } => {
            json!({ "event": "group_missing", "who": who, "group_id": group.to_string() })
        }
        PeerEvent::NotShown => json!({ "event": "not_shown", "who": who }),
        PeerEvent::TookPlace { from, number } => {
            json!({ "event": "node_changed", "who": who, "from": from.to_string(), "number": number })
        }
        PeerEvent::OwnKey { number, is_newer } => {
            json!({ "event": "own_key_elsewhere", "who": who, "number": number, "newer": is_newer })
        }
        PeerEvent::Copied { whose } => {
            json!({ "event": "copied", "who": who, "ours": *whose == Whose::Ours })
        }
        _ => return None,
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a reason that is new is none that was meant")]
fn of_request(request: &RequestRef, event: &RequestEvent) -> Option<Value> {
    let group = &*request.group;
    let who = |who: &SignerIndex| json!({ "who": group.name_of(*who) });
    let (name, fields) = match event {
        RequestEvent::Asked(approval) => ("request", fields(&ApprovalView::new(approval))),
        RequestEvent::Proposed(approval) => ("proposed", fields(&ApprovalView::new(approval))),
        RequestEvent::Resumed(resumption) => {
            ("resumed", fields(&ApprovalView::new(&resumption.approval)))
        }
        RequestEvent::Recovered(outcome) => ("recovered", ended(outcome)),
        RequestEvent::Refused(approval) => ("refused", fields(&ApprovalView::new(approval))),
        RequestEvent::Voided { notes } => ("voided", json!({ "notes": NoteView::all(notes) })),
        RequestEvent::Attempt { attempt, opened_by } => {
            let by = opened_by.map(|opener| group.name_of(opener.who));
            let because = opened_by.map(|opener| match opener.because {
                Because::Restarted => "restarted",
                _ => "wait_over",
            });
            ("attempt", json!({ "attempt": attempt, "opened_by": by, "because": because }))
        }
        RequestEvent::Acknowledged { who: signer } => ("acknowledged", who(signer)),
        RequestEvent::Joined { who: signer } => ("joined", who(signer)),
        RequestEvent::Revealed { who: signer } => ("revealed", who(signer)),
        RequestEvent::Confirmed { who: signer } => ("confirmed", who(signer)),
        RequestEvent::Signed { who: signer } => ("signed", who(signer)),
        RequestEvent::PeerDone { who: signer } => ("peer_done", who(signer)),
        RequestEvent::Phase { phase } => ("phase", json!({ "phase": phase_name(*phase) })),
        RequestEvent::Waiting { on, since } => {
            let since_s = since.as_secs_f64();
            ("waiting", json!({ "who": names(Some(group), on), "since_s": since_s }))
        }
        RequestEvent::Wait(wait) => ("wait", fields(&WaitView::new(wait, group))),
        RequestEvent::Withdrawn => ("withdrawn", json!({})),
        RequestEvent::Unreachable { who } => {
            ("unreachable", json!({ "who": names(Some(group), who) }))
        }
        RequestEvent::AttemptFailed { problem } => ("attempt_failed", failed(group, problem)),
        RequestEvent::Failed { problem, .. } => ("failed", failed(group, problem)),
        RequestEvent::Done { outcome } => ("done", ended(outcome)),
        _ => return None,
    };
    Some(about(name, request, fields))
}

/// An event of a request: its name and which request first, then what is particular about it.
fn about(name: &str, request: &RequestRef, more: Value) -> Value {
    let mut all = Map::new();
    all.insert("event".to_owned(), name.into());
    all.insert("request".to_owned(), request.id.to_string().into());
    all.insert("handle".to_owned(), request.handle.map(|handle| handle.to_string()).into());
    all.insert("group".to_owned(), request.group.name.clone().into());
    if let Value::Object(more) = more {
        all.extend(more);
    }
    Value::Object(all)
}

fn fields(view: &impl Serialize) -> Value {
    // A struct of strings and numbers always serializes.
    serde_json::to_value(view).unwrap_or_default()
}

/// The result itself is fetched, so that no event is large.
fn ended(outcome: &Outcome) -> Value {
    let signatures: Vec<_> = outcome.signatures.iter().map(hex::encode).collect();
    let txid = outcome.psbt.as_ref().map(|psbt| psbt.extract_tx().txid.to_string());
    json!({ "signatures": signatures, "txid": txid })
}

fn failed(group: &GroupInfo, problem: &ensign_coordinator::Problem) -> Value {
    json!({
        "code": problem.code,
        "what": problem.what,
        "who": names(Some(group), &problem.who),
        "do": problem.hint,
    })
}
