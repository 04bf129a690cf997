//! A machine whose disk fails at a given step, and what its node has committed over all its lives.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ensign_primitives::RequestId;
use ensign_store::{
    Batch, Change, OpenError, Opening, Place, Record, RedbStore, Size, Store, StoreError,
    StoreOptions, Table, Visit,
    medium::{Fault, FaultDisk},
};

use crate::{Net, address, wallet::derive};

mod armed;
use armed::Armed;

/// What happens to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mishap {
    /// It loses power; what was not flushed is torn.
    PowerCut,
    /// Nothing more can be written.
    DiskFull,
    /// The file system has less left than new work wants.
    NearlyFull,
    /// Nothing more can be read.
    Unreadable,
    /// The disk has flushed nothing for the whole session, and says it had; then the power fails. No
    /// program can stand that: it shows that a lost record is noticed here.
    LostFlushes,
}

impl Mishap {
    /// Every mishap.
    pub const ALL: [Self; 5] =
        [Self::PowerCut, Self::DiskFull, Self::NearlyFull, Self::Unreadable, Self::LostFlushes];

    /// Returns the name for people and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PowerCut => "power-cut",
            Self::DiskFull => "disk-full",
            Self::NearlyFull => "nearly-full",
            Self::Unreadable => "unreadable",
            Self::LostFlushes => "lost-flushes",
        }
    }
}

/// A machine. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Machine {
    number: u32,
    seed: u64,
    disk: FaultDisk,
    armed: Arc<Mutex<Option<(u64, Mishap)>>>,
    marks: Arc<Mutex<Marks>>,
}

/// The marks that were committed, whatever became of them.
#[derive(Debug, Default)]
struct Marks {
    /// In which life an attempt was joined.
    joins: BTreeMap<(RequestId, u16), u64>,
    /// In which life its nonces were burned.
    burns: BTreeMap<(RequestId, u16), u64>,
    /// The partial signatures as they are sent.
    partials: BTreeMap<(RequestId, u16), Vec<u8>>,
    broken: Vec<String>,
}

impl Machine {
    /// Makes the machine of the node `number`, with an empty disk.
    pub fn new(seed: u64, number: u32) -> Self {
        let disk = FaultDisk::new(derive(seed, "disk", number, 0));
        let (armed, marks) = (Arc::default(), Arc::default());
        Self { number, seed, disk, armed, marks }
    }

    /// Returns its node's number.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Returns how many writes, cuts, flushes and renames its disk has seen.
    pub fn steps(&self) -> u64 {
        self.disk.steps()
    }

    /// Lets something happen in this step of the disk, counted from 0.
    pub fn arm(&self, step: u64, mishap: Mishap) {
        match mishap {
            Mishap::PowerCut => self.disk.crash_at(step),
            Mishap::LostFlushes => {
                self.disk.lie_from(Some(self.disk.flushes()));
                self.disk.crash_at(step);
            }
            Mishap::DiskFull | Mishap::NearlyFull | Mishap::Unreadable => {
                *locked(&self.armed) = Some((step, mishap));
            }
        }
    }

    /// Whether the power has failed.
    pub fn is_off(&self) -> bool {
        self.disk.is_off()
    }

    /// Whether nothing is left to happen.
    pub(crate) fn is_spent(&self) -> bool {
        locked(&self.armed).is_none()
    }

    /// Undoes what has happened: there is power, and room. What a crash took stays away.
    pub fn repair(&self) {
        self.disk.set_full(Fault::Off);
        self.disk.set_unreadable(Fault::Off);
        self.disk.set_free_bytes(None);
        self.disk.lie_from(None);
        if self.is_off() {
            self.disk.power_on();
        } else {
            self.disk.process_ended();
        }
    }

    /// Opens its store, for the node's life of this number.
    ///
    /// # Errors
    ///
    /// As [`RedbStore::open_on`].
    pub fn open(&self, net: &Net, life: u64) -> Result<(Box<dyn Store>, Opening), OpenError> {
        let (store, found) = self.open_bare(life)?;
        let (store, machine, net) = (Some(store), self.clone(), net.clone());
        Ok((Box::new(Live { store, machine, net, life }), found))
    }

    /// Opens its store to look into it.
    ///
    /// # Errors
    ///
    /// As [`RedbStore::open_on`].
    pub(crate) fn open_bare(&self, life: u64) -> Result<(RedbStore, Opening), OpenError> {
        let options = StoreOptions {
            machine: derive(self.seed, "machine", self.number, 0),
            mark: derive(self.seed, "mark", self.number, life),
            ..StoreOptions::default()
        };
        let disk = self.disk.clone();
        RedbStore::open_on(Armed { disk, armed: Arc::clone(&self.armed) }, &options)
    }

    /// Returns what broke the nonce law, a sentence each.
    pub fn broken(&self) -> Vec<String> {
        locked(&self.marks).broken.clone()
    }

    /// Returns how many attempts were joined and burned, over all lives.
    pub fn marks(&self) -> (usize, usize) {
        let marks = locked(&self.marks);
        (marks.joins.len(), marks.burns.len())
    }
}

