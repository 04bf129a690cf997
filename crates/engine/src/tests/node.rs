//! One node under test: its machine, its disk, and what its user saw.

use std::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};

use ensign_primitives::{Now, PeerId, RequestId, SignerIndex, Wakeup};
use ensign_session::{Event as SessionEvent, Failure, LocalSigner, Phase};
use ensign_testkit::{Bounds, Subject};
use ensign_wire::{AbortReason, Body, Frame, PubNonceBytes, Round0};

use super::cast::{NETWORK, engine_of_boot, local_signer, start};
use crate::{
    CloseCode, Engine, Input, Offense, Restored, Sentence,
    reputation::Account,
    signing::{Event, Opening, Record},
};

pub(super) const BOUNDS: Bounds = Bounds { outputs_per_call: 4096, wakeups_until_idle: 4096 };

/// One node and what became of it.
pub(super) struct Node {
    pub(super) subject: Subject<Engine>,
    pub(super) boot: u8,
    /// Loses its nonces in a restart.
    pub(super) signer: LocalSigner,
    /// How often it was asked for nonces, to sign, to forget, and to delegate.
    pub(super) asked: [usize; 4],
    /// From which of its answers on they are withheld, and those that were.
    pub(super) answers_withheld_from: Option<usize>,
    pub(super) withheld: Vec<Input>,
    /// What its disk holds; survives a restart.
    pub(super) journal: Vec<Record>,
    /// What is kept of groups that form, by name.
    pub(super) formations: BTreeMap<String, Option<Vec<u8>>>,
    pub(super) accounts: BTreeMap<PeerId, Account>,
    /// What was told of them.
    pub(super) formed: Vec<ensign_formation::Event>,
    /// What was to be written down with something else; it survives too.
    pub(super) notes: Vec<Record>,
    /// What signing reports.
    pub(super) events: Vec<Event>,
    /// What the hall reports.
    pub(super) found: Vec<(PeerId, Offense, Sentence)>,
    pub(super) closed: Vec<(PeerId, CloseCode)>,
    /// The public nonces it sent, in order.
    pub(super) nonces: Vec<PubNonceBytes>,
    /// Whether its user says yes to what it is asked.
    pub(super) approves: bool,
    /// Whether its disk answers.
    pub(super) disk_works: bool,
    /// Whether its operating system gives entropy.
    pub(super) has_entropy: bool,
    pub(super) entropy_drawn: u64,
}

impl Node {
    pub(super) fn new(index: usize) -> Self {
        Self::of_boot(index, 0, start(), Restored::default())
    }

    /// One that was started so often before, from what its store holds.
    pub(super) fn of_boot(index: usize, boot: u8, now: Now, restored: Restored) -> Self {
        Self {
            boot,
            subject: Subject::new(engine_of_boot(index, boot, now, restored), BOUNDS),
            signer: local_signer(index),
            asked: [0; 4],
            answers_withheld_from: None,
            withheld: Vec::new(),
            journal: Vec::new(),
            formations: BTreeMap::new(),
            accounts: BTreeMap::new(),
            formed: Vec::new(),
            notes: Vec::new(),
            events: Vec::new(),
            found: Vec::new(),
            closed: Vec::new(),
            nonces: Vec::new(),
            approves: true,
            disk_works: true,
            has_entropy: true,
            entropy_drawn: 0,
        }
    }

    /// When it wants to be woken, but for its delegation, which is renewed in months.
    pub(super) fn next(&self) -> Option<Wakeup> {
        self.subject.next().filter(|wakeup| wakeup.reason != "delegation")
    }

    /// How many attempts have secret nonces.
    pub(super) fn open_nonces(&self) -> usize {
        self.signer.occupancy()[0].len
    }

    pub(super) fn session_events(&self) -> impl Iterator<Item = (u16, &SessionEvent)> {
        self.events.iter().filter_map(|event| match event {
            Event::Session { attempt, event, .. } => Some((*attempt, event)),
            _ => None,
        })
    }

