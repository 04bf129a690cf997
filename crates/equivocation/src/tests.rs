//! Cases for evidence: each kind convicts who lied, and nothing convicts who did not.

mod fixture;

mod case;
mod commitment;
mod conflict;
mod nonce;
mod otherwise;
mod partial;
mod statements;