impl Marks {
    /// Notes a batch that is durable: from here on nonces may leave.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other tables hold no marks")]
    fn note(&mut self, life: u64, batch: &Batch) {
        for Change { place, value } in batch.changes() {
            let Some(value) = value else { continue };
            let Some(mark) = place.request_id().zip(place.attempt_number()) else { continue };
            match place.table() {
                Table::Joins => self.join(life, mark),
                Table::Burns => self.burn(life, mark),
                Table::Partials => self.partials(mark, value),
                _ => {}
            }
        }
    }

    /// A join comes after every attempt that was joined before.
    fn join(&mut self, life: u64, mark: (RequestId, u16)) {
        let (request, attempt) = mark;
        let later = self.joins.range(mark..=(request, u16::MAX)).next();
        if let Some(((_, joined), then)) = later {
            self.broken.push(format!(
                "attempt {attempt} was joined in life {life}, after attempt {joined} in life {then}"
            ));
        }
        self.joins.insert(mark, life);
    }

    /// An attempt has one set of partial signatures, for one nonce set.
    fn partials(&mut self, mark: (RequestId, u16), value: &[u8]) {
        let kept = self.partials.insert(mark, value.to_vec());
        if kept.is_some_and(|kept| kept != value) {
            self.broken.push(format!("attempt {} has two sets of partial signatures", mark.1));
        }
    }

    /// Nonces are burned once, in the life that drew them.
    fn burn(&mut self, life: u64, mark: (RequestId, u16)) {
        let attempt = mark.1;
        if self.joins.get(&mark) != Some(&life) {
            self.broken
                .push(format!("attempt {attempt} was burned in life {life}, not joined in it"));
        }
        if let Some(then) = self.burns.insert(mark, life) {
            self.broken.push(format!("attempt {attempt} was burned in lives {then} and {life}"));
        }
    }
}

/// The store of a node's life.
#[derive(Debug)]
struct Live {
    /// Gone when the power failed.
    store: Option<RedbStore>,
    machine: Machine,
    net: Net,
    life: u64,
}

impl Live {
    fn store(&self) -> Result<&RedbStore, StoreError> {
        self.store.as_ref().ok_or(StoreError::Stopped)
    }

    /// The power fails for the whole machine: in the same moment nothing more is sent, and nobody
    /// learns what the disk did last.
    fn check_power(&mut self) -> Result<(), StoreError> {
        if self.machine.is_off() {
            self.store = None;
            self.net.unplug(address(self.machine.number));
            return Err(StoreError::Stopped);
        }
        Ok(())
    }
}

impl Store for Live {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let result = self.store.as_mut().ok_or(StoreError::Stopped)?.commit(batch);
        self.check_power()?;
        result?;
        locked(&self.machine.marks).note(self.life, batch);
        Ok(())
    }

    fn get(&self, place: &Place) -> Result<Option<Record>, StoreError> {
        self.store()?.get(place)
    }

    fn scan(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.store()?.scan(table, prefix, visit)
    }

    fn size(&self) -> Result<Size, StoreError> {
        self.store()?.size()
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        let result = self.store.as_mut().ok_or(StoreError::Stopped)?.compact();
        self.check_power()?;
        result
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use ensign_primitives::UnixTime;

    use super::*;

    /// A mark that a life commits: where, of which attempt, and what it says.
    type Mark<'a> = (u64, fn(&RequestId, u16) -> Place, u16, &'a [u8]);

    /// Commits one mark after the other; returns what that broke.
    fn check(marks: &[Mark<'_>]) -> Vec<String> {
        let mut seen = Marks::default();
        for (life, place, attempt, value) in marks {
            let mut batch = Batch::new(UnixTime::from_millis(0));
            batch.put(place(&RequestId::from_bytes([1; 32]), *attempt), *value).unwrap();
            seen.note(*life, &batch);
        }
        seen.broken
    }

    #[test]
    fn attempts_that_go_up_break_nothing() {
        let broken = check(&[
            (0, Place::join, 1, b""),
            (0, Place::burn, 1, b""),
            (1, Place::join, 2, b""),
            (1, Place::burn, 2, b""),
        ]);
        assert_eq!(broken, [""; 0]);
    }

    #[test]
    fn attempt_that_is_joined_again_or_after_a_later_one_is_told() {
        for again in [1, 2] {
            let broken = check(&[(0, Place::join, 2, b""), (1, Place::join, again, b"")]);
            let told = format!("attempt {again} was joined in life 1, after attempt 2 in life 0");
            assert_eq!(broken, [told]);
        }
    }

    #[test]
    fn nonces_that_are_burned_in_another_life_or_twice_are_told() {
        let broken =
            check(&[(0, Place::join, 1, b""), (0, Place::burn, 1, b""), (1, Place::burn, 1, b"")]);
        let told = [
            "attempt 1 was burned in life 1, not joined in it",
            "attempt 1 was burned in lives 0 and 1",
        ];
        assert_eq!(broken, told);
    }

    #[test]
    fn second_set_of_partial_signatures_is_told() {
        let broken = check(&[(0, Place::partial, 1, b"one"), (0, Place::partial, 1, b"two")]);
        assert_eq!(broken, ["attempt 1 has two sets of partial signatures"]);
    }
}
