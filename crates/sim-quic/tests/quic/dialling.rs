//! Whom to dial and when is said by one machine: driver and simulator carry it out at the same times.

use std::time::Duration;

use ensign_coordinator::{
    Coordinator, Event, Group, KeyAge, Member, PeerEvent, Surroundings, WallClock,
};
use ensign_deadline::Timeouts;
use ensign_engine::{
    Engine, EngineConfig, Input, Output, Restored,
    peers::{DialFailure, PeersConfig},
};
use ensign_primitives::{Instant, Now, StateMachine, UnixTime};
use ensign_signer::Randomness;
use ensign_sim::{
    Cast, NodeIndex, Observer, Plan, Scenario, Seen, Sight, Simulation,
    scenario::{Load, NatShares},
};
use ensign_sim_quic::{NETWORK, Net, START, address, keys};
use ensign_store::{MemoryStore, Opening};
use ensign_transport::HANDSHAKE_TIMEOUT;

use super::story::quiet;

/// How many dials are compared: past the longest wait.
const DIALS: usize = 14;

const MILLISECOND: Duration = Duration::from_millis(1);
const MICROSECOND: Duration = Duration::from_micros(1);

/// Two nodes, each of which can send to the other what the other never lets in.
fn plan() -> Plan {
    let scenario = Scenario {
        nodes: 2,
        length: Duration::from_secs(600),
        load: Load { signers: 2, groups: 1, requests: 0, ..Load::default() },
        nat: NatShares { symmetric: 1.0, ..NatShares::default() },
        ..Scenario::default()
    };
    Plan::new(scenario, 7)
}

/// When an engine with this seed dials a peer that never answers, from its first dial on; timers of
/// its driver fire at whole ticks.
fn reference(seed: [u8; 32], tick: Duration) -> Vec<Duration> {
    let plan = plan();
    let [one, two] = [0, 1].map(|node| plan.cast.person(NodeIndex(node)).unwrap());
    let config = EngineConfig {
        network: NETWORK,
        instance: [0; 8],
        listening: vec![],
        timeouts: Timeouts::default(),
        limits: Default::default(),
        peers: PeersConfig::default(),
        strangers: Default::default(),
        overlay: None,
    };
    let mut time = Duration::ZERO;
    let at = |time| Now { instant: Instant::default().after(time), unix: UnixTime::default() };
    let mut engine = Engine::new(config, one.keys.clone(), seed, at(time), Restored::default());
    engine.know(at(time), two.peer, &[address(1)]).unwrap();
    engine.want(at(time), two.peer).unwrap();
    let mut dials = Vec::new();
    while dials.len() < DIALS {
        let said: Vec<_> = std::iter::from_fn(|| engine.poll_output()).collect();
        let dialled = said.iter().find_map(|output| match output {
            Output::Dial { peer, address } => Some((*peer, *address)),
            _ => None,
        });
        if let Some((peer, address)) = dialled {
            dials.push(time);
            time += HANDSHAKE_TIMEOUT;
            let why = DialFailure::TimedOut;
            engine.handle_input(at(time), Input::DialFailed { peer, address, why });
        } else {
            let due = Duration::from_micros(engine.poll_timeout().unwrap().at.as_micros());
            let ticks = due.as_micros().div_ceil(tick.as_micros());
            time = tick * u32::try_from(ticks).unwrap();
            engine.handle_timeout(at(time));
        }
    }
    dials
}

/// When node 0 dials.
#[derive(Debug, Default)]
struct Dials(Vec<Duration>);

impl Observer for Dials {
    fn observe(&mut self, _: &Cast, sight: &Sight) {
        if let (NodeIndex(0), Seen::Dials { .. }) = (sight.node, &sight.what) {
            self.0.push(Duration::from_micros(sight.at.as_micros()));
        }
    }
}

#[test]
fn simulated_node_dials_when_the_machine_says() {
    let plan = plan();
    let seed = ensign_sim::Random::new(plan.seed, "engine", 1 << 32).bytes();
    let length = plan.scenario.length;
    let mut dials = Dials::default();
    Simulation::new(plan, 1).run(length, &mut [&mut dials]);
    let first = dials.0[0];
    let seen: Vec<_> = dials.0.iter().take(DIALS).map(|at| *at - first).collect();
    assert_eq!(seen, reference(seed, MICROSECOND));
}

#[tokio::test(start_paused = true)]
async fn driver_dials_when_the_machine_says() {
    let net = Net::new(quiet(), [1; 32]);
    let (ours, theirs) = (keys(3, 0), keys(3, 1));
    let member = |name: &str, keys: &ensign_coordinator::Keys, number| Member {
        name: name.to_owned(),
        signer: keys.signer_key(),
        peer: keys.peer_id(),
        addresses: vec![address(number)],
        delegation: None,
    };
    let members = vec![member("ours", &ours, 0), member("theirs", &theirs, 1)];
    let seed = [9; 32];
    let surroundings = Surroundings {
        socket: net.attach(address(0)),
        seed,
        wall: WallClock::new(START),
        store: Box::new(MemoryStore::new()),
        found: Opening::Continued,
        keys: KeyAge::New,
        disk_latency: Duration::ZERO,
        timeouts: Timeouts::default(),
    };
    let started = Coordinator::dangerous_simulated(NETWORK, ours, surroundings).await;
    let (coordinator, mut events) = started.unwrap();
    let begin = tokio::time::Instant::now();
    coordinator
        .group(Group { name: "g".to_owned(), members, issued: Default::default() })
        .await
        .unwrap();
    let mut dials = Vec::new();
    while dials.len() < DIALS {
        let event = events.next().await.unwrap();
        if let Event::Peer(_, PeerEvent::DialFailed { .. }) = event {
            dials.push(begin.elapsed() - HANDSHAKE_TIMEOUT);
        }
    }
    // The first draw names the process, the second is the engine's seed.
    let mut randomness = Randomness::DangerousSimulated { network: NETWORK, seed, drawn: 1 };
    assert_eq!(dials, reference(randomness.draw().unwrap(), MILLISECOND));
}