    pub(super) fn phases(&self) -> Vec<Phase> {
        self.session_events()
            .filter_map(|(_, event)| match event {
                SessionEvent::Phase(phase) => Some(*phase),
                _ => None,
            })
            .collect()
    }

    /// The signatures of every `Done`.
    pub(super) fn done(&self) -> Vec<Vec<[u8; 64]>> {
        self.session_events()
            .filter_map(|(_, event)| match event {
                SessionEvent::Done(finished) => Some(finished.signatures.clone()),
                _ => None,
            })
            .collect()
    }

    /// The attempts that began, in order.
    pub(super) fn attempts(&self) -> Vec<u16> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::Attempt { attempt, .. } => Some(*attempt),
                _ => None,
            })
            .collect()
    }

    /// Who opened the last attempt at a request.
    pub(super) fn opened_by(&self, id: RequestId) -> Option<Opening> {
        let opened = self.events.iter().rev().find_map(|event| match event {
            Event::Attempt { request, opened_by, .. } if *request == id => Some(*opened_by),
            _ => None,
        });
        opened.flatten()
    }

    pub(super) fn reviews(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Review(_))).count()
    }

    pub(super) fn closed_requests(&self) -> Vec<(u16, AbortReason, Option<SignerIndex>)> {
        self.failures().map(|(attempt, failure)| (attempt, failure.reason, failure.by)).collect()
    }

    pub(super) fn failures(&self) -> impl Iterator<Item = (u16, &Failure)> {
        self.events.iter().filter_map(|event| match event {
            Event::Closed { attempt, failure, .. } => Some((*attempt, failure.as_ref())),
            _ => None,
        })
    }

    pub(super) fn offenses(&self) -> Vec<(PeerId, Offense)> {
        self.found.iter().map(|(peer, offense, _)| (*peer, offense.clone())).collect()
    }

    /// Those that signing found; there is no other.
    pub(super) fn findings(&self) -> Vec<(PeerId, crate::signing::Offense)> {
        let of_signing = |(peer, offense)| match offense {
            Offense::Signing(offense) => (peer, offense),
            other => panic!("{other:?}"),
        };
        self.offenses().into_iter().map(of_signing).collect()
    }

    /// How full a collection is.
    pub(super) fn held(&self, name: &str) -> usize {
        let named = self.subject.machine().occupancy().find(|it| it.name == name);
        named.unwrap_or_else(|| panic!("no {name}")).len
    }

    pub(super) fn note_nonces(&mut self, frame: &[u8]) {
        let Ok(Frame::Envelope(envelope)) = Frame::decode_whole(frame, NETWORK) else { return };
        let nonces = match envelope.body() {
            Body::NonceShare(share) => &share.nonces,
            Body::SessionJoin(join) => match &join.round0 {
                Round0::Reveal(nonces) => nonces,
                Round0::Commit(_) => return,
            },
            _ => return,
        };
        for nonce in nonces {
            if !self.nonces.contains(nonce) {
                self.nonces.push(*nonce);
            }
        }
    }
}

pub(super) fn assert_journal_is_sound(journal: &[Record]) {
    let (mut joined, mut burned, mut signed) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for record in journal {
        match record {
            Record::Joined { request, attempt, .. } => {
                assert!(joined.insert((*request, *attempt)), "{record:?} twice");
            }
            Record::Burned { request, attempt } => {
                assert!(joined.contains(&(*request, *attempt)), "{record:?} without a join");
                assert!(burned.insert((*request, *attempt)), "{record:?} twice");
            }
            Record::Partials { request, attempt, .. } => {
                assert!(burned.contains(&(*request, *attempt)), "{record:?} without a burn mark");
                assert!(signed.insert((*request, *attempt)), "{record:?} twice");
            }
            Record::Consented { .. }
            | Record::Delegated(_)
            | Record::Decided { .. }
            | Record::Finished { .. }
            | Record::Closed { .. }
            | Record::Undecided(_)
            | Record::Case(_)
            | Record::Horizon(_) => {}
        }
    }
}
