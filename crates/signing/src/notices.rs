//! Proofs that every member of a group is told, until it says that it has them.
//!
//! Who is in a session convicts for itself, by the statements that others show it there. This is for the
//! others: who was away, or restarted. A proof is told as the file that it is kept as, so that whoever gets it
//! checks it as a stranger would; who brings it adds nothing to it.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    vec::Vec,
};
use core::time::Duration;

use ensign_equivocation::{Case, CaseDecodeError, Charge, Conviction, Evidence, Verdict};
use ensign_identity::SignerKey;
use ensign_primitives::{GroupId, Instant, Now, Occupancy, PeerId, Wakeup, sha256};
use ensign_ratelimit::{Allowance, Keyed};
use ensign_session::Offense as SessionOffense;
use ensign_wire::{EVIDENCE_BYTES_MAX, Frame};

use crate::{CaseFile, Event, MEMBERS_MAX, Offense, Output, Record, groups::Groups};

/// Most proofs that are told at a time; the latest of whoever has most gives way. Guess: more than a group
/// forgives.
pub const NOTICES_MAX: usize = 32;

/// Most bytes of them. Guess: eight of the largest that are told.
pub const NOTICES_BYTES_MAX: usize = 8 * EVIDENCE_BYTES_MAX;

/// Most proofs of one culprit that are kept, told and shown, under its node's name and under each key beside
/// which it stands. Whoever has lied so often has nothing left to lose and can make up more at will: of a
/// further lie only its name is remembered. Guess: two make the worst score.
pub const PROOFS_OF_ONE_MAX: u8 = 4;

/// Most names of culprits under which proofs are counted; beyond it no proof of another is kept. Guess: as
/// many as misdeeds are remembered.
const CULPRITS_MAX: usize = MISDEEDS_REMEMBERED;

/// Most names of proofs and misdeeds that are remembered though no proof of them is kept, so that each is
/// looked at once; the oldest give way. Guess: a few of each member of a large group.
pub const MISDEEDS_REMEMBERED: usize = 2048;

/// Most names of those that are kept: each has two, its file's and its misdeed's.
const KEPT_NAMES_MAX: usize = CULPRITS_MAX * PROOFS_OF_ONE_MAX as usize * 2;

/// Proofs that one member brings and that we do not know, before one is read. Guess: all that it may tell
/// after a restart, and then one in ten seconds: each costs at most a key aggregation and a check for each
/// message.
pub const NOTICES_ALLOWED: Allowance = Allowance { burst: NOTICES_MAX as u64, per_minute: 6 };

/// How long after a conviction its proof is told, to whoever does not know it by then. Guess: in the session
/// itself the others hear the statements within seconds.
pub const NOTICE_PAUSE: Duration = Duration::from_secs(30);

/// After how long a connected member is told again what it has not said that it has: it reads no more than
/// [`NOTICES_ALLOWED`]. Guess: its budget is whole again by then, and connections last for weeks.
pub const NOTICE_AGAIN: Duration = Duration::from_mins(10);

/// Under which names a culprit's proofs are counted. A key can let one node after another speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Culprit {
    Node(PeerId),
    Key(SignerKey),
}

/// What is done with a lie that was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worth {
    /// It is kept, told and shown.
    New,
    /// It was before.
    Known,
    /// Enough of whoever lied are: it is remembered and no more.
    Beyond,
}

/// What is told, to whom, and what is known.
#[derive(Debug)]
pub(crate) struct Notices {
    /// The oldest first.
    told: VecDeque<Notice>,
    /// Names of files and of misdeeds, the oldest first; both are hashes.
    order: VecDeque<[u8; 32]>,
    known: BTreeSet<[u8; 32]>,
    /// Those whose proofs are kept: nobody's other lies wash them out, so that none counts twice.
    kept: BTreeSet<[u8; 32]>,
    brought: Keyed<PeerId>,
    /// How many proofs of whom are kept.
    counts: BTreeMap<Culprit, u8>,
    /// When those who are connected are told.
    due: Option<Instant>,
    /// When those who did not say that they have what they were sent are told again.
    again: Option<Instant>,
}

