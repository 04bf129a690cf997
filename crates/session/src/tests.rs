//! Cases for the machine: whole groups on a simulated network, and single statements by hand.

mod attack;
mod group;
mod world;

mod early;
mod endings;
mod modes;
mod property;
mod refusals;
