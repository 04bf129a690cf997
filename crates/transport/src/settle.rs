//! One connection per pair of nodes, however many were dialled.
//!
//! Two nodes that dial each other at the same time get two connections. The one with the lower
//! [`PeerId`] chooses, as soon as a handshake is done on its side, and says so by opening a stream
//! (an empty one, so that it need not have anything to say). The other node takes the connection on
//! which a stream arrives. Before the choice neither sends frames, so none is lost on the other
//! connection, which the chooser closes.

use std::sync::Arc;

use ensign_primitives::PeerId;
use quinn::{Connection, RecvStream};

use crate::{
    CloseCode, DialError, DisconnectReason,
    link::{self, Link},
    places::Place,
    shared::{Shared, locked},
};

/// What became of a connection whose handshake is done.
#[derive(Debug)]
pub(crate) enum Settled {
    /// It is the one in use.
    Chosen,
    /// Another one is in use.
    Duplicate,
}

/// Waits for the choice, or makes it, and starts serving the connection if it is the chosen one.
///
/// # Errors
///
/// [`DialError`] when the connection ends before.
pub(crate) async fn settle(
    shared: &Arc<Shared>,
    connection: Connection,
    peer: PeerId,
    dialled: bool,
    mut place: Place,
) -> Result<Settled, DialError> {
    let first = if shared.us < peer {
        None
    } else {
        match choice_of_peer(shared, &connection).await? {
            Some(first) => Some(first),
            None => return Ok(Settled::Duplicate),
        }
    };
    place.settle();
    let limit = shared.config.send_queue_bytes_max;
    let link = Arc::new(Link::new(peer, connection, dialled, limit));
    while let Some(occupant) = occupy(shared, &link) {
        if !occupant.is_over() {
            if first.is_none() && (dialled || !occupant.yields_to_incoming()) {
                link.connection.close(CloseCode::Duplicate.to_wire(), &[]);
                occupant.probe();
                return Ok(Settled::Duplicate);
            }
            occupant.fail(DisconnectReason::Replaced, CloseCode::Duplicate);
        }
        occupant.ended().await;
    }
    tokio::spawn(link::run(Arc::clone(shared), link, first, place));
    Ok(Settled::Chosen)
}

/// Waits for the stream by which the peer chooses; `None` when it chose another connection.
async fn choice_of_peer(
    shared: &Shared,
    connection: &Connection,
) -> Result<Option<RecvStream>, DialError> {
    let error = match connection.accept_uni().await {
        Ok(stream) => return Ok(Some(stream)),
        Err(error) => DialError::from_connection(&error, shared.config.network),
    };
    if error == (DialError::Closed { code: CloseCode::Duplicate }) {
        return Ok(None);
    }
    Err(error)
}

/// Makes `link` the connection to its peer, or returns the one that is.
fn occupy(shared: &Shared, link: &Arc<Link>) -> Option<Arc<Link>> {
    let mut links = locked(&shared.links);
    if shared.is_closed() {
        link.connection.close(CloseCode::Shutdown.to_wire(), &[]);
    }
    let occupant = links.get(&link.peer).cloned();
    if occupant.is_none() {
        links.insert(link.peer, Arc::clone(link));
        shared.linked.notify_waiters();
    }
    occupant
}
