//! The signer: the secret key, the open secret nonces, and nothing that anybody can talk it into.

use alloc::{sync::Arc, vec::Vec};

use ensign_identity::{Delegation, DelegationProof, Signature, SignerKey, Terms};
use ensign_musig::{KeyAggCtx, PartialSig, PubNonce, SecKey, SecNonce, SigningCtx, nonce_gen};
use ensign_primitives::{
    BoundedMap, GroupId, Instant, MESSAGES_MAX, Network, Now, Occupancy, PeerId, SessionId,
};
use ensign_replay::Duplicates;
use ensign_wire::{SignedRequest, SigningRequest};

use crate::{
    Entropy, NonceAge, Order, OrderError, OwnNonces, OwnPartials, PartialsError, contexts::contexts,
};

/// Most attempts that have secret nonces at one time; a further one is refused until one is
/// forgotten. Guess: more than the open requests of a node, each with one attempt.
pub const OPEN_SESSIONS_MAX: usize = 1024;

/// How many attempts a signer remembers, so that it makes nonces for each once; the oldest give
/// way. Guess: thousands of requests with every attempt, in 2 MiB.
///
/// It is the second line of defence: a session whose name was forgotten would get nonces that are
/// as fresh as any.
pub const SESSIONS_SEEN_MAX: usize = 16_384;

/// For how many requests a signer remembers that their creators have signed them. Guess: more than
/// are open at one time.
pub const REQUESTS_VERIFIED_MAX: usize = 1024;

/// For how many groups the aggregated keys are kept. Guess: as many as a node belongs to.
pub const GROUPS_CACHED_MAX: usize = 64;

/// Holds a secret signer key and the secret nonces of open attempts, and signs.
///
/// Pure: entropy comes with the call that needs it. Whoever drives it may be hostile. Whatever it
/// asks, in whatever order:
///
/// - A secret nonce is moved out of the signer by the one call that signs with it, or dropped.
/// - A message is signed only if it stood in an order, for the keys that stood beside it; both are
///   taken from the request itself, whose hash must give the name of the session.
/// - It must be in the group itself, and the creator must have signed the request: nobody can make
///   one up in the name of another signer.
/// - For the name of one session nonces are made once.
/// - At most [`OPEN_SESSIONS_MAX`] attempts have nonces.
///
/// The creator's signature is checked at the first order for a request, beside a machine in the
/// same process as well: 45 us once, where signing takes 115 us a message in each attempt. That
/// machine has checked what came from a peer, but not what it reads from its journal after a
/// restart; and one rule without exceptions is what a signer in another process can build on.
///
/// - Nonces whose [age](NonceAge) is over are dropped at whatever it is asked next, and sign nothing.
///
/// It reads no clock: whoever drives it says what time it is. Whether a delegation has ended, or a request is
/// too old, is for others to say ([`SignedRequest::verify`]).
///
/// ```compile_fail,E0277
/// fn serialize<T: serde::Serialize>() {}
/// serialize::<ensign_session::LocalSigner>();
/// ```
///
/// ```compile_fail,E0599
/// fn copy(signer: &ensign_session::LocalSigner) -> ensign_session::LocalSigner {
///     ensign_session::LocalSigner::clone(signer)
/// }
/// ```
#[derive(Debug)]
pub struct LocalSigner {
    sec_key: Arc<SecKey>,
    open: BoundedMap<SessionId, Open>,
    seen: Duplicates,
    /// Requests that their creators have signed; what was forgotten is checked again.
    verified: Duplicates,
    groups: BoundedMap<GroupId, KeyAggCtx>,
}

/// One attempt between nonces and signature.
#[derive(Debug)]
struct Open {
    request: Arc<SignedRequest>,
    contexts: Vec<KeyAggCtx>,
    age: NonceAge,
    /// One for each message.
    secret: Vec<SecNonce>,
}

