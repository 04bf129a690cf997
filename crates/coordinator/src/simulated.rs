//! What stands in for the operating system when a node is simulated.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use ensign_deadline::Timeouts;
use ensign_primitives::{Network, UnixTime};
use ensign_store::{MemoryStore, Store};
use ensign_transport::{AsyncUdpSocket, Transport, TransportConfig};

use crate::{
    Coordinator, Events, Keys, StartError,
    clock::Clock,
    driver::{Before, Parts},
    opening,
    randomness::Randomness,
    storage::Storage,
};

/// Everything around a simulated node that is the operating system's in a real one. Time is
/// tokio's: paused, it stands still while anything is left to do.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The network card.
    pub socket: Arc<dyn AsyncUdpSocket>,
    /// What every random number is made from, nonces included. A node that starts again takes
    /// another one, as the operating system would never give the same bytes twice.
    pub seed: [u8; 32],
    /// What the wall clock says when the node starts.
    pub unix: UnixTime,
    /// The disk. A node that starts again with a clone finds what the one before it had committed.
    pub store: MemoryStore,
    /// As [`Builder::timeouts`](crate::Builder::timeouts).
    pub timeouts: Timeouts,
}

impl Coordinator {
    /// Starts a node in a simulation, inside a tokio runtime with one thread and paused time. No
    /// thread, file, port or clock of the machine is used.
    ///
    /// Equal surroundings and equal commands give equal packets at equal times.
    ///
    /// # Security
    ///
    /// Never with keys that matter: every nonce follows from [`Surroundings::seed`], so whoever
    /// knows the seed computes the secret signer key from one signature.
    ///
    /// # Errors
    ///
    /// [`StartError::Bind`] when the socket does not know its address, [`StartError::Store`] when the
    /// store holds what this version cannot read.
    pub async fn dangerous_simulated(
        network: Network,
        keys: Keys,
        surroundings: Surroundings,
    ) -> Result<(Self, Events), StartError> {
        let Surroundings { socket, seed, unix, store, timeouts } = surroundings;
        let unused = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let config = TransportConfig::new(unused, network);
        let key = keys.node_key.clone();
        let transport = Transport::dangerous_simulated(config, key, socket, seed).await;
        let opened = opening::read(Box::new(store.clone())).map_err(StartError::Store)?;
        let (_, opened): (Box<dyn Store>, Before) = opened.into();
        Ok(Self::start(Parts {
            network,
            keys,
            timeouts,
            clock: Clock::simulated(unix),
            randomness: Randomness::DangerousSimulated { network, seed, drawn: 0 },
            transport: transport.map_err(StartError::Bind)?,
            storage: Storage::simulated(store),
            opened,
        }))
    }
}
