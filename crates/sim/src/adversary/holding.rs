//! Takes a place and keeps it, and does nothing else.

use super::{Act, Adversary};

pub(super) const ACT: Act = Act {
    name: "holding",
    about: "connects, introduces itself, keeps the connection, and comes again when it is cut off \
            (stranger)",
    make: || Box::new(Holding),
};

/// Its engine does all that: whom it was told to dial it wants.
#[derive(Debug)]
struct Holding;

impl Adversary for Holding {}
