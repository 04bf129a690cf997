//! Groups that form.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use ensign_coordinator::forming::{CommandError as Refused, Step, View};
use ensign_coordinator::{CommandError, Fingerprint};

use crate::body::Asked;
use crate::problem::Problem;
use crate::service::Inside;
use crate::view::{Confirmation, Done, FormationView, NewFormation};

pub(super) async fn list(
    State(inside): State<Inside>,
) -> Result<Json<Vec<FormationView>>, Problem> {
    Ok(Json(inside.forming().await?.iter().map(FormationView::new).collect()))
}

pub(super) async fn show(
    State(inside): State<Inside>,
    Path(name): Path<String>,
) -> Result<Json<FormationView>, Problem> {
    Ok(Json(FormationView::new(&inside.formation(&name).await?)))
}

pub(super) async fn begin(
    State(inside): State<Inside>,
    Asked(asked): Asked<NewFormation>,
) -> Result<Response, Problem> {
    let name = inside.house.form(asked).await?;
    let view = FormationView::new(&inside.formation(&name).await?);
    Ok(inside.large.answer(StatusCode::CREATED, &view))
}

pub(super) async fn confirm(
    State(inside): State<Inside>,
    Path(name): Path<String>,
    Asked(Confirmation { fingerprint: typed }): Asked<Confirmation>,
) -> Result<Json<Done>, Problem> {
    let view = inside.formation(&name).await?;
    let Some(fingerprint) = fingerprint_of(&view) else {
        return Err(inside.formed_otherwise(Refused::NoFingerprint));
    };
    if !fingerprint.is_spelled(&typed) {
        let expected = fingerprint.to_string();
        return Err(inside.formed_otherwise(Refused::OtherFingerprint { expected }));
    }
    let confirmed = inside.coordinator.confirm(name, fingerprint).await;
    confirmed.map_err(|error| inside.house.refused(&error))?;
    Ok(Json(Done { done: "confirmed".to_owned() }))
}

pub(super) async fn refuse(
    State(inside): State<Inside>,
    Path(name): Path<String>,
) -> Result<Json<Done>, Problem> {
    inside.house.give_up(name).await?;
    Ok(Json(Done { done: "refused".to_owned() }))
}

fn fingerprint_of(view: &View) -> Option<Fingerprint> {
    match &view.step {
        Step::Confirming { fingerprint, .. } => Some(*fingerprint),
        Step::Inviting { .. } | Step::Joining { .. } | Step::Revealing { .. } => None,
    }
}

impl Inside {
    async fn forming(&self) -> Result<Vec<View>, Problem> {
        let formations = self.coordinator.formations().await;
        Ok(formations.map_err(|error| self.house.refused(&error))?.0)
    }

    async fn formation(&self, name: &str) -> Result<View, Problem> {
        let known = self.forming().await?.into_iter().find(|view| view.name == name);
        known.ok_or_else(|| self.formed_otherwise(Refused::Unknown { name: name.to_owned() }))
    }

    fn formed_otherwise(&self, why: Refused) -> Problem {
        self.house.refused(&CommandError::Formation(why))
    }
}
