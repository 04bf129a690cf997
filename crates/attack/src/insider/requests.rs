//! Requests without end: announced, cancelled, announced, a bounded number open at a time.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use ensign_primitives::SessionId;
use ensign_wire::{Body, Frame};

use super::Insider;
use crate::member::Asked;

/// How long an answer is waited for before everything open is given up. A node that leaves requests
/// of a flood without an answer does right.
const ANSWER_PATIENCE: Duration = Duration::from_millis(500);
/// The same while nothing is answered: the flood goes on.
const SILENT_PATIENCE: Duration = Duration::from_millis(20);

/// When a request is given up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// Once the victim has acknowledged it.
    Acknowledged,
    /// Once the victim has joined it, or refused.
    Joined,
}

/// What became of many requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Announced.
    pub(crate) announced: u64,
    /// Acknowledged or joined by the victim.
    pub(crate) taken: u64,
    /// Joined.
    pub(crate) joined: u64,
    /// Refused in words.
    pub(crate) refused: u64,
    /// Bytes that were said.
    pub(crate) bytes: u64,
}

/// How a flood goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flood {
    /// Most requests.
    pub(crate) count: u64,
    /// How many are open at a time.
    pub(crate) window: usize,
    /// When each is given up.
    pub(crate) until: Until,
}

/// What a flood consists of: the frames that bring the next request.
pub(crate) trait Source {
    /// Makes the next request, and what to hand over before its announcement.
    ///
    /// # Errors
    ///
    /// Fails without entropy.
    fn next(&mut self, insider: &Insider<'_>) -> Result<(Asked, Option<Vec<u8>>)>;
}

impl Flood {
    /// Announces and cancels until the count or the insider's time is reached, or until the victim lets
    /// the member in no more.
    ///
    /// # Errors
    ///
    /// Fails if nothing could be announced.
    pub(crate) async fn run(
        self,
        insider: &mut Insider<'_>,
        source: &mut dyn Source,
    ) -> Result<Tally> {
        let mut tally = Tally::default();
        let ended = self.drive(insider, source, &mut tally).await;
        insider.leave().await;
        if tally.announced == 0 { ended.map(|()| tally) } else { Ok(tally) }
    }

    async fn drive(
        self,
        insider: &mut Insider<'_>,
        source: &mut dyn Source,
        tally: &mut Tally,
    ) -> Result<()> {
        // Open requests, and whether the victim has taken them.
        let mut open: BTreeMap<SessionId, bool> = BTreeMap::new();
        let mut is_silent = false;
        while !insider.is_over() && (tally.announced < self.count || !open.is_empty()) {
            while open.len() < self.window && tally.announced < self.count && !insider.is_over() {
                let (asked, payload) = source.next(insider)?;
                if let Some(payload) = payload {
                    tally.bytes += payload.len() as u64;
                    // A payload that is not taken is the victim's answer.
                    let _ = insider.hand_over(&payload).await;
                }
                let frame = insider.member.announce(&asked, 1)?;
                tally.bytes += frame.len() as u64;
                insider.say(&frame).await?;
                open.insert(asked.session, false);
                tally.announced += 1;
            }
            let patience = if is_silent { SILENT_PATIENCE } else { ANSWER_PATIENCE };
            let heard = insider.hear(patience).await;
            is_silent = heard.is_none();
            match heard {
                Some(Frame::Envelope(envelope)) => {
                    let session = envelope.session();
                    if self.note(envelope.body(), session, &mut open, tally) {
                        self.give_up(insider, session, &mut open, tally).await?;
                    }
                }
                Some(_) => {}
                None => self.give_up_all(insider, &mut open, tally).await?,
            }
        }
        // What is left open would take room from whatever follows.
        self.give_up_all(insider, &mut open, tally).await
    }

    /// Counts a statement; whether it settles a request that is open.
    fn note(
        self,
        body: &Body,
        session: SessionId,
        open: &mut BTreeMap<SessionId, bool>,
        tally: &mut Tally,
    ) -> bool {
        let Some(is_taken) = open.get_mut(&session) else { return false };
        let (takes, settles) = match body {
            Body::SessionReady(_) => (true, self.until == Until::Acknowledged),
            Body::SessionJoin(_) => {
                tally.joined += 1;
                (true, true)
            }
            Body::ValidationError(_) => {
                tally.refused += 1;
                (false, true)
            }
            Body::SessionAbort(_) | Body::SignatureFinalized(_) => (false, true),
            Body::SessionAnnounce(_)
            | Body::NonceShare(_)
            | Body::NonceAck(_)
            | Body::NoncesComplete(_)
            | Body::PartialSigShare(_)
            | Body::PartialSigAck(_)
            | Body::PartialSigsComplete(_) => (false, false),
        };
        tally.taken += u64::from(takes && !std::mem::replace(is_taken, *is_taken || takes));
        settles
    }

    async fn give_up_all(
        self,
        insider: &mut Insider<'_>,
        open: &mut BTreeMap<SessionId, bool>,
        tally: &mut Tally,
    ) -> Result<()> {
        while let Some(session) = open.keys().next().copied() {
            self.give_up(insider, session, open, tally).await?;
        }
        Ok(())
    }

    async fn give_up(
        self,
        insider: &mut Insider<'_>,
        session: SessionId,
        open: &mut BTreeMap<SessionId, bool>,
        tally: &mut Tally,
    ) -> Result<()> {
        open.remove(&session);
        let frame = insider.member.cancel(session)?;
        tally.bytes += frame.len() as u64;
        insider.say(&frame).await
    }
}
