//! `ensign group invite`, `join` and `confirm`: from a code to a group that all have confirmed, and drilled.
//!
//! Everything goes through the process that serves the home; where none does, this one does until the end.

use std::time::Duration;

use ensign_api::view::{
    ApprovalView, Confirmation, Done, FormationView, NewFormation, WorkView, Yes,
};
use ensign_api::{Client, Stream};
use ensign_coordinator::{Coordinator, Event};
use serde_json::Value;
use tokio::time::timeout;

use super::super::block_on;
use super::super::sign;
use crate::args::Follow;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::forming::{self, text};
use crate::home::Home;
use crate::household::News;
use crate::kept::{id_of, of_request};
use crate::narrator::Narrator;
use crate::node::{Node, Start};
use crate::output::{Line, Output};
use crate::question::{self, Answer, Audience, Question, Subject};
use crate::remote::{Remote, client_failure};
use crate::request;
use crate::stop::Stop;
use crate::views::{self, short};
use crate::words::{self, foreign};

/// How long a node that has all signatures stays for those who lack some. Guess: a few round trips over a
/// bad line; whoever is later gets them from anybody else.
const FAREWELL: Duration = Duration::from_secs(3);

/// Begins, or takes a seat, and goes on until the group is there, and drilled.
pub(super) fn run(home: Home, asked: NewFormation, follow: Follow, output: Output) -> Result<()> {
    if let Some(node) = Remote::find(&home)? {
        let client = node.client().clone();
        let follower = Follower { client, home, node: None, follow, output };
        return node.wait(follower.run(asked));
    }
    let groups = home.groups()?;
    let held = home.with_signer(follow.signer.clone()).hold()?;
    // Up to here a signal ends it at once: a passphrase may be asked for, or a signer be waited for.
    let keys = held.home.keys()?;
    block_on(async {
        let listen = follow.listen;
        let mut node = Node::start(held, keys, &groups, Start::closed(listen), output).await?;
        let (home, coordinator) = (node.home().clone(), node.coordinator.clone());
        let client = Client::new(home.path());
        let follower = Follower { client, home, node: Some(coordinator), follow, output };
        let mut narrator = Narrator::new(output, &groups);
        let told = async {
            loop {
                let event = tokio::select! {
                    event = node.events.next() => event,
                    news = node.clients.next() => {
                        if let News::Groups(groups) = news {
                            narrator.know(&groups);
                        }
                        continue;
                    }
                };
                match event {
                    None => return,
                    Some(
                        event @ (Event::Peer(..)
                        | Event::Busy(..)
                        | Event::Warning { .. }
                        | Event::Convicted { .. }),
                    ) => narrator.tell(&event),
                    // What else happens the follower tells.
                    Some(_) => {}
                }
            }
        };
        let ended = tokio::select! {
            ended = follower.run(asked) => Some(ended),
            () = told => None,
        };
        let ended = ended.unwrap_or_else(|| Err(narrator.why_stopped()));
        node.shutdown().await;
        ended
    })
}

/// Confirms a fingerprint that was compared, or shows it and asks; or gives the group up.
pub(super) fn confirm(
    home: &Home,
    name: &str,
    typed: &[String],
    refuse: bool,
    output: Output,
) -> Result<()> {
    let Some(node) = Remote::find(home)? else {
        let what = "no node runs here that could tell the others";
        let hint =
            "run `ensign up`, or keep `ensign group invite` or `join` running, and confirm then";
        return Err(Failure::new(&code::REQUEST_NEEDS_UP, what).hint(hint));
    };
    if refuse {
        let forms = named(home, node.get("/v1/formations")?, name)?;
        let path = of_formation(forms.as_ref().map_or(name, |view| &view.name), "");
        let refused: Result<Done> = node.delete(&path);
        let _ = refused.map_err(|failure| given_up_too_late(name, failure))?;
        let line = Line::new("formation_given_up").with("group", name);
        output.tell(&line, format!("you gave up group {name}; the others are told"));
        return Ok(());
    }
    let view = match named(home, node.get("/v1/formations")?, name)? {
        Some(view) => view,
        // A group that has no certificate; of any other name the node says why not.
        None => {
            let asked = NewFormation { name: Some(name.to_owned()), ..NewFormation::default() };
            let begun: FormationView = node.post("/v1/formations", &asked)?;
            output.notice(format!("group {name}: the others' nodes are asked to confirm it too"));
            begun
        }
    };
    forming::check_names(&view)?;
    if typed.is_empty() {
        let answer = match view.fingerprint {
            Some(_) => node.wait(question::ask(output, question_of(&view))),
            None => return Err(not_yet(&view)),
        };
        match answer {
            Answer::Yes => {}
            Answer::No => return Err(said_no(name)),
            Answer::Nobody | Answer::TooMany => {
                let failure = Failure::new(&code::NOBODY_ASKED, "nobody could be asked here");
                let hint = "compare the words, then name them: `ensign group confirm NAME WORDS`";
                return Err(failure.hint(hint));
            }
        }
    }
    let shown = view.fingerprint.unwrap_or_default();
    let fingerprint = if typed.is_empty() { shown } else { typed.join(" ") };
    let _: Done =
        node.post(&of_formation(&view.name, "/confirm"), &Confirmation { fingerprint })?;
    let line = Line::new("formation_confirmed").with("group", name);
    output.tell(&line, format!("you confirmed group {name}; it is there once all have"));
    Ok(())
}

