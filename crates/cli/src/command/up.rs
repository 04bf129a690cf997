//! `ensign up`: be reachable, and ask before signing.

mod given;
mod opened;
mod rule;

use ensign_coordinator::{Approval, CommandError, Consent, Event, Outcome, RequestEvent};
use ensign_primitives::RequestId;
use ensign_psbt::ConsentDigest;

use self::given::Given;
use self::rule::{Rule, Verdict};
use super::sign::with_backup;
use crate::args::{Approve, Up};
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::{Home, Signed, shown};
use crate::household::{Decision, News};
use crate::narrator::{Narrator, session_line};
use crate::node::{IsMoved, Node, Start, command_failure};
use crate::opening::Opening;
use crate::output::{Line, Output};
use crate::question::{Answer, Answered, Audience, Desk, Subject};
use crate::request::{self, Asked};
use crate::stop::{Stop, Wish};
use crate::words::{foreign, list};

/// Runs until the user or the system ends it.
pub(super) async fn run(home: Home, args: Up, output: Output) -> Result<()> {
    let groups = home.groups()?;
    let rule = Rule::new(&args, &groups)?;
    rule.check_signer(args.signer.as_deref(), args.nobody_asks)?;
    let key = if args.signer.is_some() { Key::Beside } else { Key::Here };
    let mut held = home.with_signer(args.signer.clone()).hold().map_err(runs_already)?;
    held.home = opened::keep(held.home, &args, output)?;
    let signed = Signed::open(&held.home)?;
    let is_moved = if args.moved { IsMoved::Yes } else { IsMoved::No };
    // Up to here a signal ends it at once: a passphrase may be asked for, or a signer be waited for.
    let keys = held.home.keys()?;
    let mut stop = Stop::new(args.until_stdin_closes)?;
    let (opening, warnings) = Opening::of(held.home.settings(), args.listen).await.unzip();
    warnings.iter().flatten().for_each(|warning| output.warning(warning));
    let is_open = opening.is_some();
    let start = Start { listen: args.listen, is_moved, opening };
    let node = Node::start(held, keys, &groups, start, output).await?;
    let (forming, _) =
        node.coordinator.formations().await.map_err(|error| command_failure(&error))?;
    if !is_open && node.home().groups()?.is_empty() && forming.is_empty() {
        node.shutdown().await;
        return Err(Failure::new(&code::GROUP_NONE, "this home belongs to no group yet"));
    }
    let asks = args.approve != Approve::None && !args.until_stdin_closes;
    let pace = node.home().settings().asked();
    output.notice(key.rule(&rule));
    let mut narrator = Narrator::new(output, &groups);
    narrator.know_forming(&forming);
    opened::tell_first(node.home(), &mut narrator, output);
    remind_of_banned(&node, output).await?;
    for view in &forming {
        let name = &view.name;
        output.notice(format!("group {name} forms: ensign group show {name}"));
    }
    let mut duty = Duty {
        node,
        signed,
        output,
        narrator,
        rule,
        given: Given::default(),
        key,
        audience: Audience::of(output),
        desk: asks.then(|| Desk::open(output).at_pace(pace)),
    };
    let ended = duty.serve(&mut stop).await;
    duty.desk = None;
    duty.node.shutdown().await;
    output.talk(&Line::new("stopped"), "stopped; open requests go on at the next `ensign up`");
    ended
}

/// Says whom our user has banned: a month later nobody would look for that.
async fn remind_of_banned(node: &Node, output: Output) -> Result<()> {
    let peers = node.coordinator.peers().await.map_err(|error| command_failure(&error))?;
    for peer in peers.iter().filter(|peer| peer.is_banned) {
        let name = foreign(&peer.name);
        let groups: Vec<_> = peer.groups.iter().map(|group| foreign(&group.name)).collect();
        output.notice(format!(
            "you have banned {name}: nothing is signed with {} before `ensign net unban {name}`",
            list(&groups)
        ));
    }
    Ok(())
}

/// Says that one process is enough.
fn runs_already(failure: Failure) -> Failure {
    if failure.entry != &code::HOME_IN_USE {
        return failure;
    }
    failure.hint(
        "it serves every group of this home, and no second one is needed: see `ensign status`; if it is \
         an `ensign sign`, wait for its end",
    )
}

/// Where the signer key is.
#[derive(Clone, Copy)]
enum Key {
    Here,
    /// With `ensign signer`, or another process that decides by itself what it signs.
    Beside,
}

