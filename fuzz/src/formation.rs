//! Groups that form: codes, the decoders of what is read late, and two machines between which whatever is
//! said is lost, spoiled or repeated. Nobody panics, and both hold one certificate or none.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bech32::{Bech32m, Hrp};
use ensign_formation::{
    Candidate, Certificate, Fingerprint, Formation, FormationConfig, Input, Invitation, Output,
    Restored, RosterMember, Step,
};
use ensign_identity::{Delegation, DelegationProof, NodeKey, SignerKey, Terms};
use ensign_primitives::{Instant, Network, Now, PeerId, StateMachine, UnixTime};
use ensign_wire::{FormationMessage, Frame, Header, Kind, RosterOffer};

const NETWORK: Network = Network::Regtest;
/// 2026-01-01 00:00 UTC.
const START: u64 = 1_767_225_600_000;
/// Most steps of one input.
const STEPS_MAX: usize = 256;
const NAME: &str = "treasury";

/// The first byte says what the rest is: a code, something that is read late, or a list of steps.
///
/// # Panics
///
/// When what is accepted does not read back as the same, or two machines differ.
pub fn formation(data: &[u8]) {
    let Some((&form, rest)) = data.split_first() else { return };
    match form % 6 {
        0 => code(&String::from_utf8_lossy(rest)),
        1 => {
            let prefix = Hrp::parse("ensigninvite").expect("a prefix");
            if let Ok(text) = bech32::encode::<Bech32m>(prefix, rest) {
                code(&text);
            }
        }
        2 => {
            if let Ok(offer) = RosterOffer::decode(rest, NETWORK) {
                assert_eq!(offer.encode(), rest);
                let _ = offer.roster.verify_delegations();
            }
        }
        3 => {
            if let Ok(certificate) = Certificate::decode(rest, NETWORK) {
                assert_eq!(certificate.encode(), rest);
                let _ = certificate.verify();
            }
        }
        4 => {
            if let Ok(candidate) = Candidate::decode(rest) {
                assert_eq!(candidate.encode(), rest);
            }
        }
        _ => World::new().run(rest),
    }
}