/// A group that forms, followed to its end.
struct Follower {
    client: Client,
    home: Home,
    /// The node, where it runs in this process.
    node: Option<Coordinator>,
    follow: Follow,
    output: Output,
}

impl Follower {
    async fn run(self, asked: NewFormation) -> Result<()> {
        let mut stop = Stop::new(false)?;
        let invites = asked.size.is_some();
        // From before it begins, so that nothing of it is missed.
        let mut events = self.client.events(None).await.map_err(client_failure)?;
        let _heartbeat = events.next().await;
        let begun = self.client.post("/v1/formations", &asked).await;
        let view: FormationView = begun.map_err(client_failure)?;
        self.begun(&view);
        let formed = tokio::select! {
            formed = self.formed(&view.name, &mut events) => formed,
            () = stop.asked() => Err(interrupted(&view.name)),
        };
        let name = formed?;
        let group = self.home.group(&name)?;
        self.output.tell(&super::line(&group), super::text(&group));
        if self.follow.no_drill || Audience::of(self.output) == Audience::Program {
            self.output
                .notice(format!("to drill it, before it is paid: ensign group drill {name}"));
            return self.stay(&mut stop).await;
        }
        if invites {
            sign::drill_through(&self.client, &self.home, &group, self.output).await?;
            self.pay(&name);
            return self.stay(&mut stop).await;
        }
        tokio::select! {
            drilled = self.drilled(&name, &mut events) => drilled?,
            () = stop.asked() => return Err(interrupted(&name)),
        }
        self.pay(&name);
        self.stay(&mut stop).await
    }

    /// Gives the others time to have what we have.
    async fn stay(&self, stop: &mut Stop) -> Result<()> {
        if self.node.is_some() {
            let _over = timeout(FAREWELL, stop.asked()).await;
        }
        Ok(())
    }

    fn pay(&self, name: &str) {
        self.output.notice(format!("to be paid: ensign group address {name}"));
    }

    fn begun(&self, view: &FormationView) {
        let Some(code) = &view.code else {
            let line = Line::new("joining").with("group", view.name.as_str());
            let text = format!("asking for a seat in group {}", foreign(&view.name));
            return self.output.talk(&line, text);
        };
        let line = Line::new("invitation")
            .with("group", view.name.as_str())
            .with("size", view.size)
            .with("code", code.as_str())
            .with("expires_ms", view.expires_ms);
        self.output.tell(&line, code);
        self.output.notice(format!(
            "Give this code to the {} others, by whatever way you trust; it is good for an hour:\n  ensign \
             group join CODE",
            view.size.unwrap_or(1).saturating_sub(1)
        ));
    }

    /// Follows until the group is in this home; returns what it is called here.
    async fn formed(&self, name: &str, events: &mut Stream) -> Result<String> {
        loop {
            let event = next(events).await?;
            if let Some(group) = self.note(name, &event)? {
                return Ok(group);
            }
            if text(&event, "event") == "fingerprint"
                && text(&event, "group") == name
                && let Some(group) = self.compare(name, events).await?
            {
                return Ok(group);
            }
        }
    }

    /// Tells an event; returns the group once it is kept.
    fn note(&self, name: &str, event: &Value) -> Result<Option<String>> {
        if text(event, "event") == "group_kept" && text(event, "formation") == name {
            return Ok(Some(text(event, "group")));
        }
        if text(event, "group") != name {
            return Ok(None);
        }
        let Some((line, said)) = forming::told(event) else { return Ok(None) };
        if text(event, "event") == "formation_ended" {
            let what = format!("group {name}: {}", text(event, "what"));
            return Err(Failure::new(&code::FORMATION_ENDED, what));
        }
        self.output.talk(&line, said);
        Ok(None)
    }

