//! Groups.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::body::Asked;
use crate::problem::Problem;
use crate::service::Inside;
use crate::view::{AddressView, Done, GroupChange, GroupView, NewGroup, WaitView, Which};

pub(super) async fn list(State(inside): State<Inside>) -> Json<Vec<GroupView>> {
    Json(inside.feed.board().groups)
}

pub(super) async fn show(
    State(inside): State<Inside>,
    Path(name): Path<String>,
) -> Result<Json<GroupView>, Problem> {
    let known = inside.feed.board().groups.into_iter().find(|group| group.name == name);
    // Where it is not on the board, it was joined a moment ago, or there is none.
    let info = inside.group(&name).await?;
    let wait = inside.coordinator.readiness(info.id).await;
    let wait = wait.map_err(|error| inside.house.refused(&error))?;
    let wait = wait.map(|wait| WaitView::of_group(&wait, &info));
    Ok(Json(GroupView { wait, ..known.unwrap_or_else(|| GroupView::new(&info)) }))
}

pub(super) async fn make(
    State(inside): State<Inside>,
    Asked(asked): Asked<NewGroup>,
) -> Result<Response, Problem> {
    let name = asked.name.clone();
    let notes = inside.house.make_group(asked).await?;
    inside.refresh().await?;
    let group = GroupView { notes, ..GroupView::new(&*inside.group(&name).await?) };
    Ok(inside.large.answer(StatusCode::CREATED, &group))
}

pub(super) async fn change(
    State(inside): State<Inside>,
    Path(name): Path<String>,
    Asked(change): Asked<GroupChange>,
) -> Result<Json<GroupView>, Problem> {
    let new = change.name.clone().unwrap_or_else(|| name.clone());
    let notes = inside.house.change_group(name, change).await?;
    inside.refresh().await?;
    Ok(Json(GroupView { notes, ..GroupView::new(&*inside.group(&new).await?) }))
}

pub(super) async fn hand_out(
    State(inside): State<Inside>,
    Path(name): Path<String>,
    Asked(which): Asked<Which>,
) -> Result<Json<AddressView>, Problem> {
    Ok(Json(inside.house.hand_out(name, which).await?))
}

pub(super) async fn forget(
    State(inside): State<Inside>,
    Path(name): Path<String>,
) -> Result<Json<Done>, Problem> {
    inside.house.forget_group(name).await?;
    inside.refresh().await?;
    Ok(Json(Done { done: "forgotten".to_owned() }))
}

impl Inside {
    pub(super) async fn refresh(&self) -> Result<(), Problem> {
        let refreshed = self.feed.refresh(&self.coordinator).await;
        refreshed.map_err(|error| self.house.refused(&error))
    }
}
