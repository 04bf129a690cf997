//! Results that the process which serves a home writes out, for clients that have proposed and gone.

use std::path::Path;
use std::sync::Arc;

use ensign_api::Service;
use ensign_api::view::Target;
use ensign_coordinator::{Coordinator, Event, Events, Outcome, RequestEvent};
use ensign_primitives::RequestId;
use serde_json::json;

use crate::catalogue as code;
use crate::command::write_file;
use crate::durable::Existing;
use crate::failure::{Failure, Result};
use crate::home::{Home, Outs, shown};
use crate::output::Output;

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
    pub(crate) async fn write(self, mut events: Events) {
        for id in self.outs.requests() {
            self.catch_up(id).await;
        }
        while let Some(event) = events.next().await {
            let Event::Request(request, event) = event else { continue };
            match event {
                RequestEvent::Done { outcome } | RequestEvent::Recovered(outcome) => {
                    self.hand_out(request.id, &outcome);
                }
                RequestEvent::Failed { .. } => self.outs.remove(&request.id),
                _ => {}
            }
        }
    }

    /// A request may have ended while where it goes was written down, or while no node ran.
    pub(crate) async fn catch_up(&self, id: RequestId) {
        let groups = self.home.groups().unwrap_or_default();
        let keys: Vec<_> = groups.into_iter().map(|group| group.keys).collect();
        let look = self.coordinator.look(move |records| {
            let outcomes = keys.iter().filter_map(|keys| records.outcome(&id, keys).ok().flatten());
            outcomes.max_by_key(|outcome| outcome.psbt.is_some())
        });
        if let Ok(Some(outcome)) = look.await {
            self.hand_out(id, &outcome);
        }
    }

    fn hand_out(&self, id: RequestId, outcome: &Outcome) {
        let Some(target) = self.outs.get(&id) else { return };
        match write(&target, outcome, self.output) {
            Ok(files) => {
                self.outs.remove(&id);
                for file in files {
                    let event =
                        json!({ "event": "wrote", "request": id.to_string(), "file": file });
                    self.service.tell(&event);
                }
            }
            Err(failure) => {
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

/// Finds out before anybody signs that a result could not be written.
///
/// # Errors
///
/// [`code::FILE_WRITE`].
pub(crate) fn check(target: &Target) -> Result<()> {
    for file in [&target.out, &target.extract].into_iter().flatten() {
        let path = Path::new(file);
        let folder = path.parent().filter(|folder| folder.is_dir());
        if !path.is_absolute() || path.is_dir() || folder.is_none() {
            let what = format!("cannot write {}: there is no such folder", shown(path));
            return Err(Failure::new(&code::FILE_WRITE, what));
        }
    }
    Ok(())
}

/// Writes a result, and returns the files.
fn write(target: &Target, outcome: &Outcome, output: Output) -> Result<Vec<String>> {
    let mut written = Vec::new();
    let mut put = |file: &String, bytes: &[u8]| {
        write_file(Path::new(file), bytes, Existing::Replace, output)?;
        written.push(file.clone());
        Ok::<_, Failure>(())
    };
    let Target { out, extract, form, .. } = target;
    match (&outcome.psbt, out, extract) {
        (Some(psbt), out, extract) => {
            if let Some(file) = out {
                match form.as_deref() {
                    Some("base64") => put(file, format!("{}\n", psbt.base64()).as_bytes())?,
                    _ => put(file, &psbt.bytes())?,
                }
            }
            if let Some(file) = extract {
                put(file, format!("{}\n", hex::encode(psbt.extract_tx().bytes)).as_bytes())?;
            }
        }
        (None, Some(file), _) => {
            let signatures: Vec<_> = outcome.signatures.iter().map(hex::encode).collect();
            put(file, format!("{}\n", signatures.join("\n")).as_bytes())?;
        }
        (None, None, _) => {}
    }
    Ok(written)
}
