//! Attacks by a member of one of the victim's groups.

mod attempts;
mod bulk;
mod churn;
mod drown;
mod fill;
mod requests;
mod silence;
mod washing;
pub(crate) use attempts::attempts;
pub(crate) use bulk::bulk;
pub(crate) use churn::{churn, count_flushes};
pub(crate) use drown::drown;
pub(crate) use fill::fill;
pub(crate) use silence::silence;
pub(crate) use washing::washing;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use ensign_primitives::SessionId;
use ensign_wire::{Body, Envelope, Frame};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    line::{Caller, Door, Ears, Line},
    member::Member,
    scene::pause,
};

/// Pause before a connection that was cut off is opened again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(20);
/// How long the last words may take to arrive.
const LEAVE_PATIENCE: Duration = Duration::from_secs(2);
/// How long the victim's introduction is waited for.
const INTRODUCTION_PATIENCE: Duration = Duration::from_secs(2);

/// A member's connection, opened again when the victim closes it.
#[derive(Debug)]
pub(crate) struct Insider<'a> {
    pub(crate) member: &'a Member,
    caller: Caller,
    door: Door,
    open: Option<(Line, mpsc::Receiver<Frame>)>,
    /// How often it was connected.
    pub(crate) connections: u64,
    deadline: Instant,
}

impl<'a> Insider<'a> {
    /// Connects as a member; nothing is tried any more after `deadline`.
    ///
    /// # Errors
    ///
    /// Fails if the victim does not let it in.
    pub(crate) async fn new(member: &'a Member, door: Door, deadline: Instant) -> Result<Self> {
        let caller = Caller::bind(&door, 2)?;
        let mut insider = Self { member, caller, door, open: None, connections: 0, deadline };
        insider.connect().await?;
        Ok(insider)
    }

    /// Whether its time is over.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Whether the connection stands, as far as is known.
    pub(crate) fn is_connected(&self) -> bool {
        self.open.as_ref().is_some_and(|(line, _)| line.connection.close_reason().is_none())
    }

    async fn connect(&mut self) -> Result<()> {
        loop {
            match self.caller.call(&self.door, &self.member.key, Ears::Open).await {
                Ok(mut line) => {
                    line.say(&self.member.introduced(&self.door)).await?;
                    line.open_signing().await?;
                    let heard = line.listen(self.door.network);
                    self.open = Some((line, heard));
                    self.connections += 1;
                    // The victim introduces itself, or closes what is one connection too many.
                    let _ = self.hear(INTRODUCTION_PATIENCE).await;
                    if self.open.is_some() {
                        return Ok(());
                    }
                }
                Err(error) if self.is_over() => return Err(error),
                Err(_) => {}
            }
            if self.is_over() {
                bail!("the victim lets the member in no more");
            }
            pause(RECONNECT_PAUSE).await;
        }
    }

    /// Says something, on a new connection if need be.
    ///
    /// # Errors
    ///
    /// Fails if the victim does not let it in any more.
    pub(crate) async fn say(&mut self, frame: &[u8]) -> Result<()> {
        if let Some((line, _)) = &mut self.open
            && line.say(frame).await.is_ok()
        {
            return Ok(());
        }
        self.open = None;
        self.connect().await?;
        if let Some((line, _)) = &mut self.open {
            // If it is cut off again, that is the victim's answer.
            let _ = line.say(frame).await;
        }
        Ok(())
    }

    /// Hands bytes over on a stream of their own, as payloads travel.
    ///
    /// # Errors
    ///
    /// Fails if the connection is gone.
    pub(crate) async fn hand_over(&mut self, payload: &[u8]) -> Result<()> {
        if self.open.is_none() {
            self.connect().await?;
        }
        if let Some((line, _)) = &mut self.open {
            line.say(payload).await?;
        }
        Ok(())
    }

    /// Leaves once everything that was said has arrived.
    pub(crate) async fn leave(&mut self) {
        if let Some((line, _)) = self.open.take() {
            line.leave(LEAVE_PATIENCE).await;
        }
    }

    /// Waits for the next statement of the victim; `None` when there is none in time, or when the
    /// connection is gone.
    pub(crate) async fn hear(&mut self, patience: Duration) -> Option<Frame> {
        let (_, heard) = self.open.as_mut()?;
        match timeout(patience, heard.recv()).await {
            Ok(Some(frame)) => Some(frame),
            Ok(None) => {
                self.open = None;
                None
            }
            Err(_) => None,
        }
    }

    /// Waits for a statement of the victim in a session.
    pub(crate) async fn hear_in(
        &mut self,
        session: SessionId,
        patience: Duration,
        wanted: impl Fn(&Body) -> bool,
    ) -> Option<Box<Envelope>> {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            let left = until.saturating_duration_since(Instant::now());
            match self.hear(left).await {
                Some(Frame::Envelope(envelope))
                    if envelope.session() == session && wanted(envelope.body()) =>
                {
                    return Some(envelope);
                }
                Some(_) => {}
                None => return None,
            }
        }
        None
    }
}
