//! The mesh of one topic: whose links carry it, which of them bring messages, and how soon.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::time::Duration;

use ensign_primitives::{Instant, PeerId};
use ensign_wire::Topic;

use crate::{
    BACKOFFS_MAX, LATENESS_MARGIN, LATENESS_MAX, LATENESS_TOLD, MESH_N_LOW, READY_WITHIN,
    SAMPLES_KEPT, SAMPLES_MIN,
};

/// A link of a mesh.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) since: Instant,
    /// Whether it brings us messages; else it names them.
    pub(crate) is_eager: bool,
    /// Whether it wants names from us instead of messages.
    pub(crate) has_choked_us: bool,
    /// How much later than the first it is, in the mean, in µs.
    lateness: u64,
    samples: u16,
    /// Messages measured since it brought or named one.
    silent_for: u16,
}

/// What was heard of one message from one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It brought or named it, so long after the first.
    After(Duration),
    /// Nothing, and we had told it.
    Told,
    /// Nothing.
    Nothing,
}

impl Member {
    const fn new(since: Instant, is_eager: bool) -> Self {
        let (lateness, samples, silent_for) = (0, 0, 0);
        Self { since, is_eager, has_choked_us: false, lateness, samples, silent_for }
    }

    /// Counts one message: a mean that forgets, as that of round-trip times in TCP (RFC 6298), but slower.
    pub(crate) fn measure(&mut self, heard: Heard) {
        let late = match heard {
            Heard::After(late) => late.min(LATENESS_MAX),
            Heard::Told => LATENESS_TOLD,
            Heard::Nothing => LATENESS_MAX,
        };
        let late = late.as_micros() as u64;
        self.silent_for = match heard {
            Heard::After(_) => 0,
            Heard::Told | Heard::Nothing => self.silent_for.saturating_add(1),
        };
        self.samples = self.samples.saturating_add(1);
        let weight = u64::from(self.samples.min(SAMPLES_KEPT));
        self.lateness = (self.lateness * (weight - 1) + late) / weight;
    }

    pub(crate) const fn is_measured(&self) -> bool {
        self.samples >= SAMPLES_MIN
    }

    /// Whether it has brought nothing for long.
    pub(crate) const fn is_silent(&self) -> bool {
        self.silent_for >= SILENT_SAMPLES
    }
}

/// Messages in a row of which a link brought none, to be called silent. Of links that bring a fifth, one in six is
/// that now and then; it gives way only to one that brings.
const SILENT_SAMPLES: u16 = 2 * SAMPLES_MIN;

/// The mesh of a topic that we have joined.
#[derive(Debug)]
pub(crate) struct Mesh {
    pub(crate) joined: Instant,
    pub(crate) is_ready: bool,
    pub(crate) members: BTreeMap<PeerId, Member>,
}

