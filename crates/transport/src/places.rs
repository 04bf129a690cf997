//! How many connections there may be before their owner decides about them, and who gives way.
//!
//! A connection is first one of a *crowd*, counted by groups of addresses: until it is known whose it is, and
//! from then on until it is reported, unless the owner *expects* its peer. So no crowd keeps an expected
//! peer out, from whatever address it comes. Who may stay is for the owner to say; here is only a
//! bound on what it is asked about.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex},
};

use ensign_diversity::{AddressGroups, Group, PrefixTable, most_crowded};
use ensign_primitives::{Instant as Moment, PeerId};
use ensign_ratelimit::{Admission, Handshakes};
use tokio::time::Instant;

use crate::{HANDSHAKE_GRACE, TransportConfig, chance::Chance, latch::Latch, shared::locked};

/// Keeps count of connections from the first datagram to the end.
#[derive(Debug)]
pub(crate) struct Places {
    limits: Limits,
    chance: Chance,
    taken: Mutex<Taken>,
    /// How many handshakes callers may begin, and since when that is counted.
    handshakes: Mutex<Handshakes>,
    since: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    handshakes: usize,
    handshakes_per_ip: usize,
    before_retry: usize,
    links: usize,
}

/// Entries by the number of their coming, so that the youngest is the last.
#[derive(Debug, Default)]
struct Taken {
    next: u64,
    prefixes: Arc<PrefixTable>,
    entries: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    groups: AddressGroups,
    stage: Stage,
    since: Instant,
    evicted: Arc<Latch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Handshake,
    /// Nobody expects the peer, and the owner does not know yet that it is here.
    Unreported,
    /// An expected peer called us, and the choice between its connections is not made.
    Calling(PeerId),
    /// The owner knows of it, or will whoever else comes.
    Held,
}

impl Stage {
    const fn is_crowd(self) -> bool {
        matches!(self, Self::Handshake | Self::Unreported)
    }
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

/// There is no place for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Places {
    pub(crate) fn new(config: &TransportConfig, chance: Chance) -> Self {
        let limits = Limits {
            handshakes: config.handshakes_max.max(1),
            handshakes_per_ip: config.handshakes_per_ip_max.max(1),
            before_retry: config.handshakes_before_retry_max,
            links: config.links_max,
        };
        let handshakes = Mutex::new(Handshakes::new(config.handshakes));
        Self { limits, chance, taken: Mutex::default(), handshakes, since: Instant::now() }
    }

    /// Says whether a caller's handshake may begin, before anything is done for it.
    ///
    /// - `is_proven`: whether it has shown that it receives at its address.
    pub(crate) fn admit(&self, ip: IpAddr, is_proven: bool, now: Instant) -> Admission {
        let passed = now.saturating_duration_since(self.since);
        let at = Moment::default().after(passed);
        let mut handshakes = locked(&self.handshakes);
        if is_proven {
            handshakes.proven(at, ip)
        } else if self.handshaking() >= self.limits.before_retry {
            Admission::Prove
        } else {
            handshakes.unproven(at)
        }
    }

    /// A member was connected from there.
    pub(crate) fn know(&self, ip: IpAddr) {
        locked(&self.handshakes).know(ip);
    }

    /// Returns how many callers were refused because too many came.
    pub(crate) fn refused(&self) -> u64 {
        locked(&self.handshakes).refused()
    }

    /// Gives a place to a caller from `ip`, whose handshake begins.
    ///
    /// When the crowd is too large, one of it gives way: where most come from, or among those of the caller's
    /// own host or network when they are too many. Which one is random, among those that have had
    /// [`HANDSHAKE_GRACE`]; with none of these the caller is refused. So whoever dials without end from the address of
    /// a member costs us a bounded number of handshakes, and the member's is done once it begins.
    pub(crate) fn accept(self: &Arc<Self>, ip: IpAddr, now: Instant) -> Option<Place> {
        let mut taken = locked(&self.taken);
        let groups = AddressGroups::of(ip, &taken.prefixes);
        if let Some(crowded) = taken.crowded(groups, &self.limits) {
            let is_due =
                |entry: &Entry| now.saturating_duration_since(entry.since) >= HANDSHAKE_GRACE;
            // Most callers of a flood are refused: nobody is due, and that is seen first.
            crowded.iter().any(|(_, entry)| is_due(entry)).then_some(())?;
            let crowd = most_crowded(crowded.into_iter().map(|it| (it, it.1.groups)));
            let due = crowd.into_iter().filter(|(_, entry)| is_due(entry));
            let due: Vec<u64> = due.map(|(number, _)| number).collect();
            let drawn = self.chance.number() as usize % due.len().max(1);
            taken.evict(*due.get(drawn)?);
        }
        Some(self.take(&mut taken, Entry::new(groups, Stage::Handshake, now)))
    }

