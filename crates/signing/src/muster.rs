//! Whether everybody has agreed and everybody is there: what has to hold before nonces are made.
//!
//! It holds two rooms: [`Consents`] and [`Readiness`]. What members say of either is paid for by who brings
//! it, before it costs us curve work; none of it is written down.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use ensign_primitives::{
    BoundedMap, GroupId, Network, Now, Occupancy, PeerId, RequestId, SignerIndex, Wakeup,
};
use ensign_ratelimit::{Allowance, Keyed};
use ensign_session::Offense as SessionOffense;
use ensign_wire::{Consent, Frame, LinkReport, RULES_REVISION, Signed, SignerSet};

use crate::{
    Delegated, Keys, MEMBERS_MAX, Offense, Output,
    groups::{Group, Groups},
    membership::Membership,
    request::Request,
    requests::Requests,
    shared::Shared,
};

pub(crate) mod consents;
pub use consents::EARLY_CONSENTS_MAX;
use consents::{Consents, Rank};
mod looks;
pub(crate) mod readiness;
pub use readiness::{LINK_REPORT_AGE_MAX, LINK_REPORT_INTERVAL};
use readiness::{Readiness, Seen};

/// Consents and link reports that one member brings: so many of its own, and so many of others. Guess: a group of sixteen
/// that all come at once with several open requests; each costs two verifications.
pub const WORDS_ALLOWED: Allowance = Allowance { burst: 256, per_minute: 256 };

/// Words of others that one member is handed on, because it says that it does not see who said them.
/// Guess: as [`WORDS_ALLOWED`].
pub const HANDED_ALLOWED: Allowance = Allowance { burst: 256, per_minute: 256 };

/// Attempts that one member may open, in units of which one attempt takes [`ATTEMPT_UNITS`]: eight at once,
/// and eight an hour.
pub const OPENED_ALLOWED: Allowance = Allowance { burst: 8 * ATTEMPT_UNITS, per_minute: 2 };

/// What one attempt takes of [`OPENED_ALLOWED`].
pub const ATTEMPT_UNITS: u64 = 15;

/// What is counted for each member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Counted {
    /// What it says itself.
    Words,
    /// What it hands on of others: its own words have room whatever that is.
    Brought,
    Handed,
    Opened,
}

impl Counted {
    const ALL: [Self; COUNTED] = [Self::Words, Self::Brought, Self::Handed, Self::Opened];

    const fn allowance(self) -> Allowance {
        match self {
            Self::Words | Self::Brought => WORDS_ALLOWED,
            Self::Handed => HANDED_ALLOWED,
            Self::Opened => OPENED_ALLOWED,
        }
    }

    /// What a word is that one brings of another, or of itself.
    fn word(bearer: PeerId, author: PeerId) -> Self {
        if bearer == author { Self::Words } else { Self::Brought }
    }
}

/// How many kinds of it there are.
const COUNTED: usize = 4;

/// What is looked at beside its own memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Around<'a> {
    pub(crate) now: Now,
    pub(crate) network: Network,
    pub(crate) keys: &'a Keys,
    pub(crate) groups: &'a Groups,
    pub(crate) shared: &'a Shared,
    pub(crate) peers: &'a BoundedMap<PeerId, i64>,
    pub(crate) requests: &'a Requests,
    pub(crate) membership: &'a Membership,
}

impl<'a> Around<'a> {
    /// Whether a node is connected and has the group.
    fn is_there(&self, peer: &PeerId, group: &GroupId) -> bool {
        self.peers.contains_key(peer) && self.shared.has_group(peer, group)
    }

    /// Returns a group, if a node has shown that it speaks for a member of it.
    fn heard_in(&self, id: &GroupId, peer: &PeerId) -> Option<&'a Group> {
        self.groups.get(id).filter(|_| self.membership.speaks_in(self.groups, peer, id))
    }

    /// The other members that are, with their positions.
    fn present(
        &self,
        id: GroupId,
        group: &'a Group,
    ) -> impl Iterator<Item = (SignerIndex, PeerId)> {
        let (around, local) = (*self, group.local());
        let nodes = group.peers().iter().enumerate();
        nodes
            .filter_map(|(at, peer)| Some((SignerIndex::from_usize(at)?, *peer)))
            .filter(move |(signer, peer)| *signer != local && around.is_there(peer, &id))
    }

    /// Whom of a group we see, ourselves included.
    fn sees(&self, id: GroupId, group: &'a Group) -> SignerSet {
        let others = self.present(id, group).map(|(signer, _)| signer);
        others.chain([group.local()]).collect()
    }

    fn is_open(&self, group: &GroupId) -> bool {
        let unsettled = |id: &RequestId| self.requests.get(id).is_some_and(|it| !it.is_settled());
        self.requests.of_group(group).iter().any(unsettled)
    }
}

