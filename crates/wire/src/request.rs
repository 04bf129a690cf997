//! What a signer consents to: the group, the messages, and everything that is shown before joining.

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::{fmt, time::Duration};

use ensign_identity::{
    Delegation, DelegationError, DelegationProof, NodeKey, Signature, SignerKey, verify,
};
use ensign_primitives::{
    GroupId, KeyPath, MESSAGES_MAX, Network, PeerId, RequestId, SIGNERS_MAX, SessionId,
    SignerIndex, TaggedHasher, UnixTime,
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, SeqAccess, Visitor},
};

use crate::{DecodeError, codec};

/// Most bytes of a payload (a PSBT); it travels straight to the signers, never by gossip.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// Most bytes of the purpose line. Guess: two lines of text.
pub const PURPOSE_BYTES_MAX: usize = 256;
/// Longest time a request may stay open. Specification: adverts and requests live at most 24 h.
pub const REQUEST_LIFETIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The signature scheme; part of every id, so that two schemes never share a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scheme {
    /// MuSig2 as in BIP327, giving one BIP340 signature.
    Bip327,
}

/// How many rounds a session takes, and what each buys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Join with a nonce commitment, reveal, partial: three one-way hops. The default.
    Committed,
    /// Join with the public nonce, partial: two one-way hops.
    Fast,
    /// As committed, and every party confirms the same nonce set before any partial: four hops.
    Strict,
}

/// What kind of transaction a request is for; shown, and a search index later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TxType {
    /// An ordinary payment.
    Spend,
    /// One side of a swap.
    Swap,
    /// A joint transaction of strangers.
    CoinJoin,
    /// A movement between a custodian's own keys.
    Custody,
    /// A release from escrow.
    Escrow,
    /// A channel operation.
    Channel,
}

/// Which key a message is signed under, relative to the aggregate key of the group.
///
/// Only derivations that each signer recomputes exist; a free scalar has no proof behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "EncodedTweak", into = "EncodedTweak")]
pub enum KeyTweak {
    /// The aggregate key itself, as an output key or for a bare message.
    None,
    /// The taproot output key (BIP341) over a child of the aggregate key as internal key.
    Taproot {
        /// Which child (BIP328), each step a plain tweak; [`KeyPath::ROOT`] for the aggregate key.
        path: KeyPath,
        /// The root of the script tree, `None` for a key-path-only output.
        merkle_root: Option<[u8; 32]>,
    },
}

impl KeyTweak {
    /// The taproot output over the aggregate key itself, without scripts: the first address that a
    /// group has.
    pub const ADDRESS: Self = Self::Taproot { path: KeyPath::ROOT, merkle_root: None };
}

/// A [`KeyTweak`] as it is encoded: without a path in the common case. An empty path in the third form
/// reads as the second, which is no second encoding: the codec takes only what it would write.
#[derive(Clone, Copy, Serialize, Deserialize)]
enum EncodedTweak {
    None,
    Taproot { merkle_root: Option<[u8; 32]> },
    TaprootChild { path: KeyPath, merkle_root: Option<[u8; 32]> },
}

impl From<KeyTweak> for EncodedTweak {
    fn from(tweak: KeyTweak) -> Self {
        match tweak {
            KeyTweak::None => Self::None,
            KeyTweak::Taproot { path, merkle_root } if path.is_root() => {
                Self::Taproot { merkle_root }
            }
            KeyTweak::Taproot { path, merkle_root } => Self::TaprootChild { path, merkle_root },
        }
    }
}

impl From<EncodedTweak> for KeyTweak {
    fn from(encoded: EncodedTweak) -> Self {
        match encoded {
            EncodedTweak::None => Self::None,
            EncodedTweak::Taproot { merkle_root } => {
                Self::Taproot { path: KeyPath::ROOT, merkle_root }
            }
            EncodedTweak::TaprootChild { path, merkle_root } => Self::Taproot { path, merkle_root },
        }
    }
}

/// One 32-byte message and the key it is signed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The bytes that BIP340 signs: a sighash, or bytes given as they are.
    pub digest: [u8; 32],
    /// The key they are signed under.
    pub tweak: KeyTweak,
}

/// What the messages were computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Payload {
    /// Nothing: the signer is asked to sign blindly, and is told so.
    Blind,
    /// A PSBT, sent apart; each signer recomputes every message from it.
    Psbt {
        /// SHA-256 of the bytes.
        digest: [u8; 32],
        /// How many bytes, at most [`PAYLOAD_BYTES_MAX`].
        len: u32,
    },
    /// Nothing that moves coins: the one message is [`SigningRequest::drill_message`], which each
    /// signer recomputes. The group proves that all of it can sign.
    Drill,
}

/// The ordered keys of a group, each once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupKeys(Vec<SignerKey>);

impl GroupKeys {
    /// Takes the keys in the order in which they are aggregated.
    ///
    /// # Errors
    ///
    /// [`DecodeError::OutOfRange`] without a key or above [`SIGNERS_MAX`],
    /// [`DecodeError::DuplicateSigner`] when a key stands twice: its owner could speak in two
    /// places.
    pub fn new(keys: Vec<SignerKey>) -> Result<Self, DecodeError> {
        let keys = Self(keys);
        keys.validate().map(|()| keys)
    }