impl LocalSigner {
    /// Takes the key.
    pub const fn new(sec_key: Arc<SecKey>) -> Self {
        Self {
            sec_key,
            open: BoundedMap::new(OPEN_SESSIONS_MAX),
            seen: Duplicates::new(SESSIONS_SEEN_MAX),
            verified: Duplicates::new(REQUESTS_VERIFIED_MAX),
            groups: BoundedMap::new(GROUPS_CACHED_MAX),
        }
    }

    /// Returns the public key.
    pub fn public_key(&self) -> SignerKey {
        SignerKey::from_public_key(self.sec_key.public_key())
    }

    /// Lets a node speak for this key.
    pub fn delegate(&self, network: Network, peer: PeerId, terms: Terms) -> DelegationProof {
        let digest = Delegation::digest(&self.public_key(), &peer, network, terms);
        let Terms { number, expires } = terms;
        DelegationProof {
            number,
            expires,
            signature: Signature(self.sec_key.sign_schnorr(&digest)),
        }
    }

    /// Makes the nonces for one attempt, and keeps the secret halves until they are used or
    /// forgotten.
    ///
    /// Cost: 38 us a message, 16 us for each different tweak, 45 us for a request that was not seen
    /// lately, and 19 us a signer for a group that was not.
    ///
    /// # Errors
    ///
    /// [`OrderError`]; no nonce was made then.
    pub fn nonces(
        &mut self,
        now: Now,
        order: &Order,
        entropy: Entropy,
    ) -> Result<OwnNonces, OrderError> {
        self.forget_old(now);
        self.check(order)?;
        let request = &order.request.request;
        let (expected, seen) = (request.messages.len(), entropy.nonces.len());
        if expected != seen {
            return Err(OrderError::EntropyCount { expected, seen });
        }
        let group = self.group(request)?;
        let contexts = contexts(&group, &request.messages)
            .map_err(|(message, source)| OrderError::Tweak { message, source })?;
        self.seen.remember(*order.session.as_bytes());
        let (mut secret, mut nonces) = (Vec::new(), Vec::new());
        let messages = contexts.iter().zip(&request.messages);
        for (entropy, (ctx, message)) in entropy.nonces.into_iter().zip(messages) {
            let session = order.session.as_bytes();
            let (sec_nonce, pub_nonce) =
                nonce_gen(entropy, &self.sec_key, ctx, &message.digest, session)
                    .map_err(OrderError::NonceGen)?;
            secret.push(sec_nonce);
            nonces.push(pub_nonce);
        }
        let (request, age) = (Arc::clone(&order.request), NonceAge::new(now));
        let open = Open { request, contexts, age, secret };
        self.open
            .insert(order.session, open)
            .map_err(|_| OrderError::TooManyOpen { limit: OPEN_SESSIONS_MAX })?;
        Ok(OwnNonces { nonces, salt: entropy.salt })
    }

    /// Signs every message of an attempt with the nonces made for it. They are gone afterwards,
    /// whatever the outcome.
    ///
    /// - `nonces`: each signer's public nonces, ours included, in key order; one for each message.
    ///
    /// Cost: 77 us a message.
    ///
    /// # Errors
    ///
    /// [`PartialsError`]; nothing was signed then.
    pub fn partials(
        &mut self,
        now: Now,
        session: SessionId,
        nonces: &[Vec<PubNonce>],
    ) -> Result<OwnPartials, PartialsError> {
        let open = self.open.remove(&session).ok_or(PartialsError::NoNonces { session })?;
        self.forget_old(now);
        if open.age.is_over(now) {
            return Err(PartialsError::Outlived { session });
        }
        let messages = &open.request.request.messages;
        let signing = signing_contexts(
            &open.contexts,
            messages.iter().map(|message| message.digest),
            nonces,
        )?;
        let signed: Result<Vec<PartialSig>, PartialsError> = signing
            .iter()
            .zip(open.secret)
            .enumerate()
            .map(|(message, (ctx, nonce))| {
                let signed = ctx.sign(nonce, &self.sec_key);
                signed.map_err(|source| PartialsError::Sign { message, source })
            })
            .collect();
        Ok(OwnPartials::verified(signed?, signing))
    }

