//! The command line of connections.

use clap::Subcommand;

/// `ensign net`.
#[derive(Debug, Subcommand)]
pub(crate) enum Net {
    /// Print what the guards do now: whom they hold back, why, since when, until when, what it costs them
    Guard {
        /// Go on: draw it anew on a terminal, elsewhere print a line for each new cause
        #[arg(long)]
        watch: bool,
    },
    /// Print who is connected: since when, by whom, round trip, standing and why, bytes, drops
    Peers,
    /// Have no connection with a node from now on, also after a restart
    Ban {
        /// A member's name, or the node's hex digits, at least 8
        peer: String,
    },
    /// Take back what was said of a node
    Unban {
        /// A member's name, or the node's hex digits, at least 8
        peer: String,
    },
    /// Let a node in whatever its score is, also after a restart
    Trust {
        /// A member's name, or the node's hex digits, at least 8
        peer: String,
    },
}
