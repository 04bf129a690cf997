//! A node with many idle connections and many open requests, and one frame for one of them.

use std::{collections::VecDeque, sync::Arc};

use ensign_deadline::Timeouts;
use ensign_engine::{
    Engine, EngineConfig, Event, GroupConfig, Input, Keys, Output, PEERS_MAX, Proposal, Restored,
    Source, Strangers,
    signing::{self, Known, ask_local_signer},
};
use ensign_identity::{Delegation, DelegationProof, NodeKey, Signature, SignerKey, Terms};
use ensign_musig::{NonceEntropy, SecKey};
use ensign_primitives::{
    Direction, GroupId, Instant, LinkId, Network, Now, PeerId, RequestId, StateMachine, UnixTime,
    sha256,
};
use ensign_session::{Entropy, Event as SessionEvent, LocalSigner};
use ensign_wire::{
    Frame, GroupKeys, Header, Hello, KeyTweak, Kind, Limits, Message, Mode, PROTOCOL_VERSION,
    Roles, TxType,
};

const NETWORK: Network = Network::Regtest;
const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);
/// The others of the group; the third one says hello and nothing more.
const OTHERS: usize = 2;

struct Person {
    engine: Engine,
    signer: LocalSigner,
    peer: PeerId,
    group: GroupId,
    drawn: u64,
    queue: VecDeque<Input>,
    /// Requests that its user was asked about.
    asked: Vec<RequestId>,
    /// Whether its join is kept back, and the join.
    holds: bool,
    held: Option<(Kind, Vec<u8>)>,
    /// Frames that it heard.
    heard: usize,
    /// Offenses that it found, and signatures that it has.
    offenses: usize,
    done: usize,
}

/// Our node, ready for the frame, and the frame.
pub(crate) struct Scene {
    engine: Engine,
    now: Now,
    frame: Option<Input>,
}

impl Scene {
    /// Makes a node with so many connections in all, and so many own requests that are open.
    pub(crate) fn new(links: usize, requests: usize) -> Self {
        let now = Now {
            instant: Instant::from_micros(1),
            unix: UnixTime::from_millis(1_760_000_000_000),
        };
        let mut people = people(now);
        people[1].holds = true;
        connect(&mut people, now);
        for number in 0..links.saturating_sub(OTHERS) {
            idle(&mut people[0].engine, now, number);
        }
        for number in 0..requests {
            let proposal = proposal(&people[0]);
            let nonce = (number as u128 + 1).to_le_bytes();
            people[0].engine.propose(now, proposal, nonce).expect("room for a request");
            run(&mut people, now);
        }
        let asked = *people[1].asked.first().expect("a request that was announced");
        people[1].engine.approve(now, asked).expect("an open request");
        run(&mut people, now);
        let (kind, body) = people[1].held.take().expect("a join");
        let engine = people.remove(0).engine;
        Self { engine, now, frame: Some(Input::Frame { link: LinkId(1), kind, body }) }
    }

    /// Hands the frame over, as a driver does: input, outputs, the next wake-up.
    #[inline(never)]
    pub(crate) fn hear_one_frame(&mut self) -> usize {
        let Some(frame) = self.frame.take() else { return 0 };
        self.engine.handle_input(self.now, frame);
        let outputs = core::iter::from_fn(|| self.engine.poll_output()).count();
        let _ = self.engine.poll_timeout();
        outputs
    }
}

/// Three who are connected, and a request of the first that the others have heard of.
pub(crate) struct Together {
    people: Vec<Person>,
    now: Now,
}

/// What a session of three took.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    /// Frames that they heard, all together.
    pub(crate) frames: usize,
    /// How many have the signatures.
    pub(crate) done: usize,
    /// Offenses that they found in each other.
    pub(crate) offenses: usize,
    /// Entries of what their guards have noted of anybody.
    pub(crate) noted: usize,
}

