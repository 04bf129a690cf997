//! Results that the process which serves a home writes out, for clients that have proposed and gone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ensign_api::Service;
use ensign_coordinator::{Coordinator, Event, Events, Outcome, RequestEvent};
use ensign_primitives::{GroupId, RequestId};
use ensign_psbt::{Group, analyze, parse};
use ensign_wire::Payload;
use serde_json::json;
use tokio::sync::mpsc;

use crate::group::SignerGroup;
use crate::home::{Home, Outs};
use crate::output::{Line, Output};
use crate::target::{self, Finished, Targets};
use crate::upkeep::Drill;
use crate::words;

/// The groups of a home as they were read last: as long as nobody changes them, their files are not read again
/// each time something is signed.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    home: Home,
    groups: Arc<Mutex<BTreeMap<GroupId, Group>>>,
}

impl Known {
    /// Begins with those that the node joins as it starts.
    pub(crate) fn new(home: &Home, groups: &[SignerGroup]) -> Self {
        let known = groups.iter().map(|group| (group.id(), group.keys.clone())).collect();
        Self { home: home.clone(), groups: Arc::new(Mutex::new(known)) }
    }

    /// The files have changed.
    pub(crate) fn forget(&self) {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Returns the keys of a group, from its file when they were not read before.
    fn keys(&self, id: GroupId) -> Option<Group> {
        let known = || self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = known().get(&id).cloned() {
            return Some(keys);
        }
        let read = self.home.groups().ok()?.into_iter().map(|group| (group.id(), group.keys));
        known().extend(read);
        known().get(&id).cloned()
    }

    /// Keeps with its group what a drill has come to; returns whether the request was one.
    pub(crate) async fn keep_drill(
        &self,
        coordinator: &Coordinator,
        (id, group): (RequestId, GroupId),
        output: Output,
    ) -> bool {
        let Some(keys) = self.keys(group) else { return false };
        let look = coordinator.look(move |records| {
            let signed = records.asked(&id).ok()??.request;
            if signed.request.payload != Payload::Drill {
                return None;
            }
            let outcome = records.outcome(&id, &keys).ok()??;
            Some((signed, *outcome.signatures.first()?))
        });
        let Ok(Some((signed, signature))) = look.await else { return false };
        let read_back = self.home.backup_read_back();
        let drill = Drill::new(words::now(), &signed.request, &signature, read_back);
        let kept = self.home.keep_drill(&group, drill);
        kept.inspect_err(|failure| output.warning(failure)).is_ok()
    }

    /// Keeps with its group which of its addresses a signed request has used.
    pub(crate) async fn keep_issued(
        &self,
        coordinator: &Coordinator,
        (id, group): (RequestId, GroupId),
        output: Output,
    ) {
        let Some(keys) = self.keys(group) else { return };
        let look = coordinator.look(move |records| {
            let psbt = parse(&records.payload(&id).ok()??).ok()?;
            let before = keys.issued();
            let issued = analyze(&psbt, &keys).ok()?.summary.issued(before);
            (issued != before).then_some(issued)
        });
        if let Ok(Some(issued)) = look.await {
            let kept = self.home.keep_issued(&group, issued);
            kept.unwrap_or_else(|failure| output.warning(&failure));
            self.forget();
        }
    }
}

/// Writes results where clients wanted them, until the node ends.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) outs: Outs,
    pub(crate) coordinator: Coordinator,
    pub(crate) service: Arc<Service>,
    pub(crate) known: Known,
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
                    let Self { known, coordinator, output, .. } = &self;
                    let ended = (request.id, request.group.id);
                    if known.keep_drill(coordinator, ended, *output).await {
                        self.on_drilled(ended).await;
                    } else {
                        known.keep_issued(coordinator, ended, *output).await;
                    }
                }
                RequestEvent::Failed { .. } => self.outs.remove(&request.id),
                _ => {}
            }
        }
    }

    async fn on_drilled(&self, (id, group): (RequestId, GroupId)) {
        // A node that has stopped says so by itself.
        let _ = self.coordinator.received(id).await;
        let (id, group) = (id.to_string(), group.to_string());
        let event = json!({ "event": "drill_kept", "request": id, "group_id": group });
        self.service.tell(&event);
        let line = Line::new("drill_kept").with("request", id).with("group_id", group);
        self.output.talk(&line, "all have signed the drill; it is kept with the group");
    }

    /// A request may have ended while where it goes was written down, or while no node ran.
    async fn catch_up(&self, id: RequestId) {
        if self.outs.get(&id).is_none() {
            return;
        }
        let known = self.known.clone();
        let look = self.coordinator.look(move |records| {
            let entry = records.requests().ok()?.into_iter().find(|entry| entry.id == id)?;
            let keys = known.keys(entry.group)?;
            let name = entry.handle().map_or_else(|| id.short(), |it| it.to_string());
            Some((records.outcome(&id, &keys).ok()??, keys, name))
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
