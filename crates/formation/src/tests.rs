//! Cases by hand, the contract, and worlds of honest and hostile nodes.

mod cast;
mod certificates;
mod codes;
mod contract;
mod hostile;
mod seats;
mod statements;
mod world;
