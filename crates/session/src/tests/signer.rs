//! A signer in the hands of somebody hostile: whatever it is asked, in whatever order.

use core::time::Duration;
use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
    vec,
    vec::Vec,
};

use ensign_identity::{Delegation, Terms};
use ensign_musig::{KeyAggCtx, NonceEntropy, PubNonce, SecKey, SigningCtx, nonce_gen};
use ensign_primitives::{Instant, Now, RequestId, SessionId, SignerIndex, UnixTime, sha256};
use ensign_wire::{KeyTweak, Mode, RequestError, SignedRequest, SigningRequest};
use proptest::{prelude::*, sample};

use super::group::{NETWORK, Plan, START, entropy, member, peer, public_key, signer};
use crate::{
    CLOCKS_PART_MAX, LocalSigner, NONCE_LIFETIME, OPEN_SESSIONS_MAX, Order, OrderError,
    OwnPartials, PartialsError, contexts::contexts,
};

/// Long before any nonce has outlived its time.
fn now() -> Now {
    Now { unix: START, ..Now::default() }
}

/// Which member's key is under test.
const OURS: usize = 1;

fn local_signer() -> LocalSigner {
    LocalSigner::new(Arc::clone(&member(OURS).sec_key))
}

/// One of a few requests of a group of three with our key in the middle; every third is of somebody
/// else alone.
fn request(number: u8) -> Arc<SignedRequest> {
    let plan = Plan {
        messages: 1 + usize::from(number) % 3,
        ..Plan::new(if number % 3 == 2 { 1 } else { 3 }, Mode::Committed)
    };
    let mut request = plan.request().request;
    request.nonce = [number; 16];
    for message in &mut request.messages {
        message.digest = sha256(&[number, message.digest[0]]);
    }
    let (key, delegation) = (&member(0).node_key, member(0).delegation);
    Arc::new(SignedRequest::sign(request, key, delegation).unwrap())
}

fn order(request: &Arc<SignedRequest>, attempt: u16) -> Order {
    let session = SigningRequest::session_id(request.request.id(), NETWORK, attempt);
    let request = Arc::clone(request);
    Order { session, request, attempt, local: signer(OURS) }
}

/// The same request, as if it were somebody's who has not signed it.
fn made_up(request: &SignedRequest) -> Arc<SignedRequest> {
    let signature = member(OURS).node_key.sign(request.request.id().as_bytes());
    Arc::new(SignedRequest { signature, ..request.clone() })
}

/// The keys of each message, as the verifier of a signature has them.
fn keys_of(request: &SigningRequest) -> Vec<KeyAggCtx> {
    let keys: Vec<_> = request.signers.as_slice().iter().map(|it| *it.as_public_key()).collect();
    contexts(&KeyAggCtx::new(&keys).unwrap(), &request.messages).unwrap()
}

/// Public nonces of the other signers, as anybody can make them up.
fn nonces_of_others(order: &Order, own: &[PubNonce], seed: u8) -> Vec<Vec<PubNonce>> {
    let request = &order.request.request;
    let contexts = keys_of(request);
    let other = |index: usize, position: usize| {
        let entropy = NonceEntropy::new([seed.max(1); 32]).unwrap();
        let key: &SecKey = &member(index).sec_key;
        let digest = [position as u8; 32];
        nonce_gen(entropy, key, &contexts[position], &digest, &[0; 32]).unwrap().1
    };
    (0..request.signers.len())
        .map(|index| {
            if index == OURS {
                return own.to_vec();
            }
            (0..own.len()).map(|position| other(index, position)).collect()
        })
        .collect()
}

/// Whether partial signatures are ours for the messages of the order, under the given nonces.
fn are_true(order: &Order, nonces: &[Vec<PubNonce>], made: &OwnPartials) -> bool {
    let request = &order.request.request;
    made.partials().len() == request.messages.len()
        && keys_of(request).iter().zip(&request.messages).enumerate().all(|(at, (ctx, message))| {
            let of_message = nonces.iter().map(|signer| signer[at]).collect();
            let ctx = SigningCtx::new(ctx, of_message, message.digest).unwrap();
            ctx.partial_sig_verify(OURS, &made.partials()[at])
        })
}

/// What somebody hostile asks.
#[derive(Clone, Debug)]
enum Ask {
    Nonces { request: u8, attempt: u16, lie: Lie },
    Partials { session: usize, nonces: Given, seed: u8 },
    Forget(usize),
    ForgetAll,
    Restart,
}

#[derive(Clone, Copy, Debug)]
enum Lie {
    None,
    /// The session of another attempt.
    Session,
    /// The position of another signer.
    Local,
    /// A position outside the group.
    Nobody,
    /// Too little entropy.
    Entropy,
    /// A request that another signer's node has signed.
    Creator,
}

