//! Wall clocks that are set while a node runs.

use std::time::Duration;

use ensign_coordinator::{
    CommandError, Consent, Coordinator, Event, Group, InProcess, Keys, Signer, SignerError,
    SigningJob, Surroundings, WallClock, Work,
};
use ensign_deadline::Timeouts;
use ensign_identity::{DELEGATION_LIFETIME_MAX, DelegationProof, NodeKey, SignerKey, Terms};
use ensign_musig::{PubNonce, SecKey};
use ensign_primitives::{Network, PeerId, SessionId};
use ensign_session::{Order, OwnNonces, OwnPartials};
use ensign_sim_quic::{NETWORK, Net, START, Stopped, Told, Wallet, address};
use ensign_store::{MemoryStore, Opening};

use super::story::{Story, quiet};

/// Far more than a delegation of ours is made for.
const LONG: Duration = DELEGATION_LIFETIME_MAX.saturating_mul(2);

#[tokio::test(start_paused = true)]
async fn regression_clock_that_was_set_forward_left_a_delegation_that_had_ended() {
    let mut story = Story::begin().await;
    // As of machines without a battery, whose time server answers late.
    story.wallets.iter().flatten().for_each(|wallet| wallet.wall.set_forward(LONG));
    for proposer in [2, 0] {
        let asked = story.propose(proposer).await;
        story.all_done(asked).await;
    }
    let troubled = |(_, told): &&(Duration, Told)| matches!(told.event, Event::Warning { .. });
    assert_eq!(story.seen.iter().filter(troubled).count(), 0, "{:?}", story.seen);
}

#[tokio::test(start_paused = true)]
async fn regression_clock_that_was_set_back_left_a_delegation_from_the_future() {
    let ahead =
        |number| Stopped::fresh(number).ahead(if number == 1 { LONG } else { Duration::ZERO });
    // Nobody admits it before: what it says is from the future.
    let set_back = |wallets: &[Wallet]| wallets[1].wall.set_back(LONG);
    let mut story = Story::begin_and(Duration::ZERO, ahead, set_back).await;
    for proposer in [1, 0] {
        let asked = story.propose(proposer).await;
        story.all_done(asked).await;
    }
}

/// A signer that lets a node speak for it once.
#[derive(Debug)]
struct Once(InProcess, u32);

impl Signer for Once {
    fn public_key(&self) -> SignerKey {
        self.0.public_key()
    }

    fn delegate(
        &mut self,
        network: Network,
        peer: PeerId,
        terms: Terms,
    ) -> Result<DelegationProof, SignerError> {
        self.1 += 1;
        if self.1 == 1 { self.0.delegate(network, peer, terms) } else { Err(SignerError::Declined) }
    }

    fn nonces(&mut self, order: &Order, payload: Option<&[u8]>) -> Result<OwnNonces, SignerError> {
        self.0.nonces(order, payload)
    }

    fn partials(
        &mut self,
        session: SessionId,
        nonces: &[Vec<PubNonce>],
    ) -> Result<OwnPartials, SignerError> {
        self.0.partials(session, nonces)
    }

    fn forget(&mut self, session: SessionId) {
        self.0.forget(session);
    }
}

#[tokio::test(start_paused = true)]
async fn proposal_without_a_delegation_that_holds_is_refused_when_the_signer_gives_none() {
    let net = Net::new(quiet(), [1; 32]);
    let node_key = NodeKey::from_secret_bytes([3; 32]).unwrap();
    let signer = InProcess::new(SecKey::from_secret_bytes([4; 32]).unwrap());
    let keys = Keys::with_signer(NETWORK, node_key, Box::new(Once(signer, 0))).unwrap();
    let member = ensign_coordinator::Member {
        name: "own".to_owned(),
        signer: keys.signer_key(),
        peer: keys.peer_id(),
        addresses: Vec::new(),
        delegation: None,
    };
    // Whatever the machine's clock said when the signer delegated, it is long ago.
    let wall = WallClock::new(START.after(LONG * 50));
    let surroundings = Surroundings {
        socket: net.attach(address(0)),
        seed: [5; 32],
        wall,
        store: Box::new(MemoryStore::new()),
        found: Opening::New,
        keys: ensign_coordinator::KeyAge::New,
        disk_latency: Duration::ZERO,
        timeouts: Timeouts::default(),
    };
    let started = Coordinator::dangerous_simulated(NETWORK, keys, surroundings).await;
    let (coordinator, mut events) = started.unwrap();
    let group = coordinator.group(Group {
        name: "g".to_owned(),
        members: vec![member],
        issued: Default::default(),
    });
    let group = group.await.unwrap().id;
    let job = SigningJob::new(group, Work::Messages(vec![[7; 32]]));
    let preview = coordinator.preview(&job).await.unwrap();
    let refused = coordinator.propose(job, Consent::person(preview.digest)).await;
    assert_eq!(refused.unwrap_err(), CommandError::Signer(SignerError::Declined));
    let Some(Event::Warning { peer: None, problem }) = events.next().await else {
        panic!("no warning")
    };
    assert_eq!(problem.code, "E-SIG-001");
}
