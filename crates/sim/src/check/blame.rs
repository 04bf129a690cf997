//! Nobody honest is blamed by proof, nor cut off for misbehaviour, by anybody honest.
//!
//! Allowed: to be waited for in vain (a claim, made when one's own clock has run out), to be accused
//! by somebody else's word, and to be charged for a wrong clock or a full table. Those charges are
//! small and end a connection only together; then it is the clock's doing, and the connection comes
//! back.

use std::collections::BTreeMap;

use ensign_engine::{
    CloseCode, OFFENSE_POINTS_MAX, Offense, Sentence,
    signing::{self, Event},
};
use ensign_replay::ReplayError;
use ensign_session::{Event as SessionEvent, Failure, Offense as SessionOffense};
use ensign_wire::{AbortReason, Envelope};

use super::{Cast, Checker, NodeIndex, Seen, Sight};

#[derive(Debug, Default)]
pub(super) struct Blame {
    /// Points for what is nobody's malice, on the present connection of two honest nodes.
    excused: BTreeMap<(NodeIndex, NodeIndex), u32>,
}

impl Checker for Blame {
    fn name(&self) -> &'static str {
        "nobody honest is blamed by proof"
    }

    fn check(&mut self, cast: &Cast, sight: &Sight, _: Option<&Envelope>) -> Result<(), String> {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the rest is no business of this checker"
        )]
        match &sight.what {
            Seen::Event(Event::Session { event: SessionEvent::Failed(failure), .. })
            | Seen::Event(Event::Closed { failure, .. }) => on_failure(cast, sight.node, failure),
            Seen::Offense { peer, offense, sentence } => {
                let Some(accused) = cast.node(peer).filter(|it| cast.is_honest(*it)) else {
                    return Ok(());
                };
                self.on_offense((sight.node, accused), offense, *sentence)
            }
            Seen::Closed { peer, reason: CloseCode::Offense } if cast.is_honest(*peer) => {
                let excused = self.excused.remove(&(sight.node, *peer)).unwrap_or(0);
                if excused >= OFFENSE_POINTS_MAX {
                    return Ok(());
                }
                Err(format!("node {} cuts honest node {peer} off for misbehaviour", sight.node))
            }
            Seen::Connected { peer } | Seen::Disconnected { peer } => {
                self.excused.remove(&(sight.node, *peer));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Blame {
    fn on_offense(
        &mut self,
        (judge, accused): (NodeIndex, NodeIndex),
        offense: &Offense,
        sentence: Sentence,
    ) -> Result<(), String> {
        if !is_excused(offense) {
            return Err(format!("node {judge} charges honest node {accused} with {offense:?}"));
        }
        if sentence.close.is_none() {
            *self.excused.entry((judge, accused)).or_default() += sentence.weight;
        }
        Ok(())
    }
}

/// Whether an honest node may be charged with it: what a wrong clock, a full table or a slow link
/// brings about. Everything else takes a lie, or a mistake in the engine.
const fn is_excused(offense: &Offense) -> bool {
    matches!(
        offense,
        Offense::HelloTimeout
            | Offense::OverBudget { .. }
            | Offense::Signing(
                signing::Offense::RequestTime { .. }
                    | signing::Offense::NoRoom
                    | signing::Offense::Session(SessionOffense::Replay(ReplayError::Stale { .. }))
            )
    )
}

/// Silence is a claim; every other reason with somebody's name on it is meant as proven.
fn on_failure(cast: &Cast, node: NodeIndex, failure: &Failure) -> Result<(), String> {
    let claimed = matches!(failure.reason, AbortReason::Timeout | AbortReason::Expired);
    if claimed && failure.evidence.is_none() {
        return Ok(());
    }
    let members = cast.group_of(node).map(|group| group.members.as_slice()).unwrap_or_default();
    let named = failure.culprits.iter().filter_map(|culprit| members.get(culprit.as_usize()));
    match named.copied().find(|member| cast.is_honest(*member)) {
        Some(member) => Err(format!(
            "node {node} holds honest node {member} responsible for {:?}",
            failure.reason
        )),
        None => Ok(()),
    }
}
