//! Requests: lists, one with everything that is known of it, and results.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use ensign_coordinator::{Records, RequestEntry, RequestState};
use serde::Deserialize;

use crate::feed::unix_now;
use crate::house;
use crate::problem::Problem;
use crate::service::Inside;
use crate::view::{DetailView, RequestView, ResultView, WorkView};

/// What may be asked for: a state, or several of them.
const STATES: [&str; 8] =
    ["undecided", "open", "signed", "closed", "missed", "expired", "pending", "over"];

/// Which requests are wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// One of [`STATES`]: `pending` are the first two, `over` the others.
    state: Option<String>,
}

pub(super) async fn list(
    State(inside): State<Inside>,
    filter: Result<Query<Filter>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(filter) = filter
        .map_err(|error| Problem::misunderstood(StatusCode::BAD_REQUEST, error.body_text()))?;
    let state = filter.state.as_deref();
    if let Some(state) = state
        && !STATES.contains(&state)
    {
        let what = format!("a state is one of {}", STATES.join(", "));
        return Err(Problem::misunderstood(StatusCode::BAD_REQUEST, what));
    }
    let views = inside.requests().await?;
    let is_wanted = |view: &RequestView| match state {
        None => true,
        Some("pending") => !view.is_over(),
        Some("over") => view.is_over(),
        Some(state) => view.state == state,
    };
    let views: Vec<_> = views.into_iter().filter(is_wanted).collect();
    Ok(inside.large.answer(StatusCode::OK, &views))
}

pub(super) async fn show(
    State(inside): State<Inside>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let entry = inside.named(&name).await?;
    let work = inside.work(&entry).await?;
    let mut request = inside.view(&entry).await?;
    if let Some(summary) = work.as_ref().and_then(|work| work.summary.as_ref()) {
        request.add(summary);
    }
    let result = if matches!(entry.state, RequestState::Signed { .. }) {
        Some(inside.result_of(&entry).await?)
    } else {
        None
    };
    Ok(inside.large.answer(StatusCode::OK, &DetailView { request, work, result }))
}

pub(super) async fn result(
    State(inside): State<Inside>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let entry = inside.named(&name).await?;
    Ok(inside.large.answer(StatusCode::OK, &inside.result_of(&entry).await?))
}

impl Inside {
    async fn requests(&self) -> Result<Vec<RequestView>, Problem> {
        let entries = self.coordinator.requests().await;
        let entries = entries.map_err(|error| self.house.refused(&error))?;
        let groups = self.coordinator.groups().await;
        let groups = groups.map_err(|error| self.house.refused(&error))?;
        let board = self.feed.board();
        let view = |entry: &RequestEntry| {
            let group = groups.iter().find(|group| group.id == entry.group);
            let live = board.requests.iter().find(|live| live.request == entry.id.to_string());
            RequestView::new(entry, group.map(|group| &**group), unix_now()).with_live(live)
        };
        Ok(entries.iter().map(view).collect())
    }

    async fn view(&self, entry: &RequestEntry) -> Result<RequestView, Problem> {
        let groups = self.coordinator.groups().await;
        let groups = groups.map_err(|error| self.house.refused(&error))?;
        let group = groups.iter().find(|group| group.id == entry.group);
        let (board, id) = (self.feed.board(), entry.id.to_string());
        let live = board.requests.iter().find(|live| live.request == id);
        Ok(RequestView::new(entry, group.map(|group| &**group), unix_now()).with_live(live))
    }

    /// Returns what a request has us sign: as it was shown, else recomputed from what is kept.
    async fn work(&self, entry: &RequestEntry) -> Result<Option<WorkView>, Problem> {
        if let Some(shown) = self.feed.shown(&entry.id) {
            return Ok(Some(crate::view::ApprovalView::new(&shown).work));
        }
        let groups = self.coordinator.groups().await;
        let groups = groups.map_err(|error| self.house.refused(&error))?;
        let group = groups.iter().find(|group| group.id == entry.group).cloned();
        let (Some(group), Some(request)) = (group, entry.request.clone()) else { return Ok(None) };
        let id = entry.id;
        self.look(move |records| WorkView::read(records, &id, &request, &group, unix_now())).await
    }

    async fn result_of(&self, entry: &RequestEntry) -> Result<ResultView, Problem> {
        let none = || {
            let what = format!("request {} has no signatures", entry.id.short());
            self.house.problem(404, house::NO_RESULT, what)
        };
        let groups = self.coordinator.groups().await;
        let groups = groups.map_err(|error| self.house.refused(&error))?;
        let group = groups.iter().find(|group| group.id == entry.group).ok_or_else(none)?;
        let keys = self.network.and_then(|network| crate::view::keys(network, group));
        let (id, keys) = (entry.id, keys.ok_or_else(none)?);
        let look = move |records: Records<'_>| Ok((records.outcome(&id, &keys)?, keys));
        let (outcome, keys) = self.look(look).await?;
        Ok(ResultView::new(&outcome.ok_or_else(none)?, &keys))
    }
}
