//! Behaves as if its process died in every attempt: opens the next one, and says again what it said
//! in those before.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ensign_engine::{Input, Output, signing::FAILED_ATTEMPTS_MAX};
use ensign_primitives::{RequestId, SessionId};
use ensign_wire::{Body, Envelope, Kind, SignedRequest, SigningRequest};

use super::{Act, Adversary, Seat, envelope_heard, envelope_in, own_requests::OwnRequests};
use crate::NETWORK;

pub(super) const ACT: Act = Act {
    name: "restarting",
    about: "opens the next attempt as soon as somebody has joined the last, never signs before the last \
            one, and says its joins and announcements of earlier attempts again and again (member)",
    make: || Box::new(Restarting::default()),
};

/// How long it waits between two restarts.
const PAUSE: Duration = Duration::from_millis(700);
/// How many of its joins it says again.
const JOINS_MAX: usize = 64;

#[derive(Debug, Default)]
struct Restarting {
    words: OwnRequests,
    courses: BTreeMap<RequestId, Course>,
    sessions: BTreeMap<SessionId, (RequestId, u16)>,
    joins: BTreeMap<SessionId, Body>,
}

/// One request, its own or another's.
#[derive(Debug)]
struct Course {
    request: SignedRequest,
    /// The last attempt that it has opened.
    attempt: u16,
    /// Which attempts somebody else has joined.
    joined: BTreeSet<u16>,
}

impl Adversary for Restarting {
    fn hear(&mut self, seat: &mut Seat, input: Input) -> Option<Input> {
        if let Input::Up { .. } = input {
            seat.wake_at(seat.now.instant.after(PAUSE));
        }
        if let Some((_, envelope)) = envelope_heard(&input) {
            self.note(seat, &envelope);
            if self.is_unfinished(&envelope) {
                return None;
            }
        }
        Some(input)
    }

    fn speak(&mut self, seat: &mut Seat, output: Output) -> Option<Output> {
        if let Some(envelope) = envelope_in(&output) {
            self.note(seat, &envelope);
            if self.is_unfinished(&envelope) {
                return None;
            }
        }
        Some(output)
    }

    fn wake(&mut self, seat: &mut Seat) {
        for course in self.courses.values_mut() {
            if course.attempt < FAILED_ATTEMPTS_MAX && course.joined.contains(&course.attempt) {
                course.attempt += 1;
                self.words.announce(seat, &course.request, course.attempt);
            }
        }
        self.repeat(seat);
        seat.wake_at(seat.now.instant.after(PAUSE));
    }
}

impl Restarting {
    /// Whether it is what would complete an attempt before the last one: neither said nor heard.
    fn is_unfinished(&self, envelope: &Envelope) -> bool {
        let completes = matches!(
            envelope.body().kind(),
            Kind::PartialSigShare | Kind::PartialSigsComplete | Kind::SignatureFinalized
        );
        let course = self.sessions.get(&envelope.session());
        completes && course.is_some_and(|(_, attempt)| *attempt < FAILED_ATTEMPTS_MAX)
    }

    /// Says again what belongs to an attempt that is over, and what belongs to this one.
    fn repeat(&mut self, seat: &mut Seat) {
        let courses = self.courses.len().max(1) as u64;
        let at = seat.random.below(courses) as usize;
        if let Some(course) = self.courses.values().nth(at) {
            let earlier = 1 + seat.random.below(course.attempt.into()) as u16;
            self.words.announce(seat, &course.request, earlier);
            self.words.announce(seat, &course.request, course.attempt);
        }
        let joins = self.joins.len().max(1) as u64;
        let at = seat.random.below(joins) as usize;
        if let Some((session, join)) = self.joins.iter().nth(at) {
            self.words.tell(seat, *session, join);
        }
    }

    fn note(&mut self, seat: &Seat, envelope: &Envelope) {
        if let Body::SessionAnnounce(announce) = envelope.body() {
            let (id, request) = (announce.request.request.id(), &announce.request);
            self.courses.entry(id).or_insert_with(|| Course {
                request: request.clone(),
                attempt: announce.attempt,
                joined: BTreeSet::new(),
            });
            let session = |attempt| SigningRequest::session_id(id, NETWORK, attempt);
            let sessions =
                (1..=FAILED_ATTEMPTS_MAX).map(|attempt| (session(attempt), (id, attempt)));
            self.sessions.extend(sessions);
        } else if let body @ Body::SessionJoin(_) = envelope.body() {
            let session = envelope.session();
            if envelope.sender() == seat.peer() {
                if self.joins.len() < JOINS_MAX {
                    self.joins.entry(session).or_insert_with(|| body.clone());
                }
            } else if let Some((id, attempt)) = self.sessions.get(&session)
                && let Some(course) = self.courses.get_mut(id)
            {
                course.joined.insert(*attempt);
                course.attempt = course.attempt.max(*attempt);
            }
        }
    }
}