    /// Shows what all compare, and asks; meanwhile others may confirm, or give it up.
    async fn compare(&self, name: &str, events: &mut Stream) -> Result<Option<String>> {
        let path = of_formation(name, "");
        let view: FormationView = self.client.get(&path).await.map_err(client_failure)?;
        forming::check_names(&view)?;
        if Audience::of(self.output) == Audience::Program {
            self.output.notice(format!(
                "{}\nto confirm it, once it was compared: ensign group confirm {name} WORDS",
                forming::shown(&view)
            ));
            return Ok(None);
        }
        let answer = question::ask(self.output, question_of(&view));
        tokio::pin!(answer);
        let answer = loop {
            tokio::select! {
                answer = &mut answer => break answer,
                event = next(events) => {
                    if let Some(group) = self.note(name, &event?)? {
                        return Ok(Some(group));
                    }
                }
            }
        };
        match answer {
            Answer::Yes => {
                let fingerprint = view.fingerprint.unwrap_or_default();
                let path = of_formation(name, "/confirm");
                let confirmed: Result<Done, _> =
                    self.client.post(&path, &Confirmation { fingerprint }).await;
                confirmed.map_err(client_failure)?;
                Ok(None)
            }
            Answer::No => {
                let _told: Result<Done, _> = self.client.delete(&path).await;
                Err(said_no(name))
            }
            Answer::Nobody | Answer::TooMany => Err(interrupted(name)),
        }
    }

    /// Waits for the drill that who invited proposes, asks about it, and waits until it is kept.
    async fn drilled(&self, group: &str, events: &mut Stream) -> Result<()> {
        self.output.notice("the drill comes next: who invited proposes it, and you are asked");
        let mut drill = None;
        loop {
            let event = next(events).await?;
            let of_drill = drill.as_deref() == Some(text(&event, "request").as_str());
            match text(&event, "event").as_str() {
                "request" if text(&event, "group") == group && is_drill(&event) => {
                    drill = Some(text(&event, "request"));
                    self.consent(event).await?;
                }
                "drill_kept" if of_drill => {
                    let line = Line::new("drilled").with("group", group);
                    self.output.tell(&line, format!("group {group} is drilled: all have signed"));
                    return Ok(());
                }
                "failed" if of_drill => {
                    let entry = code::find(&text(&event, "code")).unwrap_or(&code::CONTROL);
                    return Err(Failure::new(entry, text(&event, "what")));
                }
                _ => {}
            }
        }
    }

    async fn consent(&self, event: Value) -> Result<()> {
        let broken = |error: serde_json::Error| Failure::new(&code::CONTROL, error.to_string());
        let approval: ApprovalView = serde_json::from_value(event).map_err(broken)?;
        let work: WorkView = sign::with_backup(approval.work.clone(), &self.home);
        let called = approval.handle.clone().unwrap_or_else(|| short(&approval.request));
        let subject = Subject::Request(id_of(&approval.request)?);
        let shown = format!(
            "request {called} by {} to group {}\n{}",
            foreign(&approval.creator),
            foreign(&approval.group),
            work.text
        );
        let question = request::of_work(subject, ("sign", &called), shown, &work);
        match question::ask(self.output, question).await {
            Answer::Yes => {
                let yes = Yes { digest: approval.work.digest, accept_notes: Vec::new() };
                let path = of_request(&approval.request, "/approve");
                let approved: Result<Value, _> = self.client.post(&path, &yes).await;
                approved.map(drop).map_err(client_failure)
            }
            Answer::No => {
                let path = of_request(&approval.request, "/decline");
                let _told: Result<Value, _> = self.client.post(&path, &serde_json::json!({})).await;
                Err(Failure::new(&code::OWN_NO, "you said no to the drill; the group is there"))
            }
            Answer::Nobody | Answer::TooMany => Err(interrupted(&approval.group)),
        }
    }
}

fn is_drill(event: &Value) -> bool {
    event.get("drill").and_then(Value::as_bool) == Some(true)
}

async fn next(events: &mut Stream) -> Result<Value> {
    events.next().await.ok_or_else(|| {
        let what = "the node that runs has stopped; the group goes on to form at its next start";
        Failure::new(&code::INTERRUPTED, what)
    })
}

fn question_of(view: &FormationView) -> Question {
    let stake = format!(
        "confirm group {} with these {} members and these words",
        foreign(&view.name),
        view.members.len()
    );
    Question::plain(Subject::Own, view.name.as_str(), forming::shown(view), stake)
}

