//! What a coordinator that means no good gets over the socket: nothing.

use std::{
    io::{Read as _, Write as _},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use ensign_identity::{Delegation, DelegationProof, NodeKey, Signature, SignerKey, Terms};
use ensign_musig::{KeyAggCtx, NonceEntropy, PubNonce, SecKey, nonce_gen};
use ensign_primitives::{Network, PeerId, SessionId, SignerIndex, UnixTime};
use ensign_session::{OPEN_SESSIONS_MAX, Order};
use ensign_wire::{
    GroupKeys, KeyTweak, Message, Mode, Payload, Scheme, SignedRequest, SigningRequest, TxType,
};

mod page;

use super::words::{Answer, FRAME_BYTES_MAX, Question, Refusal};
use super::{ServeError, frame, serve};
use crate::InProcess;

const NETWORK: Network = Network::Regtest;
const CREATED: UnixTime = UnixTime::from_millis(1_760_000_000_000);
const DIGEST: [u8; 32] = [7; 32];

/// Of signer 0, whose signer is asked, or of signer 1, who creates the requests.
fn sec_key(number: u8) -> SecKey {
    SecKey::from_secret_bytes([0x60 + number; 32]).unwrap()
}

fn node_key(number: u8) -> NodeKey {
    NodeKey::from_secret_bytes([0x10 + number; 32]).unwrap()
}

fn delegation(number: u8) -> DelegationProof {
    let (key, expires) = (sec_key(number), CREATED.after(Duration::from_secs(3600)));
    let signer = SignerKey::from_public_key(key.public_key());
    let digest = Delegation::digest(
        &signer,
        &node_key(number).peer_id(),
        NETWORK,
        Terms { number: 1, expires },
    );
    DelegationProof { number: 1, expires, signature: Signature(key.sign_schnorr(&digest)) }
}

/// An attempt at a request by signer 1 to the signers with the given numbers.
pub(crate) fn order(signers: &[u8], attempt: u16) -> Order {
    let keys = signers.iter().map(|it| SignerKey::from_public_key(sec_key(*it).public_key()));
    let request = SigningRequest {
        network: NETWORK,
        scheme: Scheme::Bip327,
        signers: GroupKeys::new(keys.collect()).unwrap(),
        messages: vec![Message { digest: DIGEST, tweak: KeyTweak::None }],
        payload: Payload::Blind,
        purpose: String::new(),
        tx_type: TxType::Spend,
        amount: 0,
        creator: SignerIndex(1),
        created: CREATED,
        expires: CREATED.after(Duration::from_secs(60)),
        mode: Mode::Committed,
        nonce: [9; 16],
    };
    let session = SigningRequest::session_id(request.id(), NETWORK, attempt);
    let request = SignedRequest::sign(request, &node_key(1), delegation(1)).unwrap();
    Order { session, request: Arc::new(request), attempt, local: SignerIndex(0) }
}

/// A public nonce of signer 1 for the message.
fn other_nonce() -> PubNonce {
    let keys = [sec_key(0).public_key(), sec_key(1).public_key()];
    let ctx = KeyAggCtx::new(&keys).unwrap();
    let entropy = NonceEntropy::new([5; 32]).unwrap();
    nonce_gen(entropy, &sec_key(1), &ctx, &DIGEST, &[0; 32]).unwrap().1
}

fn partials(session: SessionId, own: &[u8]) -> Question {
    let nonces = [own, other_nonce().to_bytes().as_slice()].concat();
    Question::Partials { session, messages: 1, nonces }
}

/// A signer that serves one connection, and our end of it.
struct Served {
    stream: UnixStream,
    signer: JoinHandle<Result<(), ServeError>>,
}

impl Served {
    fn start() -> Self {
        let (stream, theirs) = UnixStream::pair().unwrap();
        let signer = thread::spawn(move || serve(theirs, &mut InProcess::new(sec_key(0))));
        Self { stream, signer }
    }

    fn ask(&mut self, question: &Question) -> Answer {
        ask(&mut self.stream, question)
    }

    /// Orders nonces, and returns them.
    fn nonces(&mut self, order: &Order) -> Vec<u8> {
        nonces(&mut self.stream, order)
    }

    fn refuses(&mut self, question: &Question, why: Refusal) {
        let answer = self.ask(question);
        assert!(matches!(answer, Answer::Refused(it) if it == why), "{answer:?}");
    }

    /// Says nothing more, and returns why the signer hung up, and how much it answered.
    fn ended(mut self) -> (Result<(), ServeError>, usize) {
        self.stream.shutdown(Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).unwrap();
        (self.signer.join().unwrap(), rest.len())
    }
}

fn ask(stream: &mut UnixStream, question: &Question) -> Answer {
    frame::write(stream, question).unwrap();
    frame::read(stream).unwrap().unwrap()
}

fn nonces(stream: &mut UnixStream, order: &Order) -> Vec<u8> {
    let answer = ask(stream, &Question::nonces(order, None));
    let Answer::Nonces { nonces, .. } = answer else { panic!("{answer:?}") };
    nonces
}

/// What the signer makes of bytes after a frame that it has answered with its key.
fn sent(bytes: &[u8]) -> Result<(), ServeError> {
    let mut served = Served::start();
    assert!(matches!(served.ask(&Question::Hello), Answer::Key(..)));
    // It may hang up before it has read everything.
    let _sent = served.stream.write_all(bytes);
    let _ended = served.stream.shutdown(Shutdown::Write);
    let mut rest = Vec::new();
    let _reset = served.stream.read_to_end(&mut rest);
    assert!(rest.is_empty(), "it answers");
    served.signer.join().unwrap()
}

fn framed(question: &Question) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::write(&mut bytes, question).unwrap();
    bytes
}

