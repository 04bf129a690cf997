//! The routes, one file for each kind of thing.

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use ensign_coordinator::{LedgerError, Records};
use std::sync::Arc;

use crate::board::Board;
use crate::body::Large;
use crate::events::Streams;
use crate::frame::framed;
use crate::house;
use crate::places::Activity;
use crate::problem::Problem;
use crate::service::Inside;
use crate::view::{AuditView, CaseView};

mod decide;
mod formations;
mod groups;
mod named;
mod net;
mod network;
mod propose;
mod requests;

/// Every route there is.
pub(crate) const PATHS: &[&str] = &[
    "/v1/status",
    "/v1/groups",
    "/v1/groups/{name}",
    "/v1/groups/{name}/addresses",
    "/v1/formations",
    "/v1/formations/{name}",
    "/v1/formations/{name}/confirm",
    "/v1/previews",
    "/v1/requests",
    "/v1/requests/{id}",
    "/v1/requests/{id}/approve",
    "/v1/requests/{id}/decline",
    "/v1/requests/{id}/cancel",
    "/v1/requests/{id}/withdraw",
    "/v1/requests/{id}/result",
    "/v1/evidence",
    "/v1/evidence/{id}",
    "/v1/net/guard",
    "/v1/net/peers",
    "/v1/net/ban",
    "/v1/net/unban",
    "/v1/net/trust",
    "/v1/net/status",
    "/v1/net/dht",
    "/v1/net/find",
    "/v1/net/trace",
    "/v1/net/ping",
    "/v1/nonces/audit",
    "/v1/events",
];

pub(crate) fn routes(inside: Inside, streams: Streams) -> Router {
    let routes = Router::new()
        .route("/v1/status", get(status))
        .route("/v1/groups", get(groups::list).post(groups::make))
        .route("/v1/groups/{name}", get(groups::show).patch(groups::change).delete(groups::forget))
        .route("/v1/groups/{name}/addresses", post(groups::hand_out))
        .route("/v1/formations", get(formations::list).post(formations::begin))
        .route("/v1/formations/{name}", get(formations::show).delete(formations::refuse))
        .route("/v1/formations/{name}/confirm", post(formations::confirm))
        .route("/v1/previews", post(propose::preview))
        .route("/v1/requests", get(requests::list).post(propose::propose))
        .route("/v1/requests/{id}", get(requests::show))
        .route("/v1/requests/{id}/approve", post(decide::approve))
        .route("/v1/requests/{id}/decline", post(decide::decline))
        .route("/v1/requests/{id}/cancel", post(decide::cancel))
        .route("/v1/requests/{id}/withdraw", post(decide::withdraw))
        .route("/v1/requests/{id}/result", get(requests::result))
        .route("/v1/evidence", get(evidence))
        .route("/v1/evidence/{id}", get(case))
        .route("/v1/net/guard", get(net::guard))
        .route("/v1/net/peers", get(net::peers))
        .route("/v1/net/ban", post(net::ban))
        .route("/v1/net/unban", post(net::unban))
        .route("/v1/net/trust", post(net::trust))
        .route("/v1/net/status", get(network::status))
        .route("/v1/net/dht", get(network::contacts))
        .route("/v1/net/find", post(network::find))
        .route("/v1/net/trace", post(network::trace))
        .route("/v1/net/ping", post(network::ping))
        .route("/v1/nonces/audit", get(audit))
        .route("/v1/events", get(events))
        .layer(Extension(streams))
        .with_state(inside);
    framed(routes, PATHS)
}

impl AsRef<Large> for Inside {
    fn as_ref(&self) -> &Large {
        &self.large
    }
}

impl Inside {
    /// Looks into the store.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(Records<'_>) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, Problem> {
        let looked = self.coordinator.look(look).await;
        looked.map_err(|error| self.house.refused(&error))?.map_err(|e| self.house.unread(&e))
    }
}

async fn status(State(inside): State<Inside>) -> Json<Board> {
    Json(inside.feed.board())
}

async fn evidence(State(inside): State<Inside>) -> Result<Response, Problem> {
    let cases = inside.look(|records| records.cases()).await?;
    let cases: Vec<_> = cases.iter().map(CaseView::new).collect();
    Ok(inside.large.answer(StatusCode::OK, &cases))
}

async fn case(State(inside): State<Inside>, Path(id): Path<String>) -> Result<Response, Problem> {
    let cases = inside.look(|records| records.cases()).await?;
    let found = cases.into_iter().find(|case| hex::encode(case.id) == id.to_lowercase());
    let found = found.ok_or_else(|| {
        let what = "no evidence has this id; it has 64 hex digits".to_owned();
        inside.house.problem(404, house::EVIDENCE_UNKNOWN, what)
    })?;
    Ok(inside.large.bytes(StatusCode::OK, "application/octet-stream", found.bytes.into()))
}

async fn audit(State(inside): State<Inside>) -> Result<Response, Problem> {
    let audit = inside.look(|records| records.audit()).await?;
    Ok(inside.large.answer(StatusCode::OK, &AuditView::new(audit)))
}

async fn events(
    Extension(streams): Extension<Streams>,
    Extension(client): Extension<Arc<Activity>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    streams.open(&headers, &client)
}
