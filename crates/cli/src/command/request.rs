//! `ensign request`: the requests of a home, whether its node runs or not.

use std::path::Path;
use std::time::Duration;

use ensign_primitives::UnixTime;
use ensign_psbt::Form;
use ensign_wire::AbortReason;
use serde_json::json;

use crate::args::Request;
use crate::catalogue as code;
use crate::control::Kept;
use crate::durable::Existing;
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::home::Home;
use crate::output::{Line, Output, unix_micros};
use crate::request_view::{Asked, RequestView, ResultView, name};
use crate::target::{Finished, Target, Targets, signing_key};
use crate::words::{self, foreign};

/// Shows requests, or decides about one.
pub(super) fn run(home: Home, args: Request, output: Output) -> Result<()> {
    let mut kept = Kept::open(home)?;
    let requests = kept.requests()?;
    match args {
        Request::List => {
            list(&kept, requests.iter().filter(|it| !it.is_over()), output);
            if !kept.is_live() && requests.iter().any(|it| !it.is_over()) {
                output.text("no node runs here; `ensign up` goes on with what is open");
            }
        }
        Request::History => list(&kept, requests.iter().filter(|it| it.is_over()), output),
        Request::Show { id, out, extract, force } => {
            let view = find(&requests, &id)?;
            if extract.is_some() && view.asked.as_ref().is_some_and(|asked| asked.blind) {
                let what = "a bare message gives no transaction to extract";
                let failure = Failure::new(&code::COMMAND_LINE, what);
                return Err(failure.hint("leave --extract out; --out writes the signature"));
            }
            let existing = if force { Existing::Replace } else { Existing::Keep };
            let (out, extract) = (out.as_deref(), extract.as_deref());
            let targets = Targets::check(out, extract, Form::Base64, existing)?;
            // What goes to standard output goes there alone.
            if !targets.is_printed() || (out, extract) == (None, None) {
                show(&mut kept, view, output)?;
            }
            if (out, extract) != (None, None) {
                write(&mut kept, view, &targets, output)?;
            }
        }
        Request::Approve { id } => {
            let view = find(&requests, &id)?;
            kept.approve(view)?;
            told(view, "approved", "you approved", output);
        }
        Request::Decline { id } => {
            let view = find(&requests, &id)?;
            kept.end(view, AbortReason::Declined)?;
            told(view, "declined", "you declined", output);
            later(&kept, output);
        }
        Request::Cancel { id } => {
            let view = find(&requests, &id)?;
            kept.end(view, AbortReason::Cancelled)?;
            told(view, "cancelled", "you cancelled", output);
            later(&kept, output);
        }
    }
    Ok(())
}

fn later(kept: &Kept, output: Output) {
    if !kept.is_live() {
        output.text("that is durable; the others hear of it from your next `ensign up`");
    }
}

fn told(view: &RequestView, event: &'static str, what: &str, output: Output) {
    let text = format!("{what} {}", short(&view.request));
    output.tell(&crate::narrator::session_line_of(event, &view.request), text);
}

/// Returns the one request whose id begins so.
fn find<'a>(requests: &'a [RequestView], begin: &str) -> Result<&'a RequestView> {
    let begin = begin.trim().to_lowercase();
    let found: Vec<_> = requests.iter().filter(|view| view.request.starts_with(&begin)).collect();
    let shown = foreign(&begin);
    match &found[..] {
        [one] if !begin.is_empty() => Ok(one),
        [] => {
            Err(Failure::new(&code::REQUEST_UNKNOWN, format!("no request begins with `{shown}`")))
        }
        several => {
            let ids: Vec<_> = several.iter().map(|view| short(&view.request)).collect();
            let what = match &*shown {
                "" => format!("an id is missing; there is {}", words::list(&ids)),
                shown => format!("`{shown}` begins {}", words::list(&ids)),
            };
            Err(Failure::new(&code::REQUEST_AMBIGUOUS, what))
        }
    }
}

fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

fn list<'a>(kept: &Kept, requests: impl Iterator<Item = &'a RequestView>, output: Output) {
    let mut any = false;
    for view in requests {
        any = true;
        let group = kept.group(&view.group);
        output.tell(&line(view, group), summary(view, group));
    }
    if !any {
        output.text("no requests");
    }
}

