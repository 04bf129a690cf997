//! Every number of this crate, and the few that a node may set.

use core::time::Duration;

/// Most peers in the address book: the members of 64 groups of 256 signers, the most that a node can
/// be in, [`CHOSEN_MAX`] and [`FORMING_MAX`]. When it is full, somebody whom nobody wants leaves; when everybody is
/// wanted, the new one is not entered.
pub const PEERS_MAX: usize = 16_384 + CHOSEN_MAX + FORMING_MAX;

/// Room for the members of groups that form: 72 of 64, the most that form or have just formed.
pub const FORMING_MAX: usize = 72 * 64;

/// Most peers that the application wants. Guess: more than a machine has sockets for; members keep
/// their room whatever it asks for.
pub const CHOSEN_MAX: usize = 4096;

/// Most connected peers that are kept in mind without being wanted. Guess: above what a transport
/// takes. One that comes on top is not kept in mind: should it be wanted later, a dial is for nothing.
pub const CONNECTED_MAX: usize = 1536;

/// The first wait between two dials. Guess: a restart is back before a person looks.
pub const BACKOFF_MIN: Duration = Duration::from_millis(250);

/// The longest wait between two dials. Guess: a peer that comes back is found within a minute, and a
/// handful of packets per minute is no load.
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// How long after a duplicate the connection that was chosen instead may take to show: as long as a
/// handshake, 5 s in `ensign-transport`.
pub const DUPLICATE_WAIT: Duration = Duration::from_secs(5);

/// Least time between two notes of one peer's address. Guess: a laptop changes its network less
/// often, and a member that reconnects all the time shall not keep the disk busy.
pub const NOTE_INTERVAL: Duration = Duration::from_secs(60);

/// How to dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeersConfig {
    /// The first wait between two dials, above zero; doubles with each failure in a row.
    pub backoff_min: Duration,
    /// The longest wait between two dials, not below [`backoff_min`](Self::backoff_min); also how
    /// long a connection must last to make the next wait the first again.
    pub backoff_max: Duration,
    /// How long after a duplicate the chosen connection may take to show, on top of the wait.
    pub duplicate_wait: Duration,
}

impl Default for PeersConfig {
    fn default() -> Self {
        Self { backoff_min: BACKOFF_MIN, backoff_max: BACKOFF_MAX, duplicate_wait: DUPLICATE_WAIT }
    }
}
