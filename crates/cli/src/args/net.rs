//! The command line of connections.

use std::net::SocketAddr;

use clap::Subcommand;
use ensign_peers::contact::HostName;

use crate::home::dns_server;

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
    /// Print what this node is in the open network, whom it knows, and signs of being cut off, with advice
    Status,
    /// Print the nodes of the open network that this one knows, by how near they lie
    Dht,
    /// Look for a node in the open network: what it says of itself, and where it is reached
    Find {
        /// A member's name, the node's hex digits, at least 8 of a known one, or a contact code
        peer: String,
    },
    /// Look for a node or a record, and print each question on the way
    Trace {
        /// A node, as for `find`; with --key the 64 hex digits of a record's key
        what: String,
        /// It is the key of a record
        #[arg(long)]
        key: bool,
    },
    /// See whether a node answers, and how fast; it is looked for when it is not known where it is
    Ping {
        /// A node, as for `find`
        peer: String,
    },
    /// Print the lines of a zone file that make a name in the DNS a seed: this node, and nodes of contact codes
    Zone {
        /// Contact codes of further nodes
        code: Vec<String>,
        /// The name whose records they are, relative to the zone's; `@` is the zone itself
        #[arg(long, default_value = "@", value_parser = owner)]
        name: String,
    },
    /// Ask seeds, names in the DNS, which nodes they name, and which of them a new node would dial
    Seed {
        /// Names such as seed.example.org
        #[arg(required = true)]
        name: Vec<HostName>,
        /// A DNS server to ask in place of the system's; give it once for each
        #[arg(long, value_name = "IP[:PORT]", value_parser = dns_server)]
        resolver: Vec<SocketAddr>,
    },
}

fn owner(text: &str) -> Result<String, String> {
    if text == "@" {
        return Ok(text.to_owned());
    }
    let name: HostName = text.parse().map_err(|error| format!("{error}"))?;
    // With a dot at its end it is no relative name.
    let end = if text.ends_with('.') { "." } else { "" };
    Ok(format!("{}{end}", name.as_str()))
}
