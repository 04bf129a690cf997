//! How many connections there may be, for whom, and who gives way.
//!
//! A connection is first a *handshake*: nobody yet, counted by address. Once its identity is proven
//! it is a *stranger*, of whom there are few, or a peer that the owner *expects*, which no number
//! of strangers keeps out, from whatever address it comes.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex},
};

use ensign_primitives::PeerId;
use tokio::time::Instant;

use crate::{HANDSHAKE_GRACE, TransportConfig, chance::Chance, latch::Latch, shared::locked};

/// Keeps count of connections from the first datagram to the end.
#[derive(Debug)]
pub(crate) struct Places {
    limits: Limits,
    chance: Chance,
    taken: Mutex<Taken>,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    handshakes: usize,
    handshakes_per_ip: usize,
    strangers: usize,
    expected: usize,
}

/// Entries by the number of their coming, so that the youngest is the last.
#[derive(Debug, Default)]
struct Taken {
    next: u64,
    entries: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    group: IpAddr,
    stage: Stage,
    since: Instant,
    evicted: Arc<Latch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Handshake,
    Stranger,
    Expected {
        peer: PeerId,
        /// It called us, and the choice between its connections is not made.
        calling: bool,
    },
}

/// One connection's place; given back on drop.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    number: u64,
    evicted: Arc<Latch>,
}

/// Whose connection it is, once its identity is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Stranger,
    Expected,
}

/// All places for peers like this one are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Places {
    pub(crate) fn new(config: &TransportConfig, chance: Chance) -> Self {
        let limits = Limits {
            handshakes: config.handshakes_max.max(1),
            handshakes_per_ip: config.handshakes_per_ip_max.max(1),
            strangers: config.strangers_max,
            expected: config.expected_max,
        };
        Self { limits, chance, taken: Mutex::default() }
    }

    /// Gives a place to a caller from `ip`, whose handshake begins.
    ///
    /// When too many handshakes are unfinished, one gives way: of the largest group of addresses, or
    /// of the caller's own. Which one is random, among those that have had [`HANDSHAKE_GRACE`]; with
    /// none of these the caller is refused. So whoever dials without end from the address of
    /// a member costs us a bounded number of handshakes, and the member's is done once it begins.
    pub(crate) fn accept(self: &Arc<Self>, ip: IpAddr, now: Instant) -> Option<Place> {
        let group = group_of(ip);
        let mut taken = locked(&self.taken);
        if let Some(crowded) = taken.crowded(group, &self.limits) {
            let is_due =
                |entry: &Entry| now.saturating_duration_since(entry.since) >= HANDSHAKE_GRACE;
            let crowd = taken.entries.iter().filter(|(_, entry)| {
                entry.stage == Stage::Handshake && entry.group == crowded && is_due(entry)
            });
            let crowd: Vec<u64> = crowd.map(|(number, _)| *number).collect();
            let drawn = self.chance.number() as usize % crowd.len().max(1);
            taken.evict(*crowd.get(drawn)?);
        }
        Some(self.take(&mut taken, Entry::new(group, Stage::Handshake, now)))
    }

    /// Gives a place to a dial of ours: our own wish is not a stranger's to refuse.
    pub(crate) fn dial(self: &Arc<Self>, ip: IpAddr, peer: PeerId) -> Place {
        let stage = Stage::Expected { peer, calling: false };
        self.take(&mut locked(&self.taken), Entry::new(group_of(ip), stage, Instant::now()))
    }

    /// Returns how many handshakes of callers are not finished.
    pub(crate) fn handshaking(&self) -> usize {
        locked(&self.taken).of_stage(Stage::Handshake).count()
    }

    fn take(self: &Arc<Self>, taken: &mut Taken, entry: Entry) -> Place {
        let (number, evicted) = (taken.next, Arc::clone(&entry.evicted));
        taken.next += 1;
        taken.entries.insert(number, entry);
        Place { places: Arc::clone(self), number, evicted }
    }
}

impl Entry {
    fn new(group: IpAddr, stage: Stage, since: Instant) -> Self {
        Self { group, stage, since, evicted: Arc::default() }
    }
}

