//! Who is asked next: the questions of several members wait for one person, and the members take turns.
//!
//! [`Turns`] is start-time fair queueing ([Goyal 1996]) over members: each question that is asked moves
//! its member behind whoever was asked less, and a member that comes in anew begins where the present turn
//! is, so that neither waiting nor leaving gains anything. However many questions one member has, another
//! one's first is the next that is asked. Beside its turn each member has a pace.
//!
//! [Goyal 1996]: <https://doi.org/10.1145/248157.248171>

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use ensign_identity::SignerKey;
use ensign_primitives::{Instant, UnixTime};
use ensign_ratelimit::Allowance;
use ensign_wire::{Payload, SigningRequest};

/// Most questions of one member that wait; of a further one its youngest gives way. Guess: as many as it may
/// have open, in each of four groups.
pub const QUESTIONS_PER_MEMBER_MAX: usize = 4 * ensign_signing::REQUESTS_PER_CREATOR_MAX;
/// Most questions that wait for one person; above it the youngest of the member with most of them gives
/// way. Guess: more than the requests that a node holds.
pub const QUESTIONS_MAX: usize = 1_024;
/// How often one member's questions are put before a person. Guess: a person reads one in five seconds; a
/// member that asks faster is read no faster, and the others' questions do not wait for it.
pub const QUESTIONS_ALLOWED: Allowance = Allowance { burst: 25, per_minute: 12 };
/// Most questions of one member a minute that a user may set. Guess: faster than anybody reads.
pub const QUESTIONS_PER_MINUTE_MAX: u64 = 600;

const MINUTE: Duration = Duration::from_secs(60);

/// Whose question it is, and what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The member, by its key in 33 bytes: nodes change. `None` for our own questions, which come first and at
    /// any pace.
    member: Option<[u8; 33]>,
    /// The same for questions that ask for the same.
    same: [u8; 32],
}

impl Claim {
    /// What we ask ourselves.
    pub const OWN: Self = Self { member: None, same: [0; 32] };

    /// Returns the claim of whoever made a request. Two of its requests ask for the same if they differ in
    /// nothing but when they were made, until when they stand, and their nonce: what a person would read
    /// otherwise is another question, be it a payload that was missing or a purpose that was wrong. Drills
    /// differ in their message besides, and are the same.
    pub fn of(request: &SigningRequest) -> Self {
        let is_drill = request.payload == Payload::Drill;
        let never = UnixTime::from_millis(0);
        let plain = SigningRequest {
            network: request.network,
            scheme: request.scheme,
            signers: request.signers.clone(),
            messages: if is_drill { Vec::new() } else { request.messages.clone() },
            payload: request.payload,
            purpose: request.purpose.clone(),
            tx_type: request.tx_type,
            amount: request.amount,
            creator: request.creator,
            created: never,
            expires: never,
            mode: request.mode,
            nonce: [0; 16],
        };
        let member = request.signers.get(request.creator).map(SignerKey::to_bytes);
        Self { member, same: *plain.id().as_bytes() }
    }
}

/// Questions that wait, in the order in which they are asked: by turn of their member, then by age.
///
/// What asks for the same as something of the same member that was asked before comes behind that member's
/// other questions.
#[derive(Debug)]
pub struct Turns<T> {
    pace: Option<Allowance>,
    per_member: usize,
    waiting: VecDeque<Waiting<T>>,
    members: BTreeMap<[u8; 33], Member>,
    /// The turn in which the last question was asked.
    turn: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    claim: Claim,
    /// Something that asks for the same was asked already.
    is_again: bool,
    item: T,
}

/// What is remembered of a member whose questions wait or were asked lately.
#[derive(Clone, Copy, Debug)]
struct Member {
    /// When it is its turn again.
    turn: u64,
    /// When all that it may ask at once is there again.
    rested_at: Instant,
    /// How many of its questions wait.
    waiting: usize,
}

impl<T> Turns<T> {
    /// Begins with nothing.
    ///
    /// - `pace`: how often one member's questions are asked; `None` where nobody has to read them.
    pub const fn new(pace: Option<Allowance>) -> Self {
        Self {
            pace,
            per_member: QUESTIONS_PER_MEMBER_MAX,
            waiting: VecDeque::new(),
            members: BTreeMap::new(),
            turn: 0,
        }
    }

    /// Lets no more than so many questions of one member wait, at most [`QUESTIONS_PER_MEMBER_MAX`].
    #[must_use]
    pub fn at_most(self, per_member: usize) -> Self {
        Self { per_member: per_member.min(QUESTIONS_PER_MEMBER_MAX), ..self }
    }

