//! Every collection stays within its named bound.

use ensign_wire::Envelope;

use super::{Cast, Checker, Seen, Sight};

#[derive(Debug)]
pub(super) struct Bounds;

impl Checker for Bounds {
    fn name(&self) -> &'static str {
        "every collection within its bound"
    }

    fn check(&mut self, _: &Cast, sight: &Sight, _: Option<&Envelope>) -> Result<(), String> {
        let Seen::Overfull { name, len, limit } = sight.what else { return Ok(()) };
        Err(format!("node {} holds {len} {name}, the limit is {limit}", sight.node))
    }
}
