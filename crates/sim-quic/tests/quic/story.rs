//! A few wallets of one group, told what to do step by step.

use std::{collections::BTreeMap, time::Duration};

use ensign_coordinator::{
    Consent, Event, Group, Member, PeerEvent, RequestEvent, SigningJob, Work,
};
use ensign_identity::DELEGATION_LIFETIME_MAX;
use ensign_primitives::{GroupId, RequestId};
use ensign_session::Phase;
use ensign_sim_quic::{Latency, Links, Net, Stopped, Told, Wallet, address};
use tokio::sync::mpsc;

const SEED: u64 = 5;

/// Longer than anything here takes, in simulated time.
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) fn quiet() -> Links {
    Links::quiet(Latency { min: Duration::from_millis(10), max: Duration::from_millis(50) })
}

pub(crate) struct Story {
    pub(crate) net: Net,
    pub(crate) wallets: Vec<Option<Wallet>>,
    pub(crate) seen: Vec<(Duration, Told)>,
    group: GroupId,
    members: Vec<Member>,
    heard: mpsc::UnboundedReceiver<Told>,
    told: mpsc::UnboundedSender<Told>,
}

impl Story {
    /// Starts three wallets of one group and connects them.
    pub(crate) async fn begin() -> Self {
        Self::begin_after(Duration::ZERO).await
    }

    /// As [`begin`](Self::begin), with wallets that have run for a while before they form their group.
    async fn begin_after(age: Duration) -> Self {
        Self::begin_as(age, Stopped::fresh).await
    }

    /// As [`begin_after`](Self::begin_after), with wallets of the story's.
    pub(crate) async fn begin_as(age: Duration, wallet: impl Fn(u32) -> Stopped) -> Self {
        Self::begin_and(age, wallet, |_| {}).await
    }

    /// As [`begin_as`](Self::begin_as); something happens before the wallets wait for each other.
    pub(crate) async fn begin_and(
        age: Duration,
        wallet: impl Fn(u32) -> Stopped,
        happens: impl FnOnce(&[Wallet]),
    ) -> Self {
        let net = Net::new(quiet(), [1; 32]);
        let (told, mut heard) = mpsc::unbounded_channel();
        let mut wallets = Vec::new();
        for number in 0..3 {
            wallets.push(wallet(number).start(&net, SEED, told.clone()).await.unwrap());
        }
        let end = tokio::time::Instant::now() + age;
        while let Ok(said) = tokio::time::timeout_at(end, heard.recv()).await {
            let is_renewal =
                said.as_ref().is_some_and(|told| matches!(told.event, Event::Delegated(_)));
            assert!(is_renewal, "nodes without a group say nothing else: {said:?}");
        }
        let members: Vec<_> = wallets.iter().map(|wallet| wallet.member.clone()).collect();
        let mut group = GroupId::from_bytes([0; 32]);
        for wallet in &wallets {
            let members = members.clone();
            let named = Group { name: "g".to_owned(), members, issued: Default::default() };
            group = wallet.coordinator.group(named).await.unwrap().id;
        }
        happens(&wallets);
        let wallets = wallets.into_iter().map(Some).collect();
        let mut story = Self { net, wallets, seen: vec![], group, members, heard, told };
        for _ in 0..6 {
            story.until(|told| matches!(told.event, Event::Peer(_, PeerEvent::Up { .. }))).await;
        }
        story
    }

    /// Listens until somebody says what is waited for; returns when.
    pub(crate) async fn until(&mut self, mut pick: impl FnMut(&Told) -> bool) -> Duration {
        let heard = async {
            loop {
                let told = self.heard.recv().await.unwrap();
                let at = self.net.elapsed();
                self.seen.push((at, told.clone()));
                if pick(&told) {
                    return at;
                }
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.expect("never said")
    }

    pub(crate) async fn propose(&self, number: usize) -> RequestId {
        let job = SigningJob::new(self.group, Work::Messages(vec![[7; 32]]));
        let wallet = self.wallets[number].as_ref().unwrap();
        let preview = wallet.coordinator.preview(&job).await.unwrap();
        let consent = Consent::person(preview.digest);
        wallet.coordinator.propose(job, consent).await.unwrap().id
    }

    /// Waits until all three hold the same signature; some may hold it already.
    pub(crate) async fn all_done(&mut self, asked: RequestId) {
        let done = |told: &Told| match &told.event {
            Event::Request(request, RequestEvent::Done { outcome }) if request.id == asked => {
                Some((told.number, outcome.signatures.clone()))
            }
            _ => None,
        };
        let mut signatures: BTreeMap<_, _> =
            self.seen.iter().filter_map(|(_, told)| done(told)).collect();
        while signatures.len() < 3 {
            self.until(|told| done(told).map(|it| signatures.extend([it])).is_some()).await;
        }
        let mut all = signatures.values();
        let first = all.next();
        assert!(all.all(|other| Some(other) == first));
    }

    pub(crate) async fn stop(&mut self, number: usize) -> Stopped {
        self.wallets[number].take().unwrap().stop().await
    }

    pub(crate) async fn start(&mut self, number: usize, stopped: Stopped) {
        let wallet = stopped.start(&self.net, SEED, self.told.clone()).await.unwrap();
        let members = self.members.clone();
        let named = Group { name: "g".to_owned(), members, issued: Default::default() };
        assert_eq!(wallet.coordinator.group(named).await.unwrap().id, self.group);
        self.wallets[number] = Some(wallet);
    }
}

#[tokio::test(start_paused = true)]
async fn node_that_stops_in_the_middle_goes_on_with_what_its_disk_holds() {
    let mut story = Story::begin().await;
    let asked = story.propose(0).await;
    let revealing = |told: &Told| {
        told.number == 2
            && matches!(&told.event, Event::Request(request, RequestEvent::Phase { phase: Phase::Revealing }) if request.id == asked)
    };
    story.until(revealing).await;
    let stopped = story.stop(2).await;
    story.until(|told| matches!(told.event, Event::Peer(_, PeerEvent::Down { .. }))).await;
    story.start(2, stopped).await;
    story.all_done(asked).await;
    let resumed = |(_, told): &&(Duration, Told)| {
        told.number == 2 && matches!(told.event, Event::Request(_, RequestEvent::Resumed(_)))
    };
    assert_eq!(story.seen.iter().filter(resumed).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn partition_longer_than_the_idle_timeout_heals_and_the_group_signs() {
    let mut story = Story::begin().await;
    let began = story.net.elapsed();
    let others = [address(1), address(2)];
    for other in others {
        story.net.cut(address(0), other);
    }
    let asked = story.propose(1).await;
    // Both sides of both links notice.
    for _ in 0..4 {
        story.until(|told| matches!(told.event, Event::Peer(_, PeerEvent::Down { .. }))).await;
    }
    let idle = ensign_transport::IDLE_TIMEOUT;
    assert!(story.net.elapsed() >= began + idle);
    let down = |(_, told): &&(Duration, Told)| {
        matches!(told.event, Event::Peer(_, PeerEvent::Down { .. }))
    };
    let first = story.seen.iter().find(down).unwrap().0;
    assert!(first >= began + idle - Duration::from_secs(1), "{first:?}");
    for other in others {
        story.net.mend(address(0), other);
    }
    story.all_done(asked).await;
}

#[tokio::test(start_paused = true)]
async fn nodes_that_run_for_longer_than_a_delegation_lasts_renew_it() {
    let mut story = Story::begin_after(DELEGATION_LIFETIME_MAX + DELEGATION_LIFETIME_MAX / 2).await;
    let asked = story.propose(0).await;
    story.all_done(asked).await;
}
