//! Where this node listens, what it tells others, and what the names of hosts stand for.

pub(crate) use ensign_peers::contact::{Address, HostName};

pub(crate) mod hosts;
pub(crate) mod listening;
pub(crate) mod reach;
