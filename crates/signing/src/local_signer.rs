//! For drivers whose signer is in the same process and answers at once.

use ensign_primitives::Now;
use ensign_session::{Entropy, LocalSigner, PartialsError, Unsigned};

use crate::{SignerAnswer, SignerQuestion};

/// Lets `signer` do what it is asked, and returns the answer, if there is one.
///
/// - `draw`: gives fresh bytes from the operating system for so many nonces, or nothing; then the
///   attempt ends.
pub fn ask_local_signer(
    signer: &mut LocalSigner,
    now: Now,
    question: SignerQuestion,
    draw: impl FnOnce(usize) -> Option<Entropy>,
) -> Option<SignerAnswer> {
    let why = Unsigned::Failed;
    match question {
        SignerQuestion::Nonces { order, .. } => {
            let session = order.session;
            let entropy = draw(order.request.request.messages.len());
            let made = entropy.and_then(|entropy| signer.nonces(now, &order, entropy).ok());
            Some(SignerAnswer::Nonces { session, result: made.ok_or(why) })
        }
        SignerQuestion::Partials { session, nonces } => {
            let is_old = |error| matches!(error, PartialsError::Outlived { .. });
            let unsigned = |error| if is_old(error) { Unsigned::Outlived } else { why };
            let result = signer.partials(now, session, &nonces).map_err(unsigned);
            Some(SignerAnswer::Partials { session, result })
        }
        SignerQuestion::Delegate { network, peer, terms } => {
            Some(SignerAnswer::Delegated(Ok(signer.delegate(network, peer, terms))))
        }
        SignerQuestion::Forget { session } => {
            signer.forget(session);
            None
        }
    }
}
