//! One connection per pair of nodes, however many were dialled.
//!
//! Two nodes that dial each other at the same time get two connections. The one with the lower
//! [`PeerId`] chooses, as soon as a handshake is done on its side, and says so by opening a stream
//! (an empty one, so that it need not have anything to say). The other node takes the connection on
//! which a stream arrives. Before the choice neither sends frames, so none is lost on the other
//! connection, which the chooser closes.

use std::sync::Arc;

use ensign_primitives::{Direction, PeerId};
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

/// A connection whose handshake is done.
#[derive(Debug)]
pub(crate) struct Newcomer {
    pub(crate) peer: PeerId,
    pub(crate) connection: Connection,
    pub(crate) direction: Direction,
    pub(crate) place: Place,
}

/// Waits for the choice, or makes it, and starts serving the connection if it is the chosen one.
///
/// # Errors
///
/// [`DialError`] when the connection ends before.
pub(crate) async fn settle(shared: &Arc<Shared>, newcomer: Newcomer) -> Result<Settled, DialError> {
    let mut unused = Unused::new(shared, &newcomer);
    let dialled = newcomer.direction == Direction::Outbound;
    let first = if shared.us < newcomer.peer {
        None
    } else {
        match choice_of_peer(shared, &newcomer).await? {
            Some(first) => Some(first),
            None => return Ok(Settled::Duplicate),
        }
    };
    newcomer.place.settle();
    let link = Arc::new(Link::new(shared.name_link(), newcomer, &shared.config));
    while let Some(occupant) = occupy(shared, &link) {
        if !occupant.is_over() {
            if first.is_none() && (dialled || !occupant.yields_to_incoming()) {
                link.connection.close(CloseCode::Duplicate.to_wire().into(), &[]);
                occupant.probe();
                return Ok(Settled::Duplicate);
            }
            occupant.fail(DisconnectReason::Replaced, CloseCode::Duplicate);
        }
        occupant.ended().await;
    }
    unused.connection = None;
    if dialled || shared.expects(&link.peer) {
        link.welcome();
    }
    tokio::spawn(link::run(Arc::clone(shared), link, first));
    Ok(Settled::Chosen)
}

/// Closes a connection that is given up before it is in use, so that the other side learns why.
#[derive(Debug)]
struct Unused<'a> {
    shared: &'a Shared,
    peer: PeerId,
    /// `None` once it is in use.
    connection: Option<Connection>,
}

impl<'a> Unused<'a> {
    fn new(shared: &'a Shared, newcomer: &Newcomer) -> Self {
        let connection = Some(newcomer.connection.clone());
        Self { shared, peer: newcomer.peer, connection }
    }
}

impl Drop for Unused<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let has_another = self.shared.live(&self.peer).is_some();
        let code = if has_another { CloseCode::Duplicate } else { CloseCode::Silent };
        // Without effect when it is closed already.
        connection.close(code.to_wire().into(), &[]);
    }
}

/// Waits for the stream by which the peer chooses; `None` when it chose another connection.
async fn choice_of_peer(
    shared: &Shared,
    newcomer: &Newcomer,
) -> Result<Option<RecvStream>, DialError> {
    let accepted = tokio::select! {
        biased;
        accepted = newcomer.connection.accept_uni() => accepted,
        () = newcomer.place.evicted() => {
            newcomer.connection.close(CloseCode::Unwanted.to_wire().into(), &[]);
            return Err(DialError::Closed { code: CloseCode::Unwanted });
        }
    };
    let error = match accepted {
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
        link.connection.close(CloseCode::Shutdown.to_wire().into(), &[]);
    }
    let occupant = links.of(&link.peer).cloned();
    if occupant.is_none() {
        links.insert(link);
        shared.linked.notify_waiters();
    }
    occupant
}
