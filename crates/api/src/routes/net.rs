//! Who is connected, whom the guards hold back, and our user's word about a node.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use ensign_coordinator::Word;
use ensign_primitives::PeerId;

use crate::body::Asked;
use crate::house;
use crate::node_name::named_node;
use crate::problem::Problem;
use crate::service::Inside;
use crate::view::{About, GuardView, NetPeerView, WordView, names_of};

pub(super) async fn guard(State(inside): State<Inside>) -> Result<Response, Problem> {
    let report = inside.coordinator.guard().await.map_err(|it| inside.house.refused(&it))?;
    let groups = inside.coordinator.groups().await.map_err(|it| inside.house.refused(&it))?;
    let view = GuardView::new(&report, &names_of(groups.iter().map(|group| &**group)));
    Ok(inside.large.answer(StatusCode::OK, &view))
}

pub(super) async fn peers(State(inside): State<Inside>) -> Result<Response, Problem> {
    let peers = inside.coordinator.net_peers().await.map_err(|it| inside.house.refused(&it))?;
    let groups = inside.coordinator.groups().await.map_err(|it| inside.house.refused(&it))?;
    let names = names_of(groups.iter().map(|group| &**group));
    let view = |(peer, traffic): &_| NetPeerView::new(peer, *traffic, &names);
    let mut views: Vec<_> = peers.iter().map(view).collect();
    // Whom our user knows comes first.
    views.sort_by(|a, b| {
        (a.name.is_none(), &a.name, &a.node).cmp(&(b.name.is_none(), &b.name, &b.node))
    });
    Ok(inside.large.answer(StatusCode::OK, &views))
}

pub(super) async fn ban(
    state: State<Inside>,
    Asked(about): Asked<About>,
) -> Result<Json<WordView>, Problem> {
    say(state.0, about, Some(Word::Banned)).await
}

pub(super) async fn unban(
    state: State<Inside>,
    Asked(about): Asked<About>,
) -> Result<Json<WordView>, Problem> {
    say(state.0, about, None).await
}

pub(super) async fn trust(
    state: State<Inside>,
    Asked(about): Asked<About>,
) -> Result<Json<WordView>, Problem> {
    say(state.0, about, Some(Word::Trusted)).await
}

async fn say(inside: Inside, about: About, word: Option<Word>) -> Result<Json<WordView>, Problem> {
    let peer = inside.node(&about.peer).await?;
    let before = inside.coordinator.say(peer, word).await;
    let before = before.map_err(|error| inside.house.refused(&error))?;
    // The board says whom our user has banned.
    inside.refresh().await?;
    let groups = inside.coordinator.groups().await.map_err(|it| inside.house.refused(&it))?;
    Ok(Json(WordView::new(&peer, (before, word), groups.iter().map(|group| &**group))))
}

impl Inside {
    /// Returns the one node that is called so.
    async fn node(&self, text: &str) -> Result<PeerId, Problem> {
        let groups = self.coordinator.groups().await.map_err(|it| self.house.refused(&it))?;
        let peers = self.coordinator.net_peers().await.map_err(|it| self.house.refused(&it))?;
        let report = self.coordinator.guard().await.map_err(|it| self.house.refused(&it))?;
        let guarded = report.guarded.iter().map(|guarded| guarded.peer);
        let known = peers.iter().map(|(it, _)| it.peer).chain(guarded);
        let own = (Some(self.coordinator.node()), &*self.feed.board().me.name);
        named_node(text, own, groups.iter().map(|group| &**group), known)
            .map_err(|error| self.house.problem(404, house::NODE_UNKNOWN, error.to_string()))
    }
}
