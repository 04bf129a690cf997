//! The signer on a thread of its own: it may wait for another process, or for a person. A simulated
//! one answers at once.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, mpsc},
    thread,
};

use ensign_identity::{DelegationProof, Terms};
use ensign_musig::PubNonce;
use ensign_primitives::{Network, PeerId, SessionId};
use ensign_session::{Order, OwnNonces, OwnPartials};

use crate::{Signer, SignerError};

/// Takes answers, in the order of the questions; returns whether anybody wants more.
type Answered = Box<dyn FnMut(Answer) -> bool + Send>;

/// Hands questions to the signer, which takes them one after the other.
///
/// Neither way has a limit of its own: each question stems from our user's consent to a request, a
/// session asks at most twice, and what it asked is struck out when it forgets.
#[derive(Debug)]
pub struct Desk(Way);

enum Way {
    /// To its thread.
    Thread(mpsc::Sender<Question>),
    /// At once, in a simulation.
    AtOnce(Box<dyn Signer>, Answered),
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Thread(_) => "Thread",
            Self::AtOnce(..) => "AtOnce",
        })
    }
}

/// What the signer is asked.
#[derive(Debug)]
pub enum Question {
    /// For the nonces of an attempt; with the payload of its request.
    Nonces(Order, Option<Arc<[u8]>>),
    /// To sign with them; each signer's public nonces, in key order.
    Partials(SessionId, Vec<Vec<PubNonce>>),
    /// To erase them.
    Forget(SessionId),
    /// To let our node speak for its key.
    Delegate(Network, PeerId, Terms),
}

/// What the signer answers, and in which session.
#[derive(Debug)]
pub enum Answer {
    /// The nonces of an attempt.
    Nonces(SessionId, Result<OwnNonces, SignerError>),
    /// Its partial signatures.
    Partials(SessionId, Result<OwnPartials, SignerError>),
    /// That our node may speak for the key.
    Delegated(Result<DelegationProof, SignerError>),
}

impl Desk {
    /// Opens it with a thread for the signer, which ends with the desk.
    ///
    /// - `answered`: takes each answer, on that thread; returns whether anybody wants more.
    pub fn open(
        signer: Box<dyn Signer>,
        mut answered: impl FnMut(Answer) -> bool + Send + 'static,
    ) -> Self {
        let (questions, waiting) = mpsc::channel();
        thread::spawn(move || serve(signer, &waiting, &mut answered));
        Self(Way::Thread(questions))
    }

    /// Opens one at which the signer answers within the question: in a simulation nobody waits.
    pub fn simulated(
        signer: Box<dyn Signer>,
        answered: impl FnMut(Answer) -> bool + Send + 'static,
    ) -> Self {
        Self(Way::AtOnce(signer, Box::new(answered)))
    }

    /// Asks; returns the answer if nobody is there any more to give one.
    pub fn ask(&mut self, question: Question) -> Option<Answer> {
        match &mut self.0 {
            Way::Thread(questions) => questions.send(question).err().and_then(|it| of_nobody(it.0)),
            Way::AtOnce(signer, answered) => {
                answered(question.put_to(signer.as_mut())?);
                None
            }
        }
    }
}

impl Question {
    const fn session(&self) -> Option<SessionId> {
        match self {
            Self::Nonces(order, _) => Some(order.session),
            Self::Partials(session, _) | Self::Forget(session) => Some(*session),
            Self::Delegate(..) => None,
        }
    }

    fn put_to(self, signer: &mut dyn Signer) -> Option<Answer> {
        match self {
            Self::Nonces(order, payload) => {
                let made = signer.nonces(&order, payload.as_deref());
                Some(Answer::Nonces(order.session, made))
            }
            Self::Partials(session, nonces) => {
                Some(Answer::Partials(session, signer.partials(session, &nonces)))
            }
            Self::Forget(session) => {
                signer.forget(session);
                None
            }
            Self::Delegate(network, peer, terms) => {
                Some(Answer::Delegated(signer.delegate(network, peer, terms)))
            }
        }
    }
}

/// Asks until the driver is gone. What a session asked and has given up since is not asked any more:
/// nobody is shown what is over.
fn serve(
    mut signer: Box<dyn Signer>,
    waiting: &mpsc::Receiver<Question>,
    answered: &mut dyn FnMut(Answer) -> bool,
) {
    let mut queue = VecDeque::new();
    loop {
        let question = match signer.forget_old() {
            None => waiting.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
            Some(time) => waiting.recv_timeout(time),
        };
        match question {
            Ok(question) => enter(&mut queue, question),
            Err(mpsc::RecvTimeoutError::Timeout) => continue,
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
        while let Some(next) = take_next(&mut queue, waiting) {
            if let Some(answer) = next.put_to(signer.as_mut())
                && !answered(answer)
            {
                return;
            }
        }
    }
}

fn take_next(
    queue: &mut VecDeque<Question>,
    waiting: &mpsc::Receiver<Question>,
) -> Option<Question> {
    waiting.try_iter().for_each(|question| enter(queue, question));
    queue.pop_front()
}

fn enter(queue: &mut VecDeque<Question>, question: Question) {
    if let Question::Forget(session) = question {
        queue.retain(|asked| asked.session() != Some(session));
    }
    queue.push_back(question);
}

/// The signer's thread has ended, with the nonces.
fn of_nobody(question: Question) -> Option<Answer> {
    let gone = SignerError::Unreachable { kind: std::io::ErrorKind::BrokenPipe };
    match question {
        Question::Nonces(order, _) => Some(Answer::Nonces(order.session, Err(gone))),
        Question::Partials(session, _) => Some(Answer::Partials(session, Err(gone))),
        Question::Forget(_) => None,
        Question::Delegate(..) => Some(Answer::Delegated(Err(gone))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn forget(byte: u8) -> Question {
        Question::Forget(SessionId::from_bytes([byte; 32]))
    }

    const fn partials(byte: u8) -> Question {
        Question::Partials(SessionId::from_bytes([byte; 32]), Vec::new())
    }

    fn sessions(queue: &VecDeque<Question>) -> Vec<(bool, u8)> {
        let entry = |it: &Question| {
            (
                matches!(it, Question::Forget(_)),
                it.session().and_then(|session| session.as_bytes().first().copied()).unwrap_or(0),
            )
        };
        queue.iter().map(entry).collect()
    }

    #[test]
    fn what_a_session_gave_up_is_struck_out_and_the_rest_keeps_its_order() {
        let mut queue = VecDeque::new();
        for question in [partials(1), partials(2), partials(1), forget(1), partials(3)] {
            enter(&mut queue, question);
        }
        assert_eq!(sessions(&queue), [(false, 2), (true, 1), (false, 3)]);
    }

    #[test]
    fn signer_that_is_gone_is_answered_for() {
        let (questions, waiting) = mpsc::channel();
        drop(waiting);
        let mut desk = Desk(Way::Thread(questions));
        let gone = SignerError::Unreachable { kind: std::io::ErrorKind::BrokenPipe };
        assert!(matches!(desk.ask(partials(1)), Some(Answer::Partials(_, Err(it))) if it == gone));
        assert!(desk.ask(forget(1)).is_none());
    }
}
