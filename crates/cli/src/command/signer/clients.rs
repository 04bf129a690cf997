//! Who is served: several connections at one time, so that a silent one is in nobody's way.

use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ensign_coordinator::{Asks, Signer, SignerError, serve};
use ensign_identity::{DelegationProof, SignerKey, Terms};
use ensign_musig::PubNonce;
use ensign_primitives::{Network, PeerId, SessionId};
use ensign_session::{Order, OwnNonces, OwnPartials};
use rustix::net::{RecvFlags, recv};

use super::gate::Gate;
use super::person::Asker;
use crate::output::{Line, Output};

/// Most connections at one time. Guess: the nodes of one person, and whatever else finds the socket;
/// each may have a question of 19 MB under way.
const CLIENTS_MAX: usize = 8;

/// All connections.
#[derive(Debug)]
pub(super) struct Clients {
    gate: Arc<Gate>,
    places: Arc<Mutex<Vec<Arc<Place>>>>,
    /// Counts what was asked, so that it is known who was silent longest.
    turns: Arc<AtomicU64>,
    output: Output,
}

/// One connection.
#[derive(Debug)]
struct Place {
    stream: UnixStream,
    /// When it asked last.
    turn: AtomicU64,
    /// How many attempts have nonces, and questions are open: it is not hung up on then.
    busy: AtomicU64,
    /// Whether it has asked for anything but who we are, as every node does first.
    has_asked: AtomicBool,
}

impl Clients {
    pub(super) fn new(gate: Gate, output: Output) -> Self {
        let (places, turns) = (Arc::default(), Arc::default());
        Self { gate: Arc::new(gate), places, turns, output }
    }

    /// Erases nonces in time, whoever is silent: on a thread that ends with the program.
    ///
    /// # Errors
    ///
    /// [`std::io::Error`] when there is no thread.
    pub(super) fn watch(&self) -> std::io::Result<()> {
        let (gate, (alive, ended)) = (Arc::clone(&self.gate), mpsc::channel::<()>());
        let watch = move || {
            // Nothing is ever said here: the thread wakes when its time is over.
            let _alive = alive;
            gate.erase_in_time(|time| ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout));
        };
        std::thread::Builder::new().spawn(watch).map(drop)
    }

    /// Serves a connection on a thread of its own. When all places are taken, the connection gives
    /// way that was silent longest and has no nonces and no open question.
    pub(super) fn serve(&self, stream: UnixStream) {
        let Some(client) = self.enter(&stream) else {
            let text = "turned away a node: all places are taken by nodes with open nonces";
            return self.output.progress(&Line::new("turned_away"), Some(text));
        };
        let (output, places) = (self.output, Arc::clone(&self.places));
        // People are told once it wants something.
        output.progress(&Line::new("node_connected"), None);
        let served = move || {
            let mut client = client;
            let place = Arc::clone(&client.place);
            let why = match serve(stream, &mut client) {
                Ok(()) => "it hung up".to_owned(),
                Err(error) => error.to_string(),
            };
            lock(&places).retain(|other| !Arc::ptr_eq(other, &place));
            let text = place.farewell(&why);
            output.progress(&Line::new("node_gone").with("why", why), text.as_deref());
        };
        // Without a thread the connection ends at once.
        drop(std::thread::Builder::new().spawn(served));
    }

    fn enter(&self, stream: &UnixStream) -> Option<Client> {
        let mut places = lock(&self.places);
        if places.len() >= CLIENTS_MAX {
            let idle = |(_, place): &(usize, &Arc<Place>)| place.busy.load(Ordering::SeqCst) == 0;
            let turn = |(_, place): &(usize, &Arc<Place>)| place.turn.load(Ordering::SeqCst);
            let (longest, _) = places.iter().enumerate().filter(idle).min_by_key(turn)?;
            // It ends by itself then, like one that hung up.
            let _gone = places.remove(longest).stream.shutdown(Shutdown::Both);
        }
        let place = Place {
            stream: stream.try_clone().ok()?,
            turn: AtomicU64::new(self.turns.fetch_add(1, Ordering::SeqCst)),
            busy: AtomicU64::new(0),
            has_asked: AtomicBool::new(false),
        };
        let place = Arc::new(place);
        places.push(Arc::clone(&place));
        let (gate, turns) = (Arc::clone(&self.gate), Arc::clone(&self.turns));
        Some(Client { gate, turns, place, output: self.output })
    }
}

