//! Who is connected, whom the guards hold back, and our user's word about a node.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use ensign_coordinator::Word;
use ensign_primitives::PeerId;

use super::named::shown;
use crate::body::Asked;
use crate::house;
use crate::problem::Problem;
use crate::service::Inside;
use crate::view::{About, GuardView, NetPeerView, WordView, names_of, word_name};

/// Fewest hex digits by which a node is named. Guess: nobody draws two that begin so by chance.
const DIGITS_MIN: usize = 8;

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
    if word.is_some() && inside.is_own(&peer).await? {
        let what = "that is this node itself: nothing was changed, bans and trust are for others";
        return Err(inside.house.problem(400, house::NODE_OWN, what.to_owned()));
    }
    let stopped = inside.coordinator.say(peer, word).await;
    let stopped = stopped.map_err(|error| inside.house.refused(&error))?;
    // The board says whom our user has banned.
    inside.refresh().await?;
    let groups = inside.coordinator.groups().await.map_err(|it| inside.house.refused(&it))?;
    let without = groups.iter().filter(|group| stopped.contains(&group.id));
    Ok(Json(WordView {
        name: names_of(groups.iter().map(|group| &**group)).remove(&peer),
        node: peer.to_string(),
        word: word.map(|word| word_name(word).to_owned()),
        groups: without.map(|group| group.name.clone()).collect(),
    }))
}

impl Inside {
    async fn is_own(&self, peer: &PeerId) -> Result<bool, Problem> {
        let groups = self.coordinator.groups().await.map_err(|it| self.house.refused(&it))?;
        let mut own = groups.iter().filter_map(|it| it.members.get(it.own.as_usize()));
        Ok(own.any(|member| member.peer == *peer))
    }

    /// Returns the one node that is called so.
    async fn node(&self, text: &str) -> Result<PeerId, Problem> {
        let text = text.trim();
        let mut bytes = [0; 32];
        if hex::decode_to_slice(text, &mut bytes).is_ok() {
            return Ok(PeerId::from_bytes(bytes));
        }
        let groups = self.coordinator.groups().await.map_err(|it| self.house.refused(&it))?;
        let names = names_of(groups.iter().map(|group| &**group));
        let named: Vec<_> = names.iter().filter(|(_, name)| *name == text).collect();
        if let [(peer, _)] = named[..] {
            return Ok(*peer);
        }
        let peers = self.coordinator.net_peers().await.map_err(|it| self.house.refused(&it))?;
        let report = self.coordinator.guard().await.map_err(|it| self.house.refused(&it))?;
        let guarded = report.guarded.iter().map(|guarded| guarded.peer);
        let known = peers.iter().map(|(it, _)| it.peer).chain(guarded).chain(names.into_keys());
        let begin = text.to_lowercase();
        let begins = |peer: &PeerId| peer.to_string().starts_with(&begin);
        let mut found: Vec<_> = known.filter(|it| text.len() >= DIGITS_MIN && begins(it)).collect();
        found.sort_unstable();
        found.dedup();
        let what = match found[..] {
            [only] => return Ok(only),
            [] => format!("no node is called `{}`", shown(text)),
            [..] => format!("{} nodes that are known begin `{}`", found.len(), shown(text)),
        };
        Err(self.house.problem(404, house::NODE_UNKNOWN, what))
    }
}
