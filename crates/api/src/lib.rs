//! HTTP/1.1 and JSON over the Unix socket of a home: what runs there, and what it is asked to do.
//!
//! The process that serves a home is a [`Server`]; every other command, and any program of the same
//! user, is its [`Client`]. Both speak in the views of [`view`], which the command line prints too,
//! so that text, JSON lines and HTTP say the same. `docs/operate/api.md` lists the routes.
//!
//! Invariants:
//!
//! - Only processes of our user are answered, and no browser: the socket lies in the home with mode
//!   0600, the other side's user is checked, a foreign `Host` and any `Origin` are refused.
//! - A request is approved by its handle or its whole id together with the digest of what was shown,
//!   never by the beginning of an id, and never by `GET`.
//! - Clients, bodies, answers and streams are bounded by the constants of [`bounds`]; who sends or
//!   reads too slowly is hung up on, and costs the others nothing.
//! - A reader of events misses none without being told: a `gap` names the first one that is held.
//!
//! Absent on purpose: TCP, tokens, pages for browsers.

mod board;
pub mod view;
pub use board::{AlarmView, Board, Me};
mod name;
pub use name::Name;
mod node_name;
pub use node_name::{DIGITS_MIN, NodeNameError, named_node};
mod house;
pub use house::{Answer, House, USED};
mod service;
pub use service::Service;
mod problem;
pub use problem::{CODES, Problem};
mod socket;
pub use socket::{SOCKET, Socket, connect};
mod ring;
pub use ring::Position;
mod server;
pub use server::Server;
mod client;
pub use client::{Client, ClientError, Stream};
pub mod bounds;

mod body;
mod connections;
mod events;
mod feed;
mod frame;
mod guard;
mod patient;
mod places;
mod routes;
mod told;

#[cfg(test)]
mod tests;