#[test]
fn question_that_is_cut_off_anywhere_ends_the_connection_unanswered() {
    let whole = framed(&Question::Forget { session: order(&[0, 1], 1).session });
    for end in 1..whole.len() {
        let cut = Err(ServeError::Broken(std::io::ErrorKind::UnexpectedEof));
        assert_eq!(sent(&whole[..end]), cut, "after {end} bytes");
    }
}

#[test]
fn what_is_no_question_ends_the_connection_unanswered() {
    let garbled = Err(ServeError::Garbled);
    let too_long = u32::try_from(FRAME_BYTES_MAX + 1).unwrap().to_be_bytes();
    assert_eq!(sent(&too_long), garbled, "too long");
    assert_eq!(sent(&[0, 0, 0, 2, 1, 0]), garbled, "another version");
    assert_eq!(sent(&[0, 0, 0, 2, 2, 99]), garbled, "no such question");
    assert_eq!(sent(&[0, 0, 0, 3, 2, 0, 0]), garbled, "more than a question");
    assert_eq!(sent(&[0, 0, 0, 0]), garbled, "nothing");
    assert_eq!(sent(b"GET / HTTP/1.1\r\n\r\n"), garbled, "another protocol");
}

#[test]
fn regression_question_with_parts_that_are_none_cost_every_open_nonce() {
    let (mut it, asked, other) = (Served::start(), order(&[0, 1], 1), order(&[0, 1], 2));
    let mut question = Question::nonces(&asked, None);
    if let Question::Nonces { request, .. } = &mut question {
        request.push(0);
    }
    it.refuses(&question, Refusal::Other);
    let kept = it.nonces(&other);
    let two_signers = [other_nonce().to_bytes(), other_nonce().to_bytes()].concat();
    let false_nonces = [
        (0, Vec::new()),
        (0, two_signers.clone()),
        (1, vec![2; 65]),
        (2, other_nonce().to_bytes().to_vec()),
        (1, vec![0xff; 66]),
        (1, [&two_signers[..66], &[0xff; 66]].concat()),
    ];
    for (attempt, (messages, nonces)) in (3..).zip(false_nonces) {
        let asked = order(&[0, 1], attempt);
        it.nonces(&asked);
        let question = Question::Partials { session: asked.session, messages, nonces };
        it.refuses(&question, Refusal::Other);
        it.refuses(&question, Refusal::NoNonces);
    }
    // The connection stays, and so do the nonces of other attempts.
    assert!(matches!(it.ask(&partials(other.session, &kept)), Answer::Partials(_)));
    assert_eq!(it.ended(), (Ok(()), 0));
}

#[test]
fn regression_delegation_that_nobody_would_accept_was_signed() {
    let mut it = Served::start();
    let (now, day) = (crate::unix_now(), Duration::from_secs(24 * 60 * 60));
    let point = node_key(0).peer_id();
    let ask_as = |peer, number, expires| {
        let terms = Terms { number, expires };
        Question::Delegate { network: NETWORK, peer, terms }
    };
    let ask = |peer, expires| ask_as(peer, 1, expires);
    let past = UnixTime::from_millis(now.as_millis() - 1);
    for expires in
        [UnixTime::from_millis(0), past, now.after(day * 367), UnixTime::from_millis(u64::MAX)]
    {
        it.refuses(&ask(point, expires), Refusal::Other);
    }
    it.refuses(&ask(PeerId::from_bytes([0xff; 32]), now.after(day)), Refusal::Other);
    it.refuses(&ask_as(point, now.after(day).as_millis() / 1000, now.after(day)), Refusal::Other);
    let answer = it.ask(&ask(point, now.after(day * 365)));
    assert!(matches!(answer, Answer::Delegated(_)), "{answer:?}");
    // Another node needs a higher number; the same one may ask again.
    let (other, day) = (node_key(1).peer_id(), now.after(day));
    it.refuses(&ask_as(other, 1, day), Refusal::Other);
    for again in [ask_as(point, 1, day), ask_as(other, 2, day)] {
        assert!(matches!(it.ask(&again), Answer::Delegated(_)));
    }
    it.refuses(&ask_as(point, 2, day), Refusal::Other);
}