/// One proof.
#[derive(Debug)]
struct Notice {
    id: [u8; 32],
    group: GroupId,
    culprit: PeerId,
    bytes: Arc<[u8]>,
    /// Who has said that it has it.
    has_it: BTreeSet<PeerId>,
    /// Who was sent it on the connection that it has.
    sent: BTreeSet<PeerId>,
}

/// A conviction that is new to us.
struct Found {
    conviction: Conviction,
    evidence: Evidence,
    file: CaseFile,
}

impl Notices {
    /// - `kept`: proofs from before a restart; what cannot be read is none.
    pub(crate) fn new(kept: Vec<CaseFile>) -> Self {
        let mut notices = Self {
            told: VecDeque::new(),
            order: VecDeque::new(),
            known: BTreeSet::new(),
            kept: BTreeSet::new(),
            brought: Keyed::new(MEMBERS_MAX),
            counts: BTreeMap::new(),
            due: None,
            again: None,
        };
        for file in kept {
            if let Ok(Case { charge: Charge::Proof { evidence, speaks_for }, request, .. }) =
                Case::decode(&file.bytes)
                && let Some(culprit) = evidence.statements().first().map(|it| it.sender())
            {
                notices.keep(evidence.misdeed());
                let key = speaks_for.and_then(|it| request.signers.get(it.signer).copied());
                notices.count(names(culprit, key));
                let group = request.signers.group_id(request.network);
                notices.enter(&file, group, culprit);
            }
        }
        notices
    }

    /// Whether a file or a misdeed is known.
    pub(crate) fn knows(&self, name: &[u8; 32]) -> bool {
        self.kept.contains(name) || self.known.contains(name)
    }

    /// Remembers a name for good.
    fn keep(&mut self, name: [u8; 32]) {
        if self.kept.len() < KEPT_NAMES_MAX {
            self.kept.insert(name);
        } else {
            self.learn(name);
        }
    }

