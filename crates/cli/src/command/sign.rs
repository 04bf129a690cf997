//! `ensign sign`: propose, wait for everybody, write the result.

mod remote;
mod session;
mod task;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ensign_api::Client;
use ensign_api::view::{PreviewView, WorkView};
use ensign_coordinator::Work;
use ensign_coordinator::{Approval, Consent, SigningJob};
use ensign_psbt::Form;
use ensign_wire::REQUEST_LIFETIME_MAX;

use self::remote::Errand;
use self::session::Session;
use self::task::Task;
use super::block_on;
use crate::args::{SessionMode, Sign};
use crate::catalogue as code;
use crate::durable::Existing;
use crate::failure::{Failure, Result};
use crate::group::SignerGroup;
use crate::home::{HeldHome, Home};
use crate::narrator::Narrator;
use crate::node::{Node, Start, command_failure};
use crate::output::{Line, Output};
use crate::question::{self, Answer, Audience, Question, Wanted};
use crate::remote::Remote;
use crate::request::{self, Asked};
use crate::stop::Stop;
use crate::target::{Finished, Targets};
use crate::upkeep::backup_age;
use crate::words;

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
        let signers = group.members.len();
        return Errand { work: task.work, signers, home, targets, args, output }.run(&node);
    }
    let held = home.with_signer(args.signer.clone()).hold()?;
    block_on(Proposal { held, group, task, targets, args, output }.sign())
}

/// What a drill is asked for with.
pub(super) struct Drill {
    /// The group.
    pub(super) group: String,
    /// How long the others have.
    pub(super) expires: Duration,
    /// Do not ask.
    pub(super) yes: bool,
    /// Who signs, if another process does.
    pub(super) signer: Option<PathBuf>,
    /// Where to listen.
    pub(super) listen: Option<SocketAddr>,
}

/// Drills a group: all sign what moves nobody's coins.
pub(super) fn drill(home: Home, drill: Drill, output: Output) -> Result<()> {
    run(home, drill.into_args(), output)
}

impl Drill {
    /// A drill is signed as everything else is.
    fn into_args(self) -> Sign {
        let Self { group, expires, yes, signer, listen } = self;
        Sign {
            psbt: None,
            message: None,
            drill: true,
            group,
            out: None,
            extract: None,
            force: false,
            mode: SessionMode::Committed,
            purpose: String::new(),
            expires,
            signer,
            yes,
            accept_note: Vec::new(),
            listen,
            until_stdin_closes: false,
        }
    }
}

/// Drills a group through the process that serves the home.
pub(super) async fn drill_through(
    client: &Client,
    home: &Home,
    group: &SignerGroup,
    output: Output,
) -> Result<()> {
    let drill = Drill {
        group: group.name.clone(),
        expires: DRILL_LIFETIME,
        yes: false,
        signer: None,
        listen: None,
    };
    let (signers, home) = (group.members.len(), home.clone());
    let targets = Targets::check(None, None, Form::default(), Existing::Keep)?;
    let args = drill.into_args();
    Errand { work: Work::Drill, signers, home, targets, args, output }.sign(client).await
}

/// How long a drill stays open that follows a group's making. Guess: everybody sits there.
const DRILL_LIFETIME: Duration = Duration::from_secs(2 * 60 * 60);

/// Says that a drill has worked.
fn drilled(group: &str, signers: usize, output: Output) {
    let line = Line::new("drilled").with("group", group).with("signers", signers);
    let text = format!(
        "group {group} is drilled: all {signers} have signed, nobody's coins moved\nIt is kept with \
         the group: `ensign group show {group}`"
    );
    output.tell(&line, text);
}

