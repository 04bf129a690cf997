//! Requests: what they ask for, how far they are, and how they end.

use std::time::Duration;

use ensign_api::view::WaitView;
use ensign_coordinator::{
    Approval, Because, LostAttempt, Opener, Outcome, Problem, Reached, RequestEvent, RequestRef,
    Resumption,
};
use ensign_engine::signing::ATTEMPTS_MAX;
use ensign_primitives::SignerIndex;
use ensign_psbt::Note;

use super::{Narrator, cpu_micros, of_problem, phase_name};
use crate::failure::Failure;
use crate::output::{Line, failure_line, named};
use crate::request::{self, Asked};
use crate::{catalogue, views, words};

impl Narrator {
    pub(super) fn request(&self, request: &RequestRef, event: &RequestEvent) {
        match event {
            // The question about it shows it to people.
            RequestEvent::Asked(approval) => {
                self.output.json(&request::line("request", &Asked::of(approval)));
            }
            RequestEvent::Proposed(approval) => {
                self.introduced("proposed", "you propose", approval)
            }
            RequestEvent::Refused(approval) => {
                self.introduced("request", "refused without asking", approval);
            }
            RequestEvent::Resumed(resumption) => self.resumed(resumption),
            RequestEvent::Recovered(outcome) => self.recovered(request, outcome),
            RequestEvent::Voided { notes } => self.voided(request, notes),
            RequestEvent::Waiting { on, since } => self.waiting(request, on, *since),
            RequestEvent::Wait(wait) => self.wait(request, &WaitView::new(wait, &request.group)),
            RequestEvent::Withdrawn => {
                let text = format!(
                    "{}: you have taken your yes back; nothing of yours was signed",
                    head(request)
                );
                self.output.talk(&about("withdrawn", request), text);
            }
            RequestEvent::Unreachable { who } => self.silent(request, who),
            RequestEvent::AttemptFailed { problem } => {
                self.ended("attempt_failed", "this attempt ended", request, problem);
            }
            RequestEvent::Failed { problem, .. } => {
                self.ended("failed", "no signature", request, problem);
            }
            RequestEvent::Done { outcome } => self.done(request, outcome),
            RequestEvent::Attempt { attempt, opened_by } => {
                self.attempt(request, *attempt, *opened_by);
            }
            RequestEvent::Phase { phase } => {
                let line = about("phase", request).with("phase", phase_name(*phase));
                self.progress(&line, None);
            }
            // What only the protocol knows of is for programs.
            RequestEvent::Acknowledged { who } => self.step("acknowledged", request, *who, None),
            RequestEvent::Joined { who } => self.step("joined", request, *who, Some("joined")),
            RequestEvent::Revealed { who } => self.step("revealed", request, *who, None),
            RequestEvent::Confirmed { who } => self.step("confirmed", request, *who, None),
            RequestEvent::Signed { who } => self.step("signed", request, *who, Some("signed")),
            RequestEvent::PeerDone { who } => self.step("peer_done", request, *who, None),
            _ => {}
        }
    }

    /// Tells how far a signer is.
    fn step(&self, name: &'static str, request: &RequestRef, who: SignerIndex, verb: Option<&str>) {
        let signer = request.group.name_of(who);
        let called = if who == request.group.own { "you" } else { signer };
        let text = verb.map(|verb| format!("{}: {called} {verb}", head(request)));
        self.progress(&about(name, request).with("who", signer), text);
    }

    /// Returns a request's failure under the names of the signers.
    pub(crate) fn failure(&self, request: &RequestRef, problem: &Problem) -> Failure {
        let entry = catalogue::find(problem.code).unwrap_or(&catalogue::INTERNAL);
        // What nobody else ended, our own user did.
        let own = match (problem.code, &problem.who[..]) {
            ("E-SES-001", []) => Some("you declined the request"),
            ("E-SES-011", []) => Some("you gave the request up"),
            _ => None,
        };
        if let Some(own) = own {
            return Failure::new(entry, own).hint("nothing needs to be done");
        }
        of_problem(problem).who(Self::signers(request, &problem.who))
    }

    /// Tells programs alone that a request has failed.
    pub(crate) fn failed_for_programs(&self, request: &RequestRef, problem: &Problem) {
        let failure = self.failure(request, problem);
        self.output.json(&with_request(failure_line("failed", &failure), request));
    }

    /// Tells whom a request waits for, and how long already.
    pub(crate) fn waiting(&self, request: &RequestRef, on: &[SignerIndex], since: Duration) {
        let waited = match since.as_secs() {
            0 => String::new(),
            _ => format!(" ({})", words::duration(since)),
        };
        let text = format!("{}: waiting for {}{waited}", head(request), whom(request, on));
        let line = about("waiting", request).with("who", Self::signers(request, on));
        self.progress(&line.with("since_s", since.as_secs_f64()), Some(text));
    }

    /// Tells whose yes is missing, and who has to be there.
    pub(crate) fn wait(&self, request: &RequestRef, wait: &WaitView) {
        let text = format!("{}: {}", head(request), wait.text.join("\n  "));
        let fields = views::fields(wait).into_iter();
        let line =
            fields.fold(about("wait", request), |line, (name, value)| line.with_owned(name, value));
        self.progress(&line, Some(text));
    }

    fn silent(&self, request: &RequestRef, who: &[SignerIndex]) {
        let text =
            format!("{}: no answer yet from {}: offline?", head(request), whom(request, who));
        let line = about("unreachable", request).with("who", Self::signers(request, who));
        self.progress(&line, Some(text));
    }