    /// Remembers a file or a misdeed for a while.
    fn learn(&mut self, name: [u8; 32]) {
        if self.kept.contains(&name) || !self.known.insert(name) {
            return;
        }
        self.order.push_back(name);
        if self.order.len() > MISDEEDS_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Weighs a lie that was proven, and remembers it: the one rule for what we convict of ourselves and for
    /// what is brought.
    ///
    /// - `keys`: the keys beside which the culprit stands.
    pub(crate) fn weigh(
        &mut self,
        misdeed: [u8; 32],
        culprit: PeerId,
        keys: impl IntoIterator<Item = SignerKey>,
    ) -> Worth {
        let names: BTreeSet<_> = names(culprit, keys).collect();
        let is_known = self.knows(&misdeed);
        let counted: Vec<u8> = names.iter().filter_map(|it| self.counts.get(it).copied()).collect();
        let has_room = self.counts.len() + names.len() - counted.len() <= CULPRITS_MAX;
        let is_enough = !has_room || counted.iter().any(|count| *count >= PROOFS_OF_ONE_MAX);
        match (is_enough, is_known) {
            (true, _) => {
                self.learn(misdeed);
                Worth::Beyond
            }
            (false, true) => Worth::Known,
            (false, false) => {
                self.keep(misdeed);
                self.count(names);
                Worth::New
            }
        }
    }

    fn count(&mut self, names: impl IntoIterator<Item = Culprit>) {
        for name in names {
            let count = self.counts.entry(name).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Tells a proof to every member of a group but its culprit, those who are connected a little later.
    pub(crate) fn tell(&mut self, now: Now, file: &CaseFile, group: GroupId, culprit: PeerId) {
        self.enter(file, group, culprit);
        self.due = self.due.or(Some(now.instant.after(NOTICE_PAUSE)));
    }

    fn enter(&mut self, file: &CaseFile, group: GroupId, culprit: PeerId) {
        self.keep(file.id);
        // What is too large for a frame is shown by its file only.
        if file.bytes.len() > EVIDENCE_BYTES_MAX {
            return;
        }
        let (has_it, sent) = (BTreeSet::new(), BTreeSet::new());
        let (id, bytes) = (file.id, file.bytes.as_slice().into());
        self.told.push_back(Notice { id, group, culprit, bytes, has_it, sent });
        while self.told.len() > NOTICES_MAX || self.bytes() > NOTICES_BYTES_MAX {
            self.give_way();
        }
    }

    /// The latest proof of whoever has most gives way: nobody's lie is hidden behind another's, and each
    /// one's first stays.
    fn give_way(&mut self) {
        let mut counts = BTreeMap::<PeerId, usize>::new();
        let mut most = (0, 0);
        for (at, notice) in self.told.iter().enumerate() {
            let count = counts.entry(notice.culprit).or_default();
            *count += 1;
            most = most.max((*count, at));
        }
        self.told.remove(most.1);
    }

    fn bytes(&self) -> usize {
        self.told.iter().map(|notice| notice.bytes.len()).sum()
    }

    /// Forgets what a node was sent: its connection is gone.
    pub(crate) fn down(&mut self, peer: &PeerId) {
        self.told.iter_mut().for_each(|notice| {
            notice.sent.remove(peer);
        });
    }

    /// Sends a node later what it may not have been brought.
    pub(crate) fn dropped(&mut self, now: Now, peer: &PeerId) {
        let is_owed = |notice: &Notice| notice.sent.contains(peer) && !notice.has_it.contains(peer);
        if self.told.iter().any(is_owed) {
            self.down(peer);
            self.due = self.due.or(Some(now.instant.after(NOTICE_PAUSE)));
        }
    }

    /// Sends a connected member what it was not sent yet of its groups' proofs: one of each culprit first.
    pub(crate) fn send(&mut self, now: Now, peer: PeerId, groups: &[GroupId]) -> Vec<Output> {
        let mut of_each = BTreeMap::<PeerId, usize>::new();
        let mut frames = Vec::new();
        for notice in &mut self.told {
            let is_for_it = notice.culprit != peer && groups.contains(&notice.group);
            if is_for_it && !notice.has_it.contains(&peer) && notice.sent.insert(peer) {
                let before = of_each.entry(notice.culprit).or_default();
                frames.push((*before, send(peer, &Frame::Evidence(notice.bytes.to_vec()))));
                *before += 1;
            }
        }
        if !frames.is_empty() {
            self.again = self.again.or(Some(now.instant.after(NOTICE_AGAIN)));
        }
        frames.sort_by_key(|(before, _)| *before);
        frames.into_iter().map(|(_, frame)| frame).collect()
    }

    /// Whether those who are connected are to be told now.
    pub(crate) fn take_due(&mut self, now: Now) -> bool {
        let is_due = |at: &mut Instant| *at <= now.instant;
        let is_again = self.again.take_if(is_due).is_some();
        if is_again {
            let unsaid = |notice: &mut Notice| notice.sent.retain(|it| notice.has_it.contains(it));
            self.told.iter_mut().for_each(unsaid);
        }
        self.due.take_if(is_due).is_some() || is_again
    }

    /// A node says that it has a proof.
    pub(crate) fn on_seen(&mut self, peer: PeerId, id: &[u8; 32]) {
        if let Some(notice) = self.told.iter_mut().find(|notice| notice.id == *id) {
            notice.has_it.insert(peer);
        }
    }

    /// Takes a proof that a member brings.
    ///
    /// - `own`: us.
    pub(crate) fn hear(
        &mut self,
        now: Now,
        (from, bytes): (PeerId, Vec<u8>),
        (own, groups): (PeerId, &Groups),
    ) -> Vec<Output> {
        let id = sha256(&bytes);
        let seen = send(from, &Frame::EvidenceSeen(id));
        self.on_seen(from, &id);
        if self.knows(&id) {
            return alloc::vec![seen];
        }
        // Beyond its budget it is not read, and comes again later.
        if !self.brought.take(now.instant, from, NOTICES_ALLOWED, 1) {
            return Vec::new();
        }
        let found = match self.read(id, bytes) {
            Ok(Some(found)) => found,
            Ok(None) => return alloc::vec![seen],
            Err(()) => {
                let offense = Offense::FalseEvidence;
                return alloc::vec![Output::Offense { peer: from, offense }];
            }
        };
        let Found { conviction, evidence, file } = found;
        let (peer, group) = (conviction.peer, conviction.group);
        let is_of_ours = groups.get(&group).is_some() && conviction.signer.is_some();
        if peer != own && !groups.is_member(&peer) && !is_of_ours {
            // Nobody that we know: nothing follows from it here.
            self.learn(id);
            return alloc::vec![seen];
        }
        let keys = groups.signers_of(&peer).into_iter().chain(conviction.signer.map(|it| it.1));
        if self.weigh(evidence.misdeed(), peer, keys) != Worth::New {
            self.learn(id);
            let again = Output::Offense { peer, offense: Offense::ProvenAgain };
            return [Some(seen), (peer != own).then_some(again)].into_iter().flatten().collect();
        }
        self.tell(now, &file, group, peer);
        self.on_seen(from, &id);
        let (evidence, case) = (Box::new(evidence), Some(id));
        let mut outputs = alloc::vec![Output::Note(Record::Case(file)), seen];
        if peer != own {
            let offense = Offense::Session(SessionOffense::Proven(evidence.clone()));
            outputs.push(Output::Offense { peer, offense });
        }
        outputs.push(Output::Event(Event::Convicted { peer, evidence, case }));
        outputs
    }

    /// Reads and checks a proof; `None` for one that we know, or that another version wrote.
    fn read(&self, id: [u8; 32], bytes: Vec<u8>) -> Result<Option<Found>, ()> {
        let case = match Case::decode(&bytes) {
            Ok(case) => case,
            Err(CaseDecodeError::Version | CaseDecodeError::Earlier) => return Ok(None),
            Err(_) => return Err(()),
        };
        let Charge::Proof { evidence, .. } = &case.charge else { return Err(()) };
        if self.knows(&evidence.misdeed()) {
            return Ok(None);
        }
        match case.verify() {
            Ok(Verdict::Proven(conviction)) => {
                let evidence = evidence.clone();
                Ok(Some(Found { conviction, evidence, file: CaseFile::proof(id, bytes) }))
            }
            Ok(Verdict::Claimed(_)) | Err(_) => Err(()),
        }
    }

    pub(crate) fn wakeup(&self) -> Option<Wakeup> {
        let at = self.due.into_iter().chain(self.again).min()?;
        Some(Wakeup { at, reason: "proofs" })
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 6] {
        let of = |name, len, limit| Occupancy { name, len, limit };
        [
            of("proofs that are told", self.told.len(), NOTICES_MAX),
            of("bytes of proofs that are told", self.bytes(), NOTICES_BYTES_MAX),
            of("known proofs", self.known.len(), MISDEEDS_REMEMBERED),
            of("names of kept proofs", self.kept.len(), KEPT_NAMES_MAX),
            of("culprits whose proofs are counted", self.counts.len(), CULPRITS_MAX),
            self.brought.occupancy("budgets of proofs"),
        ]
    }
}

/// Returns the names under which a culprit's proofs are counted.
fn names(node: PeerId, keys: impl IntoIterator<Item = SignerKey>) -> impl Iterator<Item = Culprit> {
    core::iter::once(Culprit::Node(node)).chain(keys.into_iter().map(Culprit::Key))
}

fn send(peer: PeerId, frame: &Frame) -> Output {
    Output::Send { peer, kind: frame.kind(), frame: frame.encode().into() }
}