    /// Lets a question wait; returns one that gives way because there are too many.
    pub fn enter(&mut self, now: Instant, claim: Claim, item: T) -> Option<T> {
        self.waiting.push_back(Waiting { claim, is_again: false, item });
        let key = claim.member?;
        let new = Member { turn: self.turn, rested_at: now, waiting: 0 };
        let member = self.members.entry(key).or_insert(new);
        member.turn = member.turn.max(self.turn);
        member.waiting += 1;
        let fullest = if member.waiting > self.per_member {
            key
        } else if self.waiting.len() > QUESTIONS_MAX {
            *self.members.iter().max_by_key(|(_, member)| member.waiting)?.0
        } else {
            return None;
        };
        let of_fullest = |waiting: &Waiting<T>| waiting.claim.member == Some(fullest);
        let place = self.waiting.iter().rposition(of_fullest)?;
        self.leave(place).map(|gone| gone.item)
    }

    /// Takes the question that is asked next; `None` when none waits, or none that its member's pace lets be
    /// asked yet: see [`ready_at`](Self::ready_at).
    pub fn take(&mut self, now: Instant) -> Option<(Claim, T)> {
        let ready = self
            .waiting
            .iter()
            .enumerate()
            .filter(|(_, waiting)| self.ready_of(waiting.claim.member) <= now);
        // The first of those that are equal is the oldest.
        let next =
            ready.min_by_key(|(_, waiting)| (self.turn_of(waiting.claim.member), waiting.is_again));
        let (place, _) = next?;
        let Waiting { claim, item, .. } = self.leave(place)?;
        self.charge(now, claim.member);
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.claim == claim) {
            waiting.is_again = true;
        }
        self.forget(now);
        Some((claim, item))
    }

    /// Returns when the next question may be asked; `None` when none waits.
    pub fn ready_at(&self) -> Option<Instant> {
        self.waiting.iter().map(|waiting| self.ready_of(waiting.claim.member)).min()
    }

    /// Takes a question away.
    pub fn remove(&mut self, is_it: impl FnMut(&T) -> bool) -> Option<T> {
        let place = self.iter().position(is_it)?;
        self.leave(place).map(|waiting| waiting.item)
    }

    /// Returns what the same member asks for in the same way, the oldest first.
    pub fn same(&self, claim: &Claim) -> impl Iterator<Item = &T> {
        self.waiting.iter().filter(|waiting| waiting.claim == *claim).map(|waiting| &waiting.item)
    }

    /// Returns how many questions of the same member ask for the same.
    pub fn count_same(&self, claim: &Claim) -> usize {
        self.waiting.iter().filter(|waiting| waiting.claim == *claim).count()
    }

    /// Returns what waits, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.waiting.iter().map(|waiting| &waiting.item)
    }

    /// As [`iter`](Self::iter).
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.waiting.iter_mut().map(|waiting| &mut waiting.item)
    }

    /// Takes all that waits, the oldest first.
    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        self.members.values_mut().for_each(|member| member.waiting = 0);
        std::mem::take(&mut self.waiting).into_iter().map(|waiting| waiting.item)
    }

    /// Returns how many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn leave(&mut self, place: usize) -> Option<Waiting<T>> {
        let gone = self.waiting.remove(place)?;
        if let Some(member) = gone.claim.member.and_then(|key| self.members.get_mut(&key)) {
            member.waiting = member.waiting.saturating_sub(1);
        }
        Some(gone)
    }

    /// Our own questions come before everybody's.
    fn turn_of(&self, member: Option<[u8; 33]>) -> u64 {
        let turn = member.and_then(|key| self.members.get(&key)).map(|member| member.turn);
        turn.map_or(0, |turn| turn.saturating_add(1))
    }

    fn ready_of(&self, member: Option<[u8; 33]>) -> Instant {
        let member = member.and_then(|key| self.members.get(&key));
        let (Some(pace), Some(member)) = (self.pace, member) else {
            return Instant::from_micros(0);
        };
        let ahead = interval(pace).saturating_mul(saturating(pace.burst.saturating_sub(1)));
        let ahead = u64::try_from(ahead.as_micros()).unwrap_or(u64::MAX);
        Instant::from_micros(member.rested_at.as_micros().saturating_sub(ahead))
    }

    fn charge(&mut self, now: Instant, member: Option<[u8; 33]>) {
        let Some(member) = member.and_then(|key| self.members.get_mut(&key)) else { return };
        self.turn = self.turn.max(member.turn);
        member.turn = member.turn.saturating_add(1);
        if let Some(pace) = self.pace {
            member.rested_at = member.rested_at.max(now).after(interval(pace));
        }
    }

    /// Forgets members of whom nothing waits and that are as those who never asked.
    fn forget(&mut self, now: Instant) {
        let turn = self.turn;
        self.members
            .retain(|_, member| member.turn > turn || member.rested_at > now || member.waiting > 0);
        // Who was asked least loses least.
        while self.members.len() > QUESTIONS_MAX {
            let idle = self.members.iter().filter(|(_, member)| member.waiting == 0);
            let least = idle.min_by_key(|(_, member)| (member.rested_at, member.turn));
            let Some(key) = least.map(|(key, _)| *key) else { return };
            self.members.remove(&key);
        }
    }
}

/// Returns how long one question takes at a pace.
fn interval(pace: Allowance) -> Duration {
    MINUTE / saturating(pace.per_minute.max(1))
}

fn saturating(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
