//! The board on one screen. Each line fits forty columns or breaks where nothing is lost.

use ensign_api::Board;
use ensign_api::view::{GroupView, MemberView, PeerView, RequestView};

use super::requests::{asked, wait, waits};
use super::{btc, ends, grouped, moment, short, span};
use crate::words::{self, foreign};

/// Returns the board as text.
///
/// - `now_ms`: what ages count from.
pub(crate) fn text(board: &Board, now_ms: u64) -> String {
    let mut lines = vec![headline(board, now_ms)];
    let (asking, open): (Vec<_>, Vec<_>) =
        board.requests.iter().partition(|request| request.is_asking());
    section(&mut lines, "NEEDS YOU", &asking, |request| asks(request, now_ms));
    section(&mut lines, "OPEN", &open, |request| follows(request, now_ms));
    if board.me.listen.is_some() {
        section(&mut lines, "PEERS", &board.peers, |peer| vec![of_peer(peer, now_ms)]);
    }
    section(&mut lines, "GROUPS", &board.groups, |group| of_group(group, board));
    section(&mut lines, "LOOK AT", &board.alarms, |alarm| {
        let age = span(alarm.at_ms, now_ms);
        vec![format!("{} {age} ago: {}", alarm.code, foreign(&alarm.what))]
    });
    if asking.is_empty() && open.is_empty() {
        lines.push("nothing is open".to_owned());
    }
    lines.join("\n")
}

fn headline(board: &Board, now_ms: u64) -> String {
    let me = &board.me;
    let how = match (&me.listen, me.since_ms) {
        (Some(listen), Some(since)) => format!("up {}  UDP {listen}", span(since, now_ms)),
        _ => "nothing runs".to_owned(),
    };
    format!("{}  {}  {how}  ensign {}", foreign(&me.name), me.network, me.version)
}

fn section<T>(
    lines: &mut Vec<String>,
    heading: &str,
    entries: &[T],
    mut entry: impl FnMut(&T) -> Vec<String>,
) {
    if entries.is_empty() {
        return;
    }
    lines.push(heading.to_owned());
    for each in entries {
        let mut entry = entry(each).into_iter();
        lines.extend(entry.next().map(|first| format!("  {first}")));
        lines.extend(entry.map(|more| format!("    {more}")));
    }
}

/// How a request is called: by its number, else by the beginning of its id.
fn called(request: &RequestView) -> String {
    request.handle.clone().unwrap_or_else(|| short(&request.request))
}

fn asks(request: &RequestView, now_ms: u64) -> Vec<String> {
    let left = request.expires_ms.map_or_else(String::new, |end| left(end, now_ms));
    let mut lines = vec![format!("{}  {}  {left}", called(request), foreign(&request.group))];
    lines.push(moves(request));
    lines.extend(asked(request));
    if !request.grave.is_empty() {
        lines.push(format!("GRAVE: {}", request.grave.join(", ")));
    }
    lines.push(format!("ensign request approve '{}'", called(request)));
    lines
}

fn left(end_ms: u64, now_ms: u64) -> String {
    match end_ms.saturating_sub(now_ms) {
        0 => "its time is over".to_owned(),
        _ => format!("{} left", span(now_ms, end_ms)),
    }
}

/// What is paid to whom, and the fee: together, what leaves the group.
fn moves(request: &RequestView) -> String {
    let messages = request.messages.unwrap_or(0);
    if request.drill == Some(true) {
        return "a drill: nobody's coins move".to_owned();
    }
    if request.blind == Some(true) {
        return format!("BLIND, {}", words::count(messages, "message"));
    }
    let to = match (&request.to, request.payments) {
        (Some(_), Some(0)) => return format!("nothing to others{}", fee(request)),
        (Some(to), Some(1) | None) => format!(" to {}", ends(to)),
        (Some(to), Some(more)) => format!(" to {} and {} more", ends(to), more - 1),
        (None, _) => " to others".to_owned(),
    };
    match (request.leaving_sat, request.amount_sat) {
        (Some(leaving), _) => {
            let paid = leaving.saturating_sub(request.fee_sat.unwrap_or(0));
            format!("{}{to}{}", btc(paid), fee(request))
        }
        (None, Some(spent)) => format!("spends {}", btc(spent)),
        (None, None) => "a PSBT".to_owned(),
    }
}

