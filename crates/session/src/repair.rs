//! Asking for what is missing, and answering who asks.

use core::time::Duration;

use ensign_primitives::{Now, SignerIndex};
use ensign_wire::{
    Body, Kind, NonceAck, Refusal, SessionReady, SignatureFinalized, SignerSet, Slot,
    ValidationError,
};

use crate::{ACKS_ANSWERED_MAX, Offense, Output, Phase, Session, session::Signer};

impl Session {
    /// Tells a signer's node that something it sent was not taken: what it was, and why.
    pub fn refuse(&mut self, now: Now, to: SignerIndex, (refused, why): (Kind, Refusal)) {
        self.say(now, &[to], Body::ValidationError(ValidationError { refused, why }));
    }

    /// Repeats the phase's question to everybody: one that is silent to us may have spoken to
    /// another, who hands it on.
    pub(crate) fn ask_again(&mut self, now: Now) {
        let whom = match self.phase {
            Phase::Gathering => return,
            Phase::Aborted => return self.compare_after_abort(now, self.setup.others()),
            Phase::Committing | Phase::Revealing | Phase::Signing => self.setup.others(),
            Phase::Complete => return self.ask_when_complete(now),
        };
        for signer in whom {
            self.announce_again(now, signer);
            self.send_ack(now, signer);
        }
        self.report_waiting();
    }

    /// Says what we hold; who has more sends it.
    pub(crate) fn send_ack(&mut self, now: Now, to: SignerIndex) {
        let body = match self.phase {
            Phase::Gathering | Phase::Committing => {
                Body::SessionReady(SessionReady { joined: self.held(|signer| signer.joined) })
            }
            Phase::Revealing => Body::NonceAck(NonceAck {
                held: self.held(|signer| signer.nonces.is_some()),
                digest: self.view_digest(),
            }),
            Phase::Signing | Phase::Complete => Body::PartialSigAck(self.view()),
            Phase::Aborted => return self.send_abort(now, to),
        };
        let shows_nonces = !matches!(body, Body::SessionReady(_));
        if let Some(signer) = self.signer_mut(to).filter(|it| it.names_another && shows_nonces) {
            signer.views_asked = signer.views_asked.saturating_add(1);
        }
        self.say(now, &[to], body);
    }

    fn held(&self, holds: impl Fn(&Signer) -> bool) -> SignerSet {
        self.all_signers().filter(|index| self.signer(*index).is_some_and(&holds)).collect()
    }

    /// Answers an acknowledgement with what its sender is missing, within a bound.
    pub(crate) fn on_ack(&mut self, now: Now, from: SignerIndex, ack: &Body) {
        if !self.may_answer(from) {
            return;
        }
        match self.phase {
            Phase::Complete => return self.answer_when_complete(now, from, ack),
            Phase::Aborted => return self.answer_after_abort(now, from, ack),
            Phase::Gathering | Phase::Committing | Phase::Revealing | Phase::Signing => {}
        }
        let local = self.setup.local;
        #[expect(clippy::wildcard_enum_match_arm, reason = "only acknowledgements come here")]
        match ack {
            Body::SessionReady(ready) => {
                self.event_acknowledged(from);
                if !ready.joined.contains(local) {
                    self.say_again(now, from, |_| true);
                }
                self.hand_on(now, from, Slot::Join, &ready.joined);
            }
            Body::NonceAck(ack) => {
                self.compare_nonces(from, ack);
                let held = ack.held.contains(local);
                self.say_again(now, from, |body| match body {
                    Body::NonceShare(_) => !held,
                    Body::NoncesComplete(_) | Body::PartialSigShare(_) => true,
                    _ => false,
                });
                self.hand_on(now, from, Slot::NonceShare, &ack.held);
                self.hand_on(now, from, Slot::NoncesComplete, &SignerSet::default());
            }
            Body::PartialSigAck(view) => {
                self.compare(from, view);
                self.give_missing(now, from, view);
            }
            _ => {}
        }
    }

    /// Counts a question and tells whether it is still answered.
    pub(crate) fn may_answer(&mut self, from: SignerIndex) -> bool {
        let (Some(peer), Some(signer)) = (self.peer_of(from), self.signer_mut(from)) else {
            return false;
        };
        signer.acks_answered = signer.acks_answered.saturating_add(1);
        let allowed = signer.acks_answered <= ACKS_ANSWERED_MAX;
        if !allowed {
            let offense = Offense::TooManyAcks { limit: ACKS_ANSWERED_MAX };
            self.push(Output::Offense { peer, offense });
        }
        allowed
    }

    fn event_acknowledged(&mut self, from: SignerIndex) {
        if self.phase <= Phase::Committing
            && self.signer(from).is_some_and(|signer| !signer.joined && signer.acks_answered == 1)
        {
            self.event(crate::Event::Acknowledged(from));
        }
    }

    /// Something came that the session was waiting for.
    pub(crate) fn note_news(&mut self, now: Now) {
        self.news_at = now.instant;
        self.deadline.progressed(now.instant);
    }

    /// How old a statement must be before it is said again or handed on: a question may cross it
    /// on its way. Half the pause between questions, so that the next one is answered.
    pub(crate) fn answer_pause(&self) -> Duration {
        self.setup.timeouts.retry_interval / 2
    }

    /// Hands on other signers' statements in a slot that `to` does not hold, once the news is old
    /// enough to have reached it without us.
    pub(crate) fn hand_on(&mut self, now: Now, to: SignerIndex, slot: Slot, held: &SignerSet) {
        if now.instant.since(self.news_at) >= self.answer_pause() {
            self.forward(to, slot, held);
        }
    }

    pub(crate) fn forward(&mut self, to: SignerIndex, slot: Slot, held: &SignerSet) {
        for signer in self.setup.others() {
            if signer == to || held.contains(signer) {
                continue;
            }
            let statement =
                self.peer_of(signer).and_then(|peer| self.statements.get(&peer, slot).cloned());
            if let Some(envelope) = statement {
                self.send(&[to], envelope);
            }
        }
    }

    /// Hands out the final signatures, within the bound on answers.
    pub(crate) fn answer_final(&mut self, now: Now, to: SignerIndex) {
        if self.may_answer(to) {
            self.send_final(now, to);
        }
    }

    /// Hands out the final signatures, once they are on disk: whoever has them counts us as done.
    pub(crate) fn send_final(&mut self, now: Now, to: SignerIndex) {
        if !self.is_kept() {
            return;
        }
        let signatures = self.final_signatures();
        self.say(now, &[to], Body::SignatureFinalized(SignatureFinalized { signatures }));
    }
}
