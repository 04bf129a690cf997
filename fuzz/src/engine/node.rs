//! One node: its engine, its disk, its user, and the rules it must keep.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ensign_engine::{
    Engine, Event as HallEvent, Offense, Output, Restored, Sentence, sentence,
    signing::{self, Event, Record, SignerAnswer, SignerQuestion, ask_local_signer},
};
use ensign_musig::verify_schnorr;
use ensign_primitives::{Now, PeerId, RequestId, SessionId, StateMachine as _};
use ensign_session::{Event as SessionEvent, Finished, LocalSigner, Offense as SessionOffense};
use ensign_wire::{Body, Frame, KeyTweak, Message, Round0, SignedRequest, SigningRequest};

use super::people::{
    AGGREGATE, FORGER, NETWORK, NODES, STRANGER, engine, entropy, group, index_of, local_signer,
    peer, person, start,
};

/// Most outputs of one call.
const OUTPUTS_MAX: usize = 4096;

pub(crate) struct Node {
    pub(crate) index: usize,
    pub(crate) engine: Engine,
    pub(crate) journal: Vec<Record>,
    pub(crate) persisting: VecDeque<(u64, Record)>,
    pub(crate) signer: LocalSigner,
    /// What its signer was asked and has not done yet.
    pub(crate) wanting: VecDeque<SignerQuestion>,
    pub(crate) reviews: Vec<RequestId>,
    pub(crate) draws: u64,
    /// What is asked in each request that this node has seen.
    messages: BTreeMap<RequestId, Vec<Message>>,
    /// Requests that its user proposed or approved; survives a restart as memory of the test.
    pub(crate) consented: BTreeSet<RequestId>,
    /// In which session each of its nonces was shown.
    nonces: BTreeMap<[u8; 66], SessionId>,
}

impl Node {
    pub(crate) fn new(index: usize) -> Self {
        let mut node = Self {
            index,
            engine: engine(index, start(), Restored::default()),
            journal: Vec::new(),
            persisting: VecDeque::new(),
            signer: local_signer(index),
            wanting: VecDeque::new(),
            reviews: Vec::new(),
            draws: 0,
            messages: BTreeMap::new(),
            consented: BTreeSet::new(),
            nonces: BTreeMap::new(),
        };
        node.engine.add_group(start(), group()).expect("a sound group");
        node
    }

    /// Only the journal is left, and what the test itself remembers.
    pub(crate) fn restart(&mut self, now: Now) {
        let records = self.journal.iter().cloned();
        let signing = signing::Restored::from_records(records);
        let restored = Restored { signing, ..Restored::default() };
        self.engine = engine(self.index, now, restored);
        self.persisting.clear();
        self.signer = local_signer(self.index);
        self.wanting.clear();
        self.reviews.clear();
        self.engine.add_group(now, group()).expect("a sound group");
    }

    pub(crate) fn outputs(&mut self) -> Vec<Output> {
        let outputs: Vec<_> =
            std::iter::from_fn(|| self.engine.poll_output()).take(OUTPUTS_MAX + 1).collect();
        assert!(outputs.len() <= OUTPUTS_MAX, "more than {OUTPUTS_MAX} outputs of one call");
        outputs
    }

    /// Writes the oldest waiting record.
    pub(crate) fn write(&mut self) -> Option<u64> {
        let (token, record) = self.persisting.pop_front()?;
        self.check_record(&record);
        self.journal.push(record);
        Some(token)
    }

    /// Each attempt is joined, burned and signed once, in this order.
    fn check_record(&self, record: &Record) {
        let (request, attempt) = match record {
            Record::Joined { request, attempt, .. }
            | Record::Burned { request, attempt }
            | Record::Partials { request, attempt, .. } => (*request, *attempt),
            Record::Consented { .. }
            | Record::Decided { .. }
            | Record::Finished { .. }
            | Record::Closed { .. }
            | Record::Undecided(_)
            | Record::Case(_)
            | Record::Delegated(_)
            | Record::Horizon(_) => return,
        };
        assert!(self.consented.contains(&request), "{record:?} without consent");
        let session = SigningRequest::session_id(request, NETWORK, attempt);
        let before = [self.has_joined(session), self.has_burned(session), self.has_signed(session)];
        let expected = match record {
            Record::Joined { .. } => [false, false, false],
            Record::Burned { .. } => [true, false, false],
            _ => [true, true, false],
        };
        assert_eq!(before, expected, "{record:?} out of order");
    }

    /// Lets the signer do what it is asked, by the rules.
    pub(crate) fn ask_signer(&mut self, question: SignerQuestion) -> Option<SignerAnswer> {
        if let SignerQuestion::Partials { session, .. } = &question {
            assert!(self.has_burned(*session), "signed before the nonces were burned");
        }
        self.draws += 1;
        let draw = |nonces| Some(entropy(self.index, self.draws, nonces));
        // At one moment: how old nonces may be is a matter of the machine here.
        ask_local_signer(&mut self.signer, Now::default(), question, draw)
    }