/// Adds how old our backup is to what is asked about a drill.
pub(crate) fn with_backup(mut work: WorkView, home: &Home) -> WorkView {
    if work.drill {
        work.text += &format!("\n{}", backup_age(words::now(), home.backup_read_back()));
    }
    work
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
        let group_keys = group.keys.clone();
        let groups = [group];
        // Up to here a signal ends it at once: a passphrase may be asked for, or a signer be waited for.
        let keys = held.home.keys()?;
        let mut stop = Stop::new(args.until_stdin_closes)?;
        let start = Start::closed(args.listen);
        let mut node = Node::start(held, keys, &groups, start, output).await?;
        let [group] = groups;
        let job = job_of(&args, SigningJob::new(group.id(), task.work.clone()));
        let mut narrator = Narrator::new(output, &[group]);
        let asking = Asking { node: &mut node, narrator: &mut narrator, stop: &mut stop, output };
        let approval = match asking.propose(job, &task, &args).await {
            Ok(approval) => approval,
            Err(failure) => {
                node.shutdown().await;
                return Err(failure);
            }
        };
        tell_proposed(&approval, args.expires, output);
        let mut session = Session::new(node, narrator, output, approval.reference());
        let result = tokio::select! {
            () = stop.asked() => Err(session.interrupted()),
            outcome = session.outcome() => outcome,
        };
        let written = match result {
            Ok(_) if args.drill => {
                session.node.keep_drill(&session.request, output).await;
                let group = &session.request.group;
                drilled(&group.name, group.members.len(), output);
                Ok(())
            }
            Ok(outcome) => {
                let finished = Finished::new(&outcome, &group_keys);
                session.hand_out(finished, targets, &mut stop, output).await
            }
            Err(failure) => Err(failure),
        };
        if written.is_ok() {
            // A node that has stopped says so by itself.
            let _ = session.node.coordinator.received(session.request.id).await;
            session.farewell().await;
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

/// Says what was proposed, and to how many.
fn tell_proposed(approval: &Approval, expires: Duration, output: Output) {
    let (asked, group) = (Asked::of(approval), &approval.group);
    let text = format!(
        "proposed request {} ({}) to group {}, {} more must sign; open for {}, Ctrl-C is safe",
        approval.id.short(),
        asked.name(),
        group.name,
        group.members.len().saturating_sub(1),
        words::duration(expires)
    );
    output.talk(&request::line("proposed", &asked), text);
}

/// Says of a job what the command line says.
fn job_of(args: &Sign, job: SigningJob) -> SigningJob {
    let (purpose, mode) = (args.purpose.clone(), args.mode.to_wire());
    SigningJob { purpose, mode, lifetime: args.expires, ..job }
}

/// A node that runs while somebody is asked.
struct Asking<'a> {
    node: &'a mut Node,
    narrator: &'a mut Narrator,
    stop: &'a mut Stop,
    output: Output,
}

impl Asking<'_> {
    /// Shows what is about to be proposed, asks unless the command line says yes, and proposes it.
    async fn propose(mut self, job: SigningJob, task: &Task, args: &Sign) -> Result<Approval> {
        let refused = |error| command_failure(&error);
        let preview = self.node.coordinator.preview(&job).await.map_err(refused)?;
        let mut view = PreviewView::new(&preview, &task.work);
        view.work = with_backup(view.work, self.node.home());
        let question = request::own_question(&view.work);
        self.output.json(&request::preview_line(&view));
        let yes = if args.yes {
            self.output.notice(&question.shown);
            accepted(&question.wanted, &args.accept_note)?;
            Consent::rule(preview.digest, "sign --yes")
        } else {
            self.ask(question).await?;
            Consent::person(preview.digest)
        };
        self.node.coordinator.propose(job, yes).await.map_err(refused)
    }

    /// Asks the person at the terminal.
    async fn ask(&mut self, question: Question) -> Result<()> {
        let Self { node, narrator, stop, output } = self;
        let told = async {
            while let Some(event) = node.events.next().await {
                narrator.tell(&event);
            }
        };
        let answer = tokio::select! {
            answer = question::ask(*output, question) => answer,
            () = told => Answer::Nobody,
            () = stop.asked() => Answer::Nobody,
        };
        match answer {
            Answer::Yes => Ok(()),
            Answer::No => Err(Failure::new(&code::OWN_NO, "you said no; nothing was proposed")),
            Answer::Nobody | Answer::TooMany => Err(no_answer()),
        }
    }
}

/// Says that the person at the terminal went away.
fn no_answer() -> Failure {
    let what = "there was no answer; nothing was proposed";
    let hint = "nothing needs to be done; to be asked again, run it again";
    Failure::new(&code::NOBODY_ASKED, what).hint(hint)
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
