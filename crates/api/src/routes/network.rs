//! The open network: what our node is in it, whom it knows, and looking for nodes and records.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use ensign_coordinator::overlay::dht::Thoroughness;
use ensign_peers::contact::{Address, Contact};
use ensign_primitives::PeerId;
use ensign_wire::Key;
use tokio::sync::OwnedSemaphorePermit;

use crate::body::Asked;
use crate::feed::unix_now;
use crate::house;
use crate::node_name::named_node;
use crate::problem::Problem;
use crate::service::Inside;
use crate::view::{
    About, NetContactView, NetFoundView, NetPingView, NetStatusView, NetTraceView, Traced, micros,
    names_of,
};

/// What every contact code begins with; no name and no hex digits do.
const CODE_PREFIX: &str = "ensign1";

/// Most addresses of a node that are dialled to see whether it is there. Guess: both families, twice.
const ADDRESSES_PINGED_MAX: usize = 4;

/// A node that was named.
struct Named {
    peer: PeerId,
    /// Where its contact code says that it is.
    at: Vec<SocketAddr>,
}

pub(super) async fn status(State(inside): State<Inside>) -> Result<Response, Problem> {
    let status = inside.coordinator.network().await.map_err(|it| inside.house.refused(&it))?;
    let peers = inside.coordinator.net_peers().await.map_err(|it| inside.house.refused(&it))?;
    let names = inside.names().await?;
    let us = (inside.coordinator.node(), unix_now());
    Ok(inside.large.answer(StatusCode::OK, &NetStatusView::new(us, &status, &peers, &names)))
}

pub(super) async fn contacts(State(inside): State<Inside>) -> Result<Response, Problem> {
    let contacts = inside.coordinator.contacts().await.map_err(|it| inside.house.refused(&it))?;
    let (names, now) = (inside.names().await?, unix_now());
    let views: Vec<_> = contacts.iter().map(|it| NetContactView::new(it, now, &names)).collect();
    Ok(inside.large.answer(StatusCode::OK, &views))
}

pub(super) async fn find(
    State(inside): State<Inside>,
    Asked(about): Asked<About>,
) -> Result<Json<NetFoundView>, Problem> {
    let Named { peer, .. } = inside.in_network(&about.peer).await?;
    let _place = inside.search()?;
    let walked = inside.coordinator.find_node(peer).await;
    let walked = walked.map_err(|error| inside.house.refused(&error))?;
    Ok(Json(NetFoundView::new(&peer, &walked, &inside.names().await?)))
}

pub(super) async fn trace(
    State(inside): State<Inside>,
    Asked(traced): Asked<Traced>,
) -> Result<Response, Problem> {
    let refused = |error| inside.house.refused(&error);
    let view = match (traced.peer, traced.key) {
        (Some(peer), None) => {
            let Named { peer, .. } = inside.in_network(&peer).await?;
            let _place = inside.search()?;
            let mut walked = inside.coordinator.find_node(peer).await.map_err(refused)?;
            let key = inside.network.map_or(Key([0; 32]), |network| Key::of_peer(network, &peer));
            if walked.found.is_some() && walked.hops.is_empty() {
                // It is known here; how others would get to it is seen by a walk to its record.
                let way =
                    inside.coordinator.get(key, Thoroughness::Usual).await.map_err(refused)?;
                (walked.hops, walked.took) = (way.hops, way.took);
            }
            NetTraceView::of_node((&peer, key), &walked, &inside.names().await?)
        }
        (None, Some(text)) => {
            let mut key = Key([0; 32]);
            hex::decode_to_slice(text.trim(), &mut key.0).map_err(|_| {
                let what = "key: the key of a record has 64 hex digits";
                Problem::misunderstood(StatusCode::BAD_REQUEST, what)
            })?;
            let _place = inside.search()?;
            let walked = inside.coordinator.get(key, Thoroughness::Usual).await.map_err(refused)?;
            NetTraceView::of_record(key, &walked, &inside.names().await?)
        }
        (Some(_), Some(_)) | (None, None) => {
            let what = "one of the fields `peer` and `key` says what is looked for";
            return Err(Problem::misunderstood(StatusCode::BAD_REQUEST, what));
        }
    };
    Ok(inside.large.answer(StatusCode::OK, &view))
}

pub(super) async fn ping(
    State(inside): State<Inside>,
    Asked(about): Asked<About>,
) -> Result<Json<NetPingView>, Problem> {
    let Named { peer, at } = inside.in_network(&about.peer).await?;
    if peer == inside.coordinator.node() {
        let what = "that is this node itself: it is there".to_owned();
        return Err(inside.house.problem(409, house::NODE_OWN, what));
    }
    let _place = inside.search()?;
    inside.ping(peer, at).await.map(Json)
}