impl Key {
    /// What becomes of requests, and who asks.
    fn rule(self, rule: &Rule) -> String {
        let what = match (self, rule.names()) {
            (Self::Here, Some(names)) => {
                format!("signing without asking what is asked of {names}, grave notes excepted")
            }
            (Self::Beside, Some(names)) => format!(
                "joining without asking what is asked of {names}, grave notes excepted; what is \
                 signed is for the signer to decide"
            ),
            (Self::Here, None) if rule.is_ask() => "asking before each signature".to_owned(),
            (Self::Beside, None) if rule.is_ask() => String::from(
                "asking before joining a request. The signer does not believe this node: it shows \
                 the request again and asks before it signs, unless it runs with --yes-to-all. \
                 With --approve all only the signer asks, and waits 5 minutes",
            ),
            (Self::Here | Self::Beside, None) => {
                "asking nothing: requests stay open, and what was approved goes on".to_owned()
            }
        };
        format!("{what}; Ctrl-C ends")
    }

    /// What a yes does.
    const fn verb(self) -> &'static str {
        match self {
            Self::Here => "sign",
            Self::Beside => "join",
        }
    }
}

/// Why nobody is asked.
const NO_INPUT: &str = "there is no input to ask on";

/// Why a question that gave way to others is not asked.
pub(crate) const TOO_MANY: &str = "more requests of that member wait than are let wait \
                                   (limits.waiting_per_member)";

/// How another command says that a yes was taken back.
const WITHDRAWN: &str = "withdrawn";

/// Why a rule does not say yes.
const A_PERSONS: &str = "a person had said yes, and a person has to look again";

/// What a node that is up does.
struct Duty {
    node: Node,
    signed: Signed,
    output: Output,
    narrator: Narrator,
    rule: Rule,
    given: Given,
    key: Key,
    audience: Audience,
    /// Where questions are asked; `None` when nobody is to be asked.
    desk: Option<Desk>,
}

impl Duty {
    async fn serve(&mut self, stop: &mut Stop) -> Result<()> {
        loop {
            tokio::select! {
                wish = stop.wish() => match wish {
                    Wish::Hangup if !self.has_lost_terminal() => self.reload().await,
                    Wish::End | Wish::Hangup => return Ok(()),
                },
                event = self.node.events.next() => match event {
                    Some(event) => self.on_event(event).await?,
                    None => return Err(self.narrator.why_stopped()),
                },
                news = self.node.clients.next() => self.on_news(news),
                over = next_answer(&mut self.desk) => self.on_answer(over).await,
            }
        }
    }

    /// Whether somebody was asked on a terminal that has gone away.
    fn has_lost_terminal(&self) -> bool {
        let was_there = self.audience == Audience::Person;
        was_there && rustix::termios::tcgetattr(std::io::stdin()).is_err()
    }

    /// Reads the groups of the home again; what is wrong with them is told, and nothing ends.
    async fn reload(&mut self) {
        match self.node.reload(self.output).await {
            Ok(groups) => {
                let names: Vec<_> = groups.iter().map(|group| group.name.clone()).collect();
                let line = Line::new("reloaded").with("groups", names.clone());
                let text = format!("read the rules and the groups again: {}", names.join(", "));
                self.output.talk(&line, text);
                self.narrator.know(&groups);
            }
            Err(failure) => self.output.warning(&failure),
        }
    }

    async fn on_event(&mut self, event: Event) -> Result<()> {
        self.narrator.tell(&event);
        let Event::Request(request, event) = event else { return Ok(()) };
        let request = request.id;
        if let RequestEvent::Asked(approval) = event {
            self.decide(&approval).await;
            return Ok(());
        }
        if let RequestEvent::Voided { .. } = event {
            self.given.voided(request);
        }
        if let RequestEvent::Withdrawn = event {
            self.given.withdrawn(request);
        }
        if let RequestEvent::Failed { .. } = event {
            self.over(request);
        }
        if let RequestEvent::Done { outcome } | RequestEvent::Recovered(outcome) = event {
            self.over(request);
            keep(&mut self.signed, request, &outcome, self.output)?;
            // A node that has stopped says so by itself.
            let _ = self.node.coordinator.received(request).await;
        }
        Ok(())
    }

    fn on_news(&mut self, news: News) {
        let Decision { request, handle, verb } = match news {
            News::Decided(decision) => decision,
            News::Groups(groups) => return self.narrator.know(&groups),
        };
        let called = handle.map_or_else(|| request.short(), |handle| handle.to_string());
        let text = format!("{called} was {verb} in another terminal");
        let line = session_line("decided", request)
            .with("handle", handle.map(|handle| handle.to_string()))
            .with("how", verb);
        self.output.talk(&line, text);
        if verb == WITHDRAWN {
            // It is asked about again, perhaps already.
            return self.given.withdrawn(request);
        }
        self.given.by_person(&request);
        self.settle(request);
    }

