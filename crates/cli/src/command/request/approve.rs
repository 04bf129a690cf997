//! `ensign request approve`: consent in another terminal than the one of `ensign up`.

use ensign_api::Name;
use ensign_api::view::{DetailView, WorkView, Yes};

use super::{now_ms, told};
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::kept::{Kept, id_of};
use crate::output::Output;
use crate::question::{self, Answer, Question, Subject};
use crate::views::{self, short};

/// Shows a request in full and asks, or takes the digest of what was shown elsewhere.
pub(super) fn run(
    kept: &Kept,
    name: &str,
    digest: Option<String>,
    accept_notes: Vec<String>,
    output: Output,
) -> Result<()> {
    let detail = kept.request(name)?;
    let request = &detail.request;
    let called = request.handle.clone().unwrap_or_else(|| request.request.clone());
    if let Name::Beginning(_) = Name::new(name) {
        let what = "the beginning of an id does not say which request is meant: whoever proposes \
                    can choose it";
        let hint =
            format!("to approve {}: ensign request approve '{called}'", short(&request.request));
        return Err(Failure::new(&code::REQUEST_BY_PREFIX, what).hint(hint));
    }
    if !request.is_asking() {
        return Err(decided_before(&detail));
    }
    let yes = match digest {
        Some(digest) => Yes { digest: Some(digest), accept_notes },
        None => asked(kept, &detail, output)?,
    };
    kept.approve(&request.request, &yes)?;
    told(request, "approved", output);
    Ok(())
}

/// Asks the person at this terminal.
fn asked(kept: &Kept, detail: &DetailView, output: Output) -> Result<Yes> {
    let needs_up = || {
        let what = format!("no node runs that could sign {} now", short(&detail.request.request));
        Failure::new(&code::REQUEST_NEEDS_UP, what)
    };
    let node = kept.node().ok_or_else(needs_up)?;
    let work = detail.work.as_ref().ok_or_else(|| {
        Failure::new(&code::REQUEST_NOT_OPEN, "what it has us sign is not known any more")
    })?;
    let accept_notes: Vec<_> = work.grave().into_iter().map(str::to_owned).collect();
    let yes = Yes { digest: work.digest.clone(), accept_notes };
    match node.wait(question::ask(output, question(detail, work)?)) {
        Answer::Yes => Ok(yes),
        Answer::No => {
            let failure = Failure::new(&code::OWN_NO, "you said no; the request stays open");
            let called = detail.request.handle.clone().unwrap_or_default();
            Err(failure
                .hint(format!("to refuse it for everybody: ensign request decline '{called}'")))
        }
        Answer::Nobody => {
            let failure = Failure::new(&code::NOBODY_ASKED, "nobody could be asked here");
            let notes: Vec<_> =
                work.grave().iter().map(|note| format!(" --accept-note {note}")).collect();
            let digest = work.digest.as_deref().unwrap_or("HEX");
            Err(failure.hint(format!(
                "look at `ensign request show`, then say what you saw: --digest {digest}{}",
                notes.concat()
            )))
        }
    }
}

fn question(detail: &DetailView, work: &WorkView) -> Result<Question> {
    let request = &detail.request;
    let called = request.handle.clone().unwrap_or_else(|| short(&request.request));
    let subject = Subject::Request(id_of(&request.request)?);
    let shown = views::requests::detail(detail, now_ms());
    Ok(crate::request::of_work(subject, ("sign", &called), shown, work))
}

fn decided_before(detail: &DetailView) -> Failure {
    let request = &detail.request;
    let how = match (request.state.as_str(), &request.reason) {
        ("open", _) => "was approved before; `ensign up` goes on with it".to_owned(),
        ("signed", _) => "is over: all have signed".to_owned(),
        (_, Some(reason)) => format!("is over: {}", crate::words::foreign(reason)),
        (_, None) => "is over".to_owned(),
    };
    Failure::new(&code::REQUEST_NOT_OPEN, format!("request {} {how}", short(&request.request)))
}
