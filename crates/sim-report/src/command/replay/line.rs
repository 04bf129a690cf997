//! A sight as a line for people.

use std::collections::BTreeMap;

use ensign_engine::signing::{Event, Record, Wait};
use ensign_primitives::{PeerId, RequestId, SessionId};
use ensign_session::Event as SessionEvent;
use ensign_sim::{Cast, NETWORK, NodeIndex, Seen, Sight};
use ensign_wire::{Body, Kind, SigningRequest};

use super::{frame, text};

/// Writes sights down; knows from those before which session belongs to which request.
#[derive(Debug, Default)]
pub(in crate::command) struct Scribe {
    sessions: BTreeMap<SessionId, RequestId>,
}

impl Scribe {
    /// Notes which session an attempt is.
    pub(in crate::command) fn learn(&mut self, sight: &Sight) {
        if let Seen::Event(Event::Attempt { request, attempt, .. }) = &sight.what {
            let session = SigningRequest::session_id(*request, NETWORK, *attempt);
            self.sessions.insert(session, *request);
        }
        if let Seen::Sent { frame, kind: Kind::SessionAnnounce, .. } = &sight.what
            && let Some(envelope) = frame::envelope(frame)
            && let Body::SessionAnnounce(announce) = envelope.body()
        {
            self.sessions.insert(envelope.session(), announce.request.request.id());
        }
    }

    /// The request that a sight is about, where it is about one.
    pub(super) fn request_of(&self, sight: &Sight) -> Option<RequestId> {
        match &sight.what {
            Seen::Received { frame, .. } | Seen::Sent { frame, .. } => {
                let session = || Some(frame::envelope(frame)?.session());
                frame::payload_of(frame).or_else(|| self.sessions.get(&session()?).copied())
            }
            Seen::Drew { session, .. } | Seen::Signs { session } | Seen::Forgot { session } => {
                self.sessions.get(session).copied()
            }
            Seen::Persist { record } | Seen::Durable { record } => request_in(record),
            Seen::Proposed { request, .. }
            | Seen::Recovered { request, .. }
            | Seen::Approved { request }
            | Seen::Declined { request } => Some(*request),
            Seen::Event(event) => match event {
                Event::Review(review) | Event::Void(review) => Some(review.id),
                Event::Attempt { request, .. }
                | Event::Session { request, .. }
                | Event::ConsentDurable { request }
                | Event::EndDurable { request }
                | Event::Waiting { request, .. }
                | Event::Withdrawn { request }
                | Event::Everybody { request }
                | Event::Closed { request, .. } => Some(*request),
                Event::PeerUp { .. }
                | Event::PeerDown { .. }
                | Event::GroupUnknown { .. }
                | Event::GroupKnown { .. }
                | Event::GroupMissing { .. }
                | Event::PeerCopied { .. }
                | Event::Convicted { .. }
                | Event::Delegated(_)
                | Event::NotShown { .. }
                | Event::NodeChanged { .. }
                | Event::OwnKeyElsewhere { .. }
                | Event::NotDelegated(_) => None,
                Event::NotResumed { request, .. } => Some(*request),
            },
            Seen::Started { .. }
            | Seen::Crashed { .. }
            | Seen::LostDisk
            | Seen::Stopped
            | Seen::Slept
            | Seen::Awoke
            | Seen::Dials { .. }
            | Seen::Connected { .. }
            | Seen::Disconnected { .. }
            | Seen::Closed { .. }
            | Seen::Woke { .. }
            | Seen::Offense { .. }
            | Seen::Refused { .. }
            | Seen::Overfull { .. } => None,
        }
    }

    /// Time, node and what happened.
    pub(in crate::command) fn line(&self, cast: &Cast, sight: &Sight) -> String {
        let at = text::moment(sight.at.as_micros());
        let what = self.what(cast, &sight.what);
        format!("{at:>13}  node {:<5}  {what}", sight.node.to_string())
    }

