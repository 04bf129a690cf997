//! Nodes that are not coordinators: a signer that leaves things unsaid, and peers without manners.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Instant as StdInstant,
};

use bytes::Bytes;
use ensign_coordinator::Keys;
use ensign_deadline::Timeouts;
use ensign_engine::{
    Engine, EngineConfig, Event as HallEvent, GroupConfig, Input, Output, Proposal, Restored,
    peers::DialFailure,
    signing::{Event, Known, ask_local_signer},
};
use ensign_identity::{Delegation, DelegationProof, NodeKey, Signature, SignerKey, Terms};
use ensign_musig::{NonceEntropy, SecKey};
use ensign_primitives::{Instant, LinkId, Now, PeerId, StateMachine, UnixTime};
use ensign_session::{Entropy, LocalSigner};
use ensign_transport::{
    Arrivals, CloseCode, DialError, DisconnectReason, Transport, TransportConfig, TransportEvent,
};
use ensign_wire::{
    Body, Envelope, Frame, Introduced, Kind, NonceShare, PubNonceBytes, Round0, SessionJoin,
    Welcome,
};
use tokio::sync::{mpsc, oneshot};

use super::party::{NETWORK, loopback, within};

/// A signer whose node is driven here: it approves everything, and swallows the kinds of frames
/// that it is told to.
pub(crate) struct Puppet {
    pub(crate) address: SocketAddr,
    muted: Arc<Mutex<Vec<Kind>>>,
    lie: Arc<Mutex<Option<Lie>>>,
    commands: mpsc::UnboundedSender<Command>,
}

/// What a signer that does wrong says in place of what its node would have said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Two different reveals.
    TwoReveals,
    /// A reveal that does not open its commitment.
    AnotherSalt,
    /// Nonces that are no points, in mode fast.
    NoPoints,
    /// A false partial signature.
    FalsePartial,
}

impl Lie {
    /// Returns what goes out in place of a body.
    fn instead(self, body: &Body) -> Vec<Body> {
        match (self, body) {
            (Self::TwoReveals, Body::NonceShare(share)) => {
                let other = NonceShare { salt: [9; 32], ..share.clone() };
                vec![body.clone(), Body::NonceShare(other)]
            }
            (Self::AnotherSalt, Body::NonceShare(share)) => {
                vec![Body::NonceShare(NonceShare { salt: [9; 32], ..share.clone() })]
            }
            (Self::NoPoints, Body::SessionJoin(join)) => {
                let round0 = Round0::Reveal(vec![PubNonceBytes([0xee; 66])]);
                vec![Body::SessionJoin(SessionJoin { round0, ..join.clone() })]
            }
            (Self::FalsePartial, Body::PartialSigShare(share)) => {
                let mut share = share.clone();
                share.partials[0][31] ^= 1;
                vec![Body::PartialSigShare(share)]
            }
            _ => vec![body.clone()],
        }
    }
}

enum Command {
    Form(GroupConfig, Vec<(PeerId, SocketAddr)>, oneshot::Sender<()>),
    Propose(Box<Proposal>),
}

impl Puppet {
    /// Starts a node with the keys of a signer.
    pub(crate) async fn start(node_secret: [u8; 32], signer_secret: [u8; 32]) -> Self {
        let node_key = Arc::new(NodeKey::from_secret_bytes(node_secret).unwrap());
        let sec_key = Arc::new(SecKey::from_secret_bytes(signer_secret).unwrap());
        let delegation = delegate(&node_key, &sec_key);
        let config = TransportConfig::new(loopback(), NETWORK);
        let (transport, arrivals) = Transport::bind(config, node_key.clone()).await.unwrap();
        let config = EngineConfig {
            network: NETWORK,
            instance: [0x77; 8],
            listening: vec![],
            timeouts: Timeouts::default(),
            limits: Default::default(),
            peers: Default::default(),
            strangers: Default::default(),
            overlay: None,
        };
        let liar = node_key.clone();
        let signer = LocalSigner::new(sec_key);
        let keys = ensign_engine::Keys { node_key, signer: signer.public_key(), delegation };
        let muted: Arc<Mutex<Vec<Kind>>> = Arc::default();
        let lie: Arc<Mutex<Option<Lie>>> = Arc::default();
        let (commands, waiting) = mpsc::unbounded_channel();
        let address = transport.local_addr();
        let driver = Driver {
            engine: Engine::new(config, keys, [7; 32], Now::default(), Restored::default()),
            signer,
            transport,
            muted: muted.clone(),
            lie: lie.clone(),
            node_key: liar,
            origin: StdInstant::now(),
        };
        tokio::spawn(driver.run(arrivals, waiting));
        Self { address, muted, lie, commands }
    }