fn code(text: &str) {
    match text.parse::<Invitation>() {
        Ok(invitation) => assert_eq!(invitation.to_string().parse(), Ok(invitation)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn now(steps: u64) -> Now {
    let unix = UnixTime::from_millis(START + steps);
    Now { instant: Instant::from_micros(steps * 1000), unix }
}

fn key(number: u8) -> NodeKey {
    NodeKey::from_secret_bytes([number; 32]).expect("a secret key")
}

/// A person whose signer key is the even one of the two points of its secret.
fn candidate(number: u8) -> Candidate {
    let (signer_key, peer) = (key(number + 16), key(number).peer_id());
    let mut bytes = [2; 33];
    bytes[1..].copy_from_slice(signer_key.peer_id().as_bytes());
    let signer = SignerKey::from_bytes(&bytes).expect("a point");
    let terms =
        Terms { number: START / 1000, expires: UnixTime::from_millis(START + 86_400_000_000 / 4) };
    let signature = signer_key.sign(&Delegation::digest(&signer, &peer, NETWORK, terms));
    let Terms { number: nth, expires } = terms;
    let delegation = DelegationProof { number: nth, expires, signature };
    let name = format!("person{number}");
    Candidate { member: RosterMember { signer, peer, delegation, name }, addresses: Vec::new() }
}

/// Two machines, their disks, and what is between them.
struct World {
    machines: [Formation; 2],
    disks: [BTreeMap<String, Vec<u8>>; 2],
    persisting: [VecDeque<(u64, ensign_formation::Record)>; 2],
    /// What is on its way to each.
    ways: [VecDeque<FormationMessage>; 2],
    is_up: bool,
    links: u8,
    steps: u64,
}

fn machine(at: usize, now: Now, records: Vec<Vec<u8>>) -> Formation {
    let restored = Restored { records, may_be_old: false };
    let key = Arc::new(key(at as u8 + 1));
    Formation::new(FormationConfig { network: NETWORK }, key, now, restored)
}

fn peer(at: usize) -> PeerId {
    key(at as u8 + 1).peer_id()
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            machines: [0, 1].map(|at| machine(at, now(0), Vec::new())),
            disks: Default::default(),
            persisting: Default::default(),
            ways: Default::default(),
            is_up: false,
            links: 0,
            steps: 0,
        };
        let invited =
            world.machines[0].invite(now(0), (NAME, 2), candidate(1), Vec::new(), [7; 32]);
        let code = invited.expect("a group of two");
        let joined = world.machines[1].join(now(0), code, candidate(2), Vec::new(), [8; 32]);
        joined.expect("a code of now");
        (0..2).for_each(|at| world.drain(at));
        (0..2).for_each(|at| world.persist(at));
        world
    }

    fn run(mut self, data: &[u8]) {
        let mut bytes = data.iter().copied();
        for _ in 0..STEPS_MAX {
            let Some(step) = bytes.next() else { break };
            self.steps += 1;
            let at = usize::from(step >> 4) % 2;
            match step % 16 {
                0..=3 => self.deliver(at, None),
                4 => self.deliver(at, Some((bytes.next().unwrap_or(0), bytes.next().unwrap_or(0)))),
                5..=7 => self.persist(at),
                8 => self.confirm(at),
                9 | 10 => self.connect(),
                11 => self.cut(),
                12 => self.restart(at),
                13 => self.repeat(at),
                14 => {
                    let len = usize::from(bytes.next().unwrap_or(0));
                    let body: Vec<u8> = bytes.by_ref().take(len).collect();
                    self.babble(at, step >> 5, &body);
                }
                _ => self.timeout(at),
            }
        }
        self.check();
    }

    fn input(&mut self, at: usize, input: Input) {
        self.machines[at].handle_input(now(self.steps), input);
        self.drain(at);
    }

    fn drain(&mut self, at: usize) {
        while let Some(output) = self.machines[at].poll_output() {
            match output {
                Output::Send { message, .. } if self.is_up => self.ways[1 - at].push_back(message),
                Output::Persist { token, record } => self.persisting[at].push_back((token, record)),
                Output::Send { .. }
                | Output::Ask(_)
                | Output::Offense { .. }
                | Output::Event(_) => {}
            }
        }
        assert!(self.machines[at].occupancy().all(|it| it.is_within_limit()));
    }

    fn persist(&mut self, at: usize) {
        let Some((token, record)) = self.persisting[at].pop_front() else { return };
        match record.bytes {
            Some(bytes) => self.disks[at].insert(record.name, bytes),
            None => self.disks[at].remove(&record.name),
        };
        self.input(at, Input::Persisted { token });
    }

    /// The next frame arrives, perhaps with one byte spoiled.
    fn deliver(&mut self, to: usize, spoil: Option<(u8, u8)>) {
        let Some(message) = self.ways[to].pop_front() else { return };
        let mut frame = Frame::Formation(message).encode();
        if let Some((place, with)) = spoil {
            let place = usize::from(place) % frame.len();
            frame[place] ^= with;
        }
        if let Ok(Frame::Formation(message)) = Frame::decode_whole(&frame, NETWORK) {
            self.input(to, Input::Message { peer: peer(1 - to), message });
        }
    }

    fn repeat(&mut self, to: usize) {
        if let Some(message) = self.ways[to].front().cloned() {
            self.input(to, Input::Message { peer: peer(1 - to), message });
        }
    }

    fn babble(&mut self, to: usize, kind: u8, body: &[u8]) {
        let Some(kind) = Kind::from_id(0xa0 + kind % 5) else { return };
        if let Ok(Frame::Formation(message)) = Frame::decode(kind, body, NETWORK) {
            assert!(Header::decode(&Frame::Formation(message.clone()).encode()).is_ok());
            self.input(to, Input::Message { peer: peer(1 - to), message });
        }
    }

    fn connect(&mut self) {
        self.cut();
        self.is_up = true;
        self.links = self.links.wrapping_add(1);
        let exporter = [self.links; 32];
        (0..2).for_each(|at| self.input(at, Input::Up { peer: peer(1 - at), exporter }));
    }

    fn cut(&mut self) {
        self.is_up = false;
        self.ways = Default::default();
        (0..2).for_each(|at| self.input(at, Input::Down { peer: peer(1 - at) }));
    }

    fn restart(&mut self, at: usize) {
        self.cut();
        self.persisting[at].clear();
        let records = self.disks[at].values().cloned().collect();
        self.machines[at] = machine(at, now(self.steps), records);
        self.drain(at);
    }

    fn timeout(&mut self, at: usize) {
        self.machines[at].handle_timeout(now(self.steps));
        self.drain(at);
    }

    fn fingerprint(&self, at: usize) -> Option<Fingerprint> {
        let shown = self.machines[at].views().find_map(|view| match view.step {
            Step::Confirming { fingerprint, .. } => Some(fingerprint),
            Step::Inviting { .. } | Step::Joining { .. } | Step::Revealing { .. } => None,
        });
        shown.or(self.machines[at].certificates().next().map(Certificate::fingerprint))
    }

    /// A user confirms what the other one sees too.
    fn confirm(&mut self, at: usize) {
        let Some(seen) = self.fingerprint(at) else { return };
        if self.fingerprint(1 - at) == Some(seen) {
            let _ = self.machines[at].confirm(now(self.steps), NAME, &seen);
            self.drain(at);
        }
    }

    fn check(&self) {
        let held: Vec<_> = self.machines.iter().flat_map(Formation::certificates).collect();
        assert!(held.iter().all(|it| it.verify().is_ok()));
        assert!(held.windows(2).all(|pair| pair[0] == pair[1]), "two certificates");
    }
}
