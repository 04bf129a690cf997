//! `ensign up`: be reachable, and ask before signing.

use std::collections::VecDeque;

use ensign_coordinator::{Approval, Event, Outcome};
use ensign_primitives::RequestId;

use crate::args::{Approve, Up};
use crate::catalogue as code;
use crate::control::Decision;
use crate::failure::{Failure, Result};
use crate::home::{Home, Signed, shown};
use crate::narrator::{Narrator, session_line};
use crate::node::{IsMoved, Node, command_failure};
use crate::output::{Line, Output};
use crate::stop::{Lines, Stop};

/// Runs until the user or the system ends it.
pub(super) async fn run(home: Home, args: Up, output: Output) -> Result<()> {
    let groups = home.groups()?;
    if groups.is_empty() {
        return Err(Failure::new(&code::GROUP_NONE, "this home belongs to no group yet"));
    }
    let key = if args.signer.is_some() { Key::Beside } else { Key::Here };
    let held = home.with_signer(args.signer).hold()?;
    let signed = Signed::open(&held.home)?;
    let mut stop = Stop::new(args.until_stdin_closes)?;
    let is_moved = if args.moved { IsMoved::Yes } else { IsMoved::No };
    let node = Node::start(held, &groups, args.listen, is_moved, output).await?;
    let mut duty = Duty {
        node,
        signed,
        output,
        narrator: Narrator::new(output, groups),
        approve: args.approve,
        key,
        lines: (args.approve == Approve::Ask && !args.until_stdin_closes).then(Lines::new),
        asked: VecDeque::new(),
    };
    output.text(key.rule(args.approve));
    let ended = duty.serve(&mut stop).await;
    duty.node.coordinator.shutdown().await;
    output.tell(&Line::new("stopped"), "stopped; open requests go on at the next `ensign up`");
    ended
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
    const fn rule(self, approve: Approve) -> &'static str {
        match (self, approve) {
            (Self::Here, Approve::Ask) => "asking before each signature; Ctrl-C ends",
            (Self::Here, Approve::All) => "signing EVERYTHING that the others ask for; Ctrl-C ends",
            (Self::Beside, Approve::Ask) => {
                "asking before joining a request. The signer does not believe this node: it shows \
                 the request again and asks before it signs, unless it runs with --yes-to-all. \
                 With --approve all only the signer asks, and waits 5 minutes; Ctrl-C ends"
            }
            (Self::Beside, Approve::All) => {
                "joining EVERYTHING that the others ask for; what is signed is for the signer to \
                 decide; Ctrl-C ends"
            }
            (Self::Here | Self::Beside, Approve::None) => {
                "showing requests, signing nothing; Ctrl-C ends"
            }
        }
    }

    /// The question about a request.
    fn question(self, approval: &Approval) -> String {
        let (id, blind) = (approval.id.short(), if approval.is_blind() { " BLINDLY" } else { "" });
        match self {
            Self::Here => format!("sign request {id}{blind}? [yes/no] "),
            Self::Beside => {
                format!("join request {id}{blind}, and let the signer decide? [yes/no] ")
            }
        }
    }
}

/// What a node that is up does.
struct Duty {
    node: Node,
    signed: Signed,
    output: Output,
    narrator: Narrator,
    approve: Approve,
    key: Key,
    /// What the user types; `None` when nobody is to be asked, or input has ended.
    lines: Option<Lines>,
    /// Requests that wait for an answer, the one that was asked about first.
    asked: VecDeque<Box<Approval>>,
}

impl Duty {
    async fn serve(&mut self, stop: &mut Stop) -> Result<()> {
        loop {
            tokio::select! {
                () = stop.asked() => return Ok(()),
                event = self.node.events.next() => match event {
                    Some(event) => self.on_event(event).await?,
                    None => return Err(self.narrator.why_stopped()),
                },
                decision = self.node.decisions.next() => self.on_decision(decision),
                line = next_line(&mut self.lines) => self.on_line(line).await?,
            }
        }
    }