#[derive(Clone, Copy, Debug)]
enum Given {
    Fitting,
    /// Our place holds another signer's nonces.
    Swapped,
    /// Our place holds the nonces of another session.
    OfAnotherSession,
    TooFewSigners,
    TooFewMessages,
}

fn ask() -> impl Strategy<Value = Ask> {
    let lies = vec![Lie::Session, Lie::Local, Lie::Nobody, Lie::Entropy, Lie::Creator];
    let lie = prop_oneof![4 => Just(Lie::None), 1 => sample::select(lies)];
    let bad =
        vec![Given::Swapped, Given::OfAnotherSession, Given::TooFewSigners, Given::TooFewMessages];
    let given = prop_oneof![3 => Just(Given::Fitting), 1 => sample::select(bad)];
    prop_oneof![
        6 => (0..6_u8, 1..4_u16, lie)
            .prop_map(|(request, attempt, lie)| Ask::Nonces { request, attempt, lie }),
        6 => (any::<usize>(), given, any::<u8>())
            .prop_map(|(session, nonces, seed)| Ask::Partials { session, nonces, seed }),
        1 => any::<usize>().prop_map(Ask::Forget),
        1 => Just(Ask::ForgetAll),
        1 => Just(Ask::Restart),
    ]
}

/// What a signer must have done and must not do: the naive model.
#[derive(Default)]
struct Model {
    seen: BTreeSet<SessionId>,
    /// Requests whose creator's signature was shown once.
    verified: BTreeSet<RequestId>,
    open: BTreeMap<SessionId, Vec<PubNonce>>,
    /// Every attempt that ever got nonces, with its first ones: `used` is about all of them.
    orders: Vec<(Order, Vec<PubNonce>)>,
    made: BTreeSet<[u8; 66]>,
    used: BTreeSet<[u8; 66]>,
    draws: u64,
}

impl Model {
    fn order(&mut self, signer: &mut LocalSigner, (number, attempt): (u8, u16), lie: Lie) {
        let request = request(number);
        let mut asked = order(&request, attempt);
        let messages = request.request.messages.len();
        let mut pieces = messages;
        match lie {
            Lie::None => {}
            Lie::Session => asked.session = order(&request, attempt + 1).session,
            Lie::Local => asked.local = SignerIndex(2),
            Lie::Nobody => asked.local = SignerIndex(200),
            Lie::Entropy => pieces -= 1,
            Lie::Creator => asked.request = made_up(&request),
        }
        let id = request.request.id();
        self.draws += 1;
        let answer = signer.nonces(now(), &asked, entropy(7, self.draws, pieces));
        let named = request.request.signers.get(asked.local) == Some(&public_key(OURS));
        let new = named && !self.seen.contains(&asked.session);
        let fits = match lie {
            Lie::None => new,
            Lie::Creator => new && self.verified.contains(&id),
            Lie::Session | Lie::Local | Lie::Nobody | Lie::Entropy => false,
        };
        assert_eq!(answer.is_ok(), fits, "{asked:?}: {answer:?}");
        let refused_later = matches!(answer, Err(OrderError::EntropyCount { .. }));
        if answer.is_ok() || refused_later {
            self.verified.insert(id);
        }
        let Ok(own) = answer else { return };
        assert_eq!(own.nonces.len(), messages);
        for nonce in &own.nonces {
            assert!(self.made.insert(nonce.to_bytes()), "a nonce came twice");
        }
        self.seen.insert(asked.session);
        self.open.insert(asked.session, own.nonces.clone());
        self.orders.push((asked, own.nonces));
    }

    fn sign(&mut self, signer: &mut LocalSigner, which: usize, given: Given, seed: u8) {
        if self.orders.is_empty() {
            return;
        }
        let (asked, own) = self.orders[which % self.orders.len()].clone();
        let mut nonces = nonces_of_others(&asked, &own, seed);
        match given {
            Given::Fitting => {}
            Given::Swapped => nonces.swap(0, OURS),
            Given::OfAnotherSession => {
                let (_, other) = &self.orders[(which + 1) % self.orders.len()];
                nonces[OURS].clone_from(other);
            }
            Given::TooFewSigners => drop(nonces.pop()),
            Given::TooFewMessages => drop(nonces[0].pop()),
        }
        let fits = nonces.iter().all(|it| it.len() == own.len())
            && nonces.len() == asked.request.request.signers.len();
        // After a restart a session may have got nonces anew.
        let was_open = self.open.remove(&asked.session).is_some_and(|open| open == nonces[OURS]);
        let answer = signer.partials(now(), asked.session, &nonces);
        assert_eq!(answer.is_ok(), fits && was_open, "{given:?}: {answer:?}");
        let Ok(made) = answer else { return };
        assert!(are_true(&asked, &nonces, &made), "signed something else than was shown");
        for nonce in &nonces[OURS] {
            assert!(self.made.contains(&nonce.to_bytes()));
            assert!(self.used.insert(nonce.to_bytes()), "a nonce was used twice");
        }
    }

