//! `ensign sign`: propose, wait for everybody, write the result.

use std::collections::BTreeSet;
use std::fs;
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::time::Duration;

use ensign_coordinator::{Event, Outcome, SigningJob, Work};
use ensign_primitives::{RequestId, SignerIndex};
use ensign_psbt::{PsbtError, Summary};
use ensign_wire::{PAYLOAD_BYTES_MAX, REQUEST_LIFETIME_MAX};
use tokio::time::{Instant, interval_at, timeout_at};

use super::block_on;
use crate::args::Sign;
use crate::catalogue as code;
use crate::durable::{self, Existing, Readers};
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::home::{Home, shown};
use crate::narrator::Narrator;
use crate::node::{Node, command_failure};
use crate::output::{Line, Output};
use crate::request;
use crate::stop::Stop;
use crate::words;

/// How long we stay after the signature is there, so that every other signer gets it too.
///
/// Guess: a reconnect and a few round trips; whoever needs longer has what it takes to finish from
/// the others.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(5);

/// How often we say whom we wait for.
const REMINDER_INTERVAL: Duration = Duration::from_secs(10);

/// Most bytes of a PSBT file: base64 with line breaks takes less than twice the binary form.
const FILE_BYTES_MAX: u64 = 2 * PAYLOAD_BYTES_MAX as u64;

/// Signs one PSBT or message with the others.
pub(super) fn run(home: Home, args: Sign, output: Output) -> Result<()> {
    if !(Duration::from_secs(1)..=REQUEST_LIFETIME_MAX).contains(&args.expires) {
        let what = format!("{} is outside 1 s to 24 h", words::duration(args.expires));
        return Err(Failure::new(&code::LIFETIME, what));
    }
    let group = home.group(&args.group)?;
    let task = Task::read(&args, &group)?;
    for file in [&args.out, &args.extract].into_iter().flatten() {
        check_folder(file)?;
    }
    let is_person = !args.yes && !output.is_json() && std::io::stdin().is_terminal();
    output.text(request::work_text(task.summary.as_ref(), task.message.as_ref()));
    if is_person && !confirmed(output)? {
        return Err(Failure::new(&code::OWN_NO, "you said no; nothing was proposed"));
    }
    block_on(sign(home, group, task, &args, output))
}

/// What shall be signed, checked against the group.
struct Task {
    work: Work,
    summary: Option<Summary>,
    message: Option<[u8; 32]>,
    /// Whether the file was text; the result is written alike.
    is_base64: bool,
}

impl Task {
    fn read(args: &Sign, group: &SignerGroup) -> Result<Self> {
        match (&args.psbt, &args.message) {
            (Some(file), _) => Self::read_psbt(file, group),
            (None, message) => {
                let message = parse_message(message.as_deref().unwrap_or_default())?;
                let work = Work::Messages(vec![message]);
                Ok(Self { work, summary: None, message: Some(message), is_base64: false })
            }
        }
    }

    fn read_psbt(file: &Path, group: &SignerGroup) -> Result<Self> {
        let bytes = read_file(file)?;
        let refused = |error: PsbtError| psbt_failure(file, &error);
        let psbt = ensign_psbt::parse(&bytes).map_err(refused)?;
        let spend = ensign_psbt::analyze(&psbt, &group.keys).map_err(refused)?;
        let is_base64 = !bytes.starts_with(b"psbt");
        let (work, summary) = (Work::Psbt(bytes), Some(spend.summary));
        Ok(Self { work, summary, message: None, is_base64 })
    }
}

