//! The fuzz targets of Ensign: one plain function per decoder and per machine.
//!
//! A target takes any bytes and panics only if a promise is broken. Because it is a plain function,
//! `tests/replay.rs` feeds it the committed corpus on stable, and `fuzz_targets/` hands the same
//! function to libFuzzer on nightly.
//!
//! A new target is a module here, a line in [`TARGETS`], a file in `fuzz_targets/` with its `[[bin]]`
//! in the manifest, and a folder with at least one input in `corpus/`. The replay fails if one of
//! them is missing.

mod book;
mod contact;
mod dht;
mod engine;
mod formation;
mod frame;
mod frame_body;
mod gossip;
mod guards;
mod overlay;
mod psbt;
mod seed_record;
mod session;

pub use book::book;
pub use contact::contact;
pub use dht::dht;
pub use engine::engine;
pub use formation::formation;
pub use frame::frame;
pub use frame_body::frame_body;
pub use gossip::gossip;
pub use guards::guards;
pub use overlay::overlay;
pub use psbt::psbt;
pub use seed_record::seed_record;
pub use session::session;

/// A target and the name of its binary and of its corpus folder.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Name of the binary in `fuzz_targets/` and of the folder in `corpus/`.
    pub name: &'static str,
    /// Takes any bytes; panics only if a promise of the code under test is broken.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "book", run: book },
    Target { name: "contact", run: contact },
    Target { name: "dht", run: dht },
    Target { name: "engine", run: engine },
    Target { name: "formation", run: formation },
    Target { name: "frame", run: frame },
    Target { name: "frame_body", run: frame_body },
    Target { name: "gossip", run: gossip },
    Target { name: "guards", run: guards },
    Target { name: "overlay", run: overlay },
    Target { name: "psbt", run: psbt },
    Target { name: "seed_record", run: seed_record },
    Target { name: "session", run: session },
];
