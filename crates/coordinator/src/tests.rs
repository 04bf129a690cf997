//! Cases that need a part of the coordinator to fail.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks what it looks at")]

use ensign_identity::NodeKey;
use ensign_musig::SecKey;
use ensign_primitives::{GroupId, Network, PeerId, RequestId};
use ensign_session::Phase;
use ensign_store::{
    Batch, Change, MemoryStore, Opening, Place, Size, Store, StoreError, Table, Visit,
};

use crate::{
    Approval, CommandError, Consent, Coordinator, Event, Events, Group, Keys, Member, PeerEvent,
    RequestEvent, RequestState, SigningJob, Work,
};

/// A store whose disk takes nothing.
#[derive(Debug, Default)]
struct Unwritable(MemoryStore);

impl Store for Unwritable {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        // Who speaks for whom is noted when they meet; the disk fails at the first request.
        let is_note = |change: &Change| change.place.table() == Table::Delegations;
        if batch.changes().iter().all(is_note) {
            self.0.commit(batch)
        } else {
            Err(StoreError::Stopped)
        }
    }

    fn get(&self, place: &Place) -> Result<Option<ensign_store::Record>, StoreError> {
        self.0.get(place)
    }

    fn scan(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.0.scan(table, prefix, visit)
    }

    fn size(&self) -> Result<Size, StoreError> {
        self.0.size()
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn keys(byte: u8) -> Keys {
    let node_key = NodeKey::from_secret_bytes([byte; 32]).unwrap();
    let sec_key = SecKey::from_secret_bytes([byte + 1; 32]).unwrap();
    Keys::new(Network::Regtest, node_key, sec_key).unwrap()
}

async fn start(byte: u8, store: Box<dyn Store>) -> (Coordinator, Events, Member) {
    let (keys, listen) = (keys(byte), "127.0.0.1:0".parse().unwrap());
    let (signer, peer) = (keys.signer_key(), keys.peer_id());
    let builder = Coordinator::builder(Network::Regtest, keys, "unused".into()).listen(listen);
    let is_new = store.size().unwrap().used == 0;
    let (builder, found) =
        if is_new { (builder.new_keys(), Opening::New) } else { (builder, Opening::Continued) };
    let (coordinator, events) = builder.store(store, found).start().await.unwrap();
    let addresses = vec![coordinator.local_addr()];
    (
        coordinator,
        events,
        Member { name: byte.to_string(), signer, peer, addresses, delegation: None },
    )
}

async fn propose(coordinator: &Coordinator, job: SigningJob) -> Result<Approval, CommandError> {
    let preview = coordinator.preview(&job).await?;
    coordinator.propose(job, Consent::person(preview.digest)).await
}

async fn rest(mut events: Events) -> Vec<Event> {
    let mut all = Vec::new();
    while let Some(event) = events.next().await {
        all.push(event);
    }
    all
}

/// Two wallets of a group that are connected; ours keeps its records in a store of the test's.
struct Pair {
    ours: Coordinator,
    our_events: Events,
    /// What ours told before the two were connected.
    early: Vec<Event>,
    other: Coordinator,
    other_events: Events,
    peer: PeerId,
    group: GroupId,
    /// Our position in the group.
    position: usize,
}

impl Pair {
    async fn start(store: Box<dyn Store>) -> Self {
        let (ours, mut our_events, member) = start(0x31, store).await;
        let (other, mut other_events, other_member) =
            start(0x41, Box::new(MemoryStore::new())).await;
        let position = usize::from(member.signer > other_member.signer);
        let peer = member.peer;
        let group = Group {
            name: "g".to_owned(),
            members: vec![member, other_member],
            issued: Default::default(),
        };
        let id = ours.group(group.clone()).await.unwrap();
        other.group(group).await.unwrap();
        while !matches!(other_events.next().await, Some(Event::Peer(_, PeerEvent::Up { .. }))) {}
        let mut early = Vec::new();
        while !matches!(early.last(), Some(Event::Peer(_, PeerEvent::Up { .. }))) {
            early.push(our_events.next().await.unwrap());
        }
        Self { ours, our_events, early, other, other_events, peer, group: id.id, position }
    }

    /// The other wallet approves all until an event comes; returns what it saw.
    async fn other_until(&mut self, last: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut seen = Vec::new();
        loop {
            let event = self.other_events.next().await.unwrap();
            if let Event::Request(_, RequestEvent::Asked(approval)) = &event {
                // It may have ended meanwhile.
                let _ = self.other.approve(approval.id, Consent::person(approval.digest)).await;
            }
            let is_last = last(&event);
            seen.push(event);
            if is_last {
                return seen;
            }
        }
    }

    /// What the other wallet's user was asked for.
    fn approvals(seen: &[Event]) -> Vec<RequestId> {
        let asked = |event: &Event| match event {
            Event::Request(_, RequestEvent::Asked(approval)) => Some(approval.id),
            _ => None,
        };
        seen.iter().filter_map(asked).collect()
    }

    /// Our wallet was never seen to join.
    fn assert_never_joined(&self, seen: &[Event]) {
        let ours = |event: &&Event| match event {
            Event::Request(_, RequestEvent::Joined { who, .. }) => {
                usize::from(who.0) == self.position
            }
            _ => false,
        };
        assert_eq!(seen.iter().filter(ours).count(), 0, "{seen:?}");
    }
}

#[tokio::test]
async fn store_that_fails_is_told_and_nothing_is_signed_or_joined() {
    let mut pair = Pair::start(Box::new(Unwritable::default())).await;
    let work = Work::Messages(vec![[7; 32]]);
    let refused = propose(&pair.ours, SigningJob::new(pair.group, work)).await;
    assert!(matches!(refused, Err(CommandError::Store(_))), "{refused:?}");
    let seen = rest(std::mem::replace(&mut pair.our_events, pair.other.events())).await;
    let warned = |event: &&Event| match event {
        Event::Warning { peer: None, problem } => problem.code == "E-STO-001",
        _ => false,
    };
    assert_eq!(seen.iter().filter(warned).count(), 1, "{seen:?}");
    let forbidden = |event: &&Event| {
        matches!(
            event,
            Event::Request(_, RequestEvent::Joined { .. })
                | Event::Request(_, RequestEvent::Done { .. })
        ) || matches!(event, Event::Request(_, RequestEvent::Phase { phase, .. }) if *phase != Phase::Gathering)
    };
    assert_eq!(seen.iter().filter(forbidden).count(), 0, "{seen:?}");

    // The other wallet was never asked, and lives.
    let gone = pair.peer;
    let seen = pair
        .other_until(
            |event| matches!(event, Event::Peer(peer, PeerEvent::Down { .. }) if *peer == gone),
        )
        .await;
    assert_eq!(Pair::approvals(&seen), []);
    pair.other.shutdown().await;
}

#[tokio::test]
async fn store_without_room_refuses_new_work_and_goes_on() {
    // Room for a few small requests, not for one with two hundred messages.
    let mut pair = Pair::start(Box::new(MemoryStore::with_limit(4096))).await;
    let job = |count| SigningJob::new(pair.group, Work::Messages(vec![[7; 32]; count]));
    let (large, small) = (job(200), job(1));
    let refused = propose(&pair.ours, large.clone()).await;
    assert!(matches!(refused, Err(CommandError::Store(_))), "{refused:?}");
    let problem = loop {
        if let Event::Request(_, RequestEvent::Failed { problem, .. }) =
            pair.our_events.next().await.unwrap()
        {
            break problem;
        }
    };
    assert_eq!(problem.code, "E-STO-003", "{problem:?}");

    let asked = propose(&pair.ours, small).await.unwrap().id;
    let signed = |event: &Event| matches!(event, Event::Request(request, RequestEvent::Done { .. }) if request.id == asked);
    let seen = pair.other_until(signed).await;
    assert_eq!(Pair::approvals(&seen), [asked], "of the other request nobody heard");

    // One that another wallet asks for is declined, and that wallet is told.
    let declined = propose(&pair.other, large).await.unwrap().id;
    let failed = |event: &Event| matches!(event, Event::Request(request, RequestEvent::Failed { .. }) if request.id == declined);
    let consent = loop {
        if let Event::Request(_, RequestEvent::Asked(it)) = pair.our_events.next().await.unwrap()
            && it.id == declined
        {
            break Consent::person(it.digest);
        }
    };
    let refused = pair.ours.approve(declined, consent).await;
    assert!(matches!(refused, Err(CommandError::Store(_))), "{refused:?}");
    let seen = pair.other_until(failed).await;
    pair.assert_never_joined(&seen);
    for wallet in [pair.ours, pair.other] {
        wallet.shutdown().await;
    }
}

#[tokio::test]
async fn store_that_is_not_the_applications_any_more_hands_a_result_out_again() {
    let store = MemoryStore::new();
    let mut pair = Pair::start(Box::new(store.clone())).await;
    let work = Work::Messages(vec![[7; 32]]);
    let asked = propose(&pair.ours, SigningJob::new(pair.group, work)).await.unwrap().id;
    pair.other_until(|event| matches!(event, Event::Request(_, RequestEvent::PeerDone { .. })))
        .await;
    pair.ours.shutdown().await;
    pair.other.shutdown().await;

    // Nobody said that the result arrived, so it is told again, until somebody does.
    let mut recovered = 0;
    for _ in 0..2 {
        let pair = Pair::start(Box::new(store.clone())).await;
        let entries = pair.ours.requests().await.unwrap();
        assert_eq!(entries.iter().map(|entry| entry.id).collect::<Vec<_>>(), [asked]);
        let received = entries[0].state == RequestState::Signed { received: true };
        assert_eq!(received, recovered > 0);
        pair.ours.received(asked).await.unwrap();
        pair.ours.shutdown().await;
        let seen = [pair.early, rest(pair.our_events).await].concat();
        let again = |event: &&Event| match event {
            Event::Request(request, RequestEvent::Recovered(outcome)) => {
                request.id == asked && outcome.signatures.len() == 1
            }
            _ => false,
        };
        recovered += seen.iter().filter(again).count();
        pair.other.shutdown().await;
    }
    assert_eq!(recovered, 1);
}