    fn what(&self, cast: &Cast, what: &Seen) -> String {
        match what {
            Seen::Started { boot, records } => {
                let records = text::many(*records as u64, "record");
                format!("starts for the {}, from {records}", times(*boot))
            }
            Seen::Recovered { request, signatures } => {
                let signatures = text::many(signatures.len() as u64, "signature");
                format!("its user finds {signatures} on disk, request {}", request.short())
            }
            Seen::Crashed { pending, survived } => {
                let pending = text::many(*pending as u64, "record");
                format!("crashes; {pending} not yet durable, of which {survived} survive")
            }
            Seen::LostDisk => "its disk is gone".to_owned(),
            Seen::Slept => "falls asleep".to_owned(),
            Seen::Awoke => "wakes from its sleep".to_owned(),
            Seen::Stopped => "stops in order".to_owned(),
            Seen::Dials { peer } => format!("dials node {peer}"),
            Seen::Connected { peer } => format!("connects with node {peer}"),
            Seen::Disconnected { peer } => format!("loses the connection with node {peer}"),
            Seen::Closed { peer, reason } => {
                format!("closes the connection with node {peer}: {reason:?}")
            }
            Seen::Received { from, frame, .. } => {
                format!("<- {}  {}", peer_column(*from), self.frame(frame))
            }
            Seen::Sent { to, frame, carried, .. } => {
                let lost = if *carried { "" } else { " (dropped: no connection)" };
                format!("-> {}  {}{lost}", peer_column(*to), self.frame(frame))
            }
            Seen::Drew { session, nonces } => {
                let nonces = text::many(*nonces as u64, "nonce");
                format!("draws entropy for {nonces}{}", self.of(session))
            }
            Seen::Forgot { session } => {
                format!("has its signer erase nonces{}", self.of(session))
            }
            Seen::Signs { session } => format!("has its signer sign{}", self.of(session)),
            Seen::Persist { record } => format!("asks its disk to keep: {}", record_words(record)),
            Seen::Durable { record } => format!("has on disk: {}", record_words(record)),
            Seen::Woke { reason } => format!("wakes up: {reason}"),
            Seen::Proposed { intent, turn, request } => {
                let (turn, request) = (times(*turn), request.short());
                format!("proposes intent {intent} for the {turn}: request {request}")
            }
            Seen::Approved { request } => {
                format!("its user says yes to request {}", request.short())
            }
            Seen::Declined { request } => {
                format!("its user says no to request {}", request.short())
            }
            Seen::Refused { why } => format!("its engine refuses a command: {why}"),
            Seen::Event(event) => format!("reports: {}", event_words(cast, event)),
            Seen::Offense { peer, offense, sentence } => {
                format!("reports: offense of {}: {offense}, {sentence:?}", name(cast, peer))
            }
            Seen::Overfull { name, len, limit } => format!("holds {len} {name}, more than {limit}"),
        }
    }

    fn frame(&self, bytes: &[u8]) -> String {
        let mut words = frame::summary(bytes);
        if let Some(envelope) = frame::envelope(bytes)
            && !matches!(envelope.body(), Body::SessionAnnounce(_))
        {
            words += &self.of(&envelope.session());
        }
        words
    }

    /// Names a session by its request, which people know it by.
    fn of(&self, session: &SessionId) -> String {
        match self.sessions.get(session) {
            Some(request) => format!(", request {}", request.short()),
            None => format!(", unknown session {}", session.short()),
        }
    }
}

fn peer_column(node: NodeIndex) -> String {
    format!("node {:<5}", node.to_string())
}

fn times(number: u32) -> String {
    match number {
        1 => "1st time".to_owned(),
        2 => "2nd time".to_owned(),
        3 => "3rd time".to_owned(),
        number => format!("{number}th time"),
    }
}

fn request_in(record: &Record) -> Option<RequestId> {
    Some(match record {
        Record::Consented { request, .. } => request.request.id(),
        Record::Joined { request, .. }
        | Record::Decided { request, .. }
        | Record::Burned { request, .. }
        | Record::Partials { request, .. }
        | Record::Finished { request, .. }
        | Record::Closed { request, .. } => *request,
        Record::Undecided(_) | Record::Case(_) | Record::Horizon(_) | Record::Delegated(_) => {
            return None;
        }
    })
}

fn record_words(record: &Record) -> String {
    let what = match record {
        Record::Consented { .. } => "consented".to_owned(),
        Record::Decided { number, agrees: true, .. } => format!("consented, number {number}"),
        Record::Decided { number, .. } => format!("withdrew, number {number}"),
        Record::Joined { attempt, .. } => format!("joined attempt {attempt}"),
        Record::Burned { attempt, .. } => format!("burned the nonces of attempt {attempt}"),
        Record::Partials { attempt, partials, .. } => {
            format!(
                "{} of attempt {attempt}",
                text::many(partials.len() as u64, "partial signature")
            )
        }
        Record::Finished { signatures, .. } => {
            format!("finished with {}", text::many(signatures.len() as u64, "signature"))
        }
        Record::Closed { reason, .. } => format!("closed, {reason:?}"),
        Record::Undecided(kept) => format!("{} ended undecided", kept.ended.len()),
        Record::Case(file) => format!("a case, {:?}", file.kind),
        Record::Delegated(kept) => format!("node {} speaks for {}", kept.peer.short(), kept.signer),
        Record::Horizon(horizon) => format!("the time is {}", horizon.latest),
    };
    match request_in(record) {
        Some(request) => format!("{what}, request {}", request.short()),
        None => what,
    }
}

