//! `ensign request`: the requests of a home, whether its node runs or not.

mod approve;

use std::path::Path;

use ensign_api::view::{DetailView, RequestView, ResultView};
use ensign_psbt::Form;
use ensign_wire::AbortReason;
use serde_json::Value;

use crate::args::Request;
use crate::catalogue as code;
use crate::durable::Existing;
use crate::failure::{Failure, Result};
use crate::home::Home;
use crate::kept::Kept;
use crate::output::{Line, Output, unix_micros};
use crate::target::{Finished, Target, Targets};
use crate::views::{self, short};
use crate::words::foreign;

fn has_no_transaction(request: &RequestView) -> bool {
    request.blind == Some(true) || request.drill == Some(true)
}

/// Shows requests, or decides about one.
pub(super) fn run(home: Home, args: Request, output: Output) -> Result<()> {
    let mut kept = Kept::open(home)?;
    match args {
        Request::List => list(&kept, output),
        Request::History => history(&kept, output),
        Request::Show { id, out, extract, force } => {
            let detail = kept.request(&id)?;
            if extract.is_some() && has_no_transaction(&detail.request) {
                let what = "a message gives no transaction to extract";
                let failure = Failure::new(&code::COMMAND_LINE, what);
                return Err(failure.hint("leave --extract out; --out writes the signature"));
            }
            let existing = if force { Existing::Replace } else { Existing::Keep };
            let (out, extract) = (out.as_deref(), extract.as_deref());
            let targets = Targets::check(out, extract, Form::Base64, existing)?;
            // What goes to standard output goes there alone.
            if !targets.name_stdout() {
                output.tell(&detail_line(&detail), views::requests::detail(&detail, now_ms()));
            }
            if out.is_some() || extract.is_some() {
                write(&mut kept, &detail.request, &targets, output)?;
            }
            Ok(())
        }
        Request::Approve { id, digest, accept_note } => {
            approve::run(&kept, &id, digest, accept_note, output)
        }
        Request::Withdraw { id } => {
            let request = kept.request(&id)?.request;
            kept.withdraw(&request)?;
            told(&request, "withdrew", output);
            Ok(())
        }
        Request::Decline { id } => end(&mut kept, &id, AbortReason::Declined, output),
        Request::Cancel { id } => end(&mut kept, &id, AbortReason::Cancelled, output),
    }
}

fn list(kept: &Kept, output: Output) -> Result<()> {
    let requests = kept.requests()?;
    let open: Vec<_> = requests.iter().filter(|request| !request.is_over()).collect();
    print(&open, views::requests::pending(&open, now_ms()), output);
    if !kept.is_live() && !open.is_empty() {
        output.notice("no node runs here; `ensign up` goes on with what is open");
    }
    Ok(())
}

fn history(kept: &Kept, output: Output) -> Result<()> {
    let requests = kept.requests()?;
    let over: Vec<_> = requests.iter().filter(|request| request.is_over()).collect();
    print(&over, views::requests::history(&over), output);
    Ok(())
}

fn print(requests: &[&RequestView], text: String, output: Output) {
    requests.iter().for_each(|request| output.json(&line(request)));
    output.text(if requests.is_empty() { "no requests".to_owned() } else { text });
}

/// Ends a request for everybody.
fn end(kept: &mut Kept, name: &str, reason: AbortReason, output: Output) -> Result<()> {
    let request = kept.request(name)?.request;
    kept.end(&request, reason)?;
    let how = if reason == AbortReason::Cancelled { "cancelled" } else { "declined" };
    told(&request, how, output);
    if !kept.is_live() {
        output.notice("that is durable; the others hear of it from your next `ensign up`");
    }
    Ok(())
}

fn told(request: &RequestView, how: &'static str, output: Output) {
    let called = request.handle.clone().unwrap_or_else(|| short(&request.request));
    let line = crate::narrator::session_line_of(how, &request.request);
    let line = line.with("handle", request.handle.clone());
    output.talk(&line, format!("you {how} {called}"));
}

fn now_ms() -> u64 {
    unix_micros() / 1000
}

/// A request as an event: every field of its view; text of other people is escaped.
fn line(request: &RequestView) -> Line {
    let mut request = request.clone();
    request.purpose = request.purpose.map(|purpose| foreign(&purpose));
    let fields = views::fields(&request).into_iter();
    fields.fold(Line::new("request_entry"), |line, (name, value)| line.with_owned(name, value))
}

fn detail_line(detail: &DetailView) -> Line {
    let result = detail.result.as_ref();
    let work = detail.work.as_ref().map(|work| Value::Object(views::fields(work)));
    line(&detail.request)
        .with("work", work)
        .with("signatures", result.map(|result| result.signatures.clone()))
}

/// Writes the result of a request where the user wants it.
fn write(kept: &mut Kept, request: &RequestView, targets: &Targets, output: Output) -> Result<()> {
    let ResultView { signatures, psbt, transaction, key, .. } = kept.result(request)?;
    targets.write_named(&Finished { psbt: psbt.zip(transaction), signatures, key }, output)?;
    kept.received(request);
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
    let written = target.check().and_then(|()| target.write(bytes, output));
    written.map_err(|failure| match failure.entry == &code::FILE_EXISTS {
        true => failure.hint("it is left as it is; name another file"),
        false => failure,
    })
}