impl Mesh {
    pub(crate) const fn new(joined: Instant) -> Self {
        Self { joined, is_ready: false, members: BTreeMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn has(&self, peer: &PeerId) -> bool {
        self.members.contains_key(peer)
    }

    /// Takes a link in.
    pub(crate) fn insert(&mut self, now: Instant, peer: PeerId, is_eager: bool) {
        self.members.entry(peer).or_insert_with(|| Member::new(now, is_eager));
    }

    /// How many links bring messages, as measured.
    pub(crate) fn bringing(&self) -> usize {
        let of = self.members.values();
        of.filter(|it| it.is_eager && it.is_measured() && !it.is_silent()).count()
    }

    /// Links that have brought nothing for long.
    pub(crate) fn silent(&self) -> impl Iterator<Item = PeerId> {
        self.members.iter().filter(|(_, it)| it.is_silent()).map(|(peer, _)| *peer)
    }

    pub(crate) fn eager(&self) -> usize {
        self.members.values().filter(|it| it.is_eager).count()
    }

    /// The latest link that brings no messages and was measured, of those that may go.
    pub(crate) fn latest(&self, may_go: impl Fn(&PeerId) -> bool) -> Option<PeerId> {
        let idle = self.members.iter().filter(|(_, it)| !it.is_eager && it.is_measured());
        let idle = idle.filter(|(peer, _)| may_go(peer));
        idle.max_by_key(|(peer, it)| (it.lateness, **peer)).map(|(peer, _)| *peer)
    }

    /// Whether the mesh is there by now, for the first time.
    pub(crate) fn becomes_ready(&mut self, now: Instant) -> bool {
        let is_ready =
            self.len() >= MESH_N_LOW || (self.len() > 0 && now.since(self.joined) >= READY_WITHIN);
        let becomes = is_ready && !self.is_ready;
        self.is_ready |= is_ready;
        becomes
    }

    /// Chooses which links bring messages: the `count` that were soonest, and one that we dialled among them. Links that
    /// are not measured stay as they are. Returns whose part has changed.
    pub(crate) fn choose_eager(
        &mut self,
        count: usize,
        is_outbound: impl Fn(&PeerId) -> bool,
    ) -> Vec<(PeerId, bool)> {
        let margin = LATENESS_MARGIN.as_micros() as u64;
        let measured = self.members.iter().filter(|(_, it)| it.is_measured());
        let mut order: Vec<(u64, PeerId)> = measured
            .map(|(peer, it)| (it.lateness + if it.is_eager { 0 } else { margin }, *peer))
            .collect();
        order.sort_unstable();
        let mut chosen: BTreeSet<PeerId> = order.iter().take(count).map(|(_, it)| *it).collect();
        if !chosen.is_empty() && !chosen.iter().any(&is_outbound) {
            let dialled = order.iter().find(|(_, it)| is_outbound(it));
            if let Some((_, dialled)) = dialled {
                let last = order.get(count.min(order.len()).saturating_sub(1));
                last.map(|(_, it)| chosen.remove(it));
                chosen.insert(*dialled);
            }
        }
        let mut changed = Vec::new();
        for (peer, member) in &mut self.members {
            let is_chosen = chosen.contains(peer);
            let is_eager = if member.is_measured() { is_chosen } else { member.is_eager };
            if member.is_eager != is_eager {
                member.is_eager = is_eager;
                changed.push((*peer, is_eager));
            }
        }
        changed
    }
}

/// Who is to stay out of which mesh until when, by whoever's word.
#[derive(Debug, Default)]
pub(crate) struct Backoffs {
    until: BTreeMap<(Topic, PeerId), Backoff>,
}

#[derive(Clone, Copy, Debug)]
struct Backoff {
    since: Instant,
    until: Instant,
}

impl Backoffs {
    /// Notes that a link stays out of a mesh for a time from now; never shortens what is noted.
    pub(crate) fn set(&mut self, now: Instant, topic: Topic, peer: PeerId, time: Duration) {
        let until = now.after(time);
        if self.until.len() >= BACKOFFS_MAX && !self.until.contains_key(&(topic, peer)) {
            let first = self.until.iter().min_by_key(|(_, it)| it.until).map(|(key, _)| *key);
            first.map(|key| self.until.remove(&key));
        }
        let entry = self.until.entry((topic, peer)).or_insert(Backoff { since: now, until });
        entry.since = now;
        entry.until = entry.until.max(until);
    }

    /// Tells whether a link stays out, and since when.
    pub(crate) fn get(&self, now: Instant, topic: Topic, peer: PeerId) -> Option<Instant> {
        let entry = self.until.get(&(topic, peer))?;
        (entry.until > now).then_some(entry.since)
    }

    pub(crate) fn forget_ended(&mut self, now: Instant) {
        self.until.retain(|_, it| it.until > now);
    }

    /// When the first ends.
    pub(crate) fn first_end(&self) -> Option<Instant> {
        self.until.values().map(|it| it.until).min()
    }

    pub(crate) fn len(&self) -> usize {
        self.until.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u8) -> PeerId {
        PeerId::from_bytes([number; 32])
    }

    fn mesh(late: &[u64]) -> Mesh {
        let mut mesh = Mesh::new(Instant::from_micros(1));
        for (number, late) in (1..).zip(late) {
            mesh.insert(Instant::from_micros(1), peer(number), true);
            let member = mesh.members.get_mut(&peer(number)).unwrap();
            (0..8).for_each(|_| member.measure(Heard::After(Duration::from_millis(*late))));
        }
        mesh
    }

    fn eager(mesh: &Mesh) -> Vec<PeerId> {
        mesh.members.iter().filter(|(_, it)| it.is_eager).map(|(peer, _)| *peer).collect()
    }

    #[test]
    fn soonest_links_bring_messages() {
        let mut mesh = mesh(&[90, 10, 80, 20, 30]);
        let changed = mesh.choose_eager(3, |_| true);
        assert_eq!(changed, [(peer(1), false), (peer(3), false)]);
        assert_eq!(eager(&mesh), [peer(2), peer(4), peer(5)]);
    }

    #[test]
    fn one_of_them_is_dialled_by_us() {
        let mut mesh = mesh(&[90, 10, 80, 20, 30]);
        mesh.choose_eager(3, |it| *it == peer(1));
        assert_eq!(eager(&mesh), [peer(1), peer(2), peer(4)]);
    }

    #[test]
    fn a_link_that_is_hardly_sooner_takes_nobodys_part() {
        let mut mesh = mesh(&[10, 20, 30, 90]);
        mesh.choose_eager(3, |_| true);
        let other = mesh.members.get_mut(&peer(4)).unwrap();
        (0..200).for_each(|_| other.measure(Heard::After(Duration::from_millis(27))));
        assert_eq!(mesh.choose_eager(3, |_| true), []);
        let other = mesh.members.get_mut(&peer(4)).unwrap();
        (0..200).for_each(|_| other.measure(Heard::After(Duration::from_millis(5))));
        assert_eq!(mesh.choose_eager(3, |_| true), [(peer(3), false), (peer(4), true)]);
    }

    #[test]
    fn backoff_is_never_shortened_and_the_first_to_end_gives_way() {
        let (topic, now) = (Topic([1; 8]), Instant::from_micros(1));
        let mut backoffs = Backoffs::default();
        backoffs.set(now, topic, peer(1), Duration::from_secs(60));
        backoffs.set(now, topic, peer(1), Duration::from_secs(1));
        assert!(backoffs.get(now.after(Duration::from_secs(59)), topic, peer(1)).is_some());
        for number in 0..BACKOFFS_MAX as u64 {
            let mut bytes = [0xff; 32];
            bytes[..8].copy_from_slice(&number.to_be_bytes());
            backoffs.set(now, topic, PeerId::from_bytes(bytes), Duration::from_secs(61));
        }
        assert_eq!(backoffs.len(), BACKOFFS_MAX);
        assert_eq!(backoffs.get(now, topic, peer(1)), None);
    }
}
