//! What each request is about: what it means, what its user was told of it, and what the yes was
//! given to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ensign_ledger::Marks;
use ensign_primitives::{PeerId, RequestId, SignerIndex, UnixTime};
use ensign_psbt::{CoinState, CoinUse, ConsentDigest, OutPoint};
use ensign_wire::SignedRequest;

use crate::{Approval, Judgement, Meaning, RequestEvent, RequestRef};

/// Most events that wait for a request to be introduced; further ones are dropped, as the next of
/// their kind says it again. Guess: three of each signer of a large group.
const EARLY_MAX: usize = 384;

/// Every request that the application was told of and that the engine still knows.
#[derive(Debug, Default)]
pub struct Docket {
    matters: BTreeMap<RequestId, Matter>,
    /// What happened to requests that nobody was told of yet: they come with their introduction. Only
    /// of requests that the engine has open.
    early: BTreeMap<RequestId, Vec<RequestEvent>>,
}

/// One request.
#[derive(Debug)]
pub struct Matter {
    reference: RequestRef,
    request: Arc<SignedRequest>,
    meaning: Meaning,
    yes: Option<Yes>,
    /// What the last question about it was about.
    asked: Option<ConsentDigest>,
    /// Whether a yes has become void; then the engine waits for what is held back.
    is_void: bool,
    is_over: bool,
    has_failed: bool,
    /// Which other signers are known to hold the signatures.
    holders: BTreeSet<SignerIndex>,
}

/// What our user said yes to.
#[derive(Clone, Debug)]
pub struct Yes {
    /// When.
    pub at: UnixTime,
    /// What was remarkable about it then.
    pub marks: Marks,
}

impl Matter {
    /// Opens the matter of a request that has this meaning.
    pub fn new(reference: RequestRef, request: Arc<SignedRequest>, meaning: Meaning) -> Self {
        let reference = RequestRef { creator: Some(request.peer), ..reference };
        Self {
            reference,
            request,
            meaning,
            yes: None,
            asked: None,
            is_void: false,
            is_over: false,
            has_failed: false,
            holders: BTreeSet::new(),
        }
    }

    /// Returns which request it is.
    pub const fn reference(&self) -> &RequestRef {
        &self.reference
    }

    /// Returns what it means.
    pub const fn meaning(&self) -> &Meaning {
        &self.meaning
    }

    /// Returns whose node made it.
    pub fn creator(&self) -> PeerId {
        self.request.peer
    }

    /// Returns what our user said yes to.
    pub const fn yes(&self) -> Option<&Yes> {
        self.yes.as_ref()
    }

    /// Whether it has ended.
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Returns which other signers are not known to hold the signatures.
    pub fn lacking(&self) -> Vec<SignerIndex> {
        let group = &self.reference.group;
        let all = (0..group.members.len()).filter_map(SignerIndex::from_usize);
        all.filter(|who| *who != group.own && !self.holders.contains(who)).collect()
    }

    /// Whether another signer may come to hold the signatures, or is not known to.
    pub fn waits_for_others(&self) -> bool {
        !self.has_failed && !self.lacking().is_empty()
    }

    /// Whether our user had said yes, and has to say it again.
    pub const fn is_void(&self) -> bool {
        self.is_void
    }

    /// Returns it as its user has to see it.
    pub fn approval(&self, judgement: Judgement) -> Approval {
        let Judgement { notes, digest } = judgement;
        let RequestRef { id, handle, group, .. } = self.reference.clone();
        let (request, summary) = (Arc::clone(&self.request), self.meaning.summary().cloned());
        Approval { id, handle, group, request, summary: summary.map(Box::new), notes, digest }
    }
}

impl Docket {
    /// Enters a request, and returns what is to be told: its introduction, and what happened before.
    pub fn introduce(
        &mut self,
        matter: Matter,
        event: RequestEvent,
    ) -> Vec<(RequestRef, RequestEvent)> {
        let id = matter.reference.id;
        self.matters.insert(id, matter);
        let early = self.early.remove(&id).unwrap_or_default();
        std::iter::once(event).chain(early).filter_map(|event| self.tell(id, event)).collect()
    }

