//! Cases for the machine: whole groups on a simulated network, and single frames by hand.

mod attack;
mod group;
mod world;

mod modes;
mod property;
