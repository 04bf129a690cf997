//! `ensign sign`: propose, wait for everybody, write the result.

mod remote;
mod task;

use std::collections::BTreeSet;
use std::time::Duration;

use ensign_coordinator::{Consent, Event, Outcome, RequestEvent, SigningJob};
use ensign_primitives::{RequestId, SignerIndex};
use ensign_wire::REQUEST_LIFETIME_MAX;
use tokio::time::{Instant, interval_at, timeout_at};

use self::remote::Errand;
use self::task::Task;
use super::block_on;
use crate::args::Sign;
use crate::catalogue as code;
use crate::durable::Existing;
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::home::{HeldHome, Home};
use crate::narrator::Narrator;
use crate::node::{IsMoved, Node, command_failure};
use crate::output::Output;
use crate::question::{self, Answer, Audience, Wanted};
use crate::remote::Remote;
use crate::request::{self, Asked};
use crate::stop::Stop;
use crate::target::{Finished, Targets};
use crate::words;

/// How long we stay after the signature is there, so that every other signer gets it too.
///
/// Guess: a reconnect and a few round trips; whoever needs longer has what it takes to finish from
/// the others.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(5);

/// How often we say whom we wait for.
const REMINDER_INTERVAL: Duration = Duration::from_secs(10);

/// Signs one PSBT or message with the others.
pub(super) fn run(home: Home, args: Sign, output: Output) -> Result<()> {
    if !(Duration::from_secs(1)..=REQUEST_LIFETIME_MAX).contains(&args.expires) {
        let what = format!("{} is outside 1 s to 24 h", words::duration(args.expires));
        return Err(Failure::new(&code::LIFETIME, what));
    }
    let group = home.group(&args.group)?;
    if !args.yes && Audience::of(output) == Audience::Program {
        let what =
            "nobody can be asked: this is no terminal that shows the question and takes an answer";
        return Err(Failure::new(&code::NOBODY_ASKED, what));
    }
    let task = Task::read(&args, &group)?;
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    let (out, extract) = (args.out.as_deref(), args.extract.as_deref());
    let targets = Targets::check(out, extract, task.form, existing)?;
    if let Some(node) = Remote::find(&home)? {
        return Errand { work: task.work, targets, args, output }.run(&node);
    }
    let held = home.with_signer(args.signer.clone()).hold()?;
    block_on(Proposal { held, group, task, targets, args, output }.sign())
}

/// Everything that a signature begins with.
struct Proposal {
    held: HeldHome,
    group: SignerGroup,
    task: Task,
    targets: Targets,
    args: Sign,
    output: Output,
}

impl Proposal {
    /// Proposes, follows the request to its end, and writes the result.
    async fn sign(self) -> Result<()> {
        let Self { held, group, task, targets, args, output } = self;
        let keys = group.keys.clone();
        let mut stop = Stop::new(args.until_stdin_closes)?;
        let groups = [group];
        let mut node = Node::start(held, &groups, args.listen, IsMoved::No, output).await?;
        let [group] = groups;
        if let Err(no) = consent(&mut node, &task, &args, &mut stop, output).await {
            node.shutdown().await;
            return Err(no);
        }
        let name = group.name.clone();
        let others = group.members.len().saturating_sub(1);
        let job = SigningJob {
            purpose: args.purpose,
            mode: args.mode.to_wire(),
            lifetime: args.expires,
            ..SigningJob::new(group.id(), task.work)
        };
        let mut narrator = Narrator::new(output, vec![group]);
        let refused = |error| command_failure(&error);
        let preview = node.coordinator.preview(&job).await.map_err(refused)?;
        let yes = Consent::person(preview.digest);
        let approval = node.coordinator.propose(job, yes).await.map_err(refused)?;
        narrator.learn(&approval);
        let group = narrator.group(&approval.group.id);
        let line = request::line("proposed", &Asked::of(&approval), group);
        let text = format!(
            "proposed request {} to group {name}, {others} more must sign; open for {}, Ctrl-C is safe",
            approval.id.short(),
            words::duration(args.expires)
        );
        output.talk(&line, text);
        let mut session = Session::new(node, narrator, approval.id);
        let result = tokio::select! {
            () = stop.asked() => Err(session.interrupted()),
            outcome = session.outcome() => outcome,
        };
        let written = match result {
            Ok(outcome) => {
                let finished = Finished::new(&outcome, &keys);
                session.hand_out(finished, targets, &mut stop, output).await
            }
            Err(failure) => Err(failure),
        };
        if written.is_ok() {
            // A node that has stopped says so by itself.
            let _ = session.node.coordinator.received(session.request).await;
            session.farewell(others).await;
        }
        session.node.shutdown().await;
        if written.is_ok() {
            tokio::select! {
                () = stop.asked() => {}
                () = Output::read_by_all() => {}
            }
        }
        written
    }
}