impl Place {
    /// Notes whose connection it is.
    ///
    /// When there are too many strangers the youngest of the largest group of addresses gives way,
    /// which may be this one. An expected peer drives out its own earlier call: it dials one
    /// connection at a time, so it has lost that one.
    ///
    /// # Errors
    ///
    /// [`Full`] when it is this connection that has to go.
    pub(crate) fn identify(&self, peer: PeerId, standing: Standing) -> Result<(), Full> {
        let limits = self.places.limits;
        let mut taken = locked(&self.places.taken);
        if self.is_evicted() {
            return Err(Full);
        }
        match standing {
            Standing::Stranger => {
                taken.enter(self.number, Stage::Stranger);
                if taken.of_stage(Stage::Stranger).count() > limits.strangers {
                    taken.evict_stranger();
                }
            }
            Standing::Expected => {
                let calling = Stage::Expected { peer, calling: true };
                let earlier = taken.of_stage(calling).map(|(number, _)| number).next();
                earlier.into_iter().for_each(|number| taken.evict(number));
                let others = taken.expected().filter(|other| *other != peer);
                if others.collect::<BTreeSet<_>>().len() >= limits.expected {
                    taken.evict(self.number);
                } else {
                    taken.enter(self.number, calling);
                }
            }
        }
        if self.is_evicted() { Err(Full) } else { Ok(()) }
    }

    /// Notes that the connection is the one in use with its peer.
    pub(crate) fn settle(&self) {
        if let Some(entry) = locked(&self.places.taken).entries.get_mut(&self.number)
            && let Stage::Expected { calling, .. } = &mut entry.stage
        {
            *calling = false;
        }
    }

    /// Notes that the peer is no stranger any more.
    pub(crate) fn welcome(&self, peer: PeerId) {
        let mut taken = locked(&self.places.taken);
        if let Some(entry) = taken.entries.get_mut(&self.number)
            && entry.stage == Stage::Stranger
        {
            entry.stage = Stage::Expected { peer, calling: false };
        }
    }

    /// Waits until the connection has to give way to another.
    pub(crate) async fn evicted(&self) {
        self.evicted.wait().await;
    }

    pub(crate) fn is_evicted(&self) -> bool {
        self.evicted.is_set()
    }

    /// Gives the place back before the drop.
    pub(crate) fn release(&self) {
        locked(&self.places.taken).entries.remove(&self.number);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.release();
    }
}

impl Taken {
    fn of_stage(&self, stage: Stage) -> impl DoubleEndedIterator<Item = (u64, IpAddr)> {
        let entries = self.entries.iter().filter(move |(_, entry)| entry.stage == stage);
        entries.map(|(number, entry)| (*number, entry.group))
    }

    fn expected(&self) -> impl Iterator<Item = PeerId> {
        self.entries.values().filter_map(|entry| match entry.stage {
            Stage::Expected { peer, .. } => Some(peer),
            Stage::Handshake | Stage::Stranger => None,
        })
    }

    /// Returns the group that has to make room for a handshake from `group`, if any.
    fn crowded(&self, group: IpAddr, limits: &Limits) -> Option<IpAddr> {
        let of_group = self.of_stage(Stage::Handshake).filter(|it| it.1 == group).count();
        if of_group >= limits.handshakes_per_ip {
            return Some(group);
        }
        let is_full = self.of_stage(Stage::Handshake).count() >= limits.handshakes;
        if is_full { self.largest_group(Stage::Handshake) } else { None }
    }

    fn enter(&mut self, number: u64, stage: Stage) {
        if let Some(entry) = self.entries.get_mut(&number) {
            entry.stage = stage;
        }
    }

    /// Returns the group of the youngest entry whose group is as large as any.
    fn largest_group(&self, stage: Stage) -> Option<IpAddr> {
        let mut sizes: BTreeMap<IpAddr, usize> = BTreeMap::new();
        self.of_stage(stage).for_each(|(_, group)| *sizes.entry(group).or_default() += 1);
        let largest = sizes.values().max().copied();
        let is_largest = |group: &IpAddr| sizes.get(group).copied() == largest;
        self.of_stage(stage).rev().map(|(_, group)| group).find(is_largest)
    }