fn wait_words(wait: &Wait) -> String {
    let (agreed, missing) = (wait.agreed.len(), wait.missing.len());
    let ready = if wait.is_ready() { "all are ready" } else { "not all are ready" };
    format!("{agreed} of {} have agreed, {ready}", agreed + missing)
}

fn event_words(cast: &Cast, event: &Event) -> String {
    match event {
        Event::PeerUp { peer, clock_offset_millis } => {
            let (off, way) = match clock_offset_millis {
                ..0 => (clock_offset_millis.unsigned_abs(), "behind"),
                0.. => (clock_offset_millis.unsigned_abs(), "ahead"),
            };
            format!("{} is here, its clock {off} ms {way}", name(cast, peer))
        }
        Event::PeerDown { peer } => format!("{} is gone", name(cast, peer)),
        Event::GroupUnknown { peer, group } => {
            format!("{} does not have group {}", name(cast, peer), group.short())
        }
        Event::GroupKnown { peer, group } => {
            format!("{} has group {} now", name(cast, peer), group.short())
        }
        Event::GroupMissing { peer, group } => {
            format!("{} has group {}, which we do not have", name(cast, peer), group.short())
        }
        Event::PeerCopied { peer } => format!("{} runs twice", name(cast, peer)),
        Event::Review(review) => format!("request {} waits for its user", review.id.short()),
        Event::Void(review) => format!("request {} may be known to others", review.id.short()),
        Event::ConsentDurable { request } => {
            format!("the consent is durable, request {}", request.short())
        }
        Event::Waiting { request, wait } => {
            format!("{}, request {}", wait_words(wait), request.short())
        }
        Event::Withdrawn { request } => format!("consent withdrawn, request {}", request.short()),
        Event::EndDurable { request } => format!("the end is durable, request {}", request.short()),
        Event::Everybody { request } => {
            format!("everybody has the signatures, request {}", request.short())
        }
        Event::Convicted { peer, .. } => format!("{} is convicted", name(cast, peer)),
        Event::Delegated(proof) => format!("delegation {} is in use", proof.number),
        Event::NotShown { peer, .. } => format!("{} shows no key", name(cast, peer)),
        Event::NodeChanged { to: peer, .. } | Event::OwnKeyElsewhere { peer, .. } => {
            format!("{} is another node of a key", name(cast, peer))
        }
        Event::NotDelegated(why) => format!("no other delegation: {why:?}"),
        Event::Attempt { request, attempt, .. } => {
            format!("attempt {attempt} begins, request {}", request.short())
        }
        Event::Session { request, attempt, event } => {
            let words = session_words(event);
            format!("{words}, attempt {attempt}, request {}", request.short())
        }
        Event::Closed { request, attempt, failure } => {
            let (reason, phase) = (failure.reason, failure.phase);
            let request = request.short();
            format!("closed after attempt {attempt}: {reason:?} while {phase:?}, request {request}")
        }
        Event::NotResumed { request, why } => {
            format!("request {} does not go on: {why}", request.short())
        }
    }
}

fn session_words(event: &SessionEvent) -> String {
    match event {
        SessionEvent::Acknowledged(signer) => format!("signer {signer} has the request"),
        SessionEvent::Joined(signer) => format!("signer {signer} joined"),
        SessionEvent::Revealed(signer) => format!("signer {signer} revealed its nonces"),
        SessionEvent::Confirmed(signer) => format!("signer {signer} confirmed the nonces"),
        SessionEvent::Signed(signer) => format!("signer {signer} signed"),
        SessionEvent::PeerDone(signer) => format!("signer {signer} is done"),
        SessionEvent::Phase(phase) => format!("phase {phase:?}"),
        SessionEvent::Waiting { on, .. } => format!("waits for signers {}", signers(on)),
        SessionEvent::Unreachable(on) => format!("cannot reach signers {}", signers(on)),
        SessionEvent::Refused { by, refused, why } => {
            format!("signer {by} refused {refused:?}: {why:?}")
        }
        SessionEvent::Done(finished) => {
            format!("DONE with {}", text::many(finished.signatures.len() as u64, "signature"))
        }
        SessionEvent::Failed(failure) => {
            let by = failure.by.map_or("this node".to_owned(), |signer| format!("signer {signer}"));
            let proof = if failure.evidence.is_some() { ", with proof" } else { "" };
            let blamed = match failure.culprits.as_slice() {
                [] => String::new(),
                culprits => format!(", blaming signers {}{proof}", signers(culprits)),
            };
            format!("FAILED: {:?} while {:?}, ended by {by}{blamed}", failure.reason, failure.phase)
        }
    }
}

