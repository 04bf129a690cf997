//! What is served: a coordinator and its home.

use std::fmt;
use std::sync::Arc;

use ensign_coordinator::{CommandError, Coordinator};
use ensign_primitives::Network;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::board::{Board, Me};
use crate::body::Large;
use crate::bounds::SEARCHES_MAX;
use crate::events::Streams;
use crate::feed::{Feed, unix_now};
use crate::house::House;
use crate::ring::Ring;
use crate::routes;
use crate::server::Server;
use crate::socket::Socket;

/// A node that runs, as its clients see it. It follows the node's events until it is dropped.
#[derive(Debug)]
pub struct Service {
    inside: Inside,
    follower: JoinHandle<()>,
}

/// What every route works with.
#[derive(Clone)]
pub(crate) struct Inside {
    pub(crate) coordinator: Coordinator,
    pub(crate) house: Arc<dyn House>,
    pub(crate) feed: Feed,
    pub(crate) large: Large,
    /// Places for searches in the open network.
    pub(crate) searches: Arc<Semaphore>,
    /// The chain, where its name is known.
    pub(crate) network: Option<Network>,
}

impl fmt::Debug for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inside").finish_non_exhaustive()
    }
}

impl Service {
    /// Begins to follow a node, before it has joined a group: what is told of requests then is what
    /// clients can decide about.
    pub fn new(coordinator: &Coordinator, house: Arc<dyn House>, me: Me) -> Self {
        let (ring, network) = (Ring::new(unix_now().as_millis()), me.network.parse().ok());
        let feed = Feed::new(me, ring);
        let follower = tokio::spawn(feed.clone().follow(coordinator.events()));
        let (coordinator, large) = (coordinator.clone(), Large::default());
        let searches = Arc::new(Semaphore::new(SEARCHES_MAX));
        Self { inside: Inside { coordinator, house, feed, large, searches, network }, follower }
    }

    /// Serves it at a socket.
    pub fn serve(&self, socket: Socket) -> Server {
        let inside = self.inside.clone();
        Server::start(socket, |stop| {
            let streams = Streams::new(inside.feed.ring().clone(), stop);
            routes::routes(inside, streams)
        })
    }

    /// Takes the groups that the node has joined by now.
    ///
    /// # Errors
    ///
    /// [`CommandError::Stopped`].
    pub async fn refresh(&self) -> Result<(), CommandError> {
        self.inside.feed.refresh(&self.inside.coordinator).await
    }

    /// Tells clients an event that is none of the coordinator's: an object with the field `event`.
    pub fn tell(&self, event: &Value) {
        self.inside.feed.tell(event);
    }

    /// Returns the board as it is now.
    pub fn board(&self) -> Board {
        self.inside.feed.board()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.follower.abort();
    }
}
