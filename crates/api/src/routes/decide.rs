//! Decisions about a request.

use std::str::FromStr as _;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use ensign_coordinator::{Approval, Consent, Handle, RequestState};
use ensign_primitives::RequestId;
use ensign_psbt::{ConsentDigest, NOTE_NAMES, Note, Severity};

use super::named::shown;
use crate::body::Asked;
use crate::house;
use crate::name::Name;
use crate::problem::Problem;
use crate::service::Inside;
use crate::view::{Done, Yes};

pub(super) async fn approve(
    State(inside): State<Inside>,
    Path(name): Path<String>,
    Asked(yes): Asked<Yes>,
) -> Result<Response, Problem> {
    let approval = inside.asked(&name).await?;
    let digest = inside.digest(yes.digest.as_deref())?;
    inside.accepted(&approval.notes, &yes.accept_notes)?;
    let id = approval.id;
    let done = inside.coordinator.approve(id, Consent::person(digest)).await;
    done.map_err(|error| inside.house.refused(&error))?;
    Ok(inside.done((id, approval.handle), "approved"))
}

pub(super) async fn decline(
    State(inside): State<Inside>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let request = inside.pending(&name).await?;
    let done = inside.coordinator.decline(request.0).await;
    done.map_err(|error| inside.house.refused(&error))?;
    Ok(inside.done(request, "declined"))
}

pub(super) async fn cancel(
    State(inside): State<Inside>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let request = inside.pending(&name).await?;
    let done = inside.coordinator.cancel(request.0).await;
    done.map_err(|error| inside.house.refused(&error))?;
    Ok(inside.done(request, "cancelled"))
}

pub(super) async fn withdraw(
    State(inside): State<Inside>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let request = inside.pending(&name).await?;
    let done = inside.coordinator.withdraw(request.0).await;
    done.map_err(|error| inside.house.refused(&error))?;
    Ok(inside.done(request, "withdrawn"))
}

impl Inside {
    fn done(&self, (id, handle): (RequestId, Option<Handle>), how: &'static str) -> Response {
        self.house.decided(id, handle, how);
        let event = serde_json::json!({
            "event": "decided",
            "request": id.to_string(),
            "handle": handle.map(|handle| handle.to_string()),
            "how": how,
        });
        self.feed.tell(&event);
        self.large.answer(StatusCode::OK, &Done { done: how.to_owned() })
    }

    /// Returns the request that a yes is about: named by its handle or its whole id, because whoever
    /// proposes can make an id that begins as he likes.
    async fn asked(&self, name: &str) -> Result<Arc<Approval>, Problem> {
        let known = match Name::new(name) {
            Name::Handle(handle) => self.feed.called(handle.0),
            Name::Whole(id) => self.feed.shown(&id),
            Name::Beginning(_) => {
                let what = format!("`{}` is the beginning of an id at most", shown(name));
                return Err(self.house.problem(409, house::BY_PREFIX, what));
            }
        };
        let entry = self.named(name).await?;
        match (known, entry.state) {
            (Some(approval), RequestState::Undecided) if approval.id == entry.id => Ok(approval),
            (_, state) => Err(self.decided_before((entry.id, entry.handle()), state)),
        }
    }

    /// Returns the request that is to end.
    async fn pending(&self, name: &str) -> Result<(RequestId, Option<Handle>), Problem> {
        let entry = self.named(name).await?;
        match entry.state {
            RequestState::Undecided | RequestState::Open => Ok((entry.id, entry.handle())),
            state @ (RequestState::Signed { .. }
            | RequestState::Closed(_)
            | RequestState::Missed
            | RequestState::Expired) => Err(self.decided_before((entry.id, entry.handle()), state)),
        }
    }

    fn decided_before(
        &self,
        (id, handle): (RequestId, Option<Handle>),
        state: RequestState,
    ) -> Problem {
        let how = match state {
            RequestState::Undecided => "is not asked about now",
            RequestState::Open => "was approved before",
            RequestState::Signed { .. } => "is over: all have signed",
            RequestState::Closed(_) | RequestState::Missed | RequestState::Expired => "is over",
        };
        let called = handle.map_or_else(|| id.short(), |handle| handle.to_string());
        let what = format!("request {called} {how}");
        let advice = format!("see `ensign request show '{called}'`");
        self.house.problem(409, house::REQUEST_NOT_OPEN, what).advice(advice)
    }

    /// Reads what a yes is given to.
    pub(super) fn digest(&self, digest: Option<&str>) -> Result<ConsentDigest, Problem> {
        let digest = digest.map(ConsentDigest::from_str);
        let what = match digest {
            Some(Ok(digest)) => return Ok(digest),
            Some(Err(_)) => "the digest has 64 hex digits",
            None => "the yes does not say what was shown: the field `digest` is missing",
        };
        let status = 422;
        Err(self.house.problem(status, house::NO_DIGEST, what.to_owned()))
    }

    /// Checks that each grave note is accepted by its name.
    pub(super) fn accepted(&self, notes: &[Note], accepted: &[String]) -> Result<(), Problem> {
        if let Some(unknown) = accepted.iter().find(|it| !NOTE_NAMES.contains(&it.as_str())) {
            let what = format!(
                "there is no note `{}`; the notes are {}",
                shown(unknown),
                NOTE_NAMES.join(", ")
            );
            return Err(Problem::misunderstood(StatusCode::BAD_REQUEST, what));
        }
        let grave = notes.iter().filter(|note| note.severity() == Severity::Grave);
        let missing = |note: &&Note| !accepted.iter().any(|name| name == note.name());
        let mut missing: Vec<_> = grave.filter(missing).map(Note::name).collect();
        missing.dedup();
        if missing.is_empty() {
            return Ok(());
        }
        let what = format!("not accepted by name: {}", missing.join(", "));
        Err(self.house.problem(422, house::NOT_ACCEPTED, what))
    }
}