/// Shows what is about to be proposed, and asks unless the command line says yes.
async fn consent(
    node: &mut Node,
    task: &Task,
    args: &Sign,
    stop: &mut Stop,
    output: Output,
) -> Result<()> {
    let question = request::own_question(task.summary.as_ref(), task.message.as_ref());
    if args.yes {
        output.notice(&question.shown);
        return accepted(&question.wanted, &args.accept_note);
    }
    let answer = async {
        tokio::select! {
            answer = question::ask(output, question) => answer,
            // Whoever connects meanwhile is told of in the session.
            () = drain(node) => Answer::Nobody,
        }
    };
    let answer = tokio::select! {
        answer = answer => answer,
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

/// Takes the events that come while somebody thinks, until the node stops.
async fn drain(node: &mut Node) {
    while node.events.next().await.is_some() {}
}

/// Checks that the command line names each grave note.
fn accepted(wanted: &Wanted, accepted: &[String]) -> Result<()> {
    let missing = wanted.missing(accepted);
    if missing.is_empty() {
        return Ok(());
    }
    let what = format!("--yes is not enough for what is grave here: {}", missing.join(", "));
    let options: Vec<_> = missing.iter().map(|note| format!("--accept-note {note}")).collect();
    let hint = format!("look at it once more; if it shall be so, add {}", options.join(" "));
    Err(Failure::new(&code::GRAVE, what).hint(hint))
}

/// One request that we follow to its end.
struct Session {
    node: Node,
    narrator: Narrator,
    request: RequestId,
    /// Whom we were waiting for last.
    waiting: Vec<SignerIndex>,
    waiting_since: Instant,
    /// Who holds the signatures too.
    done: BTreeSet<SignerIndex>,
}

impl Session {
    fn new(node: Node, narrator: Narrator, request: RequestId) -> Self {
        let (waiting, done) = (Vec::new(), BTreeSet::new());
        Self { node, narrator, request, waiting, waiting_since: Instant::now(), done }
    }

    /// Waits for the end of the request, and keeps saying whom it waits for.
    async fn outcome(&mut self) -> Result<Box<Outcome>> {
        let mut reminder = interval_at(Instant::now() + REMINDER_INTERVAL, REMINDER_INTERVAL);
        loop {
            let event = tokio::select! {
                event = self.node.events.next() => event,
                _ = reminder.tick() => {
                    self.remind();
                    continue;
                }
            };
            let Some(event) = event else {
                return Err(self.narrator.why_stopped());
            };
            self.note(&event);
            if let Some(end) = self.end(event) {
                return end;
            }
        }
    }

    /// Returns how the request ended, if the event says so.
    fn end(&self, event: Event) -> Option<Result<Box<Outcome>>> {
        let Event::Request(request, event) = event else { return None };
        if request.id != self.request {
            return None;
        }
        if let RequestEvent::Done { outcome } = event {
            return Some(Ok(outcome));
        }
        let RequestEvent::Failed { problem, .. } = event else { return None };
        let failure = self.narrator.failure(request.id, &problem);
        // Whom we waited for is to be named only where a wait has ended.
        let is_wait = matches!(problem.code, "E-SES-003" | "E-SES-004");
        Some(Err(match failure.who[..] {
            [] if is_wait => failure.who(self.narrator.signers(request.id, &self.waiting)),
            _ => failure,
        }))
    }

    fn remind(&self) {
        if !self.waiting.is_empty() {
            let since = self.waiting_since.elapsed();
            self.narrator.waiting(self.request, &self.waiting, since);
        }
    }

    /// Stays until every other signer has the signatures, or for [`FAREWELL_TIMEOUT`].
    async fn farewell(&mut self, others: usize) {
        let end = Instant::now() + FAREWELL_TIMEOUT;
        while self.done.len() < others {
            match timeout_at(end, self.node.events.next()).await {
                Ok(Some(event)) => self.note(&event),
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn note(&mut self, event: &Event) {
        if let Event::Request(request, of_request) = event
            && request.id == self.request
        {
            if let RequestEvent::PeerDone { who } = of_request {
                self.done.insert(*who);
            }
            if let RequestEvent::Waiting { on, since } = of_request {
                self.waiting.clone_from(on);
                let since = Instant::now().checked_sub(*since);
                self.waiting_since = since.unwrap_or_else(Instant::now);
            }
            if let RequestEvent::Failed { problem, .. } = of_request {
                // A person reads it once, as the error that this command ends with.
                return self.narrator.failed_for_programs(request.id, problem);
            }
        }
        self.narrator.tell(event);
    }

    /// Writes the result; one that is printed counts as handed out once it was read.
    async fn hand_out(
        &self,
        finished: Finished,
        targets: Targets,
        stop: &mut Stop,
        output: Output,
    ) -> Result<()> {
        let is_printed = targets.is_printed();
        // A pipe may wait for its reader: the others are served meanwhile.
        let write = tokio::task::spawn_blocking(move || targets.write(&finished, output));
        tokio::select! {
            written = write => {
                written.map_err(|error| Failure::new(&code::INTERNAL, error.to_string()))??;
            }
            () = stop.asked() => return Err(self.unread()),
        }
        if !is_printed {
            return Ok(());
        }
        let is_read = tokio::select! {
            () = Output::read_by_all() => true,
            // Whoever reads at all has it soon.
            () = stop.asked() => Output::finish(),
        };
        if is_read { Ok(()) } else { Err(self.unread()) }
    }

    fn unread(&self) -> Failure {
        let id = self.request.short();
        let what = format!("request {id} is signed, and its result was not read to the end");
        let hint = format!("`ensign request show {id} --out FILE` writes it");
        Failure::new(&code::INTERRUPTED, what).hint(hint)
    }

    fn interrupted(&self) -> Failure {
        let what = format!("request {} stays open", self.request.short());
        let waiting = self.narrator.signers(self.request, &self.waiting);
        Failure::new(&code::INTERRUPTED, what).who(waiting)
    }
}