fn lock(places: &Mutex<Vec<Arc<Place>>>) -> MutexGuard<'_, Vec<Arc<Place>>> {
    places.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The signer, as one connection sees it.
#[derive(Debug)]
struct Client {
    gate: Arc<Gate>,
    turns: Arc<AtomicU64>,
    place: Arc<Place>,
    output: Output,
}

impl Client {
    /// Notes that it asks, and that it is busy with that.
    fn asks(&self) {
        self.place.turn.store(self.turns.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
        self.place.busy.fetch_add(1, Ordering::SeqCst);
        if !self.place.has_asked.swap(true, Ordering::SeqCst) {
            self.output.text_progress("a node has connected");
        }
    }

    fn is_less_busy(&self) {
        let less = |busy: u64| Some(busy.saturating_sub(1));
        let _ = self.place.busy.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
    }
}

impl Place {
    /// What people are told when it has gone; nothing of one that has asked for nothing.
    fn farewell(&self, why: &str) -> Option<String> {
        if !self.has_asked.load(Ordering::SeqCst) {
            return None;
        }
        let erased = match self.busy.load(Ordering::SeqCst) {
            0 => "",
            _ => "; its open nonces are erased",
        };
        Some(format!("the node is gone ({why}){erased}"))
    }
}

impl Asker for Place {
    fn has_hung_up(&self) -> bool {
        let mut byte = [0];
        match recv(&self.stream, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Ok((read, _)) => read == 0,
            Err(error) => error != rustix::io::Errno::AGAIN && error != rustix::io::Errno::INTR,
        }
    }
}

impl Signer for Client {
    fn public_key(&self) -> SignerKey {
        self.gate.public_key()
    }

    fn asks(&self) -> Asks {
        self.gate.asks()
    }

    fn delegate(
        &mut self,
        network: Network,
        peer: PeerId,
        terms: Terms,
    ) -> Result<DelegationProof, SignerError> {
        self.asks();
        let made = self.gate.delegate(&*self.place, (network, peer, terms));
        self.is_less_busy();
        made
    }

    fn nonces(&mut self, order: &Order, payload: Option<&[u8]>) -> Result<OwnNonces, SignerError> {
        self.asks();
        let made = self.gate.nonces(&*self.place, order, payload);
        // Those that were made keep it busy until they are used or forgotten.
        if made.is_err() {
            self.is_less_busy();
        }
        made
    }

    fn partials(
        &mut self,
        session: SessionId,
        nonces: &[Vec<PubNonce>],
    ) -> Result<OwnPartials, SignerError> {
        self.asks();
        let made = self.gate.partials(session, nonces);
        self.is_less_busy();
        self.is_less_busy();
        made
    }

    fn forget(&mut self, session: SessionId) {
        self.gate.forget(session);
        self.is_less_busy();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regression_first_contact_of_a_node_read_like_trouble() {
        let (stream, _node) = UnixStream::pair().unwrap();
        let (turn, busy) = (AtomicU64::new(0), AtomicU64::new(0));
        let place = Place { stream, turn, busy, has_asked: AtomicBool::new(false) };
        assert_eq!(place.farewell("it hung up"), None, "it has only asked who we are");
        place.has_asked.store(true, Ordering::SeqCst);
        assert_eq!(place.farewell("it hung up").unwrap(), "the node is gone (it hung up)");
        place.busy.store(1, Ordering::SeqCst);
        assert!(place.farewell("it hung up").unwrap().ends_with("nonces are erased"));
    }
}