    async fn on_event(&mut self, event: Event) -> Result<()> {
        self.narrator.tell(&event);
        if let Event::Approval(approval) = event {
            return self.decide(approval).await;
        }
        if let Event::Failed { request, .. } = event {
            self.forget(request);
        }
        if let Event::Done { request, outcome } | Event::Recovered { request, outcome, .. } = event
        {
            self.forget(request);
            keep(&mut self.signed, request, &outcome, self.output)?;
            // A node that has stopped says so by itself.
            let _ = self.node.coordinator.received(request).await;
        }
        Ok(())
    }

    fn on_decision(&mut self, Decision { request, verb }: Decision) {
        let text = format!("{verb} {} in another terminal", request.short());
        let line = session_line("decided", request).with("how", verb);
        self.output.tell(&line, text);
        self.forget(request);
    }

    async fn decide(&mut self, approval: Box<Approval>) -> Result<()> {
        match self.approve {
            Approve::All => self.consent(approval.id).await,
            Approve::None => {
                self.output.text(format!(
                    "left open; to sign it, in another terminal: ensign request approve {}",
                    approval.id.short()
                ));
                Ok(())
            }
            Approve::Ask if self.lines.is_none() => {
                self.cannot_ask();
                Ok(())
            }
            Approve::Ask => {
                self.asked.push_back(approval);
                if self.asked.len() == 1 {
                    self.ask();
                }
                Ok(())
            }
        }
    }

    fn ask(&self) {
        if let Some(approval) = self.asked.front() {
            self.output.prompt(&self.key.question(approval));
            self.output.json(&Line::new("asking").with("request", approval.id.to_string()));
        }
    }

    fn cannot_ask(&self) {
        self.output.tell(
            &Line::new("cannot_ask"),
            "left open: there is no input to ask on; in another terminal, `ensign request list` and \
             `ensign request approve ID` sign it",
        );
    }

    async fn on_line(&mut self, line: Option<String>) -> Result<()> {
        let Some(line) = line else {
            self.lines = None;
            if !self.asked.is_empty() {
                self.asked.clear();
                self.cannot_ask();
            }
            return Ok(());
        };
        let Some(approval) = self.asked.front() else { return Ok(()) };
        let id = approval.id;
        match line.trim().to_lowercase().as_str() {
            "y" | "yes" => self.consent(id).await?,
            "n" | "no" => self.refuse(id).await,
            _ => {
                self.output.text("please answer yes or no");
                self.ask();
                return Ok(());
            }
        }
        self.asked.pop_front();
        self.ask();
        Ok(())
    }

    async fn consent(&self, id: RequestId) -> Result<()> {
        self.output.tell(&session_line("approved", id), format!("you approved {}", id.short()));
        // It may have ended while we decided; then there is nothing to sign.
        if let Err(error) = self.node.coordinator.approve(id).await {
            self.output.failure(&command_failure(&error));
        }
        Ok(())
    }

    async fn refuse(&self, id: RequestId) {
        self.output.tell(&session_line("declined", id), format!("you declined {}", id.short()));
        if let Err(error) = self.node.coordinator.decline(id).await {
            self.output.failure(&command_failure(&error));
        }
    }

    fn forget(&mut self, request: RequestId) {
        let was_asked = self.asked.front().is_some_and(|approval| approval.id == request);
        self.asked.retain(|approval| approval.id != request);
        if was_asked {
            self.output.text("the question is settled");
            self.ask();
        }
    }
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
    output.tell(&line, format!("kept in {}", shown(&path)));
    Ok(())
}

/// Waits for what the user types; for ever when nobody is asked.
async fn next_line(lines: &mut Option<Lines>) -> Option<String> {
    match lines {
        Some(lines) => lines.next().await,
        None => std::future::pending().await,
    }
}
