//! One signer on the simulated network, and the rules that an honest one must keep.

use std::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use ensign_primitives::{Instant, Now, PeerId};
use ensign_testkit::{Bounds, Subject};
use ensign_wire::{Body, Envelope, Kind, Slot};

use super::{attack::Attack, group::peer, key::KeyHolder};
use crate::{Event, Failure, Finished, Offense, Phase, Record, Session, SessionSetup};

/// One signer's machine, and what became of it.
pub(super) struct Node {
    pub(super) subject: Subject<Session>,
    pub(super) key: KeyHolder,
    /// The twin's signer: the same key, other nonces.
    pub(super) twin_key: KeyHolder,
    /// A second machine with the same keys and other nonces, for one who speaks with two tongues.
    pub(super) twin: Option<Subject<Session>>,
    pub(super) attack: Option<Attack>,
    /// How far its wall clock is ahead, in milliseconds.
    pub(super) skew: i64,
    pub(super) events: Vec<Event>,
    pub(super) offenses: Vec<(PeerId, Offense)>,
    pub(super) failures: Vec<Failure>,
    pub(super) finished: Option<Finished>,
    pub(super) finished_at: Option<Instant>,
    /// What others said once, as it came here.
    pub(super) heard: Vec<Envelope>,
    /// Whether the announcement has come.
    pub(super) invited: bool,
    /// The record of its own partial signatures.
    pub(super) partials: Option<Record>,
    durable: BTreeSet<&'static str>,
    said: BTreeMap<Slot, Body>,
}

impl Node {
    pub(super) fn new(setup: SessionSetup, now: Now, seed: u64) -> Self {
        let index = setup.local.as_usize();
        let key = |owner: usize| KeyHolder::new(index, seed, owner as u64);
        Self {
            key: key(index * 2),
            twin_key: key(index * 2 + 1),
            subject: subject(setup, now),
            twin: None,
            attack: None,
            skew: 0,
            events: Vec::new(),
            offenses: Vec::new(),
            failures: Vec::new(),
            finished: None,
            finished_at: None,
            heard: Vec::new(),
            invited: false,
            partials: None,
            durable: BTreeSet::new(),
            said: BTreeMap::new(),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        self.subject.machine().phase()
    }

    pub(super) fn failure(&self) -> &Failure {
        self.failures.first().expect("the session has not failed")
    }

    /// What a signer said in a slot, as this machine took it.
    pub(super) fn statement(&self, author: usize, slot: Slot) -> Option<&Envelope> {
        self.subject.machine().statement(&peer(author), slot)
    }

    pub(super) fn is_honest(&self) -> bool {
        self.attack.is_none()
    }

    /// Takes a report: one failure at most, one result at most.
    pub(super) fn report(&mut self, now: Instant, event: Event) {
        match &event {
            Event::Done(finished) => {
                assert_eq!(self.finished, None, "a session finishes once");
                self.finished = Some(finished.as_ref().clone());
                self.finished_at = Some(now);
            }
            Event::Failed(failure) => {
                assert_eq!(self.finished, None, "a finished session does not fail");
                assert!(self.failures.is_empty(), "a session fails once");
                self.failures.push(failure.as_ref().clone());
            }
            _ => {}
        }
        self.events.push(event);
    }

    pub(super) fn note_durable(&mut self, record: &Record) {
        if let Record::Partials { .. } = record {
            self.partials = Some(record.clone());
        }
        self.durable.insert(match record {
            Record::Joined { .. } => "joined",
            Record::Burned { .. } => "burned",
            Record::Partials { .. } => "partials",
            Record::Finished { .. } => "finished",
        });
    }

    /// No partial signature exists before the burn mark is durable.
    pub(super) fn may_sign(&self) {
        assert!(self.durable.contains("burned"), "signed before the nonces were burned");
    }

    /// No secret is left once a session has ended.
    pub(super) fn holds_no_secret_after_the_end(&self) {
        assert!(self.phase() < Phase::Complete || self.key.open() == 0, "a secret is left");
    }

    /// The rules about durability and about speaking with one tongue.
    pub(super) fn keeps_the_rules(&mut self, own: PeerId, envelope: &Envelope) {
        if envelope.sender() != own {
            return;
        }
        let body = envelope.body();
        let early =
            matches!(body.kind(), Kind::SessionAnnounce | Kind::SessionReady | Kind::SessionAbort);
        assert!(early || self.durable.contains("joined"), "{body:?} before the join is durable");
        if body.kind() == Kind::PartialSigShare {
            assert!(self.durable.contains("partials"), "sent before its record is durable");
        }
        if let Some(slot) = body.slot() {
            let first = self.said.entry(slot).or_insert_with(|| body.clone());
            assert_eq!(first, body, "an honest signer contradicts itself");
            if let (Body::PartialSigShare(share), Some(Body::NoncesComplete(confirmed))) =
                (body, self.said.get(&Slot::NoncesComplete))
            {
                assert_eq!(share.nonces, confirmed.digest, "signed for another set");
            }
        }
    }
}

/// A machine under the contract of all machines.
pub(super) fn subject(setup: SessionSetup, now: Now) -> Subject<Session> {
    Subject::new(Session::new(setup, now).unwrap(), BOUNDS)
}

pub(super) const BOUNDS: Bounds = Bounds { outputs_per_call: 256, wakeups_until_idle: 1000 };