    pub(crate) fn mute(&self, kinds: &[Kind]) {
        *self.muted.lock().unwrap() = kinds.to_vec();
    }

    /// From here on it does wrong.
    pub(crate) fn lie(&self, lie: Lie) {
        *self.lie.lock().unwrap() = Some(lie);
    }

    pub(crate) async fn form(&self, group: GroupConfig, addresses: Vec<(PeerId, SocketAddr)>) {
        let (reply, formed) = oneshot::channel();
        self.commands.send(Command::Form(group, addresses, reply)).ok().unwrap();
        within(formed).await.unwrap();
    }

    pub(crate) fn propose(&self, proposal: Proposal) {
        self.commands.send(Command::Propose(Box::new(proposal))).ok().unwrap();
    }
}

pub(crate) fn delegate(node_key: &NodeKey, sec_key: &SecKey) -> DelegationProof {
    let expires = unix_now().after(std::time::Duration::from_secs(3600));
    let signer = SignerKey::from_public_key(sec_key.public_key());
    let digest =
        Delegation::digest(&signer, &node_key.peer_id(), NETWORK, Terms { number: 1, expires });
    DelegationProof { number: 1, expires, signature: Signature(sec_key.sign_schnorr(&digest)) }
}

pub(crate) fn unix_now() -> UnixTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    UnixTime::from_millis(since.as_millis() as u64)
}

struct Driver {
    engine: Engine,
    signer: LocalSigner,
    transport: Transport,
    muted: Arc<Mutex<Vec<Kind>>>,
    lie: Arc<Mutex<Option<Lie>>>,
    node_key: Arc<NodeKey>,
    origin: StdInstant,
}

impl Driver {
    fn now(&self) -> Now {
        let micros = self.origin.elapsed().as_micros() as u64;
        Now { instant: Instant::from_micros(micros), unix: unix_now() }
    }