impl Together {
    pub(crate) fn new() -> Self {
        let now = Now {
            instant: Instant::from_micros(1),
            unix: UnixTime::from_millis(1_760_000_000_000),
        };
        let mut people = people(now);
        connect(&mut people, now);
        let proposal = proposal(&people[0]);
        people[0].engine.propose(now, proposal, [1; 16]).expect("room for a request");
        run(&mut people, now);
        Self { people, now }
    }

    /// The others say yes, and all three sign.
    #[inline(never)]
    pub(crate) fn sign(&mut self) -> Signed {
        let before: usize = self.people.iter().map(|person| person.heard).sum();
        for person in &mut self.people[1..] {
            let asked = *person.asked.first().expect("a request that was announced");
            person.engine.approve(self.now, asked).expect("an open request");
        }
        run(&mut self.people, self.now);
        let sum = |of: fn(&Person) -> usize| self.people.iter().map(of).sum();
        let heard: usize = sum(|person| person.heard);
        Signed {
            frames: heard - before,
            done: sum(|person| person.done),
            offenses: sum(|person| person.offenses),
            noted: sum(|person| person.engine.watch().entries().count()),
        }
    }
}

fn people(now: Now) -> Vec<Person> {
    let keys: Vec<_> = (0..=OTHERS as u8).map(|index| keys(index, now)).collect();
    let names = keys.iter().map(|(keys, _)| keys.signer).collect();
    let names = GroupKeys::new(names).expect("different keys");
    let peers: Vec<_> = keys.iter().map(|(keys, _)| keys.node_key.peer_id()).collect();
    let person = |(index, (keys, sec_key)): (usize, (Keys, Arc<SecKey>))| {
        let config = EngineConfig {
            network: NETWORK,
            instance: [index as u8; 8],
            listening: Vec::new(),
            timeouts: Timeouts::default(),
            limits: Default::default(),
            peers: Default::default(),
            // All who are idle here are strangers.
            strangers: Strangers { links_max: PEERS_MAX, ..Strangers::default() },
            overlay: None,
        };
        let peer = keys.node_key.peer_id();
        let mut engine = Engine::new(config, keys, [7; 32], now, Restored::default());
        let group = GroupConfig { keys: names.clone(), peers: peers.clone() };
        engine.add_group(now, group).expect("a member");
        let signer = LocalSigner::new(sec_key);
        let (queue, asked, held) = (VecDeque::new(), Vec::new(), None);
        let (group, holds) = (names.group_id(NETWORK), false);
        let (drawn, heard, offenses, done) = (0, 0, 0, 0);
        Person {
            engine,
            signer,
            peer,
            group,
            drawn,
            queue,
            asked,
            holds,
            held,
            heard,
            offenses,
            done,
        }
    };
    keys.into_iter().enumerate().map(person).collect()
}

fn keys(index: u8, now: Now) -> (Keys, Arc<SecKey>) {
    let node_key = NodeKey::from_secret_bytes([0x10 + index; 32]).expect("a key");
    let sec_key = Arc::new(SecKey::from_secret_bytes([0x60 + index; 32]).expect("a key"));
    let signer = SignerKey::from_public_key(sec_key.public_key());
    let expires = now.unix.after(HOUR * 24);
    let digest =
        Delegation::digest(&signer, &node_key.peer_id(), NETWORK, Terms { number: 1, expires });
    let signature = Signature(sec_key.sign_schnorr(&digest));
    let delegation = DelegationProof { number: 1, expires, signature };
    (Keys { node_key: Arc::new(node_key), signer, delegation }, sec_key)
}

/// Each calls its connection with another by that one's position.
fn connect(people: &mut [Person], now: Now) {
    let peers: Vec<_> = people.iter().map(|person| person.peer).collect();
    let remote = "127.0.0.1:1".parse().expect("an address");
    for (at, person) in people.iter_mut().enumerate() {
        for (other, peer) in peers.iter().copied().enumerate().filter(|(other, _)| *other != at) {
            let (link, direction) = (LinkId(other as u64), Direction::Inbound);
            person.engine.handle_input(
                now,
                Input::Up { link, peer, remote, direction, exporter: [0; 32], round_trip: None },
            );
        }
    }
    run(people, now);
}

