//! Cases: groups, the table against a naive one, and who gives way.

mod eviction;
mod flood;
mod groups;
mod table;
