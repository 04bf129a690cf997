//! Every collection stays within its named bound.

use super::{Cast, Checker, Seen, Sight};

#[derive(Debug)]
pub(super) struct Bounds;

impl Checker for Bounds {
    fn name(&self) -> &'static str {
        "every collection within its bound"
    }

    fn check(&mut self, cast: &Cast, sight: &Sight) -> Result<(), String> {
        let Seen::Overfull { name, len, limit } = sight.what else { return Ok(()) };
        if !cast.is_honest(sight.node) {
            return Ok(());
        }
        Err(format!("node {} holds {len} {name}, the limit is {limit}", sight.node))
    }
}