fn signers(list: &[ensign_primitives::SignerIndex]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn name(cast: &Cast, peer: &PeerId) -> String {
    cast.node(peer).map_or_else(|| format!("peer {}", peer.short()), |node| format!("node {node}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ensign_engine::CloseCode;
    use ensign_primitives::{Instant, SignerIndex, UnixTime};
    use ensign_sim::{Scenario, Seen};
    use ensign_wire::{AbortReason, Envelope, Frame, NonceShare, PubNonceBytes, SessionAbort};

    use super::*;

    const REQUEST: RequestId = RequestId::from_bytes([0xab; 32]);

    fn cast() -> Cast {
        Cast::new(&Scenario { nodes: 3, ..Scenario::default() }, 1)
    }

    fn sight(what: Seen) -> Sight {
        Sight { at: Instant::from_micros(12_034_512), node: NodeIndex(17), order: 0, what }
    }

    /// A frame about the first attempt at [`REQUEST`].
    fn frame(cast: &Cast, body: Body) -> Arc<[u8]> {
        let key = &cast.person(NodeIndex(0)).unwrap().keys.node_key;
        let session = SigningRequest::session_id(REQUEST, NETWORK, 1);
        let sent_at = UnixTime::from_millis(1);
        let envelope = Envelope::sign(key, NETWORK, session, 4, sent_at, body).unwrap();
        Frame::Envelope(Box::new(envelope)).encode().into()
    }

    fn check(what: Seen, expected: &str) {
        let mut scribe = Scribe::default();
        scribe.learn(&sight(Seen::Event(Event::Attempt {
            request: REQUEST,
            attempt: 1,
            opened_by: None,
        })));
        assert_eq!(scribe.line(&cast(), &sight(what)), expected);
    }

    #[test]
    fn a_frame_is_decoded_into_one_line() {
        let cast = cast();
        let (signer, salt) = (SignerIndex(2), [0; 32]);
        let nonces = vec![PubNonceBytes([2; 66])];
        let share = Body::NonceShare(NonceShare { signer, nonces, salt });
        let (frame, kind) = (frame(&cast, share), Some(Kind::NonceShare));
        let size = frame.len();
        check(
            Seen::Received { from: NodeIndex(3), kind, frame },
            &format!(
                "   12.034512s  node 17     <- node 3      NonceShare signer 2, 1 nonce, seq 4, \
                 {size} bytes, request abababab"
            ),
        );
    }

    #[test]
    fn a_frame_that_nothing_carries_is_marked() {
        let reason = AbortReason::Timeout;
        let abort = Body::SessionAbort(SessionAbort { reason, culprit: Some(SignerIndex(1)) });
        let frame = frame(&cast(), abort);
        let size = frame.len();
        check(
            Seen::Sent { to: NodeIndex(3), kind: Kind::SessionAbort, frame, carried: false },
            &format!(
                "   12.034512s  node 17     -> node 3      SessionAbort Timeout, accuses signer 1, \
                 seq 4, {size} bytes, request abababab (dropped: no connection)"
            ),
        );
    }

    #[test]
    fn bytes_that_are_no_frame_are_told_as_such() {
        let frame: Arc<[u8]> = vec![0xff; 3].into();
        let seen = Seen::Received { from: NodeIndex(3), kind: None, frame };
        let line = Scribe::default().line(&cast(), &sight(seen));
        assert!(line.contains("<- node 3      3 bytes that are no frame: "), "{line}");
    }

    #[test]
    fn what_befalls_a_node_is_a_sentence() {
        let prefix = "   12.034512s  node 17     ";
        for (what, expected) in [
            (
                Seen::Crashed { pending: 2, survived: 1 },
                "crashes; 2 records not yet durable, of which 1 survive",
            ),
            (Seen::Started { boot: 2, records: 1 }, "starts for the 2nd time, from 1 record"),
            (
                Seen::Closed { peer: NodeIndex(4), reason: CloseCode::Silent },
                "closes the connection with node 4: Silent",
            ),
            (
                Seen::Durable { record: Arc::new(Record::Burned { request: REQUEST, attempt: 1 }) },
                "has on disk: burned the nonces of attempt 1, request abababab",
            ),
            (
                Seen::Drew { session: SigningRequest::session_id(REQUEST, NETWORK, 1), nonces: 3 },
                "draws entropy for 3 nonces, request abababab",
            ),
            (
                Seen::Proposed { intent: 7, turn: 1, request: REQUEST },
                "proposes intent 7 for the 1st time: request abababab",
            ),
            (
                Seen::Overfull { name: "sessions", len: 9, limit: 8 },
                "holds 9 sessions, more than 8",
            ),
        ] {
            check(what, &format!("{prefix}{expected}"));
        }
    }
}
