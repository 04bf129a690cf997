//! Requests: lists of what is open and what is over, and one with everything that is known of it.

use ensign_api::view::{DetailView, RequestView};

use super::board::ended;
use super::table::table;
use super::{btc, ends, moment, short, span};
use crate::words::{self, foreign};

/// Returns what is not over under headings.
pub(crate) fn pending(requests: &[&RequestView], now_ms: u64) -> String {
    let row = |request: &&RequestView| {
        let more = asked(request).into_iter().chain(waits(request, now_ms));
        [
            request.handle.clone().unwrap_or_default(),
            short(&request.request),
            foreign(&request.group),
            if request.is_asking() { "asks you".to_owned() } else { request.state.clone() },
            amount(request),
            request.to.as_deref().map(ends).unwrap_or_default(),
            request.expires_ms.map_or_else(String::new, |end| span(now_ms, end)),
            more.collect::<Vec<_>>().join("; "),
        ]
    };
    let headings = ["NO", "ID", "GROUP", "STATE", "LEAVES", "TO", "OPEN FOR", "WHO"];
    table(headings, &requests.iter().map(row).collect::<Vec<_>>())
}

/// Returns what is over under headings.
pub(crate) fn history(requests: &[&RequestView]) -> String {
    let row = |request: &&RequestView| {
        [
            request.handle.clone().unwrap_or_default(),
            short(&request.request),
            foreign(&request.group),
            ended(request),
            amount(request),
            request.txid.as_deref().map(short).unwrap_or_default(),
            ending(request),
        ]
    };
    let headings = ["NO", "ID", "GROUP", "ENDED", "LEAVES", "TXID", "HOW"];
    table(headings, &requests.iter().map(row).collect::<Vec<_>>())
}

/// What leaves the group; what is spent, where only that is known.
fn amount(request: &RequestView) -> String {
    if request.drill == Some(true) {
        return "nothing".to_owned();
    }
    match (request.blind, request.leaving_sat, request.amount_sat) {
        (Some(true), ..) => "BLIND".to_owned(),
        (_, Some(leaving), _) => btc(leaving),
        (_, None, Some(spent)) => format!("of {}", btc(spent)),
        (_, None, None) => String::new(),
    }
}

/// How it ended, and what for it was.
fn ending(request: &RequestView) -> String {
    let how = match (&request.reason, request.state.as_str()) {
        (Some(reason), _) => foreign(reason),
        (None, "signed") => "signed".to_owned(),
        (None, _) => "over".to_owned(),
    };
    let unwritten = match (request.state.as_str(), request.received) {
        ("signed", false) => "; NOT written out yet: request show --out",
        _ => "",
    };
    let asked = asked(request).map_or_else(String::new, |asked| format!("; {asked}"));
    how + unwritten + &asked
}

/// Who asks, and what for.
pub(super) fn asked(request: &RequestView) -> Option<String> {
    let creator = request.creator.as_deref()?;
    let by = if request.own { "by you".to_owned() } else { format!("by {}", foreign(creator)) };
    Some(match request.purpose.as_deref().unwrap_or_default() {
        "" => by,
        purpose => format!("{by} for \"{}\"", foreign(purpose)),
    })
}

/// Whose yes is missing, and who has to be there, in sentences; the first is what a list has room for.
pub(super) fn wait(request: &RequestView) -> Vec<String> {
    let sentences = request.wait.as_ref().map(|wait| wait.text.as_slice()).unwrap_or_default();
    sentences.iter().map(|sentence| foreign(sentence)).collect()
}

/// Whom it waits for, and how long already.
pub(super) fn waits(request: &RequestView, now_ms: u64) -> Option<String> {
    if let [first, ..] = &wait(request)[..] {
        return Some(first.clone());
    }
    if request.who.is_empty() {
        return None;
    }
    let names: Vec<_> = request.who.iter().map(|name| foreign(name)).collect();
    let since = request.waiting_since_ms.map(|since| span(since, now_ms));
    let since = since.filter(|since| since != "0 s");
    let since = since.map_or_else(String::new, |since| format!(" ({since})"));
    Some(format!("waiting for {}{since}", words::list(&names)))
}

