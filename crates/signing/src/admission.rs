//! What a request that another member brings has to pass before it is opened: cheap checks first, its
//! bearer's budget before a look into the store, its creator's after its signature.

use alloc::{boxed::Box, vec::Vec};

use ensign_primitives::{GroupId, Now, Occupancy, PeerId, RequestId, SessionId};
use ensign_ratelimit::Allowances;
use ensign_replay::{Duplicates, MESSAGE_AGE_MAX, check_fresh};
use ensign_wire::{Envelope, Refusal, SessionAnnounce};

use crate::{
    ATTEMPTS_MAX, Offense, REFUSALS_REMEMBERED, Undecided, UndecidedEnd,
    budget::{Budgets, Good},
    groups::Groups,
    horizon::Horizons,
    recall::Recalls,
    requests::Requests,
    undecided::UndecidedMemory,
};

/// What is remembered of those who bring requests, and of requests that were not taken.
#[derive(Debug)]
pub(crate) struct Admission {
    budgets: Budgets,
    recalls: Recalls,
    undecided: UndecidedMemory,
    /// Sessions whose announcement was refused.
    refused: Duplicates,
}

/// An announcement of a request that we do not hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Announced<'a> {
    /// Whose connection brought it.
    pub(crate) from: PeerId,
    pub(crate) id: RequestId,
    pub(crate) group: GroupId,
    pub(crate) envelope: &'a Envelope,
    pub(crate) announce: &'a SessionAnnounce,
}

/// What the checks read beside their own memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held<'a> {
    pub(crate) groups: &'a Groups,
    pub(crate) requests: &'a Requests,
    pub(crate) horizons: &'a Horizons,
}

/// Why an announcement is not taken.
#[derive(Debug)]
pub(crate) struct Refused {
    /// What it is to us.
    pub(crate) offense: Offense,
    /// What its sender is told.
    pub(crate) why: Refusal,
}

impl Refused {
    /// There is no room for it, in a budget or a table.
    pub(crate) const NO_ROOM: Self = Self { offense: Offense::NoRoom, why: Refusal::Busy };
}

impl Admission {
    pub(crate) fn new(allowances: Allowances) -> Self {
        Self {
            budgets: Budgets::new(allowances),
            recalls: Recalls::default(),
            undecided: UndecidedMemory::default(),
            refused: Duplicates::new(REFUSALS_REMEMBERED),
        }
    }

    /// Takes what a member's node had left for what its next one has.
    pub(crate) fn moved(&mut self, from: &PeerId, to: PeerId) {
        self.budgets.moved(from, to);
    }

    /// Checks an announcement as far as that is cheap.
    pub(crate) fn check(
        &mut self,
        now: Now,
        announced: Announced<'_>,
        held: Held<'_>,
    ) -> Result<(), Refused> {
        let Announced { from, id, group, envelope, announce } = announced;
        let (request, peer) = (&announce.request.request, announce.request.peer);
        let unknown =
            || Refused { offense: Offense::UnknownGroup { group }, why: Refusal::UnknownGroup };
        let known = held.groups.get(&group).ok_or_else(unknown)?;
        if [from, envelope.sender()].iter().any(|peer| !known.has(peer)) {
            return Err(unknown());
        }
        let invalid = Refused {
            offense: Offense::InvalidAnnounce { request: id },
            why: Refusal::InvalidRequest,
        };
        if known.node_of(request.creator) != Some(peer) {
            return Err(invalid);
        }
        if held.horizons.is_over(now.unix, request)
            || request.created > now.unix.after(MESSAGE_AGE_MAX)
            || check_fresh(now.unix, envelope.sent_at()).is_err()
            || self.undecided.excludes(&peer, &id, request.created)
        {
            let offense = Offense::RequestTime { request: id };
            return Err(Refused { offense, why: Refusal::ClockSkew });
        }
        if announce.attempt > ATTEMPTS_MAX || held.requests.is_open(&id) {
            return Err(invalid);
        }
        let (at, messages) = (now.instant, request.messages.len() as u64);
        if !held.requests.has_place_for(&request.signers.get(request.creator).copied())
            || !self.budgets.affords(at, peer, Good::Requests, 1)
            || !self.budgets.affords(at, peer, Good::Messages, messages)
        {
            return Err(Refused::NO_ROOM);
        }
        Ok(())
    }

    /// Checks the signatures of an announcement. Only then its creator pays: nobody else can use up
    /// what it may ask.
    pub(crate) fn verify(&mut self, now: Now, announced: Announced<'_>) -> Result<(), Refused> {
        let Announced { id, envelope, announce, .. } = announced;
        let signed = &announce.request;
        let why = Refusal::InvalidRequest;
        if !envelope.verify() {
            return Err(Refused { offense: Offense::InvalidAnnounce { request: id }, why });
        }
        signed
            .verify(now.unix)
            .map_err(|error| Refused { offense: Offense::InvalidRequest(error), why })?;
        let messages = signed.request.messages.len() as u64;
        let goods = [(Good::Requests, 1), (Good::Messages, messages)];
        let paid =
            goods.map(|(good, amount)| self.budgets.spend(now.instant, signed.peer, good, amount));
        if paid == [true; 2] { Ok(()) } else { Err(Refused::NO_ROOM) }
    }

    /// Whoever brings a request pays for the look into the store and for the curve work.
    pub(crate) fn pay_for_bringing(
        &mut self,
        now: Now,
        from: PeerId,
        id: RequestId,
    ) -> Result<(), Refused> {
        if self.recalls.contains(&id) {
            return Ok(());
        }
        let has_room = self.recalls.has_place_for(&from);
        let paid = has_room && self.budgets.spend(now.instant, from, Good::Brought, 1);
        if paid { Ok(()) } else { Err(Refused::NO_ROOM) }
    }

    /// Returns whether the sender of a refused announcement is told why: once, and within its budget.
    pub(crate) fn tells_why(&mut self, now: Now, peer: PeerId, session: &SessionId) -> bool {
        if self.refused.contains(session.as_bytes())
            || !self.budgets.spend(now.instant, peer, Good::Refusals, 1)
        {
            return false;
        }
        self.refused.remember(*session.as_bytes());
        true
    }

    /// Lets a statement wait for what the store knows; returns whether it is to be asked.
    pub(crate) fn recall(
        &mut self,
        request: RequestId,
        from: PeerId,
        envelope: Box<Envelope>,
    ) -> bool {
        self.recalls.wait(request, from, envelope)
    }

    /// Takes what waited for the store.
    pub(crate) fn recalled(&mut self, request: &RequestId) -> Vec<(PeerId, Box<Envelope>)> {
        self.recalls.take(request)
    }

    /// Remembers by name what our user never decided about; returns what is to be written down.
    pub(crate) fn remember_undecided(
        &mut self,
        now: Now,
        creator: PeerId,
        end: UndecidedEnd,
        horizons: &Horizons,
    ) -> Undecided {
        self.undecided.remember(creator, end, (now.unix, horizons.come()))
    }

    pub(crate) fn restore(&mut self, kept: Undecided) {
        self.undecided.restore(kept);
    }

    pub(crate) const fn undecided(&self) -> &UndecidedMemory {
        &self.undecided
    }

    pub(crate) fn occupancy(&self) -> impl Iterator<Item = Occupancy> + use<> {
        let refused = self.refused.occupancy("refused announcements");
        let memories = self.undecided.occupancy().into_iter().chain(self.recalls.occupancy());
        memories.chain([refused, self.budgets.occupancy()])
    }
}
