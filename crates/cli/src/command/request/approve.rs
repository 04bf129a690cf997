//! `ensign request approve`: consent in another terminal than the one of `ensign up`.

use std::time::Duration;

use ensign_api::Name;
use ensign_api::view::{DetailView, RequestView, WorkView, Yes};
use tokio::time::{Instant, sleep_until};

use super::{now_ms, told};
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::kept::{Kept, id_of, of_request};
use crate::output::Output;
use crate::question::{self, Answer, Question, Subject};
use crate::remote::Remote;
use crate::views::{self, short};
use crate::words::foreign;

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
        return Err(decided(&detail, "before"));
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
    let question = question(detail, work)?;
    let answer = node.wait(async {
        tokio::select! {
            answer = question::ask(output, question) => Ok(answer),
            decided = decided_elsewhere(node, &detail.request.request) => Err(decided),
        }
    });
    match answer.map_err(|it| decided(&it, "in another terminal"))? {
        Answer::Yes => Ok(yes),
        Answer::No => {
            let failure = Failure::new(&code::OWN_NO, "you said no; the request stays open");
            let called = detail.request.handle.clone().unwrap_or_default();
            Err(failure
                .hint(format!("to refuse it for everybody: ensign request decline '{called}'")))
        }
        Answer::Nobody | Answer::TooMany => {
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

/// Waits until a request does not wait for our user any more, and returns it as it is then.
async fn decided_elsewhere(node: &Remote, id: &str) -> DetailView {
    loop {
        sleep_until(Instant::now() + LOOK_INTERVAL).await;
        // A node that does not answer has decided nothing; the yes will find out.
        let detail: Result<DetailView, _> = node.client().get(&of_request(id, "")).await;
        if let Ok(detail) = detail
            && !detail.request.is_asking()
        {
            return detail;
        }
    }
}

/// How often it is looked whether a request still waits for an answer. Guess: well below what a person
/// needs to read it.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

fn question(detail: &DetailView, work: &WorkView) -> Result<Question> {
    let request = &detail.request;
    let called = called(request);
    let subject = Subject::Request(id_of(&request.request)?);
    let shown = views::requests::detail(detail, now_ms());
    Ok(crate::request::of_work(subject, ("sign", &called), shown, work))
}

/// Says what became of a request without this command.
///
/// - `how`: `before`, `in another terminal`.
fn decided(detail: &DetailView, how: &str) -> Failure {
    let request = &detail.request;
    let called = called(request);
    let ended = |reason: &String| format!("{called} is over: {}", foreign(reason));
    let what = match (request.state.as_str(), request.decision.as_deref()) {
        ("open", Some("approved")) => format!("{called}: you approved it {how}"),
        ("open", Some(rule)) => format!("{called} was {}", foreign(rule)),
        ("open", None) => format!("{called} is open: it is not asked about now"),
        ("signed", _) => format!("{called} is over: all have signed"),
        (_, Some("refused")) => format!("{called}: you declined it {how}"),
        _ => request.reason.as_ref().map_or_else(|| format!("{called} is over"), ended),
    };
    let hint = format!("nothing needs to be done; to see it: ensign request show '{called}'");
    Failure::new(&code::REQUEST_NOT_OPEN, what).hint(hint)
}

/// How a request is called: by its number, else by the beginning of its id.
fn called(request: &RequestView) -> String {
    request.handle.clone().unwrap_or_else(|| short(&request.request))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(state: &str, decision: Option<&str>, reason: Option<&str>) -> String {
        let request = RequestView {
            handle: Some("#2".to_owned()),
            state: state.to_owned(),
            decision: decision.map(str::to_owned),
            reason: reason.map(str::to_owned),
            ..RequestView::default()
        };
        let detail = DetailView { request, work: None, result: None };
        let failure = decided(&detail, "in another terminal");
        assert!(failure.advice().contains("ensign request show '#2'"), "{failure:?}");
        failure.what
    }

    #[test]
    fn regression_who_was_overtaken_was_told_neither_by_whom_nor_the_number() {
        let declined = what("closed", Some("refused"), Some("declined by you"));
        assert_eq!(declined, "#2: you declined it in another terminal");
        assert_eq!(what("open", Some("approved"), None), "#2: you approved it in another terminal");
        let rule = what("open", Some("approved by the rule up --approve all"), None);
        assert_eq!(rule, "#2 was approved by the rule up --approve all");
        let cancelled = what("missed", None, Some("cancelled by bob; you did not decide"));
        assert_eq!(cancelled, "#2 is over: cancelled by bob; you did not decide");
        assert_eq!(what("signed", Some("approved"), None), "#2 is over: all have signed");
    }
}
