//! Thousands of production nodes of the hash table in virtual time, and Sybils that know everything; routers of gossip and
//! address books by themselves.
//!
//! A [`World`] is drawn from a [`Setting`] and a seed: who there is, where each lies, whom each knows. A node is a
//! production [`Dht`](ensign_dht::Dht), driven only through the contract of
//! [`StateMachine`](ensign_primitives::StateMachine); the world plays links and time. Tables and books are filled
//! as if the network had been there for long: a random sample of each bucket's range, entered by
//! questions and answers, so that the machine's own rules decide who gets a place.
//!
//! Invariants:
//! - One seed, one run: virtual time, seeded generators, ordered collections.
//! - A machine that nobody has spoken to yet is not made: it would be the same later.
//! - Hostile nodes cannot invent contacts: each has a key, a signed record and a position of its own.
//!
//! Absent on purpose: connections (a handshake is one round trip, a message one packet without loss),
//! threads, a clock, how figures look on a screen.

mod draw;
mod people;
mod setting;
pub use setting::{Fill, Hostile, Setting, Tempo};
mod population;
mod ring;
pub use population::Cast;
mod coalition;
mod fill;
mod gossip;
mod host;
mod street;
mod verify;
mod world;
pub use world::{Cost, Told, World};
pub mod figures;
pub mod scenario;

#[cfg(test)]
mod tests;