    /// The rules about consent, durability and nonces, for what leaves the node.
    pub(crate) fn check_frame(&mut self, frame: &[u8]) {
        let frame = Frame::decode_whole(frame, NETWORK).expect("our own frames decode");
        let Frame::Envelope(envelope) = frame else { return };
        if envelope.sender() != peer(self.index) {
            return;
        }
        let session = envelope.session();
        let nonces = match envelope.body() {
            Body::SessionJoin(join) => {
                assert!(self.has_joined(session), "a join that is not durable");
                match &join.round0 {
                    Round0::Reveal(nonces) => nonces.as_slice(),
                    Round0::Commit(_) => &[],
                }
            }
            Body::NonceShare(share) => share.nonces.as_slice(),
            Body::PartialSigShare(_) => {
                assert!(self.has_signed(session), "sent before it was on disk");
                &[]
            }
            _ => &[],
        };
        for nonce in nonces {
            let first = self.nonces.entry(nonce.0).or_insert(session);
            assert_eq!(*first, session, "one nonce in two sessions");
        }
    }

    fn has_joined(&self, session: SessionId) -> bool {
        self.journal.iter().any(|record| match record {
            Record::Joined { request, attempt, .. } => {
                SigningRequest::session_id(*request, NETWORK, *attempt) == session
            }
            _ => false,
        })
    }

    fn has_burned(&self, session: SessionId) -> bool {
        self.journal.iter().any(|record| match record {
            Record::Burned { request, attempt } => {
                SigningRequest::session_id(*request, NETWORK, *attempt) == session
            }
            _ => false,
        })
    }

    fn has_signed(&self, session: SessionId) -> bool {
        self.journal.iter().any(|record| match record {
            Record::Partials { request, attempt, .. } => {
                SigningRequest::session_id(*request, NETWORK, *attempt) == session
            }
            _ => false,
        })
    }

    pub(crate) fn on_event(&mut self, event: HallEvent) {
        let event = match event {
            HallEvent::Signing(event) => event,
            HallEvent::Offense { peer, offense, sentence: seen, .. } => {
                assert_eq!(seen, sentence(&offense));
                return self.check_blame(peer, &offense, seen);
            }
            HallEvent::Peers(_)
            | HallEvent::Dropped { .. }
            | HallEvent::Paying(_)
            | HallEvent::Overlay(_)
            | HallEvent::Formation(_) => return,
        };
        match event {
            Event::Review(review) => {
                self.learn(&review.request);
                self.reviews.push(review.id);
            }
            Event::Attempt { request, .. } => {
                let signed = self.engine.signing().request(&request).cloned();
                if let Some(signed) = signed {
                    self.learn(&signed);
                }
            }
            Event::Session { request, event: SessionEvent::Done(finished), .. } => {
                self.check_result(request, &finished);
            }
            Event::NotResumed { request, why } => panic!("{request} does not go on: {why}"),
            _ => {}
        }
    }

    fn learn(&mut self, signed: &SignedRequest) {
        self.messages.insert(signed.request.id(), signed.request.messages.clone());
    }

    fn check_result(&self, request: RequestId, finished: &Finished) {
        let messages = self.messages.get(&request).expect("a result of an unknown request");
        assert_eq!(messages.len(), finished.signatures.len());
        for (message, signature) in messages.iter().zip(&finished.signatures) {
            let key = match message.tweak {
                KeyTweak::None => AGGREGATE.agg_key(),
                KeyTweak::Taproot { path, merkle_root } => {
                    let child = AGGREGATE.derive(&path);
                    let output = child.and_then(|child| child.taproot(merkle_root.as_ref()));
                    output.expect("a tweak the session took").agg_key()
                }
            };
            assert!(verify_schnorr(&key, &message.digest, signature), "a false signature");
        }
    }

    /// Only the forger and the stranger ever do wrong here.
    fn check_blame(&self, blamed: PeerId, offense: &Offense, sentence: Sentence) {
        let index = index_of(blamed).expect("somebody we know");
        assert!(
            index == FORGER || index == STRANGER,
            "node {} blames node {index}: {offense:?} ({sentence:?})",
            self.index
        );
        if let Offense::Signing(signing::Offense::Session(SessionOffense::Proven(evidence))) =
            offense
        {
            let culprit = evidence.verify().expect("a proof that does not hold");
            assert_eq!(culprit.peer, person(FORGER).node_key.peer_id());
        }
    }
}

/// A node by a byte of the input.
pub(crate) fn node_index(byte: u8) -> usize {
    usize::from(byte) % NODES
}
