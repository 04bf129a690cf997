//! The signer in another process, at a Unix socket.

mod frame;
mod serve;
mod words;
pub use serve::{ServeError, serve};
#[cfg(test)]
pub(crate) mod tests;

use std::{
    io::ErrorKind,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use ensign_identity::{DelegationProof, SignerKey, Terms};
use ensign_musig::PubNonce;
use ensign_primitives::{Network, PeerId, SessionId};
use ensign_session::{Order, OwnNonces, OwnPartials, PartialsError};

use self::words::{Answer, Question, Refusal};
use crate::{Asks, Signer, SignerError};

/// How long a person may think about a question. Guess: longer than it takes to fetch somebody.
const PERSON_TIMEOUT: Duration = Duration::from_secs(300);

/// How long an answer may take that no person gives: signing a thousand messages takes 0.1 s.
const PROCESS_TIMEOUT: Duration = Duration::from_secs(30);

/// A signer in another process, which [`serve`]s at a Unix socket.
///
/// One question at a time. When the process is gone, the question fails; the next attempt looks for
/// it again, and takes it only if it has the same key and asks as before.
#[derive(Debug)]
pub struct SocketSigner {
    path: PathBuf,
    key: SignerKey,
    asks: Asks,
    stream: Option<UnixStream>,
}

impl SocketSigner {
    /// Connects, and asks for the key.
    ///
    /// # Errors
    ///
    /// [`SignerError::Unreachable`] or [`SignerError::Garbled`].
    pub fn connect(path: &Path) -> Result<Self, SignerError> {
        let mut stream = UnixStream::connect(path).map_err(|error| unreachable(error.kind()))?;
        let (key, asks) = hello(&mut stream)?;
        Ok(Self { path: path.to_owned(), key, asks, stream: Some(stream) })
    }

    /// Asks where we are connected, or connects again.
    fn ask(&mut self, question: &Question, timeout: Duration) -> Result<Answer, SignerError> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect_again()?,
        };
        // A question that failed leaves an answer behind that belongs to nothing: hang up then.
        let answer = ask(&mut stream, question, timeout)?;
        self.stream = Some(stream);
        Ok(answer)
    }

    /// Asks what a person may have to answer. A signer that has started anew since we last asked, or has
    /// hung up on a silent connection, is asked twice: that does no harm.
    fn ask_person(&mut self, question: &Question) -> Result<Answer, SignerError> {
        let was_connected = self.stream.is_some();
        match self.ask(question, PERSON_TIMEOUT) {
            Err(SignerError::Unreachable { kind })
                if was_connected && kind != ErrorKind::TimedOut =>
            {
                self.ask(question, PERSON_TIMEOUT)
            }
            answer => answer,
        }
    }

    fn connect_again(&self) -> Result<UnixStream, SignerError> {
        let again = Self::connect(&self.path)?;
        match again.stream {
            // Whoever relied on its asking is not served by one that does not.
            Some(stream) if again.key == self.key && again.asks == self.asks => Ok(stream),
            _ => Err(SignerError::Garbled),
        }
    }
}

impl Signer for SocketSigner {
    fn public_key(&self) -> SignerKey {
        self.key
    }

    fn asks(&self) -> Asks {
        self.asks
    }

    fn delegate(
        &mut self,
        network: Network,
        peer: PeerId,
        terms: Terms,
    ) -> Result<DelegationProof, SignerError> {
        let question = Question::Delegate { network, peer, terms };
        let answer = self.ask_person(&question)?;
        let Answer::Delegated(proof) = answer else { return Err(refused(&answer, None)) };
        Ok(proof)
    }

    fn nonces(&mut self, order: &Order, payload: Option<&[u8]>) -> Result<OwnNonces, SignerError> {
        // Nonces for one attempt are made once, however often they are asked for.
        let answer = self.ask_person(&Question::nonces(order, payload))?;
        let Answer::Nonces { salt, ref nonces } = answer else {
            return Err(refused(&answer, Some(order.session)));
        };
        let nonces = words::nonces(nonces).ok_or(SignerError::Garbled)?;
        if nonces.len() != order.request.request.messages.len() {
            return Err(SignerError::Garbled);
        }
        Ok(OwnNonces { nonces, salt })
    }

    fn partials(
        &mut self,
        session: SessionId,
        nonces: &[Vec<PubNonce>],
    ) -> Result<OwnPartials, SignerError> {
        // The nonces of an attempt end with the connection.
        if self.stream.is_none() {
            return Err(SignerError::Partials(PartialsError::NoNonces { session }));
        }
        let answer = self.ask(&Question::partials(session, nonces), PROCESS_TIMEOUT)?;
        let Answer::Partials(ref partials) = answer else {
            return Err(refused(&answer, Some(session)));
        };
        let partials = words::partials(partials).ok_or(SignerError::Garbled)?;
        Ok(OwnPartials::unverified(partials))
    }

    fn forget(&mut self, session: SessionId) {
        if self.stream.is_some() {
            // Hanging up does the same.
            let _forgotten = self.ask(&Question::Forget { session }, PROCESS_TIMEOUT);
        }
    }
}

fn hello(stream: &mut UnixStream) -> Result<(SignerKey, Asks), SignerError> {
    let answer = ask(stream, &Question::Hello, PROCESS_TIMEOUT)?;
    let Answer::Key(key, asks) = answer else { return Err(refused(&answer, None)) };
    Ok((key, asks))
}

fn ask(
    stream: &mut UnixStream,
    question: &Question,
    timeout: Duration,
) -> Result<Answer, SignerError> {
    let failed = |error: std::io::Error| {
        if error.kind() == ErrorKind::InvalidData {
            return SignerError::Garbled;
        }
        // What the system calls it when the time is over.
        let late = error.kind() == ErrorKind::WouldBlock;
        unreachable(if late { ErrorKind::TimedOut } else { error.kind() })
    };
    stream.set_read_timeout(Some(timeout)).map_err(failed)?;
    stream.set_write_timeout(Some(PROCESS_TIMEOUT)).map_err(failed)?;
    frame::write(stream, question).map_err(failed)?;
    match frame::read(stream).map_err(failed)? {
        Some(answer) => Ok(answer),
        None => Err(unreachable(ErrorKind::ConnectionReset)),
    }
}

/// What an answer means that is not the one to the question.
fn refused(answer: &Answer, session: Option<SessionId>) -> SignerError {
    let Answer::Refused(refusal) = answer else { return SignerError::Garbled };
    match (refusal, session) {
        (Refusal::Declined, _) => SignerError::Declined,
        (Refusal::Entropy, _) => SignerError::Entropy,
        (Refusal::NoNonces, Some(session)) => {
            SignerError::Partials(PartialsError::NoNonces { session })
        }
        (Refusal::NoNonces | Refusal::Other, _) => SignerError::Refused,
    }
}

const fn unreachable(kind: ErrorKind) -> SignerError {
    SignerError::Unreachable { kind }
}
