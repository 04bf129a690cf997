//! What is left to nodes that we neither know nor want, and how long anybody may be silent.

use core::time::Duration;

use ensign_pow::Tariff;
use ensign_signing::{PEERS_LIMIT, PEERS_MAX};
use ensign_wire::Role;

/// How long a connection may stay without its first frame. Guess: many round trips.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// How many points of misbehaviour end a connection; see [`sentence`](crate::sentence()). They count
/// from zero on the next connection: a signer is never locked out, only slowed down.
pub const OFFENSE_POINTS_MAX: u32 = 20;

/// Default of [`Strangers::links_max`]. Guess: nobody we do not know needs to stay, so few places with a
/// quick turnover do.
pub const STRANGERS_MAX: usize = 64;

/// Default of [`Strangers::time`]. Guess: a handshake, a greeting and a few questions over a bad line.
pub const STRANGER_TIME: Duration = Duration::from_secs(30);

/// [`Strangers::links_max`] of a node that takes part in the open network. Guess: its neighbours' address books and
/// tables hold some of it each, and members keep more than half of all places.
pub const OPEN_STRANGERS_MAX: usize = 256;

/// [`Strangers::links_max`] of a bootstrap node. Guess: a thousand nodes that join at once. With 256 places for
/// them, 744 of a thousand were sent away (simulated).
pub const BOOTSTRAP_STRANGERS_MAX: usize = 1024;

/// [`Strangers::time`] of such a node: neighbours stay. Guess: two changes of an outbound connection.
pub const OPEN_STRANGER_TIME: Duration = Duration::from_secs(60 * 60);

const _: () = assert!(OPEN_STRANGERS_MAX < PEERS_MAX);
const _: () = assert!(BOOTSTRAP_STRANGERS_MAX - OPEN_STRANGERS_MAX + PEERS_MAX == PEERS_LIMIT);
const _: () = assert!(STRANGERS_MAX < PEERS_MAX);

/// What strangers may have of this node's places. A setting; the defaults are constants of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strangers {
    /// Most connections with them at once; beyond it one goes, by [`ensign_diversity::evict`].
    pub links_max: usize,
    /// How long each stays, unless it becomes a member or is wanted.
    pub time: Duration,
    /// What they pay when too many come.
    pub price: Tariff,
    /// Below which score none of them is let in.
    pub reputation: ensign_reputation::Config,
}

impl Strangers {
    /// Returns how many connections there may be at once, whosever they are: from [`PEERS_MAX`], where strangers have
    /// at most [`OPEN_STRANGERS_MAX`] of them, to [`PEERS_LIMIT`].
    pub const fn places(&self) -> usize {
        let more = self.links_max.saturating_sub(OPEN_STRANGERS_MAX);
        let places = PEERS_MAX + more;
        if places < PEERS_LIMIT { places } else { PEERS_LIMIT }
    }

    /// Gives strangers the places and the time of a node that has this role in the open network, in which neighbours
    /// are strangers.
    #[must_use]
    pub const fn open(self, role: Role) -> Self {
        let links_max = match role {
            Role::Signer => OPEN_STRANGERS_MAX,
            Role::Bootstrap => BOOTSTRAP_STRANGERS_MAX,
            Role::Light => STRANGERS_MAX,
        };
        Self { links_max, time: OPEN_STRANGER_TIME, ..self }
    }
}

impl Default for Strangers {
    fn default() -> Self {
        let (price, reputation) = Default::default();
        Self { links_max: STRANGERS_MAX, time: STRANGER_TIME, price, reputation }
    }
}
