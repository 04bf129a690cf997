//! The command line of what a home has of its own: itself, its contact, its groups.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use ensign_primitives::Network;

use crate::address::Address;
use crate::words::parse_duration;

/// `ensign init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// What the others shall call this signer [default: your login name]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// bitcoin, testnet4, signet or regtest
    #[arg(long, default_value_t = Network::Signet)]
    pub(crate) network: Network,
    /// Where to listen, UDP; port 0 picks a free one and keeps it [default: every address, port 0]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where the others dial this node, if that is not where it listens: a forwarded port, a host
    /// name; give one for each, at most 8
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) advertise: Vec<Address>,
    /// Do not encrypt the keys: for tests and machines that protect their files otherwise
    #[arg(long)]
    pub(crate) no_passphrase: bool,
}

/// `ensign contact`.
#[derive(Debug, Subcommand)]
pub(crate) enum Contact {
    /// Print our contact code, for the others to paste, and say which addresses are in it
    Show {
        /// Print it as a QR code too
        #[arg(long)]
        qr: bool,
        /// Leave the addresses out: the others wait until this node dials them
        #[arg(long)]
        no_address: bool,
    },
    /// Say what a contact code says, without keeping it
    Read {
        /// The code, also one that mail has broken into lines
        #[arg(required = true, num_args = 1..)]
        code: Vec<String>,
    },
}

/// `ensign group`.
#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Invite others into a new group: print a code for them, and go on until all have confirmed
    Invite {
        /// What the group is called, here and at the others
        name: String,
        /// How many members it will have, you among them
        #[arg(long, value_name = "N")]
        size: u8,
        #[command(flatten)]
        follow: Follow,
    },
    /// Take a seat in a group that somebody invites to, and go on until all have confirmed
    Join {
        /// The code, `ensigninvite1..`
        code: String,
        #[command(flatten)]
        follow: Follow,
    },
    /// Confirm a group that forms, after its names and words were compared with all other members; begin
    /// that for a group that has no certificate
    Confirm {
        /// The group
        name: String,
        /// The words that were compared; without them they are shown, and asked about
        fingerprint: Vec<String>,
        /// Give it up instead; the others are told
        #[arg(long, conflicts_with = "fingerprint")]
        refuse: bool,
    },
    /// Form a group of ourselves and others, whose codes everybody has pasted; all confirm it then
    New {
        /// What to call the group here
        name: String,
        /// The contact code of another member, or NAME=CODE to call it otherwise here; give one for
        /// each
        #[arg(long, value_name = "CODE", required = true)]
        member: Vec<String>,
    },
    /// Take new addresses of members whose keys are the same
    Update {
        /// The group
        name: String,
        /// A member's new contact code, or NAME=CODE to call it otherwise here
        #[arg(long, value_name = "CODE", required = true)]
        member: Vec<String>,
    },
    /// Call a group otherwise; nobody else hears of it
    Rename {
        /// The group
        old: String,
        /// What to call it from now on
        new: String,
    },
    /// Forget a group: nothing is signed for it here any more
    Forget {
        /// The group
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Print the groups there are
    List,
    /// Print one group with its members
    Show {
        /// The group
        name: String,
    },
    /// Have all members sign a message that moves nobody's coins, and keep that it worked: before the
    /// group is paid, and from time to time
    Drill {
        /// The group
        name: String,
        /// How long the others have to say yes, at most 1d
        #[arg(long, value_name = "DURATION", default_value = "2h", value_parser = parse_duration)]
        expires: Duration,
        /// Do not ask before proposing it
        #[arg(long)]
        yes: bool,
        /// Let the process that listens at this Unix socket sign (`ensign signer`)
        #[arg(long, value_name = "SOCKET")]
        signer: Option<PathBuf>,
        /// Where to listen instead of where the settings say
        #[arg(long, value_name = "IP:PORT")]
        listen: Option<SocketAddr>,
    },
    /// Print an address to be paid at: the one that was handed out last, or a new one
    Address {
        /// The group
        name: String,
        /// One that was not handed out before
        #[arg(long)]
        new: bool,
        /// Print it as a QR code too
        #[arg(long)]
        qr: bool,
        /// Of a group that an earlier version made, whose members have not confirmed it to each other
        #[arg(long)]
        uncertified: bool,
    },
    /// Print the group's output descriptor, for wallets that watch its address: with musig(), and for
    /// those that do not know it without
    Descriptor {
        /// The group
        name: String,
        /// Of a group that an earlier version made, whose members have not confirmed it to each other
        #[arg(long)]
        uncertified: bool,
    },
}

/// How `ensign group invite` and `join` go on.
#[derive(Clone, Debug, Args)]
pub(crate) struct Follow {
    /// End once the group is there, without a drill
    #[arg(long)]
    pub(crate) no_drill: bool,
    /// Listen here instead of where the settings say
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Let the process that listens at this Unix socket sign (`ensign signer`)
    #[arg(long, value_name = "SOCKET")]
    pub(crate) signer: Option<PathBuf>,
}

/// `ensign payee`.
#[derive(Debug, Subcommand)]
pub(crate) enum Payee {
    /// Enter somebody who may be paid
    Add {
        /// What to call the payee here
        name: String,
        /// The address, of this home's network
        address: String,
    },
    /// Print who may be paid
    List,
    /// Take somebody off the list
    Remove {
        /// The name
        name: String,
    },
}