impl Inside {
    /// Takes the right to look for something; for a further one there is too much at this time.
    fn search(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = Arc::clone(&self.searches).try_acquire_owned();
        place.map_err(|_| {
            let what = "as much is looked for as may be at one time, for clients of this home";
            self.house.problem(503, house::NET_BUSY, what.to_owned())
        })
    }

    async fn names(&self) -> Result<std::collections::BTreeMap<PeerId, String>, Problem> {
        let groups = self.coordinator.groups().await.map_err(|it| self.house.refused(&it))?;
        Ok(names_of(groups.iter().map(|group| &**group)))
    }

    /// Returns the one node that is called so, which may be one that only the open network knows.
    async fn in_network(&self, text: &str) -> Result<Named, Problem> {
        let refused = |error| self.house.refused(&error);
        let contacts = self.coordinator.contacts().await.map_err(refused)?;
        if text.trim().to_ascii_lowercase().starts_with(CODE_PREFIX) {
            return self.of_code(text);
        }
        let groups = self.coordinator.groups().await.map_err(refused)?;
        let peers = self.coordinator.net_peers().await.map_err(refused)?;
        let known = peers.iter().map(|(it, _)| it.peer);
        let known = known.chain(contacts.iter().map(|contact| contact.record.peer()));
        let own = (Some(self.coordinator.node()), &*self.feed.board().me.name);
        let named = named_node(text, own, groups.iter().map(|group| &**group), known);
        let unknown = |error| self.house.problem(404, house::NODE_UNKNOWN, format!("{error}"));
        Ok(Named { peer: named.map_err(unknown)?, at: Vec::new() })
    }

    fn of_code(&self, text: &str) -> Result<Named, Problem> {
        let unknown = |what: String| self.house.problem(404, house::NODE_UNKNOWN, what);
        let contact: Contact = text.parse().map_err(|error| unknown(format!("{error}")))?;
        let (theirs, name) = (contact.network, contact.called());
        if let Some(ours) = self.network.filter(|ours| *ours != theirs) {
            return Err(unknown(format!("{name} is on {theirs}, this home on {ours}")));
        }
        let at = contact.addresses.iter().filter_map(Address::ip).collect();
        Ok(Named { peer: contact.peer, at })
    }

    /// Sees whether a node is there: where it is connected, where its code says, where the table says, or where a
    /// search finds it.
    async fn ping(&self, peer: PeerId, of_code: Vec<SocketAddr>) -> Result<NetPingView, Problem> {
        let refused = |error| self.house.refused(&error);
        let mut view = NetPingView {
            name: self.names().await?.remove(&peer),
            node: peer.to_string(),
            by: "connection".to_owned(),
            address: None,
            there: false,
            connected_us: None,
            round_trip_us: None,
            asked: 0,
        };
        self.see_connection(&peer, &mut view).await?;
        if view.there || self.dialled(peer, "code", of_code, &mut view).await? {
            return Ok(view);
        }
        let contacts = self.coordinator.contacts().await.map_err(refused)?;
        let known = contacts.iter().find(|contact| contact.record.peer() == peer);
        let known = known.map(|it| it.record.node().addresses.clone()).unwrap_or_default();
        if self.dialled(peer, "table", known.clone(), &mut view).await? {
            return Ok(view);
        }
        let walked = self.coordinator.find_node(peer).await.map_err(refused)?;
        view.asked = walked.hops.len();
        let found = walked.found.map(|it| it.node().addresses.clone()).unwrap_or_default();
        // Where nobody has answered a moment ago it is not.
        let new = found.into_iter().filter(|it| !known.contains(it)).collect();
        self.dialled(peer, "search", new, &mut view).await?;
        Ok(view)
    }

    /// Dials a node at each address until it answers; `false` where it does not.
    async fn dialled(
        &self,
        peer: PeerId,
        by: &str,
        at: Vec<SocketAddr>,
        view: &mut NetPingView,
    ) -> Result<bool, Problem> {
        for address in at.into_iter().take(ADDRESSES_PINGED_MAX) {
            (view.by, view.address) = (by.to_owned(), Some(address.to_string()));
            let answer = self.coordinator.ping(peer, address).await;
            if let Some(after) = answer.map_err(|error| self.house.refused(&error))? {
                (view.there, view.connected_us) = (true, Some(micros(after)));
                let by = view.by.clone();
                self.see_connection(&peer, view).await?;
                view.by = by;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes what its connection knows of a node, if there is one.
    async fn see_connection(&self, peer: &PeerId, view: &mut NetPingView) -> Result<(), Problem> {
        let peers = self.coordinator.net_peers().await.map_err(|it| self.house.refused(&it))?;
        if let Some((link, traffic)) = peers.into_iter().find(|(link, _)| link.peer == *peer) {
            (view.there, view.address) = (true, Some(link.remote.to_string()));
            view.round_trip_us = traffic.map(|it| micros(it.round_trip));
        }
        Ok(())
    }
}
