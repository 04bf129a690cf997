//! The outlines of what is open, and what of undecided requests is kept: what is to be written down
//! goes with the next write, and nobody waits for it.

use std::collections::{BTreeMap, VecDeque};

use ensign_primitives::{GroupId, PeerId, RequestId, SignerIndex, UnixTime};
use ensign_psbt::Summary;
use ensign_signing::Record;
use ensign_store::Place;
use ensign_wire::SignedRequest;

use super::{Decision, HowEnded, Outline, waiting::Waiting};
use crate::{
    Handle,
    handles::Handles,
    ledger::{self, Entry},
};

/// Most outlines of requests that our user never decided about. Guess: weeks of a busy group.
///
/// Whoever has most of them gives way, the oldest first.
pub(super) const UNDECIDED_OUTLINES_MAX: usize = 1024;

/// Who asked, among all groups.
type Asker = (GroupId, SignerIndex);

/// The outlines of every request that is not over, and of those whose end may still change.
#[derive(Debug)]
pub struct Outlines {
    handles: Handles,
    open: BTreeMap<RequestId, Outline>,
    waiting: Waiting,
    /// Those that nobody decided about, over or not, in the order in which they came.
    undecided: BTreeMap<Asker, VecDeque<RequestId>>,
    notes: Vec<Entry>,
}

/// A request that our user is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// It, signed by its creator.
    pub request: &'a SignedRequest,
    /// What its messages were computed from.
    pub payload: Option<&'a [u8]>,
    /// What that does.
    pub summary: Option<&'a Summary>,
}

impl Outlines {
    /// Goes on with what the store holds of requests that are not over, and of those that nobody
    /// decided about.
    pub fn new(handles: Handles, kept: Vec<(RequestId, Outline)>) -> Self {
        let mut outlines = Self {
            handles,
            open: BTreeMap::new(),
            waiting: Waiting::default(),
            undecided: BTreeMap::new(),
            notes: Vec::new(),
        };
        for (id, outline) in kept {
            if outline.is_undecided() {
                outlines.count_undecided((outline.group, outline.creator), id);
            }
            if outline.ended.is_none() {
                outlines.open.insert(id, outline);
            }
        }
        outlines
    }

    /// Enters an outline that was read later.
    pub fn restore(&mut self, id: RequestId, outline: Outline) {
        self.open.entry(id).or_insert(outline);
    }

    /// Notes that our user is asked about a request of another signer's, and keeps it for a restart.
    pub fn ask(&mut self, id: RequestId, asked: Asked<'_>, now: UnixTime) {
        self.enter(id, asked, false, (now, None));
        if self.waiting.contains(&id) {
            return;
        }
        let record = Record::Consented {
            request: Box::new(asked.request.clone()),
            payload: asked.payload.map(<[u8]>::to_vec),
        };
        let (place, value) = (Place::request(&id), ledger::entry(&record).value);
        let bytes = value.as_ref().map_or(0, Vec::len);
        let gone = self.waiting.keep(id, asked.request.peer, bytes);
        if !gone.contains(&id) {
            self.notes.push(Entry { place, value });
        }
        for other in gone.into_iter().filter(|other| *other != id) {
            self.notes.push(Entry { place: Place::request(&other), value: None });
        }
    }

    /// Notes that a request is in the store already, and waits for our user again.
    pub fn is_kept(&mut self, id: RequestId, creator: PeerId, bytes: usize) {
        for gone in self.waiting.keep(id, creator, bytes) {
            self.notes.push(Entry { place: Place::request(&gone), value: None });
        }
    }

    /// Notes a request to which our user has consented: one of our own, or one from before a restart
    /// that has no outline.
    pub fn take_up(
        &mut self,
        id: RequestId,
        asked: Asked<'_>,
        is_own: bool,
        consent: (UnixTime, Decision),
    ) {
        self.enter(id, asked, is_own, (consent.0, Some(consent.1)));
    }

    fn enter(
        &mut self,
        id: RequestId,
        asked: Asked<'_>,
        is_own: bool,
        decided: (UnixTime, Option<Decision>),
    ) {
        if !self.open.contains_key(&id) {
            let mut outline = Outline::new(asked.request, asked.summary, is_own, decided);
            outline.handle = self.give();
            let asker = (outline.group, outline.creator);
            if outline.is_undecided() {
                self.count_undecided(asker, id);
            }
            self.open.insert(id, outline);
            self.note(&id);
        }
    }