    /// Takes the keys in any order, and puts them in the order of `KeySort` of [BIP-0327]: that of
    /// their 33 bytes. Every member comes to the same group.
    ///
    /// [BIP-0327]: <https://github.com/bitcoin/bips/blob/master/bip-0327.mediawiki>
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn sorted(mut keys: Vec<SignerKey>) -> Result<Self, DecodeError> {
        keys.sort_unstable_by_key(SignerKey::to_bytes);
        Self::new(keys)
    }

    fn validate(&self) -> Result<(), DecodeError> {
        codec::in_range("signers", self.0.len() as u64, 1..=SIGNERS_MAX as u64)?;
        let mut seen = BTreeMap::new();
        for (key, index) in self.0.iter().zip(0..) {
            let second = SignerIndex(index);
            if let Some(first) = seen.insert(key.to_bytes(), second) {
                return Err(DecodeError::DuplicateSigner { first, second });
            }
        }
        Ok(())
    }

    /// Returns the keys in aggregation order.
    pub fn as_slice(&self) -> &[SignerKey] {
        &self.0
    }

    /// Returns how many keys there are, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a group is never empty")]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the key at a position.
    pub fn get(&self, index: SignerIndex) -> Option<&SignerKey> {
        self.0.get(index.as_usize())
    }

    /// Returns the position of `key`.
    pub fn index_of(&self, key: &SignerKey) -> Option<SignerIndex> {
        self.0.iter().position(|other| other == key).and_then(SignerIndex::from_usize)
    }

    /// Returns the group's name on `network`.
    pub fn group_id(&self, network: Network) -> GroupId {
        let hasher = TaggedHasher::new("ensign/group/v1", network).u64(self.0.len() as u64);
        let hasher = self.0.iter().fold(hasher, |hasher, key| hasher.bytes(&key.to_bytes()));
        GroupId::from_bytes(hasher.finish())
    }
}

impl<'de> Deserialize<'de> for GroupKeys {
    /// Stops at [`SIGNERS_MAX`] keys, because each costs a point on the curve.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = GroupKeys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "1 to {SIGNERS_MAX} different signer keys")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<GroupKeys, A::Error> {
                let mut keys = Vec::new();
                while let Some(key) = seq.next_element()? {
                    if keys.len() >= SIGNERS_MAX {
                        return Err(de::Error::invalid_length(keys.len() + 1, &self));
                    }
                    keys.push(key);
                }
                Ok(GroupKeys(keys))
            }
        }

        deserializer.deserialize_seq(Keys)
    }
}

/// Everything a signer consents to. Nothing a peer says later can change it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningRequest {
    /// The chain it is for.
    pub network: Network,
    /// The signature scheme.
    pub scheme: Scheme,
    /// Who must sign, in key-aggregation order.
    pub signers: GroupKeys,
    /// What is signed: 1 to [`MESSAGES_MAX`].
    pub messages: Vec<Message>,
    /// What the messages were computed from.
    pub payload: Payload,
    /// One line by the creator, at most [`PURPOSE_BYTES_MAX`] bytes without control characters;
    /// untrusted text all the same.
    pub purpose: String,
    /// What kind of transaction it is.
    pub tx_type: TxType,
    /// How much is spent, in satoshi; the creator's claim until checked against the payload.
    pub amount: u64,
    /// Who asks: one of the signers.
    pub creator: SignerIndex,
    /// When it was made.
    pub created: UnixTime,
    /// When it ends, at most [`REQUEST_LIFETIME_MAX`] later.
    pub expires: UnixTime,
    /// How the session runs.
    pub mode: Mode,
    /// Random bytes that keep two equal requests apart.
    pub nonce: [u8; 16],
}

