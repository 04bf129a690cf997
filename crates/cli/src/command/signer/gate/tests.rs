//! What is refused before a person is asked, and how long a yes holds.

use std::sync::Arc;

use ensign_coordinator::Randomness;
use ensign_identity::{Delegation, NodeKey, Signature, Terms};
use ensign_musig::SecKey;
use ensign_primitives::{Instant, Now, SignerIndex};
use ensign_session::{NONCE_LIFETIME, PartialsError};
use ensign_wire::{
    GroupKeys, KeyTweak, Message, Mode, Payload, Scheme, SignedRequest, SigningRequest, TxType,
};

use super::*;

const NETWORK: Network = Network::Regtest;
const CREATED: UnixTime = UnixTime::from_millis(1_760_000_000_000);

fn at(minutes: u64) -> UnixTime {
    CREATED.after(Duration::from_secs(60 * minutes))
}

fn sec_key(number: u8) -> SecKey {
    SecKey::from_secret_bytes([number; 32]).unwrap()
}

fn key(number: u8) -> SignerKey {
    SignerKey::from_public_key(sec_key(number).public_key())
}

fn node_key(number: u8) -> NodeKey {
    NodeKey::from_secret_bytes([0x10 + number; 32]).unwrap()
}

/// A gate that says yes to what it would ask about, with key 1.
fn gate() -> Gate {
    Gate::new(
        InProcess::new(sec_key(1)),
        NETWORK,
        Asked::Nobody { accepted: vec!["blind".into()], asks: Asks::Nobody },
        Output::new(true),
    )
}

/// An asker that waits.
struct Here;

impl Asker for Here {
    fn has_hung_up(&self) -> bool {
        false
    }
}

/// An attempt at a request to the given keys that is open for 20 minutes; the second of them has
/// created it, and lets its node speak for 10.
fn order(keys: [u8; 2], network: Network, attempt: u16) -> Order {
    let peer = node_key(2).peer_id();
    let digest = Delegation::digest(&key(2), &peer, network, Terms { number: 1, expires: at(10) });
    let signature = Signature(sec_key(2).sign_schnorr(&digest));
    let delegation = DelegationProof { number: 1, expires: at(10), signature };
    let request = SigningRequest {
        network,
        scheme: Scheme::Bip327,
        signers: GroupKeys::new(keys.map(key).to_vec()).unwrap(),
        messages: vec![Message { digest: [7; 32], tweak: KeyTweak::None }],
        payload: Payload::Blind,
        purpose: String::new(),
        tx_type: TxType::Spend,
        amount: 0,
        creator: SignerIndex(1),
        created: CREATED,
        expires: at(20),
        mode: Mode::Committed,
        nonce: [9; 16],
    };
    let session = SigningRequest::session_id(request.id(), network, attempt);
    let request = SignedRequest::sign(request, &node_key(2), delegation).unwrap();
    Order { session, request: Arc::new(request), attempt, local: SignerIndex(0) }
}

fn ours(attempt: u16) -> Order {
    order([1, 2], NETWORK, attempt)
}

#[test]
fn nobody_is_asked_about_a_request_that_does_not_hold() {
    let gate = gate();
    let declined = Err(SignerError::Declined);
    let honest = ours(1);
    let mut made_up = (*honest.request).clone();
    made_up.signature = node_key(1).sign(made_up.request.id().as_bytes());
    let made_up = Order { request: Arc::new(made_up), ..honest.clone() };
    assert_eq!(gate.nonces_at(CREATED, &Here, (&made_up, None)), declined);
    assert_eq!(gate.nonces_at(CREATED, &Here, (&order([3, 2], NETWORK, 1), None)), declined);
    assert_eq!(
        gate.nonces_at(CREATED, &Here, (&order([1, 2], Network::Bitcoin, 1), None)),
        declined
    );
    // Bytes for a message that has none.
    assert_eq!(gate.nonces_at(CREATED, &Here, (&honest, Some(b"psbt"))), declined);
    assert_eq!(gate.nonces_at(at(10), &Here, (&honest, None)), declined);
    assert_eq!(gate.kept().approved.get(&honest.request.request.id()), None);
    gate.nonces_at(at(9), &Here, (&honest, None)).unwrap();
}

#[test]
fn a_yes_holds_for_later_attempts_until_the_time_of_the_request_is_over() {
    let gate = gate();
    gate.nonces_at(at(9), &Here, (&ours(1), None)).unwrap();
    // The creator's delegation has ended meanwhile.
    gate.nonces_at(at(19), &Here, (&ours(2), None)).unwrap();
    assert_eq!(gate.nonces_at(at(20), &Here, (&ours(3), None)), Err(SignerError::Refused));
}

#[test]
fn regression_nonces_of_a_silent_node_outlived_their_time() {
    use std::sync::atomic::{AtomicU64, Ordering};

    let (millis, silent) = (Arc::new(AtomicU64::new(0)), ours(1));
    let clock = Arc::clone(&millis);
    let mut signer = InProcess::new(sec_key(1));
    signer.dangerous_simulate(Randomness::System, move || {
        let passed = Duration::from_millis(clock.load(Ordering::SeqCst));
        Now { instant: Instant::from_micros(0).after(passed), unix: CREATED.after(passed) }
    });
    let gate = Gate { kept: Mutex::new(Kept { signer, approved: Recent::new(1) }), ..gate() };
    gate.nonces_at(CREATED, &Here, (&silent, None)).unwrap();
    gate.erase_in_time(|time| {
        let passed = u64::try_from(time.as_millis()).unwrap();
        let now = passed + millis.fetch_add(passed, Ordering::SeqCst);
        assert!(time <= LOOK_INTERVAL, "clocks may part at any time");
        u128::from(now) <= NONCE_LIFETIME.as_millis()
    });
    let session = silent.session;
    let gone = SignerError::Partials(PartialsError::NoNonces { session });
    assert_eq!(gate.partials(session, &[]).unwrap_err(), gone, "they are erased, not only refused");
}

#[test]
fn regression_delegation_that_nobody_would_accept_was_shown_and_signed() {
    let (gate, node) = (gate(), node_key(2).peer_id());
    let ask_as = |network, peer, number, expires| {
        gate.delegate_at(CREATED, &Here, (network, peer, Terms { number, expires }))
    };
    let ask = |peer, expires| ask_as(NETWORK, peer, 1, expires);
    let year = |days: u32| CREATED.after(Duration::from_secs(24 * 60 * 60) * days);
    let far = UnixTime::from_millis(u64::MAX);
    for expires in [UnixTime::from_millis(0), CREATED, year(367), far] {
        assert!(matches!(ask(node, expires), Err(SignerError::Delegation(_))), "{expires}");
    }
    let nobody = PeerId::from_bytes([0xff; 32]);
    let none = ensign_identity::DelegationError::NoNode { peer: nobody };
    assert_eq!(ask(nobody, year(1)), Err(SignerError::Delegation(none)));
    let other = ask_as(Network::Bitcoin, node, 1, year(1));
    assert_eq!(other, Err(SignerError::Refused));
    let number = CREATED.as_millis() / 1000 + 301;
    let ahead = ensign_identity::DelegationError::Ahead { number, now: CREATED };
    assert_eq!(ask_as(NETWORK, node, number, year(1)), Err(SignerError::Delegation(ahead)));
}