    fn ended(&self, event: &'static str, how: &str, request: &RequestRef, problem: &Problem) {
        let failure = self.failure(request, problem);
        let line = with_request(failure_line(event, &failure), request);
        let (head, code, who) = (head(request), failure.entry.code, named(&failure));
        let text = format!("{head}: {how} ({code}): {}{who}\n  {}", failure.what, failure.advice());
        self.output.talk(&line, text);
    }

    fn introduced(&self, event: &'static str, how: &str, approval: &Approval) {
        let asked = Asked::of(approval);
        let text = format!("{how}: {}", request::text(&asked));
        self.output.talk(&request::line(event, &asked), text);
    }

    fn voided(&self, request: &RequestRef, notes: &[Note]) {
        let names: Vec<_> = notes.iter().map(Note::name).collect();
        let new: String = notes.iter().map(|note| format!("\n  {note}")).collect();
        let text = format!(
            "{}: your yes does not count any more, because there is more to say now:{new}",
            head(request)
        );
        self.output.talk(&about("voided", request).with("notes", names), text);
    }

    /// Says where the user answers who is asked again while nobody is asked here.
    pub(crate) fn asked_elsewhere(&self, request: &RequestRef) {
        let name = request.handle.map_or_else(|| request.id.short(), |it| it.to_string());
        let text = format!(
            "{}: nothing is signed before you have looked at it again; in another terminal: ensign \
             request approve '{name}'",
            head(request)
        );
        let why = "a yes has become void";
        self.output.talk(&about("cannot_ask", request).with("why", why), text);
    }

    /// A later attempt is nobody's failure: a signer restarted, or a wait was over.
    fn attempt(&self, request: &RequestRef, attempt: u16, opened_by: Option<Opener>) {
        let who = opened_by.map(|opener| request.group.name_of(opener.who));
        let because = opened_by.map(|opener| match opener.because {
            Because::Restarted => "restarted",
            Because::WaitOver | _ => "wait_over",
        });
        let text = (attempt > 1).then(|| match (who, because) {
            (Some(who), Some("restarted")) => {
                format!("{}: {who} restarted, so attempt {attempt} begins", head(request))
            }
            _ => format!("{}: attempt {attempt} begins", head(request)),
        });
        let line = about("attempt", request).with("attempt", attempt);
        self.progress(&line.with("opened_by", who).with("because", because), text);
    }

    fn resumed(&self, Resumption { approval, lost }: &Resumption) {
        let asked = Asked::of(approval);
        let nonces = lost.as_ref().map_or_else(String::new, lost_nonces);
        let text = format!("going on with what you approved: {}{nonces}", request::text(&asked));
        let line = request::line("resumed", &asked)
            .with("lost_attempt", lost.map(|lost| lost.attempt))
            .with("reached", lost.map(|lost| reached(lost.reached)));
        self.output.talk(&line, text);
    }

    fn recovered(&self, request: &RequestRef, outcome: &Outcome) {
        let signatures: Vec<_> = outcome.signatures.iter().map(hex::encode).collect();
        let line = about("recovered", request).with("signatures", signatures);
        let text = format!(
            "{}: signed before the last stop, and its result was not written out then",
            head(request)
        );
        self.output.talk(&line, text);
    }

    fn done(&self, request: &RequestRef, outcome: &Outcome) {
        let signatures: Vec<_> = outcome.signatures.iter().map(hex::encode).collect();
        let mut line = about("done", request).with("signatures", signatures);
        let mut text = format!("{}: all have signed, ", head(request));
        text += match outcome.signatures.len() {
            1 => "the signature verifies",
            _ => "every signature verifies",
        };
        if let Some(psbt) = &outcome.psbt {
            let txid = psbt.extract_tx().txid.to_string();
            text += &format!("; transaction {txid}");
            line = line.with("txid", txid);
        }
        self.output.talk(&line, text);
    }
}

/// How a line about a request begins: `#17 treasury`.
fn head(request: &RequestRef) -> String {
    format!("{} {}", request::name(request), request.group.name)
}

/// Names signers as our user does: itself `you`, and last.
fn whom(request: &RequestRef, who: &[SignerIndex]) -> String {
    let own = request.group.own;
    let others: Vec<_> = who.iter().copied().filter(|who| *who != own).collect();
    let mut names = Narrator::signers(request, &others);
    if who.contains(&own) {
        names.push("you".to_owned());
    }
    words::list(&names)
}

fn about(event: &'static str, request: &RequestRef) -> Line {
    with_request(Line::new(event), request)
}

fn with_request(line: Line, request: &RequestRef) -> Line {
    line.with("request", request.id.to_string())
        .with("handle", request.handle.map(|handle| handle.to_string()))
        .with("cpu_us", cpu_micros())
}

/// Says what became of the nonces of an attempt that a restart has ended.
fn lost_nonces(LostAttempt { attempt, reached }: &LostAttempt) -> String {
    let nonces = match reached {
        Reached::Joined => "its nonces were never used",
        Reached::Burned => "its nonces count as used, and no partial signature has left",
        Reached::Signed => "your partial signature for it is kept",
    };
    let last = *attempt == ATTEMPTS_MAX;
    let next = match reached {
        _ if last => "It was the last one: the others are asked how it ended.".to_owned(),
        Reached::Signed => format!(
            "The others get that partial signature once more, unchanged. If they need more, attempt \
             {} begins with fresh nonces.",
            attempt + 1
        ),
        Reached::Joined | Reached::Burned => format!("Attempt {} has fresh ones.", attempt + 1),
    };
    format!(
        "\n  attempt {attempt} ended with the restart: {nonces}.\n  That is safe: the nonces were only \
         in memory, and attempt {attempt} is never joined again. {next}"
    )
}

const fn reached(reached: Reached) -> &'static str {
    match reached {
        Reached::Joined => "joined",
        Reached::Burned => "burned",
        Reached::Signed => "signed",
    }
}