/// Returns everything that is known of a request.
pub(crate) fn detail(detail: &DetailView, now_ms: u64) -> String {
    let DetailView { request, work, result } = detail;
    let called = request.handle.clone().unwrap_or_else(|| short(&request.request));
    let state = match request.state.as_str() {
        "undecided" => "asks you".to_owned(),
        "open" => "is open".to_owned(),
        _ => ending(request),
    };
    let mut text = format!("request {called} to group {}: {state}", foreign(&request.group));
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            text += &format!("\n  {name:8} {value}");
        }
    };
    add("id", Some(request.request.clone()));
    if !request.is_over() {
        add("asked", asked(request));
        match &wait(request)[..] {
            [] => add("waits", waits(request, now_ms)),
            [first, more @ ..] => {
                add("waits", Some(first.clone()));
                more.iter().for_each(|sentence| add("", Some(sentence.clone())));
            }
        }
    }
    add("mode", request.mode.clone());
    add("made", request.created_ms.map(moment));
    add("open", request.expires_ms.map(|end| until(end, now_ms, request.is_over())));
    add("ended", request.ended_ms.map(moment));
    if let Some(work) = work {
        for line in work.text.lines() {
            text += &format!("\n  {line}");
        }
        if let Some(digest) = work.digest.as_ref().filter(|_| request.is_asking()) {
            text += &format!("\n  digest   {digest}");
        }
    } else if let Some(messages) = request.messages {
        text +=
            &format!("\n  signs    {}; what it does is not kept", words::count(messages, "input"));
    }
    for attempt in &request.attempts {
        let nonces = match (attempt.burned, attempt.partials_kept) {
            (true, true) => "nonces used, the partial signature is kept to be sent again",
            (true, false) => "nonces count as used",
            (false, _) => "nonces never used",
        };
        text += &format!("\n  attempt  {}: {nonces}", attempt.attempt);
    }
    if let Some(result) = result {
        if let Some(txid) = &result.txid {
            text += &format!("\n  txid     {txid}");
        }
        for signature in &result.signatures {
            text += &format!("\n  signed   {signature}");
        }
    }
    text
}

fn until(end_ms: u64, now_ms: u64, is_over: bool) -> String {
    let moment = moment(end_ms);
    if is_over || end_ms <= now_ms {
        return format!("until {moment}");
    }
    format!("until {moment}, for {}", span(now_ms, end_ms))
}

#[cfg(test)]
mod tests {
    use ensign_api::view::WaitView;

    use super::*;

    fn waiting(text: &[&str]) -> RequestView {
        let text = text.iter().map(|sentence| (*sentence).to_owned()).collect();
        RequestView {
            handle: Some("#17".to_owned()),
            group: "treasury".to_owned(),
            state: "open".to_owned(),
            wait: Some(WaitView { text, ..WaitView::default() }),
            who: vec!["bob".to_owned()],
            ..RequestView::default()
        }
    }

    #[test]
    fn a_request_says_whose_turn_it_is_and_who_has_to_be_there() {
        let (turn, away) =
            ("2 of 3 have agreed; it is carol's turn", "bob's node cannot be reached");
        let request = waiting(&[turn, away]);
        let listed = pending(&[&request], 0);
        assert!(listed.ends_with(turn) && !listed.contains(away), "{listed}");
        let detail = DetailView { request, work: None, result: None };
        let shown = super::detail(&detail, 0);
        assert!(shown.contains(&format!("\n  waits    {turn}\n           {away}")), "{shown}");
    }

    #[test]
    fn a_request_that_is_being_signed_says_whom_it_waits_for() {
        let request = RequestView { wait: None, ..waiting(&[]) };
        assert_eq!(waits(&request, 0).as_deref(), Some("waiting for bob"));
    }
}