    /// Notes what our user decided. What was kept for a restart is the consent's now, or nobody's.
    pub fn decide(&mut self, id: &RequestId, decision: Decision, now: UnixTime) {
        self.drop_kept(id);
        let Some(outline) = self.open.get_mut(id) else { return };
        if outline.is_undecided() {
            let asker = (outline.group, outline.creator);
            outline.decided = Some((now, decision));
            self.uncount_undecided(asker, id);
        } else if matches!(decision, Decision::Refused | Decision::RefusedByRule(_)) {
            outline.decided = Some((now, decision));
        }
        self.note(id);
    }

    /// Notes how a request ended. Signatures outrank a failure.
    pub fn end(&mut self, id: &RequestId, how: HowEnded, now: UnixTime) {
        self.drop_kept(id);
        let Some(outline) = self.open.get_mut(id) else { return };
        outline.ended = Some((now, how));
        let (asker, is_undecided) = ((outline.group, outline.creator), outline.is_undecided());
        self.note(id);
        if is_undecided {
            self.count_undecided(asker, *id);
        }
    }

    /// Forgets what has ended and cannot end otherwise any more.
    pub fn forget_ended(&mut self, may_change: impl Fn(&RequestId) -> bool) {
        self.open.retain(|id, outline| outline.ended.is_none() || may_change(id));
    }

    /// Ends what nobody decided about and whose time was over before a start.
    pub fn expire(&mut self, now: UnixTime) {
        let over = self.open.iter().filter(|(_, it)| it.is_undecided() && it.expires <= now);
        let over: Vec<_> = over.map(|(id, it)| (*id, it.expires)).collect();
        for (id, at) in over {
            self.end(&id, HowEnded::Expired, at);
        }
    }

    /// Returns a request's number.
    pub fn handle(&self, id: &RequestId) -> Option<Handle> {
        self.open.get(id)?.handle
    }

    #[cfg(test)]
    pub(super) fn get(&self, id: &RequestId) -> Option<&Outline> {
        self.open.get(id)
    }

    /// Returns what is to be written down with whatever is written next.
    pub fn take_notes(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.notes)
    }

    /// Returns the end of the next block of numbers when it is to be written.
    pub fn needs_block(&mut self) -> Option<u64> {
        self.handles.needs_block()
    }

    /// Gives numbers to those that have waited for a block.
    pub fn block_is_durable(&mut self, end: u64) {
        self.handles.block_is_durable(end);
        let mut waiting: Vec<_> = self.open.iter().filter(|(_, it)| it.handle.is_none()).collect();
        waiting.sort_by_key(|(id, outline)| (outline.asked, **id));
        let waiting: Vec<RequestId> = waiting.into_iter().map(|(id, _)| *id).collect();
        for id in waiting {
            let handle = self.give();
            if let Some(outline) = self.open.get_mut(&id)
                && handle.is_some()
            {
                outline.handle = handle;
                self.note(&id);
            }
        }
    }

    /// Takes note that the store did not take the end of a block: it is asked again.
    pub const fn block_is_refused(&mut self) {
        self.handles.block_is_refused();
    }

    /// Returns with which number the next process begins.
    pub const fn next_handle(&self) -> u64 {
        self.handles.next()
    }

    fn give(&mut self) -> Option<Handle> {
        self.handles.give()
    }

    fn note(&mut self, id: &RequestId) {
        if let Some(outline) = self.open.get(id) {
            self.notes.push(crate::outline(id, outline));
        }
    }

    fn drop_kept(&mut self, id: &RequestId) {
        if self.waiting.remove(id) {
            self.notes.push(Entry { place: Place::request(id), value: None });
        }
    }

    fn count_undecided(&mut self, asker: Asker, id: RequestId) {
        let known = self.undecided.entry(asker).or_default();
        if known.contains(&id) {
            return;
        }
        known.push_back(id);
        while self.undecided.values().map(VecDeque::len).sum::<usize>() > UNDECIDED_OUTLINES_MAX {
            let most = self.undecided.values_mut().max_by_key(|known| known.len());
            let Some(oldest) = most.and_then(VecDeque::pop_front) else { return };
            self.notes.push(Entry { place: Place::outline(&oldest), value: None });
        }
    }

    fn uncount_undecided(&mut self, asker: Asker, id: &RequestId) {
        if let Some(known) = self.undecided.get_mut(&asker) {
            known.retain(|other| other != id);
        }
    }
}
