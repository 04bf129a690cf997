//! Cases for the codec: what holds for every value, and what each kind of bad bytes is answered.

mod dht;
mod envelope;
mod formations;
mod gossip;
mod offsets;
mod refusals;
mod request;
mod round_trip;
mod sets;
mod signed;
mod values;