    /// Erases the nonces of an attempt, if there are any.
    pub fn forget(&mut self, session: SessionId) {
        self.open.remove(&session);
    }

    /// Erases the nonces whose time is over, all of them when the clocks have parted; returns when that has to
    /// be looked at again, if any are left.
    pub fn forget_old(&mut self, now: Now) -> Option<Instant> {
        self.open.retain(|_, open| !open.age.is_over(now));
        self.open.iter().map(|(_, open)| open.age.ends_at()).min()
    }

    /// Returns how many attempts have secret nonces.
    pub fn count_open(&self) -> usize {
        self.open.len()
    }

    /// Erases all nonces: whoever ordered them is gone.
    pub fn forget_all(&mut self) {
        self.open.retain(|_, _| false);
    }

    /// Returns how full each of its collections is.
    pub fn occupancy(&self) -> [Occupancy; 4] {
        [
            self.open.occupancy("attempts with secret nonces"),
            self.seen.occupancy("attempts a signer has seen"),
            self.verified.occupancy("requests a signer has verified"),
            self.groups.occupancy("groups a signer has seen"),
        ]
    }

    /// Whether the parts of an order fit together, its attempt is new, and its request is the
    /// creator's.
    fn check(&mut self, order: &Order) -> Result<(), OrderError> {
        let (request, session, local) = (&order.request.request, order.session, order.local);
        let (seen, limit) = (request.messages.len(), MESSAGES_MAX);
        if seen == 0 || seen > limit {
            return Err(OrderError::MessageCount { seen, limit });
        }
        if request.signers.get(local) != Some(&self.public_key()) {
            return Err(OrderError::NotASigner { local });
        }
        if order.attempt == 0 {
            return Err(OrderError::Attempt);
        }
        let id = request.id();
        let expected = SigningRequest::session_id(id, request.network, order.attempt);
        if session != expected {
            return Err(OrderError::WrongSession { expected, seen: session });
        }
        if self.seen.contains(session.as_bytes()) {
            return Err(OrderError::SeenBefore { session });
        }
        if self.open.is_full() {
            return Err(OrderError::TooManyOpen { limit: OPEN_SESSIONS_MAX });
        }
        if !self.verified.contains(id.as_bytes()) {
            order.request.verify_signatures().map_err(OrderError::Request)?;
            self.verified.remember(*id.as_bytes());
        }
        Ok(())
    }

    /// Returns the aggregated keys of the request's signers.
    fn group(&mut self, request: &SigningRequest) -> Result<KeyAggCtx, OrderError> {
        let id = request.signers.group_id(request.network);
        if let Some(known) = self.groups.get(&id) {
            return Ok(known.clone());
        }
        let keys: Vec<_> =
            request.signers.as_slice().iter().map(|key| *key.as_public_key()).collect();
        let group = KeyAggCtx::new(&keys).map_err(OrderError::KeyAgg)?;
        if self.groups.is_full() {
            // A cache: any of them may go.
            self.groups.retain(|_, _| false);
        }
        let _ = self.groups.insert(id, group.clone());
        Ok(group)
    }
}

/// Fixes what is signed under which nonces, one context for each message.
pub(crate) fn signing_contexts(
    contexts: &[KeyAggCtx],
    messages: impl Iterator<Item = [u8; 32]>,
    nonces: &[impl AsRef<[PubNonce]>],
) -> Result<Vec<SigningCtx>, PartialsError> {
    let expected = contexts.len();
    if let Some((signer, seen)) = nonces
        .iter()
        .map(|signer| signer.as_ref().len())
        .enumerate()
        .find(|(_, seen)| *seen != expected)
    {
        return Err(PartialsError::NonceCount { signer, expected, seen });
    }
    contexts
        .iter()
        .zip(messages)
        .enumerate()
        .map(|(position, (ctx, message))| {
            let of_message =
                nonces.iter().filter_map(|signer| signer.as_ref().get(position).copied()).collect();
            SigningCtx::new(ctx, of_message, message).map_err(PartialsError::Context)
        })
        .collect()
}
