//! What a journal says about the time before a restart.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use ensign_identity::SignerKey;
use ensign_primitives::{GroupId, Network, RequestId, UnixTime};
use ensign_wire::{Mode, SignedRequest};

use crate::{CaseFile, Delegated, End, Horizon, Record, Undecided};

/// A request that our user had consented to and that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// What was consented to.
    pub request: SignedRequest,
    /// What it was computed from.
    pub payload: Option<Vec<u8>>,
    /// The last attempt that was joined, 0 for none; none up to it is joined again.
    pub attempts: u16,
    /// How many of them have failed after all had joined. One that dissolved after that counts too: the store
    /// does not tell them apart.
    pub failed: u16,
    /// Our partial signatures for that attempt, when they are durable.
    pub kept: Option<KeptPartials>,
    /// The latest attempt in which our partial signatures became durable: others may hold them.
    pub signed: Option<u16>,
    /// The number of our user's latest decision, from 1.
    pub number: u32,
    /// Whether our user agrees; if not, the consent was withdrawn, and the question comes again.
    pub agrees: bool,
}

/// Partial signatures from before a restart: they may be sent again, and are never computed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPartials {
    /// The digest of the nonce set that they are for.
    pub nonces: [u8; 32],
    /// One per message.
    pub partials: Vec<[u8; 32]>,
}

impl Open {
    /// A request that was consented to, and no more.
    pub const fn new(request: SignedRequest, payload: Option<Vec<u8>>) -> Self {
        let (attempts, failed, kept, signed) = (0, 0, None, None);
        Self { request, payload, attempts, failed, kept, signed, number: 1, agrees: true }
    }

    /// Goes on with what happened after the consent; returns an attempt that all had joined by then.
    fn go_on(&mut self, record: Record) -> Option<u16> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "its caller hands over these only")]
        match record {
            Record::Decided { number, agrees, .. } if self.number < number => {
                (self.number, self.agrees) = (number, agrees);
            }
            Record::Joined { attempt, .. } => self.count(attempt, None),
            Record::Burned { attempt, .. } => {
                self.count(attempt, None);
                // In mode fast nonces are burned with the join, before the others have joined.
                return (self.request.request.mode != Mode::Fast).then_some(attempt);
            }
            Record::Partials { attempt, nonces, partials, .. } => {
                self.count(attempt, Some(KeptPartials { nonces, partials }));
                self.signed = self.signed.max(Some(attempt));
                return Some(attempt);
            }
            _ => {}
        }
        None
    }

    /// Counts an attempt that was joined, with what it left.
    fn count(&mut self, attempt: u16, kept: Option<KeptPartials>) {
        if attempt > self.attempts {
            self.kept = None;
        }
        self.attempts = self.attempts.max(attempt);
        if attempt == self.attempts && kept.is_some() {
            self.kept = kept;
        }
    }
}

/// A request of another signer's that our user was asked about and never decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What is asked.
    pub request: SignedRequest,
    /// What it was computed from.
    pub payload: Option<Vec<u8>>,
}

/// What is known from before a restart: what every driver hands to a new machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// The requests that go on, in the order of their names.
    pub open: Vec<Open>,
    /// Those that our user is asked about again; no attempt at them was joined. A store of
    /// [`Record`]s alone holds none.
    pub asked: Vec<Asked>,
    /// The requests that have ended, in the order of their ends. A request that failed and got its
    /// signatures later stands twice; the later one holds.
    pub ended: Vec<(RequestId, GroupId, End)>,
    /// What is remembered of requests that our user never decided about, by creator.
    pub undecided: Vec<Undecided>,
    /// The kept proofs, the oldest first: none counts twice, and they are told to whoever does not have them.
    pub proofs: Vec<CaseFile>,
    /// How far time had come.
    pub horizon: Horizon,
    /// Which node speaks for which key.
    pub delegated: Vec<Delegated>,
    /// No request made then or before is joined, whatever else is restored of it: the store may have missed
    /// an attempt at it that others saw us join. Only what is proposed to this machine itself goes on.
    pub void_until: Option<UnixTime>,
}