    async fn decide(&mut self, approval: &Approval) {
        let (id, mut asked) = (approval.id, Asked::of(approval));
        asked.work = with_backup(asked.work, self.node.home());
        let is_for_person = self.given.is_for_person(&id);
        let mut verdict = self.rule.verdict(&approval.group.id, &request::grave(&approval.notes));
        if is_for_person && matches!(verdict, Verdict::Yes(_)) {
            verdict = Verdict::Ask(Vec::new());
        }
        if !matches!((&verdict, &self.desk), (Verdict::Ask(_), Some(_))) {
            // Where it is asked about, the question shows it.
            self.output.notice(request::text(&asked));
        }
        match (verdict, &mut self.desk) {
            (Verdict::Yes(rule), _) => {
                // A question about it that was asked before it changed is none any more.
                self.settle(id);
                let consent = Consent::rule(approval.digest, &rule);
                if self.consent(id, &asked.name(), consent, &format!("{rule} approved")).await {
                    self.given.by_rule(id);
                }
            }
            (Verdict::Ask(_), Some(desk)) => desk.ask(request::question(self.key.verb(), &asked)),
            (Verdict::Ask(grave), None) if !grave.is_empty() => {
                self.leave(id, &asked.name(), &format!("it is grave ({})", grave.join(", ")));
            }
            (Verdict::Ask(_), None) if is_for_person => self.leave(id, &asked.name(), A_PERSONS),
            (Verdict::Ask(_), None) => self.leave(id, &asked.name(), NO_INPUT),
            (Verdict::Leave, _) => self.leave(id, &asked.name(), "nothing is asked here"),
        }
    }

    /// Says that a request stays open, and how it is signed all the same.
    fn leave(&self, id: RequestId, name: &str, why: &str) {
        let line = Line::new("cannot_ask").with("request", id.to_string());
        let text = format!(
            "{name} is left open: {why}; to look at it and decide, in another terminal: ensign \
             request approve '{name}'"
        );
        self.output.talk(&line.with("why", why), text);
    }

    async fn on_answer(&mut self, over: Answered) {
        let Answered { subject: Subject::Request(id), name, digest, answer } = over else { return };
        match answer {
            Answer::Yes => {
                let consent = Consent::person(ConsentDigest(digest));
                if self.consent(id, &name, consent, "you approved").await {
                    self.given.by_person(&id);
                }
            }
            Answer::No => self.refuse(id, &name).await,
            Answer::Nobody => self.leave(id, &name, NO_INPUT),
            Answer::TooMany => self.leave(id, &name, TOO_MANY),
        }
    }

    /// Says yes; returns whether that counts.
    async fn consent(&self, id: RequestId, name: &str, consent: Consent, how: &str) -> bool {
        let said = self.node.coordinator.approve(id, consent).await;
        match &said {
            Ok(()) => {
                let line = session_line("approved", id).with("handle", handle_of(name));
                self.output.talk(&line, format!("{how} {name}"));
            }
            // It is asked about once more, as it is now.
            Err(error @ CommandError::Changed { .. }) => {
                self.output.notice(format!("{name} is not approved: {error}"));
            }
            // It may have ended while we decided; then there is nothing to sign.
            Err(error) => self.output.failure(&command_failure(error)),
        }
        said.is_ok()
    }

    async fn refuse(&self, id: RequestId, name: &str) {
        let line = session_line("declined", id).with("handle", handle_of(name));
        self.output.talk(&line, format!("you declined {name}"));
        if let Err(error) = self.node.coordinator.decline(id).await {
            self.output.failure(&command_failure(&error));
        }
    }

    fn over(&mut self, request: RequestId) {
        self.given.over(&request);
        self.settle(request);
    }

    /// Takes back the question about a request that is decided or over.
    fn settle(&mut self, request: RequestId) {
        if let Some(desk) = &mut self.desk {
            desk.settle(&Subject::Request(request));
        }
    }
}

/// Returns a request's number, where it is called by it.
fn handle_of(name: &str) -> Option<&str> {
    name.starts_with('#').then_some(name)
}

/// Keeps a result in the home, so that each signer has it.
fn keep(signed: &mut Signed, request: RequestId, outcome: &Outcome, output: Output) -> Result<()> {
    let path = match &outcome.psbt {
        Some(psbt) => signed.keep(&format!("{request}.psbt"), &psbt.bytes())?,
        None => {
            let signatures: Vec<_> = outcome.signatures.iter().map(hex::encode).collect();
            signed.keep(&format!("{request}.sig"), signatures.join("\n").as_bytes())?
        }
    };
    let line = Line::new("kept").with("request", request.to_string()).with("file", shown(&path));
    output.talk(&line, format!("kept in {}", shown(&path)));
    Ok(())
}

/// Waits for the next answer; for ever when nobody is asked.
async fn next_answer(desk: &mut Option<Desk>) -> Answered {
    match desk {
        Some(desk) => desk.next().await,
        None => std::future::pending().await,
    }
}
