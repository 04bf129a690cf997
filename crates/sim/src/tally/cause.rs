//! What came first when an attempt failed.

use std::collections::BTreeMap;

use ensign_primitives::Instant;
use ensign_session::Failure;
use ensign_wire::AbortReason;

use crate::{Cast, NodeIndex, Seen, Sight};

/// What befell each node, in order.
#[derive(Debug, Default)]
pub(super) struct Mishaps(BTreeMap<NodeIndex, Vec<(Instant, Mishap)>>);

#[derive(Clone, Copy, Debug)]
enum Mishap {
    Crashed,
    Stopped,
    Lost(NodeIndex),
}

impl Mishaps {
    pub(super) fn note(&mut self, sight: &Sight) {
        let mishap = if let Seen::Crashed { .. } = sight.what {
            Mishap::Crashed
        } else if let Seen::Stopped | Seen::Slept = sight.what {
            Mishap::Stopped
        } else if let Seen::Disconnected { peer } = sight.what {
            Mishap::Lost(peer)
        } else {
            return;
        };
        self.0.entry(sight.node).or_default().push((sight.at, mishap));
    }

    /// Of a group with hostile signers these are the cause; else what befell a signer first while
    /// the attempt ran; else what was said.
    pub(super) fn first_cause(
        &self,
        cast: &Cast,
        signers: &[NodeIndex],
        (began, ended): (Instant, Instant),
        reason: Option<AbortReason>,
    ) -> String {
        let hostile = signers.iter().find(|node| !cast.is_honest(**node));
        if let Some(act) = hostile.and_then(|node| cast.person(*node)?.act.as_deref()) {
            return format!("hostile signer: {act}");
        }
        let befell = signers.iter().filter_map(|node| {
            let mishaps = self.0.get(node)?;
            // A signer that went away just before may have been missed all through.
            let first = mishaps.iter().rfind(|(at, _)| *at < began).filter(|(at, mishap)| {
                !matches!(mishap, Mishap::Lost(_)) && began.since(*at) < AWAY_MAX
            });
            let inside = mishaps.iter().find(|(at, mishap)| {
                let concerns = match mishap {
                    Mishap::Lost(peer) => signers.contains(peer),
                    Mishap::Crashed | Mishap::Stopped => true,
                };
                concerns && (began..=ended).contains(at)
            });
            first.or(inside).copied()
        });
        match befell.min_by_key(|(at, _)| *at) {
            Some((_, Mishap::Crashed)) => "a signer crashed".to_owned(),
            Some((_, Mishap::Stopped)) => "a signer was stopped".to_owned(),
            Some((_, Mishap::Lost(_))) => "a connection was lost".to_owned(),
            None => match reason {
                Some(reason) => format!("none seen: {reason:?}"),
                None => "none seen".to_owned(),
            },
        }
    }
}

/// How long before an attempt a signer may have gone away to be its cause.
const AWAY_MAX: core::time::Duration = core::time::Duration::from_secs(10);

/// What a failure says, in words.
pub(super) fn said(failure: &Failure) -> String {
    let Failure { reason, by, culprits, accused, evidence, own, phase } = failure;
    let list = |signers: &[ensign_primitives::SignerIndex]| {
        signers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let mut words = format!("{reason:?} while {phase:?}");
    if let Some(by) = by {
        words += &format!(", ended by signer {by}");
    }
    if !culprits.is_empty() {
        let how = if evidence.is_some() { "proven" } else { "waited for" };
        words += &format!(", {how}: signer {}", list(culprits));
    }
    if let Some(accused) = accused {
        words += &format!(", accused: signer {accused}");
    }
    if let Some(own) = own {
        words += &format!(", {own}");
    }
    words
}
