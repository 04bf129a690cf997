//! The behaviours that the reference implementation tests, by its names; then what is ours, and the contract.

mod cast;
mod contract;
mod explicit_peers;
mod flood;
mod gossip;
mod graft_prune;
mod idontwant;
mod mesh;
mod peer_queues;
mod publish;
mod scoring;
mod subscription;
