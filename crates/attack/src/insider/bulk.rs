//! Requests for as many messages as there may be, each under a key of its own.

use anyhow::Result;
use ensign_primitives::{KeyPath, MESSAGES_MAX};
use ensign_wire::{KeyTweak, Message, Mode, Payload};

use super::{
    Insider,
    churn::findings,
    requests::{Flood, Source, Until},
};
use crate::{
    figures::Findings,
    line::random,
    member::{Asked, Wanted},
    scene::Scene,
};

/// How many are open at a time: one is worked on while the next one waits.
const WINDOW: usize = 2;

struct Large;

impl Source for Large {
    fn next(&mut self, insider: &Insider<'_>) -> Result<(Asked, Option<Vec<u8>>)> {
        let message = |_| {
            let (digest, root) = (random()?, random()?);
            Ok(Message {
                digest,
                tweak: KeyTweak::Taproot { path: KeyPath::ROOT, merkle_root: Some(root) },
            })
        };
        let messages = (0..MESSAGES_MAX).map(message).collect::<Result<_>>()?;
        let wanted = Wanted { messages, payload: Payload::Blind, amount: 0, mode: Mode::Committed };
        Ok((insider.member.ask_for(wanted)?, None))
    }
}

/// Announces and cancels on the acknowledgement, as fast as it comes.
///
/// # Errors
///
/// Fails if the victim does not let the member in.
pub(crate) async fn bulk(scene: &mut Scene<'_>) -> Result<Findings> {
    let (door, member) = scene.member()?;
    let mut insider = Insider::new(member, door, scene.deadline()).await?;
    let flood = Flood { count: u64::MAX, window: WINDOW, until: Until::Acknowledged };
    let tally = flood.run(&mut insider, &mut Large).await?;
    Ok(findings(&tally, insider.connections))
}
