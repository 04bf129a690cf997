//! Cases by concept: a small network of honest nodes, what hostile ones send, and each room by itself.

mod cast;
mod contract;
mod hostile;
mod keeping;
mod network;
mod rooms;