    fn ask(&mut self, signer: &mut LocalSigner, ask: &Ask) {
        match ask {
            Ask::Nonces { request, attempt, lie } => {
                self.order(signer, (*request, *attempt), *lie);
            }
            Ask::Partials { session, nonces, seed } => self.sign(signer, *session, *nonces, *seed),
            Ask::Forget(which) => {
                let known = self.orders.get(which % self.orders.len().max(1));
                let Some((order, _)) = known else { return };
                signer.forget(order.session);
                self.open.remove(&order.session);
            }
            Ask::ForgetAll => {
                signer.forget_all();
                self.open.clear();
            }
            Ask::Restart => {
                *signer = local_signer();
                *self = Self {
                    orders: mem::take(&mut self.orders),
                    made: mem::take(&mut self.made),
                    used: mem::take(&mut self.used),
                    draws: self.draws,
                    ..Self::default()
                };
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 128, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn no_coordinator_gets_a_nonce_twice_or_a_message_that_it_did_not_show(
        asks in proptest::collection::vec(ask(), 0..40),
    ) {
        let (mut signer, mut model) = (local_signer(), Model::default());
        for ask in &asks {
            model.ask(&mut signer, ask);
            assert_eq!(signer.occupancy()[0].len, model.open.len());
            assert!(signer.occupancy().iter().all(|it| it.len <= it.limit));
        }
    }
}

#[test]
fn order_for_a_request_that_names_another_key_is_refused() {
    let alone = order(&request(2), 1);
    let error = local_signer().nonces(now(), &alone, entropy(1, 1, 3)).unwrap_err();
    assert_eq!(error, OrderError::NotASigner { local: signer(OURS) });
}

#[test]
fn request_that_was_made_up_in_the_name_of_another_signer_gets_no_nonces() {
    let (mut it, honest) = (local_signer(), order(&request(0), 1));
    let asked = Order { request: made_up(&honest.request), ..honest.clone() };
    let error = it.nonces(now(), &asked, entropy(1, 1, 1)).unwrap_err();
    assert_eq!(error, OrderError::Request(RequestError::Signature { peer: peer(0) }));
    // Nor does one whose creator let another node speak.
    let node = SignedRequest { peer: peer(OURS), ..(*made_up(&honest.request)).clone() };
    let asked = Order { request: Arc::new(node), ..honest.clone() };
    let error = it.nonces(now(), &asked, entropy(1, 1, 1)).unwrap_err();
    assert!(matches!(error, OrderError::Request(RequestError::Delegation(_))), "{error}");
    // It costs the honest request nothing.
    it.nonces(now(), &honest, entropy(1, 2, 1)).unwrap();
}

#[test]
fn request_is_verified_at_its_first_attempt_alone() {
    let (mut it, first) = (local_signer(), order(&request(0), 1));
    it.nonces(now(), &first, entropy(1, 1, 1)).unwrap();
    let second = Order { request: made_up(&first.request), ..order(&request(0), 2) };
    it.nonces(now(), &second, entropy(1, 2, 1)).unwrap();
}

#[test]
fn order_for_another_session_is_refused_and_says_which_it_would_be() {
    let mut asked = order(&request(0), 1);
    let expected = asked.session;
    asked.session = order(&request(1), 1).session;
    let error = local_signer().nonces(now(), &asked, entropy(1, 1, 1)).unwrap_err();
    assert_eq!(error, OrderError::WrongSession { expected, seen: asked.session });
}

#[test]
fn regression_attempt_zero_got_nonces() {
    let mut asked = order(&request(0), 0);
    asked.attempt = 0;
    let error = local_signer().nonces(now(), &asked, entropy(1, 1, 1)).unwrap_err();
    assert_eq!(error, OrderError::Attempt);
}

#[test]
fn request_without_messages_is_refused() {
    let mut signed = request(0).as_ref().clone();
    signed.request.messages.clear();
    let error =
        local_signer().nonces(now(), &order(&Arc::new(signed), 1), entropy(1, 1, 0)).unwrap_err();
    assert!(matches!(error, OrderError::MessageCount { seen: 0, .. }), "{error}");
}

#[test]
fn changed_message_is_another_session() {
    let shown = order(&request(0), 1);
    let mut changed = shown.request.as_ref().clone();
    changed.request.messages[0].tweak = KeyTweak::ADDRESS;
    let asked = Order { request: Arc::new(changed), ..shown };
    let error = local_signer().nonces(now(), &asked, entropy(1, 1, 1)).unwrap_err();
    assert!(matches!(error, OrderError::WrongSession { .. }), "{error}");
}

#[test]
fn session_that_had_its_nonces_gets_no_others_though_they_were_used_or_forgotten() {
    let (mut it, asked) = (local_signer(), order(&request(0), 1));
    it.nonces(now(), &asked, entropy(1, 1, 1)).unwrap();
    it.forget(asked.session);
    let error = it.nonces(now(), &asked, entropy(1, 2, 1)).unwrap_err();
    assert_eq!(error, OrderError::SeenBefore { session: asked.session });
}

#[test]
fn signer_with_too_many_open_attempts_refuses_until_one_is_forgotten() {
    let mut it = local_signer();
    let asked: Vec<_> =
        (1..=OPEN_SESSIONS_MAX as u16 + 1).map(|attempt| order(&request(0), attempt)).collect();
    let (last, rest) = asked.split_last().unwrap();
    for (number, order) in rest.iter().enumerate() {
        it.nonces(now(), order, entropy(1, number as u64, 1)).unwrap();
    }
    let error = it.nonces(now(), last, entropy(2, 1, 1)).unwrap_err();
    assert_eq!(error, OrderError::TooManyOpen { limit: OPEN_SESSIONS_MAX });
    it.forget(rest[0].session);
    it.nonces(now(), last, entropy(2, 2, 1)).unwrap();
}

#[test]
fn signer_that_restarted_has_no_nonces_and_says_so() {
    let (mut it, asked) = (local_signer(), order(&request(0), 1));
    let own = it.nonces(now(), &asked, entropy(1, 1, 1)).unwrap();
    let nonces = nonces_of_others(&asked, &own.nonces, 3);
    let error = local_signer().partials(now(), asked.session, &nonces).unwrap_err();
    assert_eq!(error, PartialsError::NoNonces { session: asked.session });
    it.partials(now(), asked.session, &nonces).unwrap();
}

#[test]
fn delegation_holds_for_the_node_that_it_names() {
    let expires = START.after(Duration::from_secs(60));
    let proof = local_signer().delegate(NETWORK, peer(OURS), Terms { number: 1, expires });
    Delegation::verify(public_key(OURS), peer(OURS), NETWORK, proof, START).unwrap();
    Delegation::verify(public_key(OURS), peer(0), NETWORK, proof, START).unwrap_err();
}

/// A signer with the nonces of one attempt, made long ago or not; what it would sign them for.
fn with_nonces() -> (LocalSigner, Order, Vec<Vec<PubNonce>>) {
    let mut it = local_signer();
    let asked = order(&request(3), 1);
    let own = it.nonces(now(), &asked, entropy(1, 1, 1)).unwrap();
    let nonces = nonces_of_others(&asked, &own.nonces, 1);
    (it, asked, nonces)
}

fn later(monotonic: Duration, wall: i64) -> Now {
    let unix = UnixTime::from_millis(START.as_millis().saturating_add_signed(wall));
    Now { instant: Instant::from_micros(0).after(monotonic), unix }
}

#[test]
fn nonces_sign_within_their_lifetime_and_never_after_it() {
    let millis = |time: Duration| time.as_millis() as i64;
    let almost = NONCE_LIFETIME - Duration::from_millis(1);
    for (at, signs) in [
        (later(almost, millis(almost)), true),
        (later(almost, millis(almost) - millis(CLOCKS_PART_MAX)), true),
        (later(NONCE_LIFETIME, millis(NONCE_LIFETIME)), false),
        (later(almost, millis(NONCE_LIFETIME)), false),
    ] {
        let (mut it, asked, nonces) = with_nonces();
        let signed = it.partials(at, asked.session, &nonces);
        assert_eq!(signed.is_ok(), signs, "{at:?}: {:?}", signed.err());
        assert_eq!(it.count_open(), 0, "used or dropped");
    }
}

#[test]
fn copies_of_a_signer_that_was_put_back_drop_their_nonces_when_the_clocks_part() {
    // Both are as the image left them: the same key, the same nonces. The wall clock has gone on, or back.
    for wall in [-3_000, 3_000, 3_600_000] {
        for _ in 0..2 {
            let (mut copy, asked, nonces) = with_nonces();
            let at = later(Duration::from_millis(20), wall);
            let outlived = PartialsError::Outlived { session: asked.session };
            assert_eq!(copy.partials(at, asked.session, &nonces).unwrap_err(), outlived);
            let (mut copy, ..) = with_nonces();
            assert_eq!((copy.forget_old(at), copy.count_open()), (None, 0));
        }
    }
}

#[test]
fn old_nonces_are_erased_whatever_the_signer_is_asked_next() {
    let (mut it, ..) = with_nonces();
    let at = later(NONCE_LIFETIME, NONCE_LIFETIME.as_millis() as i64);
    it.nonces(at, &order(&request(3), 2), entropy(1, 2, 1)).unwrap();
    assert_eq!(it.count_open(), 1, "those of the attempt that asked");
}
