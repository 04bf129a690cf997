//! Results that the process which serves a home writes out, for clients that have proposed and gone.

use std::sync::Arc;

use ensign_api::Service;
use ensign_coordinator::{Coordinator, Event, Events, Outcome, RequestEvent};
use ensign_primitives::{GroupId, RequestId};
use ensign_psbt::{Group, analyze, parse};
use ensign_wire::Payload;
use serde_json::json;
use tokio::sync::mpsc;

use crate::home::{Home, Outs};
use crate::output::{Line, Output};
use crate::target::{self, Finished, Targets};
use crate::upkeep::Drill;
use crate::words;

/// Keeps with its group what a drill has come to, and returns the group; of another request nothing.
pub(crate) async fn keep_drill(
    home: &Home,
    coordinator: &Coordinator,
    id: RequestId,
    output: Output,
) -> Option<GroupId> {
    let groups = home.groups().unwrap_or_default();
    let look = coordinator.look(move |records| {
        let entry = records.requests().ok()?.into_iter().find(|entry| entry.id == id)?;
        let signed = entry.request.filter(|it| it.request.payload == Payload::Drill)?;
        let group = groups.into_iter().find(|group| group.id() == entry.group)?;
        let outcome = records.outcome(&id, &group.keys).ok()??;
        Some((group.id(), signed, *outcome.signatures.first()?))
    });
    let (group, signed, signature) = look.await.ok()??;
    let drill = Drill::new(words::now(), &signed.request, &signature, home.backup_read_back());
    let kept = home.keep_drill(&group, drill);
    kept.inspect_err(|failure| output.warning(failure)).ok().map(|()| group)
}

/// Keeps with its group which of its addresses a signed request has used.
pub(crate) async fn keep_issued(
    home: &Home,
    coordinator: &Coordinator,
    id: RequestId,
    output: Output,
) {
    let groups = home.groups().unwrap_or_default();
    let look = coordinator.look(move |records| {
        let entry = records.requests().ok()?.into_iter().find(|entry| entry.id == id)?;
        let group = groups.into_iter().find(|group| group.id() == entry.group)?;
        let psbt = parse(&records.payload(&id).ok()??).ok()?;
        let before = group.keys.issued();
        let issued = analyze(&psbt, &group.keys).ok()?.summary.issued(before);
        (issued != before).then(|| (group.id(), issued))
    });
    if let Ok(Some((group, issued))) = look.await
        && let Err(failure) = home.keep_issued(&group, issued)
    {
        output.warning(&failure);
    }
}

/// Writes results where clients wanted them, until the node ends.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) outs: Outs,
    pub(crate) coordinator: Coordinator,
    pub(crate) service: Arc<Service>,
    pub(crate) home: Home,
    pub(crate) output: Output,
}

impl Results {
    /// Writes what was signed before the last stop, then what is signed from now on.
    ///
    /// - `kept`: requests whose place was written down just now.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are no ends")]
    pub(crate) async fn write(self, mut events: Events, mut kept: mpsc::Receiver<RequestId>) {
        for id in self.outs.requests() {
            self.catch_up(id).await;
        }
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                Some(id) = kept.recv() => {
                    self.catch_up(id).await;
                    continue;
                }
            };
            let Some(event) = event else { return };
            let Event::Request(request, event) = event else { continue };
            match event {
                // From the store, where the signatures are: it has the group's keys too.
                RequestEvent::Done { .. } | RequestEvent::Recovered(_) => {
                    self.catch_up(request.id).await;
                    self.on_drilled(request.id).await;
                    let Self { home, coordinator, output, .. } = &self;
                    keep_issued(home, coordinator, request.id, *output).await;
                }
                RequestEvent::Failed { .. } => self.outs.remove(&request.id),
                _ => {}
            }
        }
    }

    async fn on_drilled(&self, id: RequestId) {
        let Self { home, coordinator, output, .. } = self;
        if let Some(group) = keep_drill(home, coordinator, id, *output).await {
            // A node that has stopped says so by itself.
            let _ = coordinator.received(id).await;
            let (id, group) = (id.to_string(), group.to_string());
            let event = json!({ "event": "drill_kept", "request": id, "group_id": group });
            self.service.tell(&event);
            let line = Line::new("drill_kept").with("request", id).with("group_id", group);
            output.talk(&line, "all have signed the drill; it is kept with the group");
        }
    }

    /// A request may have ended while where it goes was written down, or while no node ran.
    async fn catch_up(&self, id: RequestId) {
        let groups = self.home.groups().unwrap_or_default();
        let look = self.coordinator.look(move |records| {
            let entry = records.requests().ok()?.into_iter().find(|entry| entry.id == id)?;
            let group = groups.into_iter().find(|group| group.id() == entry.group)?;
            let name = entry.handle().map_or_else(|| id.short(), |it| it.to_string());
            Some((records.outcome(&id, &group.keys).ok()??, group.keys, name))
        });
        if let Ok(Some((outcome, keys, name))) = look.await {
            self.hand_out((id, &name), &outcome, &keys);
        }
    }

    fn hand_out(&self, (id, name): (RequestId, &str), outcome: &Outcome, keys: &Group) {
        let Some(target) = self.outs.get(&id) else { return };
        let finished = Finished::new(outcome, keys);
        let written =
            Targets::of_view(&target).and_then(|targets| targets.write(&finished, self.output));
        match written {
            Ok(()) => {
                self.outs.remove(&id);
                for file in target.out.iter().chain(&target.extract) {
                    let event =
                        json!({ "event": "wrote", "request": id.to_string(), "file": file });
                    self.service.tell(&event);
                }
            }
            Err(failure) => {
                let failure = target::kept(&failure, name);
                let event = json!({
                    "event": "not_written",
                    "request": id.to_string(),
                    "code": failure.entry.code,
                    "what": failure.what,
                    "do": failure.advice(),
                });
                self.service.tell(&event);
                self.output.warning(&failure);
            }
        }
    }
}