    /// Learns who announces which addresses.
    pub(crate) fn know_prefixes(&self, prefixes: Arc<PrefixTable>) {
        locked(&self.taken).prefixes = prefixes;
    }

    /// Gives a place to a dial of ours: our own wish is not a stranger's to refuse.
    pub(crate) fn dial(self: &Arc<Self>, ip: IpAddr) -> Place {
        let mut taken = locked(&self.taken);
        let groups = AddressGroups::of(ip, &taken.prefixes);
        self.take(&mut taken, Entry::new(groups, Stage::Held, Instant::now()))
    }

    /// Returns how many handshakes of callers are not finished.
    pub(crate) fn handshaking(&self) -> usize {
        let taken = locked(&self.taken);
        taken.entries.values().filter(|entry| entry.stage == Stage::Handshake).count()
    }

    fn take(self: &Arc<Self>, taken: &mut Taken, entry: Entry) -> Place {
        let (number, evicted) = (taken.next, Arc::clone(&entry.evicted));
        taken.next += 1;
        taken.entries.insert(number, entry);
        Place { places: Arc::clone(self), number, evicted }
    }
}

impl Entry {
    fn new(groups: AddressGroups, stage: Stage, since: Instant) -> Self {
        Self { groups, stage, since, evicted: Arc::default() }
    }
}

impl Place {
    /// Notes whose connection it is.
    ///
    /// A stranger stays in the crowd; there is no place for it when as many connections are held as
    /// there may be. An expected peer leaves the crowd, and drives out its own earlier call: it dials
    /// one connection at a time, so it has lost that one.
    ///
    /// # Errors
    ///
    /// [`Full`] when it is this connection that has to go.
    pub(crate) fn identify(&self, peer: PeerId, standing: Standing) -> Result<(), Full> {
        let mut taken = locked(&self.places.taken);
        if self.is_evicted() {
            return Err(Full);
        }
        match standing {
            Standing::Stranger if taken.identified() >= self.places.limits.links => {
                taken.evict(self.number);
                return Err(Full);
            }
            Standing::Stranger => taken.enter(self.number, Stage::Unreported),
            Standing::Expected => {
                let calling = Stage::Calling(peer);
                let mut calls = taken.entries.iter().filter(|(_, entry)| entry.stage == calling);
                let earlier = calls.next().map(|(number, _)| *number);
                earlier.into_iter().for_each(|number| taken.evict(number));
                taken.enter(self.number, calling);
            }
        }
        Ok(())
    }

    /// Notes that the connection is the one in use with its peer; a stranger's stays in the crowd.
    pub(crate) fn settle(&self) {
        let mut taken = locked(&self.places.taken);
        if let Some(entry) = taken.entries.get_mut(&self.number)
            && matches!(entry.stage, Stage::Calling(_))
        {
            entry.stage = Stage::Held;
        }
    }