fn not_yet(view: &FormationView) -> Failure {
    let what = match &view.missing[..] {
        [] => format!("there is nothing to confirm yet in group {}: seats are free", view.name),
        missing => format!("there is nothing to confirm yet: {} must come", words::list(missing)),
    };
    Failure::new(&code::FORMATION, foreign(&what))
}

fn said_no(name: &str) -> Failure {
    let what = format!("you said no to group {}; it is not confirmed", foreign(name));
    Failure::new(&code::OWN_NO, what)
}

fn interrupted(name: &str) -> Failure {
    let what = format!("group {} goes on to form", foreign(name));
    Failure::new(&code::INTERRUPTED, what).hint(format!(
        "`ensign up` takes part in it; `ensign group confirm {0}` confirms it, and `ensign group confirm {0} \
         --refuse` gives it up",
        foreign(name)
    ))
}

/// The path of a group that forms.
fn of_formation(name: &str, more: &str) -> String {
    // Whatever is no name is none in a path either.
    let name: String = name.chars().filter(|c| !matches!(c, '/' | '?' | '#' | '%' | ' ')).collect();
    format!("/v1/formations/{name}{more}")
}

/// Returns the groups that form, for whoever asks about one of them.
pub(super) fn forming(home: &Home, name: &str) -> Result<Option<FormationView>> {
    let Some(node) = Remote::find(home)? else { return Ok(None) };
    named(home, node.get("/v1/formations")?, name)
}

/// Finds what forms of a group that this home calls so, whatever the others call it; or else, what forms under
/// this name.
fn named(home: &Home, forming: Vec<FormationView>, name: &str) -> Result<Option<FormationView>> {
    let groups = home.groups()?;
    let is_of = |view: &FormationView, id: &str| view.group_id.as_deref() == Some(id);
    let found = match groups.iter().find(|group| group.name == name) {
        Some(group) => forming.into_iter().find(|view| is_of(view, &group.id().to_string())),
        None => forming.into_iter().find(|view| {
            let is_here = groups.iter().any(|group| is_of(view, &group.id().to_string()));
            view.name == name && !is_here
        }),
    };
    Ok(found)
}

/// Says what is left once our user has confirmed.
fn given_up_too_late(name: &str, failure: Failure) -> Failure {
    match failure.entry.code {
        "E-GRP-011" => {
            let hint = format!("`ensign group forget {}` leaves it all the same", foreign(name));
            failure.hint(hint)
        }
        _ => failure,
    }
}

/// Forgets a group that forms, whether our user has confirmed it or not, once this is meant.
pub(super) fn forget(home: &Home, view: &FormationView, yes: bool, output: Output) -> Result<()> {
    let name = view.name.as_str();
    let signed = match view.expires_ms {
        None => {
            "You have confirmed it, and your signature is out: if all others confirm too, they hold a \
             certificate with you in it.\nOnce it is forgotten, this home signs nothing for it; tell them \
             that nothing is to be paid to it"
        }
        Some(_) => "You have not confirmed it, so no group can come of it",
    };
    let at_stake = format!("group {} forms. {signed}.", foreign(name));
    if yes {
        output.notice(at_stake);
    } else {
        super::confirm(name, at_stake, output)?;
    }
    let Some(node) = Remote::find(home)? else {
        return Err(Failure::new(&code::REQUEST_NEEDS_UP, "the node has stopped meanwhile"));
    };
    let _: Done = node.delete(&super::of_group(name))?;
    let line = Line::new("group_forgotten").with("group", name);
    output.tell(&line, format!("forgot group {}", foreign(name)));
    Ok(())
}

/// Shows how far a group is that forms.
pub(super) fn show(view: &FormationView, output: Output) {
    let line = views::fields(view)
        .into_iter()
        .fold(Line::new("formation"), |line, (name, value)| line.with_owned(name, value));
    let seats = || view.size.map_or_else(String::new, |size| format!(" of {size}"));
    let turn = match (view.step.as_str(), &view.missing[..]) {
        ("inviting", _) => "waits for others to take seats".to_owned(),
        ("joining", _) => "waits for who invited".to_owned(),
        (_, []) => "goes on by itself".to_owned(),
        ("confirming", missing) => format!("waits for {} to confirm", words::list(missing)),
        (_, missing) => format!("waits for {}", words::list(missing)),
    };
    let mut text = format!(
        "group {} forms, no address yet: {}\n  members  {}{}",
        view.name,
        foreign(&turn),
        words::list(&view.members.iter().map(|name| foreign(name)).collect::<Vec<_>>()),
        seats()
    );
    if let Some(fingerprint) = &view.fingerprint {
        text += &format!("\n  words    {}", foreign(fingerprint));
    }
    output.tell(&line, text);
}