fn read_file(file: &Path) -> Result<Vec<u8>> {
    let refused = |reason: String| {
        Failure::new(&code::FILE_READ, format!("cannot read {}: {reason}", shown(file)))
    };
    let mut bytes = Vec::new();
    fs::File::open(file)
        .and_then(|opened| opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| refused(error.to_string()))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(refused(format!("more than {FILE_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

fn psbt_failure(file: &Path, error: &PsbtError) -> Failure {
    let is_malformed = matches!(error, PsbtError::Decode(_));
    let entry = if is_malformed { &code::PSBT_BYTES } else { &code::PSBT_REFUSED };
    Failure::new(entry, format!("{}: {error}", shown(file)))
}

fn parse_message(text: &str) -> Result<[u8; 32]> {
    let mut message = [0; 32];
    hex::decode_to_slice(text, &mut message).map_err(|_| {
        let what = match text.chars().find(|c| !c.is_ascii_hexdigit()) {
            Some(c) => format!("`{}` is no hex digit", words::foreign(&c.to_string())),
            None => format!("the message has {} hex digits instead of 64", text.len()),
        };
        Failure::new(&code::MESSAGE_LENGTH, what)
    })?;
    Ok(message)
}

/// Finds out before anybody signs that a result could not be written.
fn check_folder(file: &Path) -> Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if file.is_dir() || !folder.is_dir() {
        let what = format!("cannot write {}: there is no such folder", shown(file));
        return Err(Failure::new(&code::FILE_WRITE, what));
    }
    Ok(())
}

fn confirmed(output: Output) -> Result<bool> {
    output.prompt("propose this and sign it? [yes/no] ");
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .map_err(|error| Failure::new(&code::FILE_READ, format!("no answer: {error}")))?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}

async fn sign(
    home: Home,
    group: SignerGroup,
    task: Task,
    args: &Sign,
    output: Output,
) -> Result<()> {
    let mut stop = Stop::new(args.until_stdin_closes)?;
    let groups = [group];
    let node = Node::start(home, &groups, args.listen, output).await?;
    let [group] = groups;
    let others = group.members.len().saturating_sub(1);
    let job = SigningJob {
        purpose: args.purpose.clone(),
        mode: args.mode.to_wire(),
        lifetime: args.expires,
        ..SigningJob::new(group.id(), task.work)
    };
    let mut narrator = Narrator::new(output, vec![group]);
    let approval = node.coordinator.propose(job).await.map_err(|error| command_failure(&error))?;
    narrator.learn(&approval);
    let line = request::line("proposed", &approval, narrator.group(&approval.group));
    let text = format!(
        "proposed request {} to {others} others; open for {}, Ctrl-C is safe",
        approval.id.short(),
        words::duration(args.expires)
    );
    output.tell(&line, text);
    let mut session = Session {
        node,
        narrator,
        request: approval.id,
        waiting: Vec::new(),
        waiting_since: Instant::now(),
        done: BTreeSet::new(),
    };
    let result = tokio::select! {
        () = stop.asked() => Err(session.interrupted()),
        outcome = session.outcome() => outcome,
    };
    let written = result.and_then(|outcome| write(&outcome, args, task.is_base64, output));
    if written.is_ok() {
        session.farewell(others).await;
    }
    session.node.coordinator.shutdown().await;
    written
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
                return Err(Failure::new(&code::INTERNAL, "the node has stopped"));
            };
            self.note(&event);
            if let Some(end) = self.end(event) {
                return end;
            }
        }
    }

    /// Returns how the request ended, if the event says so.
    fn end(&self, event: Event) -> Option<Result<Box<Outcome>>> {
        if let Event::Done { request, outcome } = event {
            return (request == self.request).then_some(Ok(outcome));
        }
        let Event::Failed { request, problem, .. } = event else { return None };
        if request != self.request {
            return None;
        }
        let failure = self.narrator.failure(request, &problem);
        Some(Err(match failure.who[..] {
            [] => failure.who(self.narrator.signers(request, &self.waiting)),
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
        if let Event::PeerDone { request, who } = event
            && *request == self.request
        {
            self.done.insert(*who);
        }
        if let Event::Waiting { request, on, since } = event
            && *request == self.request
        {
            self.waiting.clone_from(on);
            self.waiting_since = Instant::now().checked_sub(*since).unwrap_or_else(Instant::now);
        }
        self.narrator.tell(event);
    }

    fn interrupted(&self) -> Failure {
        let what = format!("request {} stays open", self.request.short());
        let waiting = self.narrator.signers(self.request, &self.waiting);
        Failure::new(&code::INTERRUPTED, what).who(waiting)
    }
}

/// Writes the result where the user wants it.
fn write(outcome: &Outcome, args: &Sign, is_base64: bool, output: Output) -> Result<()> {
    let Some(psbt) = &outcome.psbt else {
        for signature in &outcome.signatures {
            output.text(format!("signature {}", hex::encode(signature)));
        }
        return Ok(());
    };
    match &args.out {
        Some(file) => {
            let text = || format!("{}\n", psbt.base64()).into_bytes();
            write_file(file, &if is_base64 { text() } else { psbt.bytes() }, output)?;
        }
        None => {
            let line = Line::new("signed_psbt").with("psbt", psbt.base64());
            output.tell(&line, psbt.base64());
        }
    }
    if let Some(file) = &args.extract {
        let tx = hex::encode(psbt.extract_tx().bytes);
        write_file(file, format!("{tx}\n").as_bytes(), output)?;
    }
    Ok(())
}

fn write_file(file: &Path, bytes: &[u8], output: Output) -> Result<()> {
    durable::write(file, bytes, Existing::Replace, Readers::Usual).map_err(|error| {
        Failure::new(&code::FILE_WRITE, format!("cannot write {}: {error}", shown(file)))
    })?;
    let line = Line::new("written").with("file", shown(file)).with("bytes", bytes.len());
    output.tell(&line, format!("wrote {}", shown(file)));
    Ok(())
}
