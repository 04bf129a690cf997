//! Budgets against a judge, at their edges, and through clocks that jump.

mod edges;
mod first_packets;
mod judge;
mod level;
mod memory;
mod open;
mod settings;
mod sources;
