//! `ensign sign` beside a process that serves the home: it proposes there, and follows.

use ensign_api::view::{ApprovalView, Job, PreviewView, Proposal, ResultView};
use ensign_api::{Client, Position, Stream};
use ensign_coordinator::Work;
use serde_json::Value;

use super::accepted;
use crate::args::Sign;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::kept::{is_absent, of_request};
use crate::output::{Line, Output};
use crate::question::{self, Answer};
use crate::remote::{Remote, client_failure};
use crate::request;
use crate::stop::Stop;
use crate::target::{self, Finished, Targets};
use crate::views::{self, short};
use crate::words::{self, foreign};

/// How often a stream that has broken is opened again before the node counts as gone.
const RETURNS_MAX: u32 = 3;

/// What is proposed through the process that serves the home.
pub(super) struct Errand {
    pub(super) work: Work,
    pub(super) targets: Targets,
    pub(super) args: Sign,
    pub(super) output: Output,
}

impl Errand {
    /// Proposes, follows the request to its end, and writes the result, or has it written.
    pub(super) fn run(self, node: &Remote) -> Result<()> {
        node.wait(self.sign(node.client()))
    }

    async fn sign(self, client: &Client) -> Result<()> {
        let mut stop = Stop::new(self.args.until_stdin_closes)?;
        let job = self.job()?;
        let preview: PreviewView =
            client.post("/v1/previews", &job).await.map_err(client_failure)?;
        if let Some(rule) = &preview.refused {
            let what = format!("a rule of this home refuses it: {}", foreign(rule));
            let entry = code::find("E-POL-001").unwrap_or(&code::INTERNAL);
            return Err(Failure::new(entry, what));
        }
        self.consent(&preview, &mut stop).await?;
        // From before the proposal, so that nothing of it is missed.
        let mut events = client.events(None).await.map_err(client_failure)?;
        let _heartbeat = events.next().await;
        let target = self.targets.to_view();
        let proposal = Proposal {
            job,
            digest: preview.work.digest.clone(),
            accept_notes: preview.work.grave().into_iter().map(str::to_owned).collect(),
            purpose: self.args.purpose.clone(),
            mode: Some(self.args.mode.name().to_owned()),
            expires_s: Some(self.args.expires.as_secs()),
            target: target.clone(),
        };
        let approval: ApprovalView =
            client.post("/v1/requests", &proposal).await.map_err(client_failure)?;
        self.proposed(&approval);
        let files = target
            .map_or(0, |it| usize::from(it.out.is_some()) + usize::from(it.extract.is_some()));
        let mut follower = Follower { client, events, approval: &approval, output: self.output };
        let ended = tokio::select! {
            ended = follower.follow(files) => ended,
            () = stop.asked() => Err(follower.interrupted()),
        };
        ended?;
        if files > 0 {
            return Ok(());
        }
        let result: ResultView =
            client.get(&of_request(&approval.request, "/result")).await.map_err(client_failure)?;
        let ResultView { signatures, psbt, transaction, key, .. } = result;
        let finished = Finished { psbt: psbt.zip(transaction), signatures, key };
        let written = self.targets.write(&finished, self.output);
        written.map_err(|failure| target::kept(&failure, &called(&approval)))
    }

    fn job(&self) -> Result<Job> {
        let group = self.args.group.clone();
        match &self.work {
            Work::Psbt(bytes) => {
                let psbt = ensign_psbt::parse(bytes)
                    .map_err(|error| Failure::new(&code::INTERNAL, error.to_string()))?;
                Ok(Job { group, psbt: Some(psbt.to_base64()), ..Job::default() })
            }
            Work::Messages(messages) => {
                let messages = messages.iter().map(hex::encode).collect();
                Ok(Job { group, messages, ..Job::default() })
            }
        }
    }

    /// Shows what would be proposed, and asks, unless a flag has said yes to it.
    async fn consent(&self, preview: &PreviewView, stop: &mut Stop) -> Result<()> {
        let question = request::own_question(&preview.work);
        self.output.json(&request::preview_line(preview));
        if self.args.yes {
            self.output.notice(&question.shown);
            return accepted(&question.wanted, &self.args.accept_note);
        }
        let answer = tokio::select! {
            answer = question::ask(self.output, question) => answer,
            () = stop.asked() => Answer::Nobody,
        };
        match answer {
            Answer::Yes => Ok(()),
            Answer::No => Err(Failure::new(&code::OWN_NO, "you said no; nothing was proposed")),
            Answer::Nobody => {
                let what = "there was no answer; nothing was proposed";
                Err(Failure::new(&code::NOBODY_ASKED, what))
            }
        }
    }

    fn proposed(&self, approval: &ApprovalView) {
        let fields = views::fields(approval).into_iter();
        let line =
            fields.fold(Line::new("proposed"), |line, (name, value)| line.with_owned(name, value));
        let text = format!(
            "proposed {} to group {} through the node that runs; open for {}, Ctrl-C is safe",
            called(approval),
            foreign(&approval.group),
            words::duration(self.args.expires)
        );
        self.output.talk(&line, text);
    }
}

