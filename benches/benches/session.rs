//! Whole sessions: engines in one process, and coordinators over QUIC on loopback.
//!
//! The first table gives CPU time per signer of one session between connected engines, real frames
//! encoded and decoded on each hop, next to the MuSig2 work alone that a signer cannot avoid, in
//! the same run. The second gives the time from the last approval to the signature at every
//! signer. Both take the median of sessions that run one after the other in warm nodes.
#![allow(clippy::print_stdout, reason = "the ratios are the result")]
#![allow(clippy::indexing_slicing, reason = "a wrong index is a defect of the bench and stops it")]
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant as StdInstant},
};

use cpu_time::ThreadTime;
use criterion::{BenchmarkId, Criterion};
use ensign_coordinator::{
    Approval, Consent, Coordinator, Event, Events, Group, Keys, Member, PeerEvent, RequestEvent,
    SigningJob, Work,
};
use ensign_engine::{
    Engine, EngineConfig, Event as NodeEvent, GroupConfig, Input, Output, Proposal, Source,
    signing::{self, Known, ask_local_signer},
};
use ensign_identity::{Delegation, DelegationProof, NodeKey, Signature, SignerKey, Terms};
use ensign_musig::{KeyAggCtx, NonceEntropy, PartialSig, PubNonce, SecKey, SigningCtx, nonce_gen};
use ensign_primitives::{
    Direction, GroupId, Instant, LinkId, Network, Now, PeerId, RequestId, StateMachine, UnixTime,
};
use ensign_session::{Entropy, Event as SessionEvent, LocalSigner};
use ensign_wire::{GroupKeys, Header, KeyTweak, Message, Mode, TxType};

const MODES: [Mode; 3] = [Mode::Fast, Mode::Committed, Mode::Strict];
const NETWORK: Network = Network::Regtest;
const HOUR: Duration = Duration::from_secs(3600);

fn main() {
    let quick = std::env::args().any(|arg| arg == "--test");
    let mut criterion = Criterion::default().configure_from_args();
    engines_under_criterion(&mut criterion);
    criterion.final_summary();
    let rounds = if quick { 1 } else { 41 };
    print_engines(rounds);
    print_loopback(if quick { 1 } else { 21 });
}

fn engines_under_criterion(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("session/engines");
    group.measurement_time(Duration::from_secs(2)).sample_size(10);
    for count in [3, 10] {
        let mut world = World::new(count);
        group.bench_function(BenchmarkId::new("committed", count), |b| {
            b.iter(|| world.session(Mode::Committed));
        });
    }
    group.finish();
}