/// Who has agreed, and who is there.
#[derive(Debug)]
pub(crate) struct Muster {
    consents: Consents,
    readiness: Readiness,
    /// What each member has left. Members only are entered.
    left: Keyed<(PeerId, Counted)>,
    outputs: VecDeque<Output>,
}

impl Default for Muster {
    fn default() -> Self {
        Self {
            consents: Consents::default(),
            readiness: Readiness::default(),
            left: Keyed::new(COUNTED * (MEMBERS_MAX + 1)),
            outputs: VecDeque::new(),
        }
    }
}

impl Muster {
    /// Takes the next thing that it asks of the world.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(crate) fn wakeup(&self) -> Option<Wakeup> {
        self.readiness.wakeup()
    }

    /// Begins with a request that is open from now on: all are told whom we see, if that was long ago.
    pub(crate) fn opened(&mut self, around: Around<'_>, id: RequestId) {
        self.consents.open(id);
        let Some(group) = around.requests.get(&id).map(Request::group) else { return };
        self.report(around, group);
        for (from, signed) in self.consents.take_early(&id) {
            self.on_consent(around, from, signed);
        }
    }

    /// Forgets a request that is over; with the last one of its group nobody waits for reports.
    pub(crate) fn closed(&mut self, around: Around<'_>, id: &RequestId) {
        self.consents.close(id);
        let group = around.requests.get(id).map(Request::group);
        if let Some(group) = group.filter(|group| !around.is_open(group)) {
            self.readiness.rest(&group);
        }
    }

    /// Notes what our user decided; returns its number.
    pub(crate) fn decide(&mut self, id: RequestId, agrees: bool) -> u32 {
        self.consents.decide(id, agrees)
    }

    /// Takes our user's decision from before a restart.
    pub(crate) fn restore(&mut self, id: RequestId, number: u32, agrees: bool) {
        self.consents.restore(id, number, agrees);
    }

    /// Notes under which token our user's latest decision is made durable: nobody hears of it before.
    pub(crate) fn await_record(&mut self, id: &RequestId, token: u64) {
        self.consents.await_record(id, token);
    }

    /// The record under this token is durable: if it is our user's latest decision, all are told.
    pub(crate) fn durable(&mut self, around: Around<'_>, id: RequestId, token: u64) {
        if !self.consents.durable(&id, token) {
            return;
        }
        let Some((group, frame)) = self.own_word(around, id) else { return };
        let Some(known) = around.groups.get(&group) else { return };
        for (_, peer) in around.present(group, known) {
            self.send(peer, &frame);
        }
    }

    /// What we say of a request, signed now.
    fn own_word(&self, around: Around<'_>, id: RequestId) -> Option<(GroupId, Frame)> {
        let own = self.consents.said(&id)?;
        let request = around.requests.get(&id).filter(|it| !it.is_secret() && !it.is_settled())?;
        let consent = Consent {
            request: id,
            signer: around.groups.get(&request.group())?.local(),
            delegation: around.keys.delegation,
            number: own.number,
            agrees: own.agrees,
        };
        let signed = sign(around, own.number.into(), consent)?;
        Some((request.group(), Frame::Consent(signed)))
    }

    /// A member is there, and has the group: it is told whom we see, and what our user has decided.
    pub(crate) fn met(&mut self, around: Around<'_>, peer: PeerId, group: GroupId) {
        let was_told = self.report(around, group);
        if !was_told && let Some(frame) = own_report(around, group) {
            self.send(peer, &frame);
        }
        for id in around.requests.of_group(&group) {
            if let Some((_, frame)) = self.own_word(around, id) {
                self.send(peer, &frame);
            }
        }
    }

    /// A member is gone; it is not among those that are there any more.
    pub(crate) fn parted(&mut self, around: Around<'_>, peer: &PeerId) {
        self.consents.down(peer);
        for group in around.groups.shared_with(peer) {
            if let Some(signer) = around.groups.get(&group).and_then(|it| it.signer_of(peer)) {
                self.readiness.down(&group, signer);
            }
            self.report(around, group);
        }
    }

    /// Says whom we see, to all that we see, if that has changed or was said too long ago.
    fn report(&mut self, around: Around<'_>, id: GroupId) -> bool {
        let Some(group) = around.groups.get(&id) else { return false };
        let sees = around.sees(id, group);
        let seen =
            Seen { group: &id, count: group.peers().len(), local: group.local(), sees: &sees };
        let mut present = around.present(id, group).peekable();
        let is_heard = present.peek().is_some();
        if !self.readiness.says(around.now, seen, is_heard && around.is_open(&id)) || !is_heard {
            return false;
        }
        let Some(report) = own_report(around, id) else { return true };
        for (signer, peer) in present {
            self.send(peer, &report);
            // What our user has decided may have been dropped there.
            for request in around.requests.of_group(&id) {
                let has_joined =
                    around.requests.get(&request).is_some_and(|it| it.session().has_joined(signer));
                if let Some((_, word)) = self.own_word(around, request).filter(|_| !has_joined) {
                    self.send(peer, &word);
                }
            }
        }
        true
    }

    /// Says again whom we see, of the groups whose moment has come; returns those.
    pub(crate) fn on_timeout(&mut self, around: Around<'_>) -> Vec<GroupId> {
        let due = self.readiness.take_due(around.now);
        for group in &due {
            self.report(around, *group);
        }
        due
    }

    /// Takes a word of a signer's, whoever brings it; returns the request if it changes anything there.
    pub(crate) fn on_consent(
        &mut self,
        around: Around<'_>,
        from: PeerId,
        signed: Box<Signed<Consent>>,
    ) -> Option<RequestId> {
        let Consent { request: id, signer, delegation, .. } = *signed.said();
        let Some(request) = around.requests.get(&id) else {
            if !around.requests.ended().contains(&id) {
                self.consents.keep_early(from, signed);
            }
            return None;
        };
        let group = around.heard_in(&request.group(), &from)?;
        let (sender, is_own_word) = (signed.sender(), signed.sender() == from);
        if request.is_settled() || signer == group.local() {
            return None;
        }
        if group.node_of(signer) != Some(sender) {
            // Whoever hands it on may not know yet that the signer has another node.
            let offense = SessionOffense::Unlisted { sender };
            return if is_own_word { self.blame(from, offense) } else { None };
        }
        let rank = self.consents.rank(&id, signed.said());
        if rank == Rank::Known || !self.affords(around.now, from, Counted::word(from, sender)) {
            return None;
        }
        if !signed.verify() {
            return self.blame(from, SessionOffense::BadSignature { sender });
        }
        let key = *request.signed().request.signers.get(signer)?;
        let said = Delegated { signer: key, peer: sender, proof: delegation };
        if let Err(why) = around.membership.verify(around.now.unix, said) {
            let offense = SessionOffense::NotDelegated(why);
            return if is_own_word { self.blame(from, offense) } else { None };
        }
        if rank == Rank::Contradicts {
            let offense = Offense::ConsentsDiffer { request: id };
            self.outputs.push_back(Output::Offense { peer: sender, offense });
            return None;
        }
        let frame = Frame::Consent(signed.clone());
        self.consents.take(signed);
        self.hand_on(around, request.group(), (signer, from), &frame);
        Some(id)
    }

    /// Takes a member's report, whoever brings it; returns the group if it was taken.
    pub(crate) fn on_report(
        &mut self,
        around: Around<'_>,
        from: PeerId,
        signed: Box<Signed<LinkReport>>,
    ) -> Option<GroupId> {
        let (id, sender, now) = (signed.said().group, signed.sender(), around.now);
        let group = around.heard_in(&id, &from)?;
        let is_direct = from == sender;
        // One that is handed on may be of a node that was replaced.
        let signer = group.signer_of(&sender)?;
        let is_late = !is_direct && signed.sent_at().abs_diff(now.unix) > LINK_REPORT_AGE_MAX;
        let is_news = self.readiness.is_news(signer, &signed, is_direct);
        if signer == group.local()
            || is_late
            || !is_news
            || !self.affords(now, from, Counted::word(from, sender))
        {
            return None;
        }
        if !signed.verify() {
            return self.blame(from, SessionOffense::BadSignature { sender });
        }
        let frame = Frame::LinkReport(signed.clone());
        self.readiness.take(now, signer, signed, is_direct);
        self.hand_on(around, id, (signer, from), &frame);
        if is_direct {
            self.fill_in(around, (id, group), (signer, from));
        }
        Some(id)
    }

    /// Hands a word on to those members that say that they do not see who said it.
    fn hand_on(
        &mut self,
        around: Around<'_>,
        id: GroupId,
        (author, bearer): (SignerIndex, PeerId),
        frame: &Frame,
    ) {
        let Some(group) = around.groups.get(&id) else { return };
        for (signer, peer) in around.present(id, group) {
            let report = self.readiness.of(&id, signer);
            let lacks = report.is_some_and(|report| !report.said().sees.contains(author));
            if signer != author
                && peer != bearer
                && lacks
                && self.affords(around.now, peer, Counted::Handed)
            {
                self.send(peer, frame);
            }
        }
    }

    /// Hands to a member the words of those that it says it does not see.
    fn fill_in(
        &mut self,
        around: Around<'_>,
        (id, group): (GroupId, &Group),
        (to, peer): (SignerIndex, PeerId),
    ) {
        let Some(sees) = self.readiness.of(&id, to).map(|report| report.said().sees.clone()) else {
            return;
        };
        let unseen = (0..group.peers().len())
            .filter_map(SignerIndex::from_usize)
            .filter(|signer| !sees.contains(*signer) && *signer != to && *signer != group.local());
        for signer in unseen {
            let report = self.readiness.of(&id, signer);
            let mut frames: Vec<Frame> = report
                .map(|report| Frame::LinkReport(Box::new(report.clone())))
                .into_iter()
                .collect();
            for request in around.requests.of_group(&id) {
                let word = self.consents.of(&request, signer);
                frames.extend(word.map(|word| Frame::Consent(Box::new(word.clone()))));
            }
            for frame in frames {
                if !self.affords(around.now, peer, Counted::Handed) {
                    return;
                }
                self.send(peer, &frame);
            }
        }
    }

    /// Whether a member may open an attempt so many beyond the present one; counts each.
    pub(crate) fn may_open(&mut self, now: Now, peer: PeerId, beyond: u16) -> bool {
        let amount = ATTEMPT_UNITS.saturating_mul(beyond.into());
        self.left.take(now.instant, (peer, Counted::Opened), OPENED_ALLOWED, amount)
    }

    /// Whether it may open the next one, as far as is known without its signature; counts nothing.
    pub(crate) fn might_open(&self, now: Now, peer: PeerId) -> bool {
        self.left.affords(now.instant, &(peer, Counted::Opened), OPENED_ALLOWED, ATTEMPT_UNITS)
    }

    /// Another node speaks for a member: what the one before it said counts for nobody.
    pub(crate) fn replaced(&mut self, requests: &Requests, group: &GroupId, signer: SignerIndex) {
        requests.of_group(group).iter().for_each(|id| self.consents.forget(id, signer));
        self.readiness.forget_member(group, signer);
    }

    /// Takes what a member's node had left for what its next one has.
    pub(crate) fn moved(&mut self, from: &PeerId, to: PeerId) {
        for counted in Counted::ALL {
            self.left.rename(&(*from, counted), (to, counted));
        }
    }

    /// Forgets a group that our user has left.
    pub(crate) fn forget(&mut self, group: &GroupId) {
        self.readiness.forget(group);
    }

    fn affords(&mut self, now: Now, peer: PeerId, counted: Counted) -> bool {
        self.left.take(now.instant, (peer, counted), counted.allowance(), 1)
    }

    fn blame<T>(&mut self, peer: PeerId, offense: SessionOffense) -> Option<T> {
        self.outputs.push_back(Output::Offense { peer, offense: Offense::Session(offense) });
        None
    }

    fn send(&mut self, peer: PeerId, frame: &Frame) {
        let kind = frame.kind();
        self.outputs.push_back(Output::Send { peer, kind, frame: frame.encode().into() });
    }

    pub(crate) fn occupancy(&self) -> impl Iterator<Item = Occupancy> + use<> {
        let left = self.left.occupancy("budgets of words");
        self.consents.occupancy().into_iter().chain(self.readiness.occupancy()).chain([left])
    }
}

/// Whom we see of a group, signed now.
fn own_report(around: Around<'_>, id: GroupId) -> Option<Frame> {
    let sees = around.sees(id, around.groups.get(&id)?);
    let report = LinkReport { group: id, sees, version: RULES_REVISION };
    sign(around, 1, report).map(Frame::LinkReport)
}

/// Signs something as our node, now.
fn sign<T: ensign_wire::Signable>(around: Around<'_>, seq: u64, body: T) -> Option<Box<Signed<T>>> {
    let key = &around.keys.node_key;
    let signed = Signed::new(key, around.network, seq, around.now.unix, body);
    debug_assert!(signed.is_ok(), "our own words are within the limits of the wire");
    signed.ok().map(Box::new)
}