/// A stranger that has said hello and nothing since.
fn idle(engine: &mut Engine, now: Now, number: usize) {
    let link = LinkId(1000 + number as u64);
    let peer = PeerId::from_bytes(sha256(&link.0.to_le_bytes()));
    let remote = "192.0.2.1:1".parse().expect("an address");
    let direction = Direction::Inbound;
    engine.handle_input(
        now,
        Input::Up { link, peer, remote, direction, exporter: [0; 32], round_trip: None },
    );
    let hello = Frame::Hello(Hello {
        roles: Roles::SIGNER,
        version_min: PROTOCOL_VERSION,
        version_max: PROTOCOL_VERSION,
        observed: None,
        limits: Limits { payload_bytes: 0, messages: 0, requests: 0 },
    });
    engine.handle_input(now, input(link, &hello.encode()));
    while engine.poll_output().is_some() {}
}

fn proposal(person: &Person) -> Proposal {
    Proposal {
        group: person.group,
        messages: vec![Message { digest: [7; 32], tweak: KeyTweak::None }],
        source: Source::Bare,
        purpose: String::new(),
        tx_type: TxType::Spend,
        amount: 0,
        lifetime: HOUR,
        mode: Mode::Committed,
    }
}

fn input(link: LinkId, frame: &[u8]) -> Input {
    let header = Header::decode(frame).expect("a frame").expect("a whole header");
    Input::Frame { link, kind: header.kind, body: frame[header.header_len..].to_vec() }
}

/// Lets everybody speak until nobody has anything to say; the second one's join is held back.
fn run(people: &mut [Person], now: Now) {
    loop {
        let mut is_busy = false;
        for at in 0..people.len() {
            while let Some(output) = people[at].engine.poll_output() {
                is_busy = true;
                carry_out(people, now, at, output);
            }
            while let Some(input) = people[at].queue.pop_front() {
                is_busy = true;
                people[at].engine.handle_input(now, input);
            }
        }
        if !is_busy {
            return;
        }
    }
}

fn carry_out(people: &mut [Person], now: Now, at: usize, output: Output) {
    match output {
        Output::Send { link, kind, frame, .. } => {
            let heard = input(LinkId(at as u64), &frame);
            let to = link.0 as usize;
            if let (1, 0, Kind::SessionJoin, Input::Frame { body, .. }) = (at, to, kind, &heard)
                && people[1].holds
            {
                people[1].held = Some((kind, body.clone()));
            } else if to < people.len() {
                people[to].queue.push_back(heard);
                people[to].heard += 1;
            }
        }
        Output::Signer(question) => {
            let person = &mut people[at];
            person.drawn += 1;
            let number = person.drawn * 1000 + at as u64;
            let bytes = |nonce: u64| sha256([number, nonce].map(u64::to_le_bytes).as_flattened());
            let draw = |nonces: usize| {
                let nonces = (1..=nonces as u64).filter_map(|it| NonceEntropy::new(bytes(it)).ok());
                Some(Entropy { nonces: nonces.collect(), salt: bytes(0) })
            };
            let answer = ask_local_signer(&mut person.signer, now, question, draw);
            person.queue.extend(answer.map(Input::Signer));
        }
        Output::Persist { token, .. } => people[at].queue.push_back(Input::Persisted { token }),
        Output::Recall { request } => {
            people[at].queue.push_back(Input::Recalled { request, known: Known::Nothing });
        }
        Output::Event(Event::Signing(signing::Event::Review(review))) => {
            people[at].asked.push(review.id);
        }
        Output::Event(Event::Signing(signing::Event::Session {
            event: SessionEvent::Done(_),
            ..
        })) => people[at].done += 1,
        Output::Event(Event::Offense { .. }) => people[at].offenses += 1,
        Output::Event(_)
        | Output::Note(_)
        | Output::Solve { .. }
        | Output::DialBack { .. }
        | Output::StopSolving { .. }
        | Output::Dial { .. }
        | Output::Expect { .. }
        | Output::Forget { .. }
        | Output::Admit { .. }
        | Output::Close { .. } => {}
    }
}
