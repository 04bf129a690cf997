//! A request of ours, followed to its end.

use std::time::Duration;

use ensign_api::view::WaitView;
use ensign_coordinator::{Event, Outcome, RequestEvent, RequestRef};
use ensign_primitives::SignerIndex;
use ensign_session::Phase;
use tokio::time::{Instant, interval_at, timeout};

use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::narrator::Narrator;
use crate::node::Node;
use crate::output::Output;
use crate::request::{self, Asked};
use crate::stop::Stop;
use crate::target::{self, Finished, Targets};

/// How long we stay after the signature is there, so that every other signer gets it too.
///
/// Guess: a reconnect and a few round trips; whoever needs longer has what it takes to finish from
/// the others.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(5);

/// How often we say whom we wait for.
const REMINDER_INTERVAL: Duration = Duration::from_secs(10);

/// How long a result is still being written once we are asked to end. Guess: any file, and a pipe whose
/// reader reads.
const WRITE_GRACE: Duration = Duration::from_secs(2);

/// One request that we follow to its end.
pub(super) struct Session {
    pub(super) node: Node,
    narrator: Narrator,
    output: Output,
    pub(super) request: RequestRef,
    /// Whom we were waiting for last.
    waiting: Vec<SignerIndex>,
    waiting_since: Instant,
    /// Whose yes is missing, and who has to be there, as long as nothing is being signed.
    wait: Option<WaitView>,
}

impl Session {
    pub(super) fn new(node: Node, narrator: Narrator, output: Output, request: RequestRef) -> Self {
        let (waiting, waiting_since) = (Vec::new(), Instant::now());
        Self { node, narrator, output, request, waiting, waiting_since, wait: None }
    }

    /// Waits for the end of the request, and keeps saying whom it waits for.
    pub(super) async fn outcome(&mut self) -> Result<Box<Outcome>> {
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
        if request.id != self.request.id {
            return None;
        }
        if let RequestEvent::Done { outcome } = event {
            return Some(Ok(outcome));
        }
        let RequestEvent::Failed { problem, .. } = event else { return None };
        let failure = self.narrator.failure(&request, &problem);
        // Whom we waited for is to be named only where a wait has ended.
        let is_wait = matches!(problem.code, "E-SES-003" | "E-SES-004");
        Some(Err(match failure.who[..] {
            [] if is_wait => failure.who(Narrator::signers(&request, &self.waiting)),
            _ => failure,
        }))
    }

    fn remind(&self) {
        if let Some(wait) = &self.wait {
            self.narrator.wait(&self.request, wait);
        } else if !self.waiting.is_empty() {
            let since = self.waiting_since.elapsed();
            self.narrator.waiting(&self.request, &self.waiting, since);
        }
    }

    /// Stays until every other signer has the signatures, or for [`FAREWELL_TIMEOUT`].
    pub(super) async fn farewell(&mut self) {
        let coordinator = self.node.coordinator.clone();
        let finish = coordinator.finish(self.request.id, FAREWELL_TIMEOUT);
        tokio::pin!(finish);
        loop {
            tokio::select! {
                // Whoever lacks them finds them at the others.
                _ = &mut finish => return,
                event = self.node.events.next() => match event {
                    Some(event) => self.note(&event),
                    None => return,
                },
            }
        }
    }

    fn note(&mut self, event: &Event) {
        if let Event::Request(request, of_request) = event
            && request.id == self.request.id
        {
            if let RequestEvent::Waiting { on, since } = of_request {
                self.waiting.clone_from(on);
                let since = Instant::now().checked_sub(*since);
                self.waiting_since = since.unwrap_or_else(Instant::now);
            }
            if let RequestEvent::Wait(wait) = of_request {
                self.wait = Some(WaitView::new(wait, &request.group));
            }
            if let RequestEvent::Phase { phase } = of_request
                && !matches!(phase, Phase::Gathering | Phase::Committing)
            {
                self.wait = None;
            }
            if let RequestEvent::Proposed(_) = of_request {
                // Its user has just been told.
                return;
            }
            if let RequestEvent::Asked(_) = of_request {
                // A yes that has become void.
                self.narrator.tell(event);
                return self.narrator.asked_elsewhere(request);
            }
            if let RequestEvent::Failed { problem, .. } = of_request {
                // A person reads it once, as the error that this command ends with.
                return self.narrator.failed_for_programs(request, problem);
            }
        }
        if let Event::Request(_, RequestEvent::Asked(approval)) = event {
            let asked = Asked::of(approval);
            let (text, name) = (request::text(&asked), asked.name());
            self.output.notice(format!(
                "{text}\nit waits for `ensign up`, or in another terminal: ensign request approve \
                 '{name}'"
            ));
        }
        self.narrator.tell(event);
    }

    /// Writes the result; one that is printed counts as handed out once it was read.
    pub(super) async fn hand_out(
        &self,
        finished: Finished,
        targets: Targets,
        stop: &mut Stop,
        output: Output,
    ) -> Result<()> {
        self.node.keep_issued(&self.request, output).await;
        let is_printed = targets.is_printed();
        // A pipe may wait for its reader: the others are served meanwhile.
        let mut write = tokio::task::spawn_blocking(move || targets.write(&finished, output));
        let written = tokio::select! {
            written = &mut write => written,
            // A file is written in no time; a pipe that nobody reads is left.
            () = stop.asked() => match timeout(WRITE_GRACE, write).await {
                Ok(written) => written,
                Err(_) => return Err(self.unread()),
            },
        };
        let written = written.map_err(|error| Failure::new(&code::INTERNAL, error.to_string()))?;
        written.map_err(|failure| target::kept(&failure, &request::name(&self.request)))?;
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
        let id = request::name(&self.request);
        let what = format!("request {id} is signed, and its result was not read to the end");
        let hint = format!("`ensign request show '{id}' --out FILE` writes it");
        Failure::new(&code::INTERRUPTED, what).hint(hint)
    }

    pub(super) fn interrupted(&self) -> Failure {
        let what = format!("request {} stays open", request::name(&self.request));
        let waiting = match &self.wait {
            Some(wait) if !wait.missing.is_empty() => wait.missing.clone(),
            _ => Narrator::signers(&self.request, &self.waiting),
        };
        Failure::new(&code::INTERRUPTED, what).who(waiting)
    }
}