/// How a request is called: by its number, else by the beginning of its id.
fn called(approval: &ApprovalView) -> String {
    approval.handle.clone().unwrap_or_else(|| short(&approval.request))
}

/// One request that is followed to its end.
struct Follower<'a> {
    client: &'a Client,
    events: Stream,
    approval: &'a ApprovalView,
    output: Output,
}

impl Follower<'_> {
    /// Tells what happens until the signature is there, and so many files were written.
    async fn follow(&mut self, mut files: usize) -> Result<()> {
        let mut is_done = false;
        while !is_done || files > 0 {
            let event = self.next().await?;
            let name = text(&event, "event");
            if name == "gap" {
                is_done |= self.is_signed().await?;
            }
            if text(&event, "request") != self.approval.request {
                continue;
            }
            match name {
                "failed" | "not_written" => return Err(failure(&event)),
                "done" => is_done = true,
                "wrote" => files = files.saturating_sub(1),
                _ => {}
            }
            self.tell(&event);
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Value> {
        let mut returns = 0;
        loop {
            if let Some(event) = self.events.next().await {
                return Ok(event);
            }
            returns += 1;
            let last: Option<Position> = self.events.last();
            match self.client.events(last).await {
                Ok(events) if returns <= RETURNS_MAX => self.events = events,
                Err(error) if !is_absent(&error) => return Err(client_failure(error)),
                Ok(_) | Err(_) => return Err(self.stopped()),
            }
        }
    }

    /// Where events are gone the store says what has become of it.
    async fn is_signed(&self) -> Result<bool> {
        let path = of_request(&self.approval.request, "");
        let detail: ensign_api::view::DetailView =
            self.client.get(&path).await.map_err(client_failure)?;
        match detail.request.state.as_str() {
            "undecided" | "open" => Ok(false),
            "signed" => Ok(true),
            _ => {
                let how = detail.request.reason.unwrap_or_else(|| "it is over".to_owned());
                Err(Failure::new(&code::REQUEST_NO_RESULT, foreign(&how)))
            }
        }
    }

    fn tell(&self, event: &Value) {
        let name = text(event, "event");
        let who = match text(event, "who") == self.approval.creator {
            true => "you".to_owned(),
            false => who(event),
        };
        let called = called(self.approval);
        let (event_name, text) = match name {
            "joined" => ("joined", Some(format!("{called}: {who} joined"))),
            "revealed" => ("revealed", Some(format!("{called}: {who} showed the nonces"))),
            "signed" => ("signed", Some(format!("{called}: {who} signed"))),
            "waiting" => ("waiting", Some(format!("{called}: waiting for {who}"))),
            "unreachable" => {
                ("unreachable", Some(format!("{called}: no answer yet from {who}: offline?")))
            }
            "attempt_failed" => {
                let what = foreign(text(event, "what"));
                ("attempt_failed", Some(format!("{called}: this attempt ended: {what}")))
            }
            "done" => ("done", Some(format!("{called}: all have signed, the signature verifies"))),
            "wrote" => {
                let file = foreign(text(event, "file"));
                ("wrote", Some(format!("wrote {file}")))
            }
            "decided" => ("decided", Some(format!("{called}: decided in another terminal"))),
            _ => return,
        };
        let fields = event.as_object().into_iter().flatten();
        let line = fields
            .filter(|(name, _)| *name != "event")
            .fold(Line::new(event_name), |line, (name, value)| {
                line.with_owned(name.clone(), value.clone())
            });
        if matches!(name, "done" | "wrote") {
            self.output.talk(&line, text.unwrap_or_default());
        } else {
            self.output.progress(&line, text.as_deref());
        }
    }

    fn interrupted(&self) -> Failure {
        let called = called(self.approval);
        let what = format!("{called} stays open in the node that runs");
        let hint = format!(
            "the running `ensign up` goes on with it and keeps the result; to end it for everybody: \
             ensign request cancel '{called}'"
        );
        Failure::new(&code::INTERRUPTED, what).hint(hint)
    }

    fn stopped(&self) -> Failure {
        let what = format!("the node that runs has stopped; {} stays open", called(self.approval));
        Failure::new(&code::INTERRUPTED, what)
    }
}

/// Returns a field of an event that is text.
fn text<'a>(event: &'a Value, name: &str) -> &'a str {
    event.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Whom an event names, one or several.
fn who(event: &Value) -> String {
    let several = event.get("who").and_then(Value::as_array).into_iter().flatten();
    let one = event.get("who").filter(|who| who.is_string());
    let names: Vec<_> =
        one.into_iter().chain(several).filter_map(Value::as_str).map(foreign).collect();
    words::list(&names)
}

/// Words how a request failed.
fn failure(event: &Value) -> Failure {
    let entry = code::find(text(event, "code")).unwrap_or(&code::CONTROL);
    let who = event.get("who").and_then(Value::as_array).into_iter().flatten();
    let who = who.filter_map(Value::as_str).map(foreign);
    let failure = Failure::new(entry, foreign(text(event, "what"))).who(who);
    match text(event, "do") {
        "" => failure,
        advice => failure.hint(foreign(advice)),
    }
}