fn fee(request: &RequestView) -> String {
    request.fee_sat.map_or_else(String::new, |fee| format!(", fee {} sat", grouped(fee)))
}

fn follows(request: &RequestView, now_ms: u64) -> Vec<String> {
    // Before anything is signed the wait says who has agreed.
    let wait = wait(request);
    let joined = request.signers.filter(|_| wait.is_empty());
    let count = joined.map_or_else(String::new, |signers| {
        format!("  {} of {signers} joined", request.joined.len())
    });
    let still = if wait.is_empty() { "not running" } else { "waiting" };
    let phase = request.phase.as_deref().unwrap_or(still);
    let mut lines =
        vec![format!("{}  {}{count}  {phase}", called(request), foreign(&request.group))];
    lines.push(moves(request));
    lines.extend(asked(request));
    lines.extend(if wait.is_empty() { waits(request, now_ms).into_iter().collect() } else { wait });
    lines
}

fn of_peer(peer: &PeerView, now_ms: u64) -> String {
    let name = foreign(&peer.name);
    let clock = peer.clock_offset_ms.map_or_else(String::new, |ms| format!("  clock {ms:+} ms"));
    if peer.connected {
        return format!("{name}  connected {}{clock}", span(peer.since_ms, now_ms));
    }
    let seen = match peer.seen_ms {
        Some(seen) => format!("seen {} ago", span(seen, now_ms)),
        None => "not seen yet".to_owned(),
    };
    if peer.banned {
        return format!(
            "{name}  banned by you, {seen}: `ensign net unban {name}` lets it in again"
        );
    }
    let why = peer.problem.as_deref().map_or_else(String::new, |why| format!(": {}", foreign(why)));
    format!("{name}  offline, {seen}{why}")
}

fn of_group(group: &GroupView, board: &Board) -> Vec<String> {
    let all = group.members.len();
    let first = format!("{}  {all} of {all}", foreign(&group.name));
    if board.me.listen.is_none() {
        return vec![first];
    }
    let names = |wanted: fn(&MemberView) -> bool| -> Vec<String> {
        let members = group.members.iter().filter(|member| wanted(member));
        members.map(|member| foreign(&member.name)).collect()
    };
    let lacking = names(|member| member.lacks_it);
    let missing = names(|member| !member.ready && !member.lacks_it);
    let is_banned = |member: &&MemberView| {
        board.peers.iter().any(|peer| peer.banned && peer.node == member.node)
    };
    let banned: Vec<_> =
        group.members.iter().filter(is_banned).map(|member| foreign(&member.name)).collect();
    let missing: Vec<_> = missing.into_iter().filter(|name| !banned.contains(name)).collect();
    if lacking.is_empty() && missing.is_empty() && banned.is_empty() {
        return vec![first, "all are here".to_owned()];
    }
    let mut lines = vec![first];
    if !banned.is_empty() {
        let banned = words::list(&banned);
        lines.push(format!(
            "banned by you: {banned}; until `ensign net unban` nothing can be signed"
        ));
    }
    if !missing.is_empty() {
        let what = "until then nothing can be signed";
        lines.push(format!("missing: {}; {what}", words::list(&missing)));
    }
    if !lacking.is_empty() {
        let lacking = words::list(&lacking);
        lines.push(format!("without this group: {lacking}; there it must be made too"));
    }
    lines
}

/// Says until when an ending is told from: for lists.
pub(super) fn ended(request: &RequestView) -> String {
    request.ended_ms.map_or_else(String::new, moment)
}