#[test]
fn each_nonce_is_made_once_and_signs_once_in_whatever_order_it_is_asked() {
    let (mut it, asked) = (Served::start(), order(&[0, 1], 1));
    let nothing = other_nonce().to_bytes();
    it.refuses(&partials(asked.session, &nothing), Refusal::NoNonces);
    assert!(matches!(it.ask(&Question::Forget { session: asked.session }), Answer::Forgotten));
    let own = it.nonces(&asked);
    it.refuses(&Question::nonces(&asked, None), Refusal::Other);
    assert!(matches!(it.ask(&partials(asked.session, &own)), Answer::Partials(_)));
    it.refuses(&partials(asked.session, &own), Refusal::NoNonces);
    it.refuses(&Question::nonces(&asked, None), Refusal::Other);
    let again = order(&[0, 1], 2);
    let own = it.nonces(&again);
    assert!(matches!(it.ask(&Question::Forget { session: again.session }), Answer::Forgotten));
    it.refuses(&partials(again.session, &own), Refusal::NoNonces);
    it.refuses(&Question::nonces(&again, None), Refusal::Other);
    assert!(matches!(it.ask(&Question::Hello), Answer::Key(..)));
    assert_eq!(it.ended(), (Ok(()), 0));
}

#[test]
fn partials_that_fail_use_the_nonces_up() {
    let (mut it, asked) = (Served::start(), order(&[0, 1], 1));
    let own = it.nonces(&asked);
    // Somebody else's nonce where ours should be.
    let other = other_nonce().to_bytes();
    it.refuses(&partials(asked.session, &other), Refusal::Other);
    it.refuses(&partials(asked.session, &own), Refusal::NoNonces);
}

#[test]
fn order_that_lies_gets_no_nonces_and_spoils_nothing() {
    let (mut it, honest) = (Served::start(), order(&[0, 1], 1));
    let mut ask = |order: &Order| it.refuses(&Question::nonces(order, None), Refusal::Other);
    let of = |request| Order { request: Arc::new(request), ..honest.clone() };
    let signed = &*honest.request;
    let id = signed.request.id();
    // Made up in the name of signer 1: by the node that asks, and by nobody.
    let signature = node_key(0).sign(id.as_bytes());
    ask(&of(SignedRequest { signature, ..signed.clone() }));
    ask(&of(SignedRequest { signature, peer: node_key(0).peer_id(), ..signed.clone() }));
    ask(&of(SignedRequest { signature: Signature([0; 64]), ..signed.clone() }));
    let delegation = delegation(0);
    ask(&of(SignedRequest {
        signature,
        peer: node_key(0).peer_id(),
        delegation,
        ..signed.clone()
    }));
    // Another message under the same name, another attempt, another key.
    let mut changed = signed.clone();
    changed.request.messages[0].digest = [8; 32];
    ask(&of(changed));
    ask(&Order { attempt: 2, ..honest.clone() });
    ask(&Order { local: SignerIndex(1), ..honest.clone() });
    ask(&Order { local: SignerIndex(2), ..honest.clone() });
    ask(&order(&[2, 1], 1));
    let own = it.nonces(&honest);
    assert!(matches!(it.ask(&partials(honest.session, &own)), Answer::Partials(_)));
}

#[test]
fn signer_holds_so_many_nonces_and_no_more() {
    let mut it = Served::start();
    let limit = u16::try_from(OPEN_SESSIONS_MAX).unwrap();
    for attempt in 1..=limit {
        it.nonces(&order(&[0, 1], attempt));
    }
    let last = order(&[0, 1], limit + 1);
    it.refuses(&Question::nonces(&last, None), Refusal::Other);
    let first = order(&[0, 1], 1).session;
    assert!(matches!(it.ask(&Question::Forget { session: first }), Answer::Forgotten));
    it.nonces(&last);
}

#[test]
fn nonces_end_with_the_connection_and_are_no_other_clients_to_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signer.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let signer = thread::spawn(move || {
        let mut signer = InProcess::new(sec_key(0));
        let serve_next = |_| serve(listener.accept().unwrap().0, &mut signer);
        (0..2).map(serve_next).collect::<Vec<_>>()
    });
    let mut first = UnixStream::connect(&path).unwrap();
    let asked = order(&[0, 1], 1);
    let own = nonces(&mut first, &asked);
    // It is heard when the first has hung up, and not before.
    let mut second = UnixStream::connect(&path).unwrap();
    frame::write(&mut second, &partials(asked.session, &own)).unwrap();
    let limit = u16::try_from(OPEN_SESSIONS_MAX).unwrap();
    for attempt in 2..=limit {
        nonces(&mut first, &order(&[0, 1], attempt));
    }
    drop(first);
    let answer = frame::read(&mut second).unwrap().unwrap();
    assert!(matches!(answer, Answer::Refused(Refusal::NoNonces)), "{answer:?}");
    let answer = ask(&mut second, &Question::nonces(&asked, None));
    assert!(matches!(answer, Answer::Refused(Refusal::Other)), "{answer:?}");
    // There is room for as many again: the first client's are erased.
    for attempt in limit + 1..=2 * limit {
        nonces(&mut second, &order(&[0, 1], attempt));
    }
    drop(second);
    assert_eq!(signer.join().unwrap(), [Ok(()), Ok(())]);
}
