//! What stands in for the operating system when a node is simulated.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use ensign_deadline::Timeouts;
use ensign_engine::Limits;
use ensign_ledger::{KeyAge, Opened};
use ensign_primitives::Network;
use ensign_psbt::Policy;
use ensign_signer::Randomness;
use ensign_store::{Opening, Store};
use ensign_transport::{AsyncUdpSocket, Transport, TransportConfig};

use crate::{
    Coordinator, Events, Keys, StartError,
    clock::{Clock, WallClock},
    parts::Parts,
    storage::Storage,
};

/// Everything around a simulated node that is the operating system's in a real one. Time is
/// tokio's: paused, it stands still while anything is left to do.
pub struct Surroundings {
    /// The network card.
    pub socket: Arc<dyn AsyncUdpSocket>,
    /// What every random number is made from, nonces included. A node that starts again takes
    /// another one, as the operating system would never give the same bytes twice.
    pub seed: [u8; 32],
    /// The wall clock; what it says when the node starts, and when it is set.
    pub wall: WallClock,
    /// What survives. A node that starts again with what lies on the same disk finds what the one
    /// before it had committed.
    pub store: Box<dyn Store>,
    /// What opening the store found; acted on as in a real node.
    pub found: Opening,
    /// Whether this node's keys are new: as [`Builder::new_keys`](crate::Builder::new_keys).
    pub keys: KeyAge,
    /// How long the disk takes to make a write durable; zero for no time at all.
    pub disk_latency: Duration,
    /// As [`Builder::timeouts`](crate::Builder::timeouts).
    pub timeouts: Timeouts,
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").field("socket", &self.socket).finish_non_exhaustive()
    }
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
    /// store holds what this version cannot read, or cannot be written.
    pub async fn dangerous_simulated(
        network: Network,
        keys: Keys,
        surroundings: Surroundings,
    ) -> Result<(Self, Events), StartError> {
        let Surroundings { socket, seed, wall, store, found, keys: age, disk_latency, timeouts } =
            surroundings;
        let unused = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let config = TransportConfig::new(unused, network);
        let key = keys.node_key();
        let transport = Transport::dangerous_simulated(config, key, socket, seed).await;
        let opened = ensign_ledger::settle(store, found, age, wall.at_origin())
            .map_err(StartError::Store)?;
        let Opened { store, handles, before } = opened;
        Ok(Self::start(Parts {
            network,
            keys,
            timeouts,
            limits: Limits::default(),
            strangers: Default::default(),
            policy: Policy::default(),
            overlay: None,
            clock: Clock::simulated(wall),
            randomness: Randomness::DangerousSimulated { network, seed, drawn: 0 },
            transport: transport.map_err(StartError::Bind)?,
            storage: Storage::simulated(store, disk_latency),
            before,
            handles,
        }))
    }
}
