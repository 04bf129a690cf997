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

/// How many creators are remembered whose requests the signer was asked about last. Guess: more members than
/// ask at one time; one that was forgotten comes first once more.
const CREATORS_MAX: usize = 256;

/// Hands questions to the signer, which takes them one after the other.
///
/// A signer may ask a person, and that takes time: the creators of requests take turns, so that however much
/// one of them wants signed, another one's order is the next.
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

    /// Returns whose request a person may be asked about.
    fn creator(&self) -> Option<PeerId> {
        match self {
            Self::Nonces(order, _) => Some(order.request.peer),
            Self::Partials(..) | Self::Forget(_) | Self::Delegate(..) => None,
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
    let mut queue = Queue::default();
    loop {
        let question = match signer.forget_old() {
            None => waiting.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
            Some(time) => waiting.recv_timeout(time),
        };
        match question {
            Ok(question) => queue.enter(question),
            Err(mpsc::RecvTimeoutError::Timeout) => continue,
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
        while let Some(next) = queue.take_next(waiting) {
            if let Some(answer) = next.put_to(signer.as_mut())
                && !answered(answer)
            {
                return;
            }
        }
    }
}

/// What the signer is to be asked.
#[derive(Debug, Default)]
struct Queue {
    questions: VecDeque<Question>,
    /// Whose requests it was asked about, the last one last.
    creators: VecDeque<PeerId>,
}

impl Queue {
    fn take_next(&mut self, waiting: &mpsc::Receiver<Question>) -> Option<Question> {
        waiting.try_iter().for_each(|question| self.enter(question));
        self.take()
    }

    /// Takes what needs no person before the rest; then the oldest order of whose turn it is.
    fn take(&mut self) -> Option<Question> {
        let turn = |question: &Question| {
            let creator = question.creator()?;
            Some(self.creators.iter().position(|last| *last == creator))
        };
        let next = self.questions.iter().enumerate().min_by_key(|(_, question)| turn(question));
        let question = self.questions.remove(next?.0)?;
        if let Some(creator) = question.creator() {
            self.creators.retain(|last| *last != creator);
            self.creators.push_back(creator);
            if self.creators.len() > CREATORS_MAX {
                self.creators.pop_front();
            }
        }
        Some(question)
    }

    fn enter(&mut self, question: Question) {
        if let Question::Forget(session) = question {
            self.questions.retain(|asked| asked.session() != Some(session));
        }
        self.questions.push_back(question);
    }
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
    use crate::socket::tests::order;

    const fn forget(byte: u8) -> Question {
        Question::Forget(SessionId::from_bytes([byte; 32]))
    }

    const fn partials(byte: u8) -> Question {
        Question::Partials(SessionId::from_bytes([byte; 32]), Vec::new())
    }

    fn sessions<'a>(queue: impl IntoIterator<Item = &'a Question>) -> Vec<(bool, u8)> {
        let entry = |it: &Question| {
            (
                matches!(it, Question::Forget(_)),
                it.session().and_then(|session| session.as_bytes().first().copied()).unwrap_or(0),
            )
        };
        queue.into_iter().map(entry).collect()
    }

    #[test]
    fn what_a_session_gave_up_is_struck_out_and_the_rest_keeps_its_order() {
        let mut queue = Queue::default();
        for question in [partials(1), partials(2), partials(1), forget(1), partials(3)] {
            queue.enter(question);
        }
        assert_eq!(sessions(&queue.questions), [(false, 2), (true, 1), (false, 3)]);
    }

    #[test]
    fn creators_take_turns_however_much_one_of_them_wants() {
        let honest = order(&[1, 2], 1);
        let of = |creator: u8, number: u8| {
            let mut request = honest.request.as_ref().clone();
            request.peer = PeerId::from_bytes([creator; 32]);
            let session = SessionId::from_bytes([number; 32]);
            let order = Order { session, request: Arc::new(request), ..honest.clone() };
            Question::Nonces(order, None)
        };
        let mut queue = Queue::default();
        (0..20).for_each(|number| queue.enter(of(1, number)));
        let mut taken = vec![queue.take().unwrap()];
        [of(2, 100), of(1, 20), partials(50), of(2, 101)]
            .into_iter()
            .for_each(|it| queue.enter(it));
        taken.extend((0..5).map(|_| queue.take().unwrap()));
        let numbers: Vec<_> = sessions(&taken).into_iter().map(|(_, number)| number).collect();
        assert_eq!(numbers, [0, 50, 100, 1, 101, 2]);
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