fn print_engines(rounds: usize) {
    println!(
        "\n{:<12}{:>4}{:>16}{:>16}{:>8}",
        "mode", "n", "us per signer", "MuSig2 alone", "ratio"
    );
    for count in [3, 10] {
        let mut world = World::new(count);
        for mode in MODES {
            let (mut ours, mut bare) = (Vec::new(), Vec::new());
            for _ in 0..rounds {
                ours.push(world.session(mode).as_secs_f64() * 1e6 / count as f64);
                bare.push(world.musig_alone().as_secs_f64() * 1e6);
            }
            let (ours, bare) = (median(&mut ours), median(&mut bare));
            let name = format!("{mode:?}");
            println!("{name:<12}{count:>4}{ours:>16.0}{bare:>16.0}{:>8.2}", ours / bare);
        }
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Connected engines that form one group.
struct World {
    engines: Vec<Engine>,
    signers: Vec<LocalSigner>,
    peers: Vec<PeerId>,
    group: GroupId,
    secrets: Vec<Arc<SecKey>>,
    context: KeyAggCtx,
    micros: u64,
    entropy: u64,
}

/// What one session has shown so far.
#[derive(Default)]
struct Seen {
    reviews: Vec<(usize, RequestId)>,
    done: usize,
}

impl World {
    fn new(count: usize) -> Self {
        let now = now_at(1);
        let mut people: Vec<_> = (0..count).map(|index| person(index, now.unix)).collect();
        people.sort_by_key(|(_, sec_key, _)| SignerKey::from_public_key(sec_key.public_key()));
        let keys: Vec<_> = people.iter().map(|(_, sec_key, _)| sec_key.public_key()).collect();
        let names = keys.iter().copied().map(SignerKey::from_public_key).collect();
        let keys_in_order = GroupKeys::new(names).expect("a small group");
        let peers: Vec<_> = people.iter().map(|(node_key, _, _)| node_key.peer_id()).collect();
        let secrets = people.iter().map(|(_, sec_key, _)| Arc::clone(sec_key)).collect();
        let (mut engines, mut signers) = (Vec::new(), Vec::new());
        for (node_key, sec_key, delegation) in people {
            let config = EngineConfig {
                network: NETWORK,
                instance: [7; 8],
                listening: Vec::new(),
                timeouts: Default::default(),
                limits: Default::default(),
                peers: Default::default(),
                strangers: Default::default(),
                overlay: None,
            };
            let signer = LocalSigner::new(sec_key);
            let keys = ensign_engine::Keys { node_key, signer: signer.public_key(), delegation };
            signers.push(signer);
            let restored = ensign_engine::Restored::default();
            let mut engine = Engine::new(config, keys, [7; 32], now_at(1), restored);
            let group = GroupConfig { keys: keys_in_order.clone(), peers: peers.clone() };
            engine.add_group(now_at(1), group).expect("a member");
            engines.push(engine);
        }
        let context = KeyAggCtx::new(&keys).expect("keys aggregate");
        let group = keys_in_order.group_id(NETWORK);
        let (micros, entropy) = (1, 0);
        let mut world = Self { engines, signers, peers, group, secrets, context, micros, entropy };
        world.connect();
        world
    }

    fn connect(&mut self) {
        let now = now_at(self.micros);
        let remote = "127.0.0.1:1".parse().expect("an address");
        for (at, engine) in self.engines.iter_mut().enumerate() {
            for (other, peer) in self.peers.iter().enumerate().filter(|(other, _)| *other != at) {
                // Each names its connections by who is at the other end.
                let (link, direction) = (LinkId(other as u64), Direction::Inbound);
                engine.handle_input(
                    now,
                    Input::Up {
                        link,
                        peer: *peer,
                        remote,
                        direction,
                        exporter: [0; 32],
                        round_trip: None,
                    },
                );
            }
        }
        self.run(&mut Seen::default());
    }

    /// Runs one session and returns the CPU time of everybody together.
    fn session(&mut self, mode: Mode) -> Duration {
        self.micros += 1_000_000_000;
        let now = now_at(self.micros);
        for engine in &mut self.engines {
            engine.handle_timeout(now);
        }
        let mut seen = Seen::default();
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&self.micros.to_le_bytes());
        let start = ThreadTime::now();
        let proposal = Proposal {
            group: self.group,
            messages: vec![Message { digest: [7; 32], tweak: KeyTweak::None }],
            source: Source::Bare,
            purpose: String::new(),
            tx_type: TxType::Spend,
            amount: 0,
            lifetime: HOUR,
            mode,
        };
        self.engines[0].propose(now, proposal, nonce).expect("room for a request");
        self.run(&mut seen);
        for (at, request) in std::mem::take(&mut seen.reviews) {
            self.engines[at].approve(now, request).expect("an open request");
        }
        self.run(&mut seen);
        assert_eq!(seen.done, self.engines.len(), "every signer holds the signature");
        start.elapsed()
    }

    fn run(&mut self, seen: &mut Seen) {
        let now = now_at(self.micros);
        let mut busy = true;
        while busy {
            busy = false;
            for at in 0..self.engines.len() {
                while let Some(output) = self.engines[at].poll_output() {
                    busy = true;
                    self.carry_out(now, at, output, seen);
                }
            }
        }
    }

    fn carry_out(&mut self, now: Now, at: usize, output: Output, seen: &mut Seen) {
        match output {
            Output::Send { link, frame, .. } => {
                let to = link.0 as usize;
                let header = Header::decode(&frame).expect("a frame").expect("a whole header");
                let body = frame[header.header_len..].to_vec();
                let input = Input::Frame { link: LinkId(at as u64), kind: header.kind, body };
                self.engines[to].handle_input(now, input);
            }
            Output::Signer(question) => {
                let counter = &mut self.entropy;
                let draw = |nonces| {
                    let nonces = (0..nonces).map(|_| next_entropy(counter)).collect();
                    Some(Entropy { nonces, salt: [9; 32] })
                };
                if let Some(answer) = ask_local_signer(&mut self.signers[at], now, question, draw) {
                    self.engines[at].handle_input(now, Input::Signer(answer));
                }
            }
            Output::Persist { token, .. } => {
                self.engines[at].handle_input(now, Input::Persisted { token });
            }
            Output::Recall { request } => {
                let known = Known::Nothing;
                self.engines[at].handle_input(now, Input::Recalled { request, known });
            }
            Output::Event(NodeEvent::Signing(signing::Event::Review(review))) => {
                seen.reviews.push((at, review.id));
            }
            Output::Event(NodeEvent::Signing(signing::Event::Session {
                event: SessionEvent::Done(_),
                ..
            })) => seen.done += 1,
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

    fn next_entropy(&mut self) -> NonceEntropy {
        next_entropy(&mut self.entropy)
    }

    /// The MuSig2 work of one signer whose key set is cached: nonce, parsing, signing, adding up.
    fn musig_alone(&mut self) -> Duration {
        let message = [7; 32];
        let mut made: Vec<_> = Vec::new();
        for at in 0..self.secrets.len() {
            let entropy = self.next_entropy();
            let (secret, public) =
                nonce_gen(entropy, &self.secrets[at], &self.context, &message, &[3; 32])
                    .expect("a signer");
            made.push((secret, public.to_bytes()));
        }
        let public: Vec<_> = made.iter().map(|(_, public)| *public).collect();
        let parsed = |public: &[[u8; 66]]| -> Vec<PubNonce> {
            public.iter().map(|bytes| PubNonce::from_bytes(bytes).expect("points")).collect()
        };
        let signing = SigningCtx::new(&self.context, parsed(&public), message).expect("nonces");
        let partials: Vec<_> = made
            .into_iter()
            .zip(&self.secrets)
            .map(|((secret, _), key)| signing.sign(secret, key).expect("a partial").to_bytes())
            .collect();
        let entropy = self.next_entropy();
        let start = ThreadTime::now();
        let (secret, own) = nonce_gen(entropy, &self.secrets[0], &self.context, &message, &[3; 32])
            .expect("a signer");
        let mut nonces = parsed(&public[1..]);
        nonces.insert(0, own);
        let ours = SigningCtx::new(&self.context, nonces, message).expect("nonces");
        black_box(ours.sign(secret, &self.secrets[0]).expect("a partial"));
        let partials: Vec<_> =
            partials.iter().map(|bytes| PartialSig::from_bytes(bytes).expect("a scalar")).collect();
        black_box(signing.partial_sig_agg(&partials).expect("a signature"));
        start.elapsed()
    }
}

fn next_entropy(counter: &mut u64) -> NonceEntropy {
    *counter += 1;
    let mut bytes = [1; 32];
    bytes[..8].copy_from_slice(&counter.to_le_bytes());
    NonceEntropy::new(bytes).expect("not zero")
}

fn person(index: usize, now: UnixTime) -> (Arc<NodeKey>, Arc<SecKey>, DelegationProof) {
    let secret = |kind: u8| {
        let mut bytes = [kind; 32];
        bytes[31] = index as u8 + 1;
        bytes
    };
    let node_key = NodeKey::from_secret_bytes(secret(1)).expect("a secret");
    let sec_key = SecKey::from_secret_bytes(secret(2)).expect("a secret");
    let signer = SignerKey::from_public_key(sec_key.public_key());
    let expires = now.after(HOUR * 24 * 300);
    let digest =
        Delegation::digest(&signer, &node_key.peer_id(), NETWORK, Terms { number: 1, expires });
    let proof =
        DelegationProof { number: 1, expires, signature: Signature(sec_key.sign_schnorr(&digest)) };
    (Arc::new(node_key), Arc::new(sec_key), proof)
}

fn now_at(micros: u64) -> Now {
    let unix = UnixTime::from_millis(1_700_000_000_000 + micros / 1000);
    Now { instant: Instant::from_micros(micros), unix }
}

fn print_loopback(rounds: usize) {
    println!("\n{:<12}{:>4}{:>28}", "mode", "n", "last approval to all, ms");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    for count in [3, 10] {
        for mode in MODES {
            let mut times = runtime.block_on(loopback(count, mode, rounds));
            println!("{:<12}{count:>4}{:>28.2}", format!("{mode:?}"), median(&mut times));
        }
    }
}

/// Times sessions between coordinators in this process, each with a journal of its own.
async fn loopback(count: usize, mode: Mode, rounds: usize) -> Vec<f64> {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut nodes, mut members) = (Vec::new(), Vec::new());
    for index in 0..count {
        let secret = |kind: u8| [kind.wrapping_mul(16).wrapping_add(index as u8 + 1); 32];
        let node_key = NodeKey::from_secret_bytes(secret(1)).expect("a secret");
        let sec_key = SecKey::from_secret_bytes(secret(2)).expect("a secret");
        let keys = Keys::new(NETWORK, node_key, sec_key).expect("a delegation");
        let (signer, peer) = (keys.signer_key(), keys.peer_id());
        let journal = folder.path().join(index.to_string());
        let (node, events) = Coordinator::builder(NETWORK, keys, journal)
            .new_keys()
            .listen("127.0.0.1:0".parse().expect("an address"))
            .start()
            .await
            .expect("a node");
        members.push(Member {
            name: index.to_string(),
            signer,
            peer,
            addresses: vec![node.local_addr()],
            delegation: None,
        });
        nodes.push((node, events));
    }
    let group = Group { name: "g".to_owned(), members, issued: Default::default() };
    let mut id = None;
    for (node, _) in &nodes {
        id = Some(node.group(group.clone()).await.expect("a member").id);
    }
    for (_, events) in &mut nodes {
        wait_for_peers(events, count - 1).await;
    }
    let mut times = Vec::new();
    for round in 0..rounds + 3 {
        let message = [round as u8; 32];
        let mut job = SigningJob::new(id.expect("a group"), Work::Messages(vec![message]));
        job.mode = mode;
        let preview = nodes[0].0.preview(&job).await.expect("a job");
        let consent = Consent::person(preview.digest);
        nodes[0].0.propose(job, consent).await.expect("room");
        let mut approvals = Vec::new();
        for (_, events) in nodes.iter_mut().skip(1) {
            approvals.push(wait_for_approval(events).await);
        }
        let start = StdInstant::now();
        for ((node, _), asked) in nodes.iter().skip(1).zip(approvals) {
            node.approve(asked.id, Consent::person(asked.digest)).await.expect("an open request");
        }
        for (_, events) in &mut nodes {
            wait_for_done(events).await;
        }
        // The first rounds warm caches and congestion windows up.
        if round >= 3 {
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    times
}

async fn wait_for_peers(events: &mut Events, count: usize) {
    let mut up = 0;
    while up < count {
        if let Some(Event::Peer(_, PeerEvent::Up { .. })) = events.next().await {
            up += 1;
        }
    }
}

async fn wait_for_approval(events: &mut Events) -> Approval {
    loop {
        if let Event::Request(_, RequestEvent::Asked(approval)) =
            events.next().await.expect("a running node")
        {
            return *approval;
        }
    }
}

async fn wait_for_done(events: &mut Events) {
    while !matches!(
        events.next().await.expect("a running node"),
        Event::Request(_, RequestEvent::Done { .. })
    ) {}
}