    async fn run(mut self, mut arrivals: Arrivals, mut commands: mpsc::UnboundedReceiver<Command>) {
        loop {
            let wakeup = self.engine.poll_timeout().map(|wakeup| {
                let at = std::time::Duration::from_micros(wakeup.at.as_micros());
                tokio::time::Instant::from_std(self.origin + at)
            });
            let due = async {
                match wakeup {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(arrival) = arrivals.recv() => self.on_arrival(arrival),
                command = commands.recv() => match command {
                    Some(command) => self.on_command(command),
                    None => return,
                },
                () = due => self.engine.handle_timeout(self.now()),
            }
            self.carry_out();
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Form(group, addresses, reply) => {
                self.engine.add_group(self.now(), group).unwrap();
                for (peer, address) in addresses {
                    self.engine.know(self.now(), peer, &[address]).unwrap();
                }
                reply.send(()).unwrap();
            }
            Command::Propose(proposal) => {
                self.engine.propose(self.now(), *proposal, [5; 16]).unwrap();
            }
        }
    }

    fn on_arrival(&mut self, arrival: TransportEvent) {
        let input = match arrival {
            TransportEvent::Up { link, peer, remote, direction, exporter, round_trip } => {
                let round_trip = Some(round_trip);
                Input::Up { link, peer, remote, direction, exporter, round_trip }
            }
            TransportEvent::Down { link, .. } => Input::Down { link },
            TransportEvent::Frame { link, kind, body } => Input::Frame { link, kind, body },
            TransportEvent::DialFailed { peer, address, .. } => {
                Input::DialFailed { peer, address, why: DialFailure::TimedOut }
            }
            _ => return,
        };
        self.engine.handle_input(self.now(), input);
    }

    fn send(&self, link: LinkId, kind: Kind, frame: &Arc<[u8]>) {
        let lie = *self.lie.lock().unwrap();
        let own = self.node_key.peer_id();
        let frames = match (lie, Frame::decode_whole(frame, NETWORK)) {
            (Some(lie), Ok(Frame::Envelope(said))) if said.sender() == own => lie
                .instead(said.body())
                .into_iter()
                .zip(0..)
                .map(|(body, more)| {
                    let seq = said.seq() * 2 + more;
                    let (session, at) = (said.session(), said.sent_at());
                    let said = Envelope::sign(&self.node_key, NETWORK, session, seq, at, body);
                    Arc::from(Frame::Envelope(Box::new(said.unwrap())).encode())
                })
                .collect(),
            _ => vec![frame.clone()],
        };
        for frame in frames {
            // A frame that is not sent is asked for again.
            let _ = self.transport.send(link, kind, Bytes::from_owner(frame));
        }
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Send { link, kind, frame, .. } => {
                    if !self.muted.lock().unwrap().contains(&kind) {
                        self.send(link, kind, &frame);
                    }
                }
                Output::Persist { token, .. } => {
                    self.engine.handle_input(self.now(), Input::Persisted { token });
                }
                Output::Signer(question) => {
                    let now = self.now();
                    if let Some(answer) = ask_local_signer(&mut self.signer, now, question, fresh) {
                        self.engine.handle_input(self.now(), Input::Signer(answer));
                    }
                }
                Output::Event(HallEvent::Signing(Event::Review(review))) => {
                    self.engine.approve(self.now(), review.id).unwrap();
                }
                Output::Admit { link } => self.transport.admit(link),
                Output::Dial { peer, address } => self.transport.dial(peer, address),
                Output::Expect { peer } => self.transport.expect(peer),
                Output::Recall { request } => {
                    // It has no store: of what it has begun it can tell no more than that.
                    let begun = self.engine.signing().request(&request).is_some();
                    let known = if begun { Known::Begun } else { Known::Nothing };
                    self.engine.handle_input(self.now(), Input::Recalled { request, known });
                }
                Output::Note(_)
                | Output::Solve { .. }
                | Output::DialBack { .. }
                | Output::StopSolving { .. }
                | Output::Event(_)
                | Output::Forget { .. }
                | Output::Close { .. } => {}
            }
        }
    }
}

fn fresh(nonces: usize) -> Option<Entropy> {
    let fresh = || {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).unwrap();
        bytes
    };
    let nonces = (0..nonces).map(|_| NonceEntropy::new(fresh()).unwrap());
    Some(Entropy { nonces: nonces.collect(), salt: fresh() })
}

/// A node that says whatever a test wants.
pub(crate) struct Raw {
    pub(crate) peer: PeerId,
    /// Whom it dials.
    to: (PeerId, SocketAddr),
    transport: Transport,
    arrivals: Arrivals,
    /// The last connection to the coordinator.
    link: LinkId,
}

impl Raw {
    /// Connects a node to a coordinator.
    pub(crate) async fn connect(secret: [u8; 32], to: &Keys, address: SocketAddr) -> Self {
        let mut raw = Self::start(loopback(), secret, (to.peer_id(), address)).await;
        raw.again().await;
        raw
    }

    /// Makes a node that waits for a coordinator's [call](Self::called).
    pub(crate) async fn listening(secret: [u8; 32], of: &Keys) -> Self {
        Self::start(loopback(), secret, (of.peer_id(), loopback())).await
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.transport.local_addr()
    }

    /// Waits until the coordinator has dialled it, and hears whatever it is told from then on.
    pub(crate) async fn called(&mut self) {
        self.until(|event| matches!(event, TransportEvent::Up { .. })).await;
        self.transport.admit(self.link);
    }

    /// Says for whom it speaks, and what members are told.
    pub(crate) fn say_member(&self, signer: &SignerKey, proof: DelegationProof) {
        let hint = Introduced::hint(NETWORK, signer, (&self.peer, &self.to.0));
        self.say(&Frame::Delegation(Introduced { hint, peer: self.peer, proof }));
        let (clock, instance) = (unix_now(), [7; 8]);
        self.say(&Frame::Welcome(Welcome { clock, instance, listening: vec![] }));
    }

