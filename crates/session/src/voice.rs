//! What leaves: our statements with their numbers, who was told which of them when, and everything
//! that is asked of the world, in its order.

use alloc::{boxed::Box, collections::VecDeque, sync::Arc, vec::Vec};
use core::time::Duration;

use ensign_equivocation::STATEMENTS_PER_SIGNER_MAX;
use ensign_primitives::{Instant, Now, Occupancy, SignerIndex};
use ensign_wire::{Body, Envelope, Frame, Slot};

use crate::{Event, Output, attempt::Attempt};

/// The only way out of a session.
#[derive(Debug, Default)]
pub(crate) struct Voice {
    /// The last number used for what this node says here.
    last: u64,
    /// Our statements, so that they can be said again; never computed again.
    said: Vec<Said>,
    outputs: VecDeque<Output>,
}

/// One of our statements.
#[derive(Debug)]
struct Said {
    body: Body,
    digest: [u8; 32],
    /// When each signer was last told, in key order; `None` if it cannot have heard.
    told: Vec<Option<Instant>>,
}

impl Voice {
    /// Numbers our statements from `seq`, if that is further than where we are.
    pub(crate) fn number_from(&mut self, seq: u64) {
        self.last = self.last.max(seq.saturating_sub(1));
    }

    /// Returns the last number used.
    pub(crate) const fn last_number(&self) -> u64 {
        self.last
    }

    /// Signs `body` under the next number and gives it to nobody.
    pub(crate) fn sign(&mut self, now: Now, attempt: &Attempt, body: Body) -> Option<Envelope> {
        self.last += 1;
        attempt.sign(now, self.last, body)
    }

    /// Signs `body` and sends it to each of `to`.
    pub(crate) fn say(&mut self, now: Now, attempt: &Attempt, to: &[SignerIndex], body: Body) {
        let Some(envelope) = self.sign(now, attempt, body) else {
            debug_assert!(false, "our own statements are within the limits of the wire");
            return;
        };
        self.send(to, envelope);
    }

    /// Sends an envelope as it is, ours or another signer's.
    pub(crate) fn send(&mut self, to: &[SignerIndex], envelope: Envelope) {
        let kind = envelope.body().kind();
        let frame: Arc<[u8]> = Frame::Envelope(Box::new(envelope)).encode().into();
        for signer in to {
            self.push(Output::Send { to: *signer, kind, frame: Arc::clone(&frame) });
        }
    }

    /// Says something for the first time, to everybody, and keeps it for saying again.
    pub(crate) fn say_once(&mut self, now: Now, attempt: &Attempt, body: Body) {
        self.say(now, attempt, &attempt.others(), body.clone());
        let told = attempt.signers().map(|_| Some(now.instant)).collect();
        let digest = attempt.body_digest(&body);
        self.said.push(Said { body, digest, told });
    }

    /// Says the given statements again to one signer, signed anew, unless they are on their way.
    pub(crate) fn say_again(
        &mut self,
        now: Now,
        attempt: &Attempt,
        to: SignerIndex,
        wanted: impl Fn(&Body) -> bool,
    ) {
        let pause = attempt.answer_pause();
        let mut again = Vec::new();
        for said in self.said.iter_mut().filter(|said| wanted(&said.body)) {
            if said.tell(now, to, pause) {
                again.push(said.body.clone());
            }
        }
        for body in again {
            self.say(now, attempt, &[to], body);
        }
    }

    /// A new connection: what went over the old one may be lost.
    pub(crate) fn forget_told(&mut self, signer: SignerIndex) {
        for said in &mut self.said {
            if let Some(told) = said.told.get_mut(signer.as_usize()) {
                *told = None;
            }
        }
    }

    /// Returns the digest of what we have said in a slot.
    pub(crate) fn digest(&self, slot: Slot) -> Option<[u8; 32]> {
        let said = self.said.iter().find(|said| said.body.slot() == Some(slot))?;
        Some(said.digest)
    }

    /// Tells the application.
    pub(crate) fn event(&mut self, event: Event) {
        self.push(Output::Event(event));
    }

    /// Asks something of the world, after all that was asked before.
    pub(crate) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Returns the oldest of what was asked and not carried out.
    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns how full it is: our statements, and what nobody has carried out.
    pub(crate) fn occupancy(&self) -> [Occupancy; 2] {
        [
            Occupancy {
                name: "session own statements",
                len: self.said.len(),
                limit: STATEMENTS_PER_SIGNER_MAX,
            },
            Occupancy { name: "session outputs after a drain", len: self.outputs.len(), limit: 0 },
        ]
    }
}

impl Said {
    /// Notes that a signer is told now, unless it was told within `pause`.
    fn tell(&mut self, now: Now, to: SignerIndex, pause: Duration) -> bool {
        let Some(told) = self.told.get_mut(to.as_usize()) else { return false };
        let lacks = told.is_none_or(|at| now.instant.since(at) >= pause);
        if lacks {
            *told = Some(now.instant);
        }
        lacks
    }
}
