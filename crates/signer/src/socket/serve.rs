//! The side that holds the key.

use std::{collections::BTreeSet, io, os::unix::net::UnixStream, time::Duration};

use ensign_primitives::SessionId;

use super::{
    frame,
    words::{self, Answer, Question, Refusal},
};
use crate::{Signer, SignerError};

/// How long the other side may take to read an answer.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a connection ended before the other side hung up. Its nonces are gone in every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The system says so.
    #[error("the connection broke: {0}")]
    Broken(io::ErrorKind),
    /// What came is no question of this version.
    #[error("what came is no question that this version knows")]
    Garbled,
}

/// Answers a coordinator until it hangs up, one question after the other, and forgets its nonces
/// then: whoever connects next cannot use them.
///
/// Who may connect is the caller's to decide. Questions need not be honest: each goes to `signer`,
/// which keeps what [`Signer`] demands, and asks whom it wants.
///
/// # Errors
///
/// [`ServeError`]; the next connection can be served all the same.
pub fn serve(mut stream: UnixStream, signer: &mut dyn Signer) -> Result<(), ServeError> {
    let mut open = BTreeSet::new();
    let ended = answer_all(&mut stream, signer, &mut open);
    for session in open {
        signer.forget(session);
    }
    ended
}

fn answer_all(
    stream: &mut UnixStream,
    signer: &mut dyn Signer,
    open: &mut BTreeSet<SessionId>,
) -> Result<(), ServeError> {
    let failed = |error: io::Error| {
        let garbled = error.kind() == io::ErrorKind::InvalidData;
        if garbled { ServeError::Garbled } else { ServeError::Broken(error.kind()) }
    };
    stream.set_write_timeout(Some(WRITE_TIMEOUT)).map_err(failed)?;
    while let Some(question) = frame::read(stream).map_err(failed)? {
        let answer = answer(question, signer, open);
        let answer = answer.unwrap_or_else(|error| Answer::Refused(Refusal::of(&error)));
        frame::write(stream, &answer).map_err(failed)?;
    }
    Ok(())
}

/// A question whose parts are no request or no nonces is refused like any other that does not hold.
fn answer(
    question: Question,
    signer: &mut dyn Signer,
    open: &mut BTreeSet<SessionId>,
) -> Result<Answer, SignerError> {
    match question {
        Question::Hello => Ok(Answer::Key(signer.public_key(), signer.asks())),
        Question::Delegate { network, peer, terms } => {
            signer.delegate(network, peer, terms).map(Answer::Delegated)
        }
        Question::Nonces {
            session,
            attempt,
            local,
            request,
            creator,
            delegation,
            signature,
            payload,
        } => {
            let signed = (creator, delegation, signature);
            let order = words::order((session, attempt, local), &request, signed)
                .ok_or(SignerError::Garbled)?;
            signer.nonces(&order, payload.as_deref()).map(|made| {
                open.insert(session);
                let nonces = made.nonces.iter().flat_map(|nonce| nonce.to_bytes()).collect();
                Answer::Nonces { salt: made.salt, nonces }
            })
        }
        Question::Partials { session, messages, nonces } => {
            // Only what this connection ordered: another one's nonces are not its to use.
            if !open.remove(&session) {
                let missing = ensign_session::PartialsError::NoNonces { session };
                return Err(SignerError::Partials(missing));
            }
            let Some(nonces) = words::nonces_by_signer(messages, &nonces) else {
                // As in every question that fails, the nonces are used up.
                signer.forget(session);
                return Err(SignerError::Garbled);
            };
            signer.partials(session, &nonces).map(|made| {
                let bytes = made.partials().iter().flat_map(|partial| partial.to_bytes());
                Answer::Partials(bytes.collect())
            })
        }
        Question::Forget { session } => {
            if open.remove(&session) {
                signer.forget(session);
            }
            Ok(Answer::Forgotten)
        }
    }
}