    /// Notes that the connection is reported, or its peer expected: it gives way to nobody any more.
    /// False when it has given way already.
    pub(crate) fn hold(&self) -> bool {
        let mut taken = locked(&self.places.taken);
        taken.enter(self.number, Stage::Held);
        !self.is_evicted()
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
    fn crowd(&self) -> impl Iterator<Item = (u64, &Entry)> {
        let crowd = self.entries.iter().filter(|(_, entry)| entry.stage.is_crowd());
        crowd.map(|(number, entry)| (*number, entry))
    }

    fn identified(&self) -> usize {
        self.entries.values().filter(|entry| entry.stage != Stage::Handshake).count()
    }

    /// Returns those of whom one has to make room for a handshake from an address, if any: of the narrowest
    /// of its groups that has its share of handshakes, or of all.
    fn crowded(&self, groups: AddressGroups, limits: &Limits) -> Option<Vec<(u64, &Entry)>> {
        let of = |group: Group| {
            self.crowd().filter(move |(_, entry)| entry.groups.iter().any(|it| it == group))
        };
        let has_its_share = |group: &Group| {
            let share = limits.handshakes_per_ip.saturating_mul(group.share() as usize);
            of(*group).count() >= share
        };
        match groups.iter().find(has_its_share) {
            Some(group) => Some(of(group).collect()),
            None if self.crowd().count() >= limits.handshakes => Some(self.crowd().collect()),
            None => None,
        }
    }

    fn enter(&mut self, number: u64, stage: Stage) {
        if let Some(entry) = self.entries.get_mut(&number) {
            entry.stage = stage;
        }
    }

    fn evict(&mut self, number: u64) {
        if let Some(entry) = self.entries.remove(&number) {
            entry.evicted.set();
        }
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
    fn hosts_of_one_network_have_twice_the_places_of_one_and_leave_those_of_others() {
        let places = places(|config| config.handshakes_per_ip_max = 3);
        let other = accept(&places, [10, 0, 1, 1].into());
        let start = Instant::now();
        let network: Vec<_> = (1..=100_u8)
            .filter_map(|last| places.accept(ip(last), start + HANDSHAKE_GRACE * last.into()))
            .collect();
        assert_eq!((network.len(), standing(&network), places.handshaking()), (100, 6, 7));
        assert!(!other.is_evicted());
    }

    #[test]
    fn ipv4_address_in_ipv6_form_is_the_same_host() {
        let places = places(|config| config.handshakes_per_ip_max = 1);
        let now = Instant::now();
        let _first = places.accept("192.0.2.1".parse().unwrap(), now);
        assert!(places.accept("::ffff:192.0.2.1".parse().unwrap(), now).is_none());
        assert!(places.accept("::ffff:192.0.3.1".parse().unwrap(), now).is_some());
    }

    #[test]
    fn networks_of_one_provider_are_one_group_once_the_table_is_known() {
        let places = places(|config| config.handshakes_per_ip_max = 1);
        let mut table = PrefixTable::builder();
        table.line("10.0.0.0\t8\t64500").unwrap();
        places.know_prefixes(Arc::new(table.build()));
        let now = Instant::now();
        let call = |network: u8| places.accept([10, 0, network, 1].into(), now);
        let held: Vec<_> = (0..5).filter_map(call).collect();
        assert_eq!(held.len(), Group::Provider(64500).share() as usize);
        assert!(places.accept([11, 0, 0, 1].into(), now).is_some());
    }

    #[test]
    fn stranger_counts_for_its_address_until_it_is_reported() {
        let places = places(|config| config.handshakes_per_ip_max = 1);
        let (start, first) = (Instant::now(), stranger(&places, ip(1)));
        assert_eq!(first.1, Ok(()));
        first.0.settle();
        assert!(places.accept(ip(1), start).is_none());
        assert!(first.0.hold());
        let second = places.accept(ip(1), start).unwrap();
        assert_eq!(second.identify(NOBODY, Standing::Stranger), Ok(()));
        assert!(places.accept(ip(1), start + HANDSHAKE_GRACE).is_some());
        assert_eq!(
            (first.0.is_evicted(), second.is_evicted(), second.hold()),
            (false, true, false)
        );
    }

    #[test]
    fn expected_peer_gets_in_when_strangers_of_its_address_are_all_that_is_held() {
        let places = places(|config| config.links_max = 3);
        let held =
            (0..512).map(|_| stranger(&places, ip(1))).filter(|(_, entered)| entered.is_ok());
        let held: Vec<_> = held.map(|(place, _)| place.hold().then_some(place)).collect();
        assert_eq!(held.len(), 3);
        let member = accept(&places, ip(1));
        assert_eq!(member.identify(MEMBER, Standing::Expected), Ok(()));
        assert!(held.iter().flatten().all(|place| !place.is_evicted()));
        // It is held too, and so is whom we dial.
        let _dialled = places.dial(ip(2));
        drop(held);
        let one = stranger(&places, ip(1));
        assert_eq!((one.1, stranger(&places, ip(1)).1), (Ok(()), Err(Full)));
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
        let dialled = places.dial(ip(1));
        let place = accept(&places, ip(1));
        assert_eq!(places.handshaking(), 1);
        assert_eq!(place.identify(NOBODY, Standing::Stranger), Ok(()));
        assert_eq!(places.handshaking(), 0);
        drop((dialled, place));
        assert_eq!(locked(&places.taken).entries.len(), 0);
    }
}