/// What waits for its group to be formed, in the order in which it was handed over.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    open: Vec<(GroupId, Open)>,
    asked: Vec<(GroupId, Asked)>,
    /// Of these groups something waits for room.
    full: BTreeSet<GroupId>,
}

impl Waiting {
    pub(crate) fn new(network: Network, open: Vec<Open>, asked: Vec<Asked>) -> Self {
        let group = |signed: &SignedRequest| signed.request.signers.group_id(network);
        Self {
            open: open.into_iter().map(|open| (group(&open.request), open)).collect(),
            asked: asked.into_iter().map(|asked| (group(&asked.request), asked)).collect(),
            full: BTreeSet::new(),
        }
    }

    /// Puts back what has no room now.
    pub(crate) fn put_back(&mut self, group: GroupId, open: Vec<Open>, asked: Vec<Asked>) {
        self.full.insert(group);
        self.open.extend(open.into_iter().map(|open| (group, open)));
        self.asked.extend(asked.into_iter().map(|asked| (group, asked)));
    }

    /// Takes a group of which something waits for room.
    pub(crate) fn take_full(&mut self) -> Option<GroupId> {
        self.full.pop_first()
    }

    /// Takes what waited for a group.
    pub(crate) fn take(&mut self, group: GroupId) -> (Vec<Open>, Vec<Asked>) {
        let open = self.open.extract_if(.., |(of, _)| *of == group).map(|(_, open)| open).collect();
        let asked = self.asked.extract_if(.., |(of, _)| *of == group).map(|(_, it)| it).collect();
        (open, asked)
    }
}

impl Restored {
    /// Replays records, oldest first.
    ///
    /// A join, burn mark or partial signature of a request without a consent before it changes nothing: nothing could
    /// be resumed.
    pub fn from_records(records: impl IntoIterator<Item = Record>) -> Self {
        let (mut open, mut ended) = (BTreeMap::<RequestId, Open>::new(), Vec::new());
        let mut failed = BTreeSet::new();
        let (mut undecided, mut horizon) = (BTreeMap::new(), Horizon::default());
        let (mut delegated, mut proofs) = (BTreeMap::new(), Vec::new());
        for record in records {
            match record {
                Record::Consented { request, payload } => {
                    let id = request.request.id();
                    open.insert(id, Open::new(*request, payload));
                }
                Record::Decided { request, .. }
                | Record::Joined { request, .. }
                | Record::Burned { request, .. }
                | Record::Partials { request, .. } => {
                    if let Some(known) = open.get_mut(&request)
                        && let Some(attempt) = known.go_on(record)
                    {
                        failed.insert((request, attempt));
                    }
                }
                Record::Finished { request, group, .. } => {
                    open.remove(&request);
                    ended.push((request, group, End::Signed));
                }
                Record::Closed { request, group, reason } => {
                    open.remove(&request);
                    ended.push((request, group, End::Closed(reason)));
                }
                Record::Undecided(kept) => drop(undecided.insert(kept.creator, kept)),
                Record::Horizon(kept) => horizon.restore(kept),
                Record::Delegated(kept) => keep_highest(&mut delegated, kept),
                Record::Case(file) => proofs.extend(Some(file).filter(CaseFile::is_proof)),
            }
        }
        for (request, _) in failed {
            if let Some(known) = open.get_mut(&request) {
                known.failed = known.failed.saturating_add(1);
            }
        }
        let undecided = undecided.into_values().collect();
        let delegated = delegated.into_values().collect();
        let (open, asked) = (open.into_values().collect(), Vec::new());
        Self { open, asked, ended, undecided, proofs, horizon, delegated, void_until: None }
    }
}

/// Keeps a delegation if none of its key has a higher number.
fn keep_highest(delegated: &mut BTreeMap<SignerKey, Delegated>, it: Delegated) {
    let known = delegated.entry(it.signer).or_insert(it);
    if known.proof.number < it.proof.number {
        *known = it;
    }
}
