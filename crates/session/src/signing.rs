//! Our own partial signatures: burn mark, then signature, then record, then the world.

use alloc::vec::Vec;

use ensign_musig::{PartialSig, PubNonce, SigningCtx};
use ensign_primitives::Now;
use ensign_wire::{Body, PartialSigShare};

use crate::{
    Event, Output, OwnFault, OwnPartials, Phase, Record, Session, Unsigned, local::Secret,
    session::Step, signer::signing_contexts,
};

impl Session {
    /// Marks the nonces as used on disk as soon as they are shown: the mark is written while those of the
    /// others are on their way.
    pub(crate) fn burn(&mut self) {
        if self.local.secret == Secret::Held {
            self.local.secret = Secret::Burning;
            self.persist(Record::Burned { session: self.attempt.id() }, Step::Sign);
        }
    }

    /// The burn mark is durable.
    pub(crate) fn on_burned(&mut self, now: Now) {
        if self.local.secret == Secret::Burning {
            self.local.secret = Secret::Burned;
            self.advance(now);
        }
    }

    /// Has the signer sign, once the burn mark is durable; every signer's nonces are here.
    pub(crate) fn order_partials(&mut self, now: Now) {
        let Some(nonces) = self.all_nonces().filter(|_| self.local.secret == Secret::Burned) else {
            return;
        };
        self.local.secret = Secret::Signing;
        for other in self.attempt.others() {
            self.check_view(now, other);
        }
        self.voice.push(Output::NeedPartials { session: self.attempt.id(), nonces });
    }

    /// Takes our partial signatures, verified, and asks for them to be made durable.
    pub(crate) fn on_own_partials(&mut self, now: Now, own: OwnPartials) {
        if self.local.secret != Secret::Signing {
            return;
        }
        self.local.secret = Secret::None;
        let Some((partials, signing)) = self.verified(own) else {
            return self.fail_on_our_side(now, OwnFault::FalsePartials);
        };
        let record = Record::Partials {
            session: self.attempt.id(),
            nonces: self.view_digest(),
            partials: partials.iter().map(PartialSig::to_bytes).collect(),
        };
        self.signing = signing;
        let local = self.attempt.local();
        if let Some(signer) = self.signer_mut(local) {
            signer.partials = Some(partials);
        }
        self.persist(record, Step::SayPartials);
    }

    /// There will be no partial signatures.
    pub(crate) fn on_no_partials(&mut self, now: Now, why: Unsigned) {
        if self.local.secret == Secret::Signing {
            self.on_unsigned(now, why);
        }
    }

    /// Sends our partial signatures; their record is durable.
    pub(crate) fn say_partials(&mut self, now: Now) {
        let signer = self.attempt.local();
        let own = self.signer(signer).and_then(|own| own.partials.as_ref());
        let Some(partials) = own.map(|own| own.iter().map(PartialSig::to_bytes).collect()) else {
            return;
        };
        self.enter(now, Phase::Signing);
        self.voice.event(Event::Signed(signer));
        let nonces = self.view_digest();
        self.voice.say_once(
            now,
            &self.attempt,
            Body::PartialSigShare(PartialSigShare { signer, nonces, partials }),
        );
        self.check_unparsed(now);
        if self.views_differ {
            self.ask_everybody(now);
        }
        self.advance(now);
        self.report_waiting();
    }

    /// Says partial signatures that were made durable before a restart, as they are, to whoever still
    /// waits for them. The attempt itself is not taken up again: it is never approved, so it makes no
    /// nonces and no other partial signatures.
    ///
    /// - `nonces`: the digest of the nonce set that they are for.
    pub fn repeat_partials(&mut self, now: Now, nonces: [u8; 32], partials: Vec<[u8; 32]>) {
        let signer = self.attempt.local();
        self.voice.say_once(
            now,
            &self.attempt,
            Body::PartialSigShare(PartialSigShare { signer, nonces, partials }),
        );
    }

    /// Returns our partial signatures with the contexts under which they are true. A signer in this
    /// process hands over the ones that it has made and checked; everybody else's are checked here.
    fn verified(&self, own: OwnPartials) -> Option<(Vec<PartialSig>, Vec<SigningCtx>)> {
        let (partials, brought) = own.into_parts();
        if partials.len() != self.contexts.len() {
            return None;
        }
        if self.are_ours(&brought) {
            return Some((partials, brought));
        }
        let messages = self.attempt.messages();
        let digests = messages.iter().map(|message| message.digest);
        let signing = signing_contexts(&self.contexts, digests, &self.all_nonces()?).ok()?;
        let local = self.attempt.local().as_usize();
        let mut checks = signing.iter().zip(&partials);
        checks.all(|(ctx, partial)| ctx.partial_sig_verify(local, partial)).then_some(())?;
        Some((partials, signing))
    }

    /// Whether contexts are for our keys, messages and nonces: then we would make the same.
    fn are_ours(&self, brought: &[SigningCtx]) -> bool {
        let messages = self.attempt.messages();
        brought.len() == self.contexts.len()
            && brought.iter().zip(&self.contexts).zip(messages).enumerate().all(
                |(position, ((brought, ours), message))| {
                    let nonces = brought.pub_nonces().iter();
                    brought.message() == &message.digest
                        && brought.key_agg_ctx().agg_key_full() == ours.agg_key_full()
                        && brought.pub_nonces().len() == self.signers.len()
                        && nonces.zip(&self.signers).all(|(nonce, signer)| {
                            let held = signer.nonces.as_ref();
                            held.and_then(|held| held.parsed.get(position)) == Some(nonce)
                        })
                },
            )
    }

    /// Returns every signer's nonces, in key order, once all are here.
    fn all_nonces(&self) -> Option<Vec<Vec<PubNonce>>> {
        self.signers.iter().map(|signer| Some(signer.nonces.as_ref()?.parsed.clone())).collect()
    }
}
