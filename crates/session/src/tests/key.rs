//! The signers of the tests: production signers with entropy that follows from a seed.

use std::sync::Arc;

use ensign_primitives::Now;

use super::group::{entropy, member};
use crate::{Input, LocalSigner, Output, Unsigned};

/// One member's signer, driven as a driver does.
#[derive(Debug)]
pub(super) struct KeyHolder {
    pub(super) signer: LocalSigner,
    seed: u64,
    owner: u64,
}

impl KeyHolder {
    /// `owner` keeps apart who draws from one seed.
    pub(super) fn new(member_index: usize, seed: u64, owner: u64) -> Self {
        let signer = LocalSigner::new(Arc::clone(&member(member_index).sec_key));
        Self { signer, seed, owner }
    }

    /// Does what a session asks of its signer; gives any other output back.
    #[expect(clippy::result_large_err, reason = "what was given comes back as it was")]
    pub(super) fn answer(&mut self, now: Now, output: Output) -> Result<Option<Input>, Output> {
        match output {
            Output::NeedNonces(order) => {
                let messages = order.request.request.messages.len();
                let made =
                    self.signer.nonces(now, &order, entropy(self.seed, self.owner, messages));
                Ok(Some(made.map_or(Input::NoNonces(Unsigned::Failed), Input::Nonces)))
            }
            Output::NeedPartials { session, nonces } => {
                let made = self.signer.partials(now, session, &nonces);
                Ok(Some(made.map_or(Input::NoPartials(Unsigned::Failed), Input::Partials)))
            }
            Output::ForgetNonces { session } => {
                self.signer.forget(session);
                Ok(None)
            }
            other => Err(other),
        }
    }

    /// How many attempts have secret nonces.
    pub(super) fn open(&self) -> usize {
        self.signer.occupancy()[0].len
    }
}