fn show(kept: &mut Kept, view: &RequestView, output: Output) -> Result<()> {
    let group = kept.group(&view.group).cloned();
    let group = group.as_ref();
    let mut text = summary(view, group);
    text += &format!("\n  id       {}", view.request);
    if let Some(asked) = &view.asked {
        text += &match asked.blind {
            true => format!("\n  signs    {}", words::count(asked.messages, "BLIND message")),
            false => {
                let inputs = words::count(asked.messages, "input");
                format!("\n  signs    {inputs} of a PSBT, {} sat", asked.amount_sat)
            }
        };
        text += &format!("\n  mode     {}", asked.mode);
    }
    let work = kept.work(&view.names()?.0)?;
    if let Some(work) = &work {
        text += &work.text;
    }
    for attempt in &view.attempts {
        let nonces = match (attempt.burned, attempt.partials_kept) {
            (true, true) => "nonces used, the partial signature is kept to be sent again",
            (true, false) => "nonces count as used",
            (false, _) => "nonces never used",
        };
        text += &format!("\n  attempt  {}: {nonces}", attempt.attempt);
    }
    let mut line = line(view, group).with("work", work.map(|work| work.fields));
    if view.state == "signed" {
        let result = kept.result(&view.names()?.0)?;
        if let Some(txid) = &result.txid {
            text += &format!("\n  txid     {txid}");
        }
        for signature in &result.signatures {
            text += &format!("\n  signed   {signature}");
        }
        line = line.with("signatures", result.signatures).with("txid", result.txid);
    }
    output.tell(&line, text);
    Ok(())
}

/// Writes the result of a request where the user wants it.
fn write(kept: &mut Kept, view: &RequestView, targets: &Targets, output: Output) -> Result<()> {
    let (id, _) = view.names()?;
    let ResultView { signatures, psbt, transaction, .. } = kept.result(&id)?;
    let key = kept.group(&view.group).map_or_else(String::new, |group| signing_key(&group.keys));
    targets.write(&Finished { psbt: psbt.zip(transaction), signatures, key }, output)?;
    kept.received(&id);
    Ok(())
}

/// Writes a file for the user.
pub(super) fn write_file(
    file: &Path,
    bytes: &[u8],
    existing: Existing,
    output: Output,
) -> Result<()> {
    let target = Target::new(file, existing)?;
    target.check()?;
    target.write(bytes, output)
}

/// One line: which request, whose, where it stands, how long still, and who is waited for.
fn summary(view: &RequestView, group: Option<&SignerGroup>) -> String {
    let mut text = short(&view.request);
    text += &format!("  {}", group.map_or_else(|| short(&view.group), |group| group.name.clone()));
    let state = match (view.state.as_str(), &view.reason) {
        ("undecided", _) => "asks you".to_owned(),
        ("closed", Some(reason)) => format!("over: {reason}"),
        (state, _) => state.to_owned(),
    };
    text += &format!("  {state}");
    if let Some(asked) = &view.asked {
        text += &format!("  by {}", name(group, asked.creator));
        if !asked.purpose.is_empty() {
            text += &format!(" for \"{}\"", foreign(&asked.purpose));
        }
        if !view.is_over() {
            text += &format!("  {}", countdown(asked));
        }
    }
    if let Some(last) = view.attempts.last() {
        text += &format!("  attempt {}", last.attempt);
    }
    if !view.is_over() && !view.waiting_on.is_empty() {
        text += &format!("  waiting for {}", words::list(&view.waiting(group)));
    }
    if view.state == "signed" && !view.received {
        text += "  NOT written out yet: request show --out";
    }
    text
}

fn countdown(asked: &Asked) -> String {
    let expires = UnixTime::from_millis(asked.expires_ms);
    let left = expires.since(UnixTime::from_millis(unix_micros() / 1000));
    match left.as_secs() {
        0 => "its time is over".to_owned(),
        seconds => format!("open for {}", words::duration(Duration::from_secs(seconds))),
    }
}

fn line(view: &RequestView, group: Option<&SignerGroup>) -> Line {
    let attempt = |attempt: &crate::request_view::AttemptView| {
        json!({
            "attempt": attempt.attempt,
            "burned": attempt.burned,
            "partials_kept": attempt.partials_kept,
        })
    };
    let asked = view.asked.as_ref();
    Line::new("request_entry")
        .with("request", view.request.as_str())
        .with("group", group.map_or_else(|| view.group.clone(), |group| group.name.clone()))
        .with("state", view.state.as_str())
        .with("reason", view.reason.clone())
        .with("creator", asked.map(|asked| name(group, asked.creator)))
        .with("purpose", asked.map(|asked| foreign(&asked.purpose)))
        .with("mode", asked.map(|asked| asked.mode.clone()))
        .with("messages", asked.map(|asked| asked.messages))
        .with("amount_sat", asked.map(|asked| asked.amount_sat))
        .with("blind", asked.map(|asked| asked.blind))
        .with("created_ms", asked.map(|asked| asked.created_ms))
        .with("expires_ms", asked.map(|asked| asked.expires_ms))
        .with("attempts", view.attempts.iter().map(attempt).collect::<Vec<_>>())
        .with("phase", view.phase.clone())
        .with("who", view.waiting(group))
        .with("ended_ms", view.ended_ms)
        .with("received", view.received)
}