    /// Evicts the youngest stranger of the largest group.
    fn evict_stranger(&mut self) {
        let largest = self.largest_group(Stage::Stranger);
        let is_largest = |it: &(u64, IpAddr)| Some(it.1) == largest;
        let youngest = self.of_stage(Stage::Stranger).rev().find(is_largest);
        if let Some((number, _)) = youngest {
            self.evict(number);
        }
    }

    fn evict(&mut self, number: u64) {
        if let Some(entry) = self.entries.remove(&number) {
            entry.evicted.set();
        }
    }
}

/// An IPv4 address alone, an IPv6 address with its /64: what one host holds without effort.
fn group_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ensign_primitives::Network;

    use super::*;

    const MEMBER: PeerId = PeerId::from_bytes([7; 32]);
    const NOBODY: PeerId = PeerId::from_bytes([9; 32]);

    fn places(change: impl FnOnce(&mut TransportConfig)) -> Arc<Places> {
        let mut config = TransportConfig::new(([127, 0, 0, 1], 0).into(), Network::Regtest);
        change(&mut config);
        Arc::new(Places::new(&config, Chance::simulated(Network::Regtest, [1; 32])))
    }

    fn ip(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn accept(places: &Arc<Places>, ip: IpAddr) -> Place {
        places.accept(ip, Instant::now()).unwrap()
    }

    fn stranger(places: &Arc<Places>, ip: IpAddr) -> (Place, Result<(), Full>) {
        let place = accept(places, ip);
        let entered = place.identify(NOBODY, Standing::Stranger);
        (place, entered)
    }

    /// Dials 100 times from one address, each time when the handshakes before have had their time.
    fn crowd(places: &Arc<Places>, from: IpAddr) -> Vec<Place> {
        let start = Instant::now();
        let times = (1..=100).map(|time| start + HANDSHAKE_GRACE * time);
        times.filter_map(|time| places.accept(from, time)).collect()
    }

    fn standing(places: &[Place]) -> usize {
        places.iter().filter(|place| !place.is_evicted()).count()
    }

    #[test]
    fn handshakes_of_one_address_give_way_to_each_other_and_not_to_those_of_another() {
        let places = places(|config| config.handshakes_per_ip_max = 3);
        let other = accept(&places, ip(1));
        let crowd = crowd(&places, ip(2));
        assert_eq!((crowd.len(), standing(&crowd), places.handshaking()), (100, 3, 4));
        assert!(!other.is_evicted());
    }

    #[test]
    fn handshakes_in_all_are_bounded_and_the_largest_group_gives_way() {
        let places = places(|config| config.handshakes_max = 8);
        let few = [accept(&places, ip(1)), accept(&places, ip(1))];
        let crowd = crowd(&places, ip(2));
        assert_eq!((standing(&few), standing(&crowd)), (2, 6));
    }

    #[test]
    fn handshake_that_has_begun_is_not_driven_out_before_a_round_trip() {
        let places = places(|config| config.handshakes_per_ip_max = 1);
        let now = Instant::now();
        let first = places.accept(ip(1), now).unwrap();
        let almost = now + HANDSHAKE_GRACE - Duration::from_millis(1);
        assert!(places.accept(ip(1), almost).is_none());
        assert!(!first.is_evicted());
        assert!(places.accept(ip(1), now + HANDSHAKE_GRACE).is_some());
        assert!(first.is_evicted());
    }

    #[test]
    fn member_behind_the_address_of_one_that_dials_all_the_time_gets_in_at_last() {
        let places = places(|_| ());
        let (start, mut crowd) = (Instant::now(), Vec::new());
        // 2,000 dials a second of somebody else, and one of the member each 130 ms; no two clocks
        // tick together.
        let begun = (0..20_000_u32).find_map(|dial| {
            let jitter = Duration::from_micros(u64::from(dial.wrapping_mul(2_654_435_769) >> 23));
            let now = start + Duration::from_micros(500) * dial + jitter;
            crowd.extend(places.accept(ip(1), now));
            crowd.retain(|place: &Place| !place.is_evicted());
            let is_due = dial % 260 == 0 && dial > 1000;
            is_due.then(|| places.accept(ip(1), now + Duration::from_micros(100))).flatten()
        });
        assert!(begun.is_some());
        assert_eq!(places.handshaking(), places.limits.handshakes_per_ip);
    }

    #[test]
    fn ipv6_addresses_of_one_network_are_one_group() {
        let places = places(|config| config.handshakes_per_ip_max = 1);
        let now = Instant::now();
        let _first = places.accept("2001:db8::1".parse().unwrap(), now);
        assert!(places.accept("2001:db8::2".parse().unwrap(), now).is_none());
        assert!(places.accept("2001:db8:0:1::1".parse().unwrap(), now).is_some());
    }

    #[test]
    fn stranger_beyond_the_limit_is_the_youngest_of_the_largest_group() {
        let places = places(|config| config.strangers_max = 3);
        let of_many = [stranger(&places, ip(1)), stranger(&places, ip(1))];
        let first = stranger(&places, ip(2));
        let second = stranger(&places, ip(3));
        assert_eq!((first.1, second.1), (Ok(()), Ok(())));
        assert_eq!(of_many.each_ref().map(|it| it.0.is_evicted()), [false, true]);
        // All groups are of one now: whoever comes last goes.
        assert_eq!(stranger(&places, ip(4)).1, Err(Full));
        drop(first);
        assert_eq!(stranger(&places, ip(4)).1, Ok(()));
    }

    #[test]
    fn expected_peer_gets_in_when_strangers_of_its_address_hold_every_place() {
        let places = places(|config| config.strangers_max = 3);
        let strangers: Vec<_> = (0..512).map(|_| stranger(&places, ip(1)).0).collect();
        assert_eq!(strangers.iter().filter(|place| !place.is_evicted()).count(), 3);
        let member = accept(&places, ip(1));
        assert_eq!(member.identify(MEMBER, Standing::Expected), Ok(()));
        assert_eq!(strangers.iter().filter(|place| !place.is_evicted()).count(), 3);
    }

    #[test]
    fn welcome_stranger_counts_no_longer() {
        let places = places(|config| config.strangers_max = 1);
        let (first, _) = stranger(&places, ip(1));
        first.welcome(MEMBER);
        assert_eq!(stranger(&places, ip(1)).1, Ok(()));
        assert!(!first.is_evicted());
    }

    #[test]
    fn expected_peers_are_counted_once_each_and_bounded() {
        let places = places(|config| config.expected_max = 1);
        let _dialled = places.dial(ip(1), MEMBER);
        let call = accept(&places, ip(1));
        assert_eq!(call.identify(MEMBER, Standing::Expected), Ok(()));
        call.settle();
        let another = accept(&places, ip(1));
        assert_eq!(another.identify(NOBODY, Standing::Expected), Err(Full));
    }

    #[test]
    fn expected_peer_has_one_call_at_a_time() {
        let places = places(|_| ());
        let calls = [accept(&places, ip(1)), accept(&places, ip(1)), accept(&places, ip(1))];
        for call in &calls {
            assert_eq!(call.identify(MEMBER, Standing::Expected), Ok(()));
        }
        assert_eq!(calls.each_ref().map(Place::is_evicted), [true, true, false]);
        calls[2].settle();
        let next = accept(&places, ip(1));
        assert_eq!(next.identify(MEMBER, Standing::Expected), Ok(()));
        assert!(!calls[2].is_evicted());
    }

    #[test]
    fn identified_callers_no_longer_count_as_load() {
        let places = places(|_| ());
        let dialled = places.dial(ip(1), MEMBER);
        let place = accept(&places, ip(1));
        assert_eq!(places.handshaking(), 1);
        assert_eq!(place.identify(NOBODY, Standing::Stranger), Ok(()));
        assert_eq!(places.handshaking(), 0);
        drop((dialled, place));
        assert_eq!(locked(&places.taken).entries.len(), 0);
    }
}