    /// Returns what is to be told of an event now; what happens to a request that nobody was told of
    /// waits, and its end is nobody's business.
    pub fn tell(
        &mut self,
        id: RequestId,
        event: RequestEvent,
    ) -> Option<(RequestRef, RequestEvent)> {
        let is_end = matches!(event, RequestEvent::Failed { .. } | RequestEvent::Done { .. });
        let Some(matter) = self.matters.get_mut(&id) else {
            if is_end {
                self.early.remove(&id);
                return None;
            }
            let early = self.early.entry(id).or_default();
            if early.len() < EARLY_MAX {
                early.push(event);
            }
            return None;
        };
        matter.is_over |= is_end;
        matter.has_failed |= matches!(event, RequestEvent::Failed { .. });
        if let RequestEvent::Asked(approval) = &event {
            matter.asked = Some(approval.digest);
        }
        if let RequestEvent::PeerDone { who } = &event {
            matter.holders.insert(*who);
        }
        Some((matter.reference.clone(), event))
    }

    /// Returns a request that was introduced.
    pub fn get(&self, id: &RequestId) -> Option<&Matter> {
        self.matters.get(id)
    }

    /// Notes a yes.
    pub fn consent(&mut self, id: &RequestId, yes: Yes) {
        if let Some(matter) = self.matters.get_mut(id) {
            (matter.yes, matter.is_void) = (Some(yes), false);
        }
    }

    /// Makes a yes void: it was given to something else.
    pub fn void(&mut self, id: &RequestId) {
        if let Some(matter) = self.matters.get_mut(id) {
            (matter.yes, matter.is_void) = (None, true);
        }
    }

    /// Whether a request is open, and its yes has become void.
    pub fn is_void(&self, id: &RequestId) -> bool {
        self.matters.get(id).is_some_and(|matter| matter.is_void && !matter.is_over)
    }

    /// Returns the questions that are open, and what each was about.
    ///
    /// - `coins`: only those about a request that spends one of these; `None` for all.
    pub fn questions(&self, coins: Option<&BTreeSet<OutPoint>>) -> Vec<(RequestId, ConsentDigest)> {
        let open = self.matters.iter().filter(|(_, it)| !it.is_over && it.yes.is_none());
        let is_about = |matter: &Matter| {
            coins.is_none_or(|coins| matter.meaning.outpoints().any(|coin| coins.contains(&coin)))
        };
        let open = open.filter(|(_, matter)| is_about(matter));
        open.filter_map(|(id, matter)| Some((*id, matter.asked?))).collect()
    }

    /// Returns what is not over in groups with a node.
    pub fn open_with(&self, peer: &PeerId) -> Vec<RequestId> {
        let with_it = |matter: &Matter| {
            let mut members = matter.reference.group.members.iter();
            members.any(|member| member.peer == *peer)
        };
        let open = self.matters.iter().filter(|(_, it)| !it.is_over && with_it(it));
        open.map(|(id, _)| *id).collect()
    }

    /// Forgets what the engine has forgotten.
    pub fn retain(&mut self, is_known: impl Fn(&RequestId) -> bool) {
        self.matters.retain(|id, _| is_known(id));
        self.early.retain(|id, _| is_known(id));
    }

    /// Returns which coins are spent by requests that our user said yes to and that are not over.
    ///
    /// - `of`: the coins that somebody wants to know about.
    /// - `except`: the request that is judged.
    pub fn coins(&self, of: &BTreeSet<OutPoint>, except: Option<&RequestId>) -> Vec<CoinUse> {
        let open = self.matters.values().filter(|matter| !matter.is_over);
        let open = open.filter(|matter| Some(&matter.reference.id) != except);
        open.filter_map(|matter| Some((matter, matter.yes.as_ref()?)))
            .flat_map(|(matter, yes)| {
                let spent = matter.meaning.outpoints().filter(|outpoint| of.contains(outpoint));
                spent.map(|outpoint| CoinUse {
                    outpoint,
                    request: matter.reference.id,
                    number: matter.reference.handle.map(|handle| handle.0),
                    state: CoinState::Open,
                    at: yes.at,
                })
            })
            .collect()
    }
}

#[cfg(test)]
pub(crate) mod tests;
