//! `ensign sign` beside a process that serves the home: it proposes there, and follows.

use std::time::Duration;

use ensign_api::view::{ApprovalView, Job, PreviewView, Proposal, ResultView};
use ensign_api::{Client, ClientError, Position, Stream};
use ensign_coordinator::Work;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{accepted, drilled, no_answer, with_backup};
use crate::args::Sign;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::Home;
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
    /// How many sign.
    pub(super) signers: usize,
    pub(super) home: Home,
    pub(super) targets: Targets,
    pub(super) args: Sign,
    pub(super) output: Output,
}

impl Errand {
    /// Proposes, follows the request to its end, and writes the result, or has it written.
    pub(super) fn run(self, node: &Remote) -> Result<()> {
        node.wait(self.sign(node.client()))
    }

    pub(super) async fn sign(self, client: &Client) -> Result<()> {
        let mut stop = Stop::new(self.args.until_stdin_closes)?;
        let job = self.job()?;
        let mut preview: PreviewView =
            client.post("/v1/previews", &job).await.map_err(client_failure)?;
        preview.work = with_backup(preview.work, &self.home);
        if let Some(rule) = &preview.refused {
            let what = format!("a rule of this home refuses it: {}", foreign(rule));
            let entry = code::find("E-POL-001").unwrap_or(&code::INTERNAL);
            return Err(Failure::new(entry, what));
        }
        self.consent(&preview, &mut stop).await?;
        // From before the proposal, so that nothing of it is missed.
        let events = stream(client).await?;
        // Whoever does not hear of what is written writes by itself.
        let target = events.is_some().then(|| self.targets.to_view()).flatten();
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
        // The home keeps a drill like a file.
        let files = files + usize::from(self.args.drill);
        let mut follower = Follower { client, events, approval: &approval, output: self.output };
        let ended = tokio::select! {
            ended = follower.follow(files) => ended,
            () = stop.asked() => Err(follower.interrupted()),
        };
        ended?;
        if self.args.drill {
            drilled(&approval.group, self.signers, self.output);
            return Ok(());
        }
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
            Work::Drill => Ok(Job { group, drill: true, ..Job::default() }),
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
            Answer::Nobody | Answer::TooMany => Err(no_answer()),
        }
    }

    fn proposed(&self, approval: &ApprovalView) {
        let fields = views::fields(approval).into_iter();
        let line =
            fields.fold(Line::new("proposed"), |line, (name, value)| line.with_owned(name, value));
        let text = format!(
            "proposed request {} ({}) to group {} through the node that runs; open for {}, Ctrl-C is \
             safe",
            short(&approval.request),
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

/// Begins to read events; none when others take all places for readers.
async fn stream(client: &Client) -> Result<Option<Stream>> {
    match client.events(None).await {
        Ok(mut events) => {
            let _heartbeat = events.next().await;
            Ok(Some(events))
        }
        Err(ClientError::Refused(problem)) if problem.code == TOO_MUCH => Ok(None),
        Err(error) => Err(client_failure(error)),
    }
}

/// The code under which a node says that all places are taken.
const TOO_MUCH: &str = "E-API-002";

/// How often the store is asked while there is no place to read events. Guess: no person waits for less.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// One request that is followed to its end.
struct Follower<'a> {
    client: &'a Client,
    events: Option<Stream>,
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
                "wrote" | "drill_kept" => files = files.saturating_sub(1),
                _ => {}
            }
            self.tell(&event);
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Value> {
        let mut returns = 0;
        loop {
            let Some(events) = &mut self.events else {
                sleep_until(Instant::now() + LOOK_INTERVAL).await;
                self.events = stream(self.client).await?;
                // Whatever was missed.
                return Ok(json!({ "event": "gap" }));
            };
            if let Some(event) = events.next().await {
                return Ok(event);
            }
            returns += 1;
            let last: Option<Position> = events.last();
            match self.client.events(last).await {
                Ok(events) if returns <= RETURNS_MAX => self.events = Some(events),
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
        let (who, head) = (self.who(event), head(self.approval));
        let (event_name, said) = match name {
            "joined" => ("joined", format!("{head}: {who} joined")),
            // Only programs know what that is.
            "revealed" => ("revealed", String::new()),
            "signed" => ("signed", format!("{head}: {who} signed")),
            "waiting" => ("waiting", format!("{head}: waiting for {who}{}", waited(event))),
            "wait" => ("wait", format!("{head}: {}", sentences(event))),
            "withdrawn" => ("withdrawn", format!("{head}: your yes is taken back")),
            "unreachable" => ("unreachable", format!("{head}: no answer yet from {who}: offline?")),
            "attempt_failed" => {
                let what = foreign(text(event, "what"));
                ("attempt_failed", format!("{head}: this attempt ended: {what}"))
            }
            "voided" => ("voided", voided(self.approval, event)),
            "done" => ("done", done(&head, event)),
            "wrote" => ("wrote", format!("wrote {}", foreign(text(event, "file")))),
            "decided" => ("decided", format!("{head}: decided in another terminal")),
            _ => return,
        };
        let fields = event.as_object().into_iter().flatten();
        let line = fields
            .filter(|(name, _)| *name != "event")
            .fold(Line::new(event_name), |line, (name, value)| {
                line.with_owned(name.clone(), field(name, value))
            });
        if matches!(name, "voided" | "done" | "wrote") {
            self.output.talk(&line, said);
        } else {
            self.output.progress(&line, Some(said.as_str()).filter(|said| !said.is_empty()));
        }
    }

    /// Whom an event names, one or several: ourselves `you`, and last.
    fn who(&self, event: &Value) -> String {
        let several = event.get("who").and_then(Value::as_array).into_iter().flatten();
        let one = event.get("who").filter(|who| who.is_string());
        let names = one.into_iter().chain(several).filter_map(Value::as_str);
        // What this command follows, its own user has proposed.
        let (own, others): (Vec<_>, Vec<_>) =
            names.partition(|name| *name == self.approval.creator);
        let own = own.into_iter().map(|_| "you".to_owned());
        let names: Vec<_> = others.into_iter().map(foreign).chain(own).collect();
        words::list(&names)
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

/// How a line about a request begins: `#17 treasury`.
fn head(approval: &ApprovalView) -> String {
    format!("{} {}", called(approval), foreign(&approval.group))
}

/// Returns a field of an event as the lines of this program have it: notes by their names.
fn field(name: &str, value: &Value) -> Value {
    let notes = value.as_array().filter(|_| name == "notes");
    notes.map_or_else(
        || value.clone(),
        |notes| notes.iter().filter_map(|note| note.get("name").cloned()).collect(),
    )
}

/// What an event says a request waits for.
fn sentences(event: &Value) -> String {
    let sentences = event.get("text").and_then(Value::as_array).into_iter().flatten();
    let sentences = sentences.filter_map(Value::as_str).map(foreign);
    sentences.collect::<Vec<_>>().join("\n  ")
}

/// How long an event says that was waited already.
fn waited(event: &Value) -> String {
    let since = event.get("since_s").and_then(Value::as_f64).unwrap_or_default();
    match Duration::try_from_secs_f64(since).unwrap_or_default() {
        short if short.as_secs() == 0 => String::new(),
        since => format!(" ({})", words::duration(since)),
    }
}

/// Says that our yes is none any more, why, and where it is given once more.
fn voided(approval: &ApprovalView, event: &Value) -> String {
    let notes = event.get("notes").and_then(Value::as_array).into_iter().flatten();
    let notes: String = notes.map(|note| format!("\n  {}", foreign(text(note, "text")))).collect();
    format!(
        "{}: your yes does not count any more, because there is more to say now:{notes}\n  nothing is \
         signed before you have looked at it again; where `ensign up` asks, or in another terminal: \
         ensign request approve '{}'",
        head(approval),
        called(approval)
    )
}

fn done(head: &str, event: &Value) -> String {
    let signatures = event.get("signatures").and_then(Value::as_array).map_or(0, Vec::len);
    let verified = match signatures {
        1 => "the signature verifies",
        _ => "every signature verifies",
    };
    match text(event, "txid") {
        "" => format!("{head}: all have signed, {verified}"),
        txid => format!("{head}: all have signed, {verified}; transaction {}", foreign(txid)),
    }
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
