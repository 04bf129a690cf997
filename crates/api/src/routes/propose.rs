//! Proposals: what would be asked, and asking it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use ensign_coordinator::{Consent, GroupInfo, SigningJob, Work};
use ensign_wire::REQUEST_LIFETIME_MAX;

use super::named::shown;
use crate::body::Asked;
use crate::house;
use crate::problem::Problem;
use crate::service::Inside;
use crate::view::{ApprovalView, Job, PreviewView, Proposal, mode_named};

pub(super) async fn preview(
    State(inside): State<Inside>,
    Asked(job): Asked<Job>,
) -> Result<Response, Problem> {
    let job = inside.job(job).await?;
    let preview = inside.coordinator.preview(&job).await;
    let preview = preview.map_err(|error| inside.house.refused(&error))?;
    Ok(inside.large.answer(StatusCode::OK, &PreviewView::new(&preview, &job.work)))
}

pub(super) async fn propose(
    State(inside): State<Inside>,
    Asked(proposal): Asked<Proposal>,
) -> Result<Response, Problem> {
    let Proposal { job, digest, accept_notes, purpose, mode, expires_s, target } = proposal;
    let digest = inside.digest(digest.as_deref())?;
    let mut job = inside.job(job).await?;
    job.purpose = purpose;
    if let Some(mode) = mode {
        job.mode = mode_named(&mode)
            .ok_or_else(|| misunderstood("a mode is fast, committed or strict".to_owned()))?;
    }
    if let Some(seconds) = expires_s {
        job.lifetime = Duration::from_secs(seconds);
        if !(Duration::from_secs(1)..=REQUEST_LIFETIME_MAX).contains(&job.lifetime) {
            return Err(misunderstood("expires_s is 1 to 86400".to_owned()));
        }
    }
    if let Some(target) = &target {
        inside.house.check_target(target.clone()).await?;
    }
    let preview = inside.coordinator.preview(&job).await;
    let preview = preview.map_err(|error| inside.house.refused(&error))?;
    inside.accepted(&preview.notes, &accept_notes)?;
    let approval = inside.coordinator.propose(job, Consent::person(digest)).await;
    let approval = approval.map_err(|error| inside.house.refused(&error))?;
    if let Some(target) = target {
        inside.house.keep_target(approval.id, target).await?;
    }
    Ok(inside.large.answer(StatusCode::CREATED, &ApprovalView::new(&approval)))
}

impl Inside {
    async fn job(&self, job: Job) -> Result<SigningJob, Problem> {
        let Job { group, psbt, messages, drill } = job;
        let work = match (psbt, messages, drill) {
            (Some(psbt), messages, false) if messages.is_empty() => Work::Psbt(psbt.into_bytes()),
            (None, messages, false) if !messages.is_empty() => {
                Work::Messages(messages.iter().map(|it| message(it)).collect::<Result<_, _>>()?)
            }
            (None, messages, true) if messages.is_empty() => Work::Drill,
            _ => return Err(misunderstood("give one of psbt, messages and drill".to_owned())),
        };
        Ok(SigningJob::new(self.group(&group).await?.id, work))
    }

    /// Returns the group with a name.
    pub(super) async fn group(&self, name: &str) -> Result<Arc<GroupInfo>, Problem> {
        let groups = self.coordinator.groups().await;
        let groups = groups.map_err(|error| self.house.refused(&error))?;
        groups.iter().find(|group| group.name == name).cloned().ok_or_else(|| {
            let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
            let what = match &names[..] {
                [] => format!("there is no group `{}`, nor any other", shown(name)),
                names => {
                    format!("there is no group `{}`; there is {}", shown(name), names.join(", "))
                }
            };
            self.house.problem(404, house::GROUP_UNKNOWN, what)
        })
    }
}

fn message(text: &str) -> Result<[u8; 32], Problem> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_| misunderstood("a message has 64 hex digits".to_owned()))?;
    Ok(bytes)
}

fn misunderstood(what: String) -> Problem {
    Problem::misunderstood(StatusCode::BAD_REQUEST, what)
}