impl SigningRequest {
    /// Encodes the request: the bytes that its name is the hash of.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Decodes a request from bytes that hold exactly one, within every limit of this crate.
    ///
    /// # Errors
    ///
    /// [`DecodeError`], also for a second encoding of the same request.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let request: Self = codec::decode(bytes)?;
        request.validate().map(|()| request)
    }

    /// Returns the name of the request: the tagged hash of its one encoding.
    pub fn id(&self) -> RequestId {
        RequestId::from_bytes(
            TaggedHasher::new("ensign/request/v1", self.network).var_bytes(&self.encode()).finish(),
        )
    }

    /// Returns the name of one attempt at the request; attempts count from 1.
    pub fn session_id(request: RequestId, network: Network, attempt: u16) -> SessionId {
        SessionId::from_bytes(
            TaggedHasher::new("ensign/session/v1", network)
                .bytes(request.as_bytes())
                .u64(attempt.into())
                .finish(),
        )
    }

    /// Returns what a drill signs: a tagged hash (`ensign/drill/v1`) over the group and the request's
    /// nonce, under the key of the group's first receiving address (`0/0`). No coin can be spent with it, because what a
    /// coin's signature signs is hashed under another tag (BIP341).
    ///
    /// It is the only message that a request with [`Payload::Drill`] may have. Cost: one hash over the keys.
    pub fn drill_message(&self) -> Message {
        drill_message(self.network, &self.signers, &self.nonce)
    }

    pub(crate) fn validate(&self) -> Result<(), DecodeError> {
        self.signers.validate()?;
        codec::in_range("messages", self.messages.len() as u64, 1..=MESSAGES_MAX as u64)?;
        codec::in_range("purpose bytes", self.purpose.len() as u64, 0..=PURPOSE_BYTES_MAX as u64)?;
        if let Some((at, seen)) = self.purpose.char_indices().find(|(_, seen)| seen.is_control()) {
            return Err(DecodeError::ControlCharacter { at, seen });
        }
        codec::in_range("creator", self.creator.0.into(), 0..=(self.signers.len() - 1) as u64)?;
        match self.payload {
            Payload::Blind => {}
            Payload::Psbt { len, .. } => {
                codec::in_range("payload bytes", len.into(), 1..=PAYLOAD_BYTES_MAX as u64)?;
            }
            Payload::Drill => {
                codec::in_range("messages of a drill", self.messages.len() as u64, 1..=1)?;
                codec::in_range("amount of a drill", self.amount, 0..=0)?;
                if self.messages.first() != Some(&self.drill_message()) {
                    return Err(DecodeError::DrillMessage);
                }
            }
        }
        // Zero stands for an end before the start.
        let lifetime = self.expires.since(self.created).as_millis() as u64;
        codec::in_range("lifetime in ms", lifetime, 1..=REQUEST_LIFETIME_MAX.as_millis() as u64)
    }
}

/// Returns what a group signs in a drill, see [`SigningRequest::drill_message`].
///
/// - `nonce`: that of the request.
pub fn drill_message(network: Network, signers: &GroupKeys, nonce: &[u8; 16]) -> Message {
    let group = signers.group_id(network);
    let hasher = TaggedHasher::new("ensign/drill/v1", network).bytes(group.as_bytes());
    let tweak = KeyTweak::Taproot { path: KeyPath::FIRST, merkle_root: None };
    Message { digest: hasher.bytes(nonce).finish(), tweak }
}

/// A request with its creator's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedRequest {
    /// What is asked.
    pub request: SigningRequest,
    /// The creator's node.
    pub peer: PeerId,
    /// That the creator's signer key lets this node speak.
    pub delegation: DelegationProof,
    /// BIP340 by the node key over the [`RequestId`].
    pub signature: Signature,
}

impl SignedRequest {
    /// Signs a request as its creator's node.
    ///
    /// # Errors
    ///
    /// [`DecodeError::OutOfRange`] when a field is outside its limits.
    pub fn sign(
        request: SigningRequest,
        key: &NodeKey,
        delegation: DelegationProof,
    ) -> Result<Self, DecodeError> {
        request.validate()?;
        let signature = key.sign(request.id().as_bytes());
        Ok(Self { request, peer: key.peer_id(), delegation, signature })
    }

    /// Verifies that the creator is the named signer's node and made this request. Two signature
    /// checks, about 45 µs.
    ///
    /// # Errors
    ///
    /// [`RequestError`], naming which of the two statements is false.
    pub fn verify(&self, now: UnixTime) -> Result<Delegation, RequestError> {
        let (signer, network) = (self.creator()?, self.request.network);
        let delegation = Delegation::verify(signer, self.peer, network, self.delegation, now)
            .map_err(RequestError::Delegation)?;
        self.is_signed().map(|()| delegation)
    }

    /// As [`verify`](Self::verify), for who has no clock: the delegation may have ended.
    ///
    /// # Errors
    ///
    /// [`RequestError`], naming which of the two statements is false.
    pub fn verify_signatures(&self) -> Result<Delegation, RequestError> {
        let (signer, network) = (self.creator()?, self.request.network);
        let delegation = Delegation::verify_signature(signer, self.peer, network, self.delegation)
            .map_err(RequestError::Delegation)?;
        self.is_signed().map(|()| delegation)
    }

    fn creator(&self) -> Result<SignerKey, RequestError> {
        let (creator, signers) = (self.request.creator, self.request.signers.len());
        let signer = self.request.signers.get(creator).copied();
        signer.ok_or(RequestError::CreatorIndex { creator, signers })
    }

    fn is_signed(&self) -> Result<(), RequestError> {
        if !verify(&self.peer, self.request.id().as_bytes(), &self.signature) {
            return Err(RequestError::Signature { peer: self.peer });
        }
        Ok(())
    }
}

/// Why a request is not its creator's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The creator is none of the signers.
    #[error("creator {creator} of {signers} signers")]
    CreatorIndex {
        /// The index that was given.
        creator: SignerIndex,
        /// How many signers there are.
        signers: usize,
    },
    /// The node may not speak for the creator.
    #[error("the creator's delegation does not hold: {0}")]
    Delegation(DelegationError),
    /// The node did not sign this request.
    #[error("the request is not signed by node {peer}")]
    Signature {
        /// The node that should have signed.
        peer: PeerId,
    },
}
