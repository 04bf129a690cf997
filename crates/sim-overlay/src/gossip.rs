//! Routers of gossip in virtual time: production machines, links of 10 to 50 ms, real bytes on each hop; silent nodes, and
//! Sybils that do each thing that hurts.

mod hostile;
mod world;

pub(crate) use world::{Network, Plan, WARM_UP};
