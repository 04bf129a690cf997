//! Cases by concept: a small network of honest nodes, what hostile ones send, and each room by itself.

mod attacks;
mod cast;
mod contract;
mod hostile;
mod keeping;
mod network;
mod rooms;
