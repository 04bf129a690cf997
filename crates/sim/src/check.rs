//! What must never happen, whatever goes wrong: looked at on every sight of every run.
//!
//! A checker is a file of its own and a line in `all`. Each has a test in which an engine that is
//! broken on purpose makes it fire.

use std::{fmt::Debug, sync::Arc};

use ensign_wire::{Envelope, Frame, Kind};
use serde::{Deserialize, Serialize};

use crate::{Cast, NETWORK, NodeIndex, Observer, Seen, Sight};

mod blame;
mod bounds;
mod burned;
mod consent;
mod held;
mod journal;
mod nonce_reuse;
mod once;
mod one_result;
mod replays;
pub use replays::replays;
mod signature;

/// Most violations that are kept: the first is the one to look at.
pub const VIOLATIONS_MAX: usize = 100;

/// One thing that must never happen.
pub trait Checker: Debug {
    /// What it demands, in a few words.
    fn name(&self) -> &'static str;

    /// Looks at one sight of an honest node.
    ///
    /// - `own`: what the node says there for itself, where that is a join, a nonce share or a partial
    ///   signature; given once for all whom it is sent to.
    ///
    /// # Errors
    ///
    /// What was violated, as a sentence that names everybody concerned.
    fn check(&mut self, cast: &Cast, sight: &Sight, own: Option<&Envelope>) -> Result<(), String>;
}

/// A checker fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Which.
    pub checker: String,
    /// When, in microseconds of the simulation's time.
    pub at: u64,
    /// At which node.
    pub node: u32,
    /// What happened.
    pub what: String,
}

/// All checkers, as one observer.
#[derive(Debug)]
pub struct Checkers {
    checkers: Vec<Box<dyn Checker>>,
    violations: Vec<Violation>,
    /// The frame that was decoded last: the same bytes go to every signer.
    decoded: Option<Arc<[u8]>>,
}

impl Default for Checkers {
    fn default() -> Self {
        Self { checkers: all(), violations: Vec::new(), decoded: None }
    }
}

/// Returns every checker.
fn all() -> Vec<Box<dyn Checker>> {
    vec![
        Box::new(nonce_reuse::NonceReuse::default()),
        Box::new(burned::Burned::default()),
        Box::new(signature::Signature::default()),
        Box::new(blame::Blame::default()),
        Box::new(one_result::OneResult::default()),
        Box::new(once::Once::default()),
        Box::new(consent::Consent::default()),
        Box::new(held::Held::default()),
        Box::new(bounds::Bounds),
    ]
}

impl Checkers {
    /// Returns what happened that must never happen, in order; at most [`VIOLATIONS_MAX`].
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Decodes what a node says for itself, where a checker looks at it and has not yet.
    fn own_words(&mut self, cast: &Cast, sight: &Sight) -> Option<Envelope> {
        let Seen::Sent { kind, frame, .. } = &sight.what else { return None };
        if !matches!(kind, Kind::SessionJoin | Kind::NonceShare | Kind::PartialSigShare)
            || self.decoded.as_ref().is_some_and(|last| Arc::ptr_eq(last, frame))
        {
            return None;
        }
        self.decoded = Some(Arc::clone(frame));
        let Ok(Frame::Envelope(envelope)) = Frame::decode_whole(frame, NETWORK) else {
            return None;
        };
        // Others' statements are handed on, too.
        let own = cast.person(sight.node).map(|person| person.peer);
        (own == Some(envelope.sender())).then_some(*envelope)
    }
}

impl Observer for Checkers {
    fn observe(&mut self, cast: &Cast, sight: &Sight) {
        if !cast.is_honest(sight.node) {
            return;
        }
        let own = self.own_words(cast, sight);
        for checker in &mut self.checkers {
            let Err(what) = checker.check(cast, sight, own.as_ref()) else { continue };
            if self.violations.len() < VIOLATIONS_MAX {
                let Sight { at, node: NodeIndex(node), .. } = *sight;
                let checker = checker.name().to_owned();
                self.violations.push(Violation { checker, at: at.as_micros(), node, what });
            }
        }
    }
}