    /// Dials until it is connected, and hears whatever it is told from then on.
    pub(crate) async fn again(&mut self) {
        loop {
            let (to, address) = self.to;
            self.transport.dial(to, address);
            let mut has_failed = false;
            self.until(|event| match event {
                TransportEvent::Up { .. } => true,
                TransportEvent::DialFailed { error, .. } => {
                    has_failed = true;
                    // The connection before is on its way out: its end is heard next.
                    *error != DialError::Duplicate
                }
                TransportEvent::Down { .. } => has_failed,
                _ => false,
            })
            .await;
            if !has_failed {
                return self.transport.admit(self.link);
            }
        }
    }

    /// Goes once everything that it said has arrived; returns what it was told before.
    pub(crate) async fn leave(&mut self) -> Vec<Frame> {
        self.transport.disconnect(self.link, CloseCode::Unwanted);
        let mut heard = Vec::new();
        self.until(|event| match event {
            TransportEvent::Frame { kind, body, .. } => {
                heard.push(Frame::decode(*kind, body, NETWORK).unwrap());
                false
            }
            event => matches!(event, TransportEvent::Down { .. }),
        })
        .await;
        heard
    }

    /// Dials a coordinator once from an address, whether that ends well or not.
    pub(crate) async fn dial_from(ip: [u8; 4], secret: [u8; 32], to: (PeerId, SocketAddr)) -> Self {
        let mut raw = Self::start((ip, 0).into(), secret, to).await;
        raw.transport.dial(to.0, to.1);
        raw.until(|_| true).await;
        raw
    }

    async fn start(listen: SocketAddr, secret: [u8; 32], to: (PeerId, SocketAddr)) -> Self {
        let key = Arc::new(NodeKey::from_secret_bytes(secret).unwrap());
        let peer = key.peer_id();
        let mut config = TransportConfig::new(listen, NETWORK);
        // It says more at once than any node has to say.
        config.control_queue_bytes_max = 64 << 20;
        config.signing_queue_bytes_max = 64 << 20;
        config.flush_timeout = std::time::Duration::from_secs(60);
        let (transport, arrivals) = Transport::bind(config, key).await.unwrap();
        Self { peer, to, transport, arrivals, link: LinkId(u64::MAX) }
    }

    /// Says something if there is a connection.
    pub(crate) fn try_say(&self, frame: &Frame) -> bool {
        self.transport.send(self.link, frame.kind(), frame.encode().into()).is_ok()
    }

    pub(crate) fn say(&self, frame: &Frame) {
        self.say_bytes(frame.kind(), frame.encode());
    }

    pub(crate) fn say_bytes(&self, kind: Kind, bytes: Vec<u8>) {
        self.transport.send(self.link, kind, bytes.into()).unwrap();
    }

    /// Waits until the coordinator has closed the connection.
    pub(crate) async fn closed(&mut self) {
        self.until(|event| matches!(event, TransportEvent::Down { .. })).await;
    }

    /// Waits until the coordinator has closed the connection; returns what it gave as its reason.
    pub(crate) async fn close_code(&mut self) -> CloseCode {
        within(async {
            loop {
                let event = self.arrivals.recv().await.unwrap();
                let TransportEvent::Down { reason, .. } = event else { continue };
                let DisconnectReason::Closed { code } = reason else { panic!("{reason}") };
                return code;
            }
        })
        .await
    }

    /// Waits for the next frame.
    pub(crate) async fn frame(&mut self) -> Frame {
        within(async {
            loop {
                if let TransportEvent::Frame { kind, body, .. } =
                    self.arrivals.recv().await.unwrap()
                {
                    return Frame::decode(kind, &body, NETWORK).unwrap();
                }
            }
        })
        .await
    }

    /// Waits until the coordinator has closed the connection; returns what arrived before.
    pub(crate) async fn frames_until_closed(&mut self) -> Vec<Kind> {
        let mut kinds = Vec::new();
        within(async {
            loop {
                match self.arrivals.recv().await.unwrap() {
                    TransportEvent::Frame { kind, .. } => kinds.push(kind),
                    TransportEvent::Down { .. } => return,
                    _ => {}
                }
            }
        })
        .await;
        kinds
    }

    async fn until(&mut self, mut wanted: impl FnMut(&TransportEvent) -> bool) {
        within(async {
            loop {
                let event = self.arrivals.recv().await.unwrap();
                if let TransportEvent::Up { link, .. } = event {
                    self.link = link;
                }
                if wanted(&event) {
                    return;
                }
            }
        })
        .await;
    }
}
