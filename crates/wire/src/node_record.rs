//! What a node says of itself to strangers: where it lies and where it can be reached.

use alloc::{sync::Arc, vec::Vec};
use core::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use ensign_identity::NodeKey;
use ensign_primitives::{Network, PeerId, TaggedHasher, UnixTime};
use serde::{Deserialize, Serialize};

use crate::{DecodeError, NodeId, Proof, Signable, Signed, codec};

/// Most bytes of a [`NodeRecord`]; one of one IPv4 address has about 190.
pub const NODE_RECORD_BYTES_MAX: usize = 512;

/// Most addresses in a [`NodeRecord`]. Guess: twice those of a [`Welcome`](crate::Welcome).
pub const NODE_ADDRESSES_MAX: usize = 16;

/// How long a [`NodeRecord`] may hold. Guess: a node that was not heard of for a day is looked for anew.
pub const NODE_RECORD_LIFETIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How far ahead of ours the clock of whoever made a record may be. Guess: as the clocks of signers.
pub const RECORD_CLOCK_AHEAD_MAX: Duration = Duration::from_secs(5 * 60);

/// How long one proof of a position holds, counted from 1970: then each node works for another, and lies
/// elsewhere. Guess: 30 days, at 26 bits some seconds of one core.
pub const POSITION_EPOCH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How many zero bits a position's proof has in the open network: twenty priced nothing (a graphics card
/// makes 10^9 hashes a second; a thousand positions in one region of ten thousand nodes took 41 s).
pub const POSITION_BITS: u8 = 26;

/// The only version of a position's proof: SHA-256, as at a node's gate.
pub const POSITION_VERSION: u8 = 1;

/// The number under which a position's proof is hashed, `pow::Purpose::Position`.
const POSITION_PURPOSE: u8 = 3;

/// What a node does in the open network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// Signs, answers, and stores for others.
    Signer,
    /// Answers and introduces, and signs nothing.
    Bootstrap,
    /// Asks, and neither stores nor routes.
    Light,
}

/// What a [`NodeRecord`] says beside who, when and in which order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// What the node does.
    pub role: Role,
    /// Where it can be reached: rising, each once, at most [`NODE_ADDRESSES_MAX`]; none for a node that
    /// cannot be.
    pub addresses: Vec<SocketAddr>,
    /// Until when all this holds.
    pub expires: UnixTime,
    /// The work that its position costs; its epoch counts [`POSITION_EPOCH`]s from 1970.
    pub proof: Proof,
}

impl Signable for Node {
    const TAG: &'static str = "ensign/node-record/v1";

    fn validate(&self, _: Network) -> Result<(), DecodeError> {
        let count = self.addresses.len() as u64;
        codec::in_range("addresses of a node", count, 0..=NODE_ADDRESSES_MAX as u64)?;
        let pairs = self.addresses.windows(2);
        let rising = pairs.take_while(|pair| pair.first() < pair.last()).count() as u64;
        codec::in_range("rising addresses of a node", rising, count.saturating_sub(1)..=count)?;
        for address in &self.addresses {
            codec::in_range("port of a node", address.port().into(), 1..=u16::MAX.into())?;
        }
        Ok(())
    }
}

/// Which addresses may stand in a node record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Those that the whole Internet reaches.
    Global,
    /// Those of a local network, and of this machine, too: tests and closed networks.
    Local,
}

/// Why a node record is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It is of another network than ours.
    #[error("a node record of network {seen}, ours is {expected}")]
    Network {
        /// Ours.
        expected: Network,
        /// Its.
        seen: Network,
    },
    /// It has held.
    #[error("a node record that has expired at {expires}")]
    Expired {
        /// Until when it held.
        expires: UnixTime,
    },
    /// It was made at a moment that has not come.
    #[error("a node record made at {issued}, which has not come")]
    Future {
        /// When it says it was made.
        issued: UnixTime,
    },
    /// It says that it holds longer than any does, or ends before it begins.
    #[error("a node record that holds {millis} ms")]
    Lifetime {
        /// How long, negative when it ends before it begins.
        millis: i128,
    },
    /// An address does not belong into a record of this scope: private, loopback, multicast,
    /// unspecified, or one of IPv4 in the form of IPv6.
    #[error("address {address} does not belong into a node record")]
    Address {
        /// Which.
        address: SocketAddr,
    },
    /// It serves and says nowhere where.
    #[error("a node record of a node that serves, without an address")]
    NoAddress,
    /// The proof of its position is of a puzzle that we do not know.
    #[error("a position of version {seen}, only {POSITION_VERSION} is known")]
    PositionVersion {
        /// Its version.
        seen: u8,
    },
    /// The proof of its position is of an epoch that is over or has not begun.
    #[error("a position of epoch {seen}: it is {now}")]
    PositionEpoch {
        /// Its epoch.
        seen: u64,
        /// The epoch that runs.
        now: u64,
    },
    /// The proof of its position has too few zero bits.
    #[error("a position with {seen} of {needed} zero bits")]
    PositionBits {
        /// How many it needs.
        needed: u8,
        /// How many it has.
        seen: u8,
    },
    /// Its signature is not one of the node's key.
    #[error("a node record without a valid signature")]
    Signature,
}

impl RecordError {
    /// Tells whether no honest node can have taken it for a good one: clocks and scopes differ among
    /// honest nodes, signatures and work do not.
    pub const fn is_false_everywhere(&self) -> bool {
        match self {
            Self::Network { .. }
            | Self::Lifetime { .. }
            | Self::NoAddress
            | Self::PositionVersion { .. }
            | Self::PositionBits { .. }
            | Self::Signature => true,
            Self::Expired { .. }
            | Self::Future { .. }
            | Self::Address { .. }
            | Self::PositionEpoch { .. } => false,
        }
    }
}

/// What a node record has to stand up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRules {
    /// Our network.
    pub network: Network,
    /// How many zero bits a position costs, [`POSITION_BITS`] in the open network.
    pub bits: u8,
    /// Which addresses belong.
    pub scope: Scope,
}

/// A node's signed word on itself: contacts travel in no other form.
///
/// The sequence number is the time of making in seconds; of two records of one node the higher counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRecord {
    held: Arc<Held>,
}

/// Shared by all who hold the record: tables, answers, walks.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    signed: Signed<Node>,
    position: NodeId,
}

impl NodeRecord {
    /// Makes and signs the record of the node of `key`, as of `issued`.
    ///
    /// # Errors
    ///
    /// [`DecodeError::OutOfRange`] when `node` is outside its limits.
    pub fn new(
        key: &NodeKey,
        network: Network,
        issued: UnixTime,
        node: Node,
    ) -> Result<Self, DecodeError> {
        let seq = (issued.as_millis() / 1000).max(1);
        Signed::new(key, network, seq, issued, node).map(Self::of)
    }

    fn of(signed: Signed<Node>) -> Self {
        let position = position(signed.network(), &signed.sender(), signed.said().proof);
        Self { held: Arc::new(Held { signed, position }) }
    }

    /// Decodes bytes that hold exactly one, for a node on `network`; nothing is verified.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says where and what.
    pub fn decode(bytes: &[u8], network: Network) -> Result<Self, DecodeError> {
        let most = NODE_RECORD_BYTES_MAX as u64;
        codec::in_range("bytes of a node record", bytes.len() as u64, 1..=most)?;
        Signed::decode(bytes, network).map(Self::of)
    }

    /// Encodes what is signed, then the signature.
    pub fn encode(&self) -> Vec<u8> {
        self.held.signed.encode()
    }

    /// Checks everything but the bits' own bounds, from cheap to dear: network, times, addresses, work
    /// (six compressions of SHA-256), signature (about 22 µs).
    ///
    /// # Errors
    ///
    /// [`RecordError`] with the first that does not hold.
    pub fn verify(&self, now: UnixTime, rules: RecordRules) -> Result<(), RecordError> {
        self.verify_cheaply(now, rules)?;
        self.verify_work(rules.bits)?;
        if self.held.signed.verify() { Ok(()) } else { Err(RecordError::Signature) }
    }

    /// Checks what costs no hash: what may change with time, and so is looked at each time.
    ///
    /// # Errors
    ///
    /// [`RecordError`] with the first that does not hold.
    pub fn verify_cheaply(&self, now: UnixTime, rules: RecordRules) -> Result<(), RecordError> {
        let (node, issued) = (self.held.signed.said(), self.issued());
        let RecordRules { network: expected, bits: _, scope } = rules;
        let seen = self.held.signed.network();
        if seen != expected {
            return Err(RecordError::Network { expected, seen });
        }
        let millis = i128::from(node.expires.as_millis()) - i128::from(issued.as_millis());
        let most = i128::try_from(NODE_RECORD_LIFETIME_MAX.as_millis()).unwrap_or(i128::MAX);
        if !(0..=most).contains(&millis) {
            return Err(RecordError::Lifetime { millis });
        }
        if node.expires <= now {
            return Err(RecordError::Expired { expires: node.expires });
        }
        if issued > now.after(RECORD_CLOCK_AHEAD_MAX) {
            return Err(RecordError::Future { issued });
        }
        if node.addresses.is_empty() && node.role != Role::Light {
            return Err(RecordError::NoAddress);
        }
        if let Some(address) = node.addresses.iter().find(|it| !scope.allows(it.ip())) {
            return Err(RecordError::Address { address: *address });
        }
        let Proof { version, epoch, nonce: _ } = node.proof;
        if version != POSITION_VERSION {
            return Err(RecordError::PositionVersion { seen: version });
        }
        // The last epoch's proofs hold on: nobody is elsewhere at one stroke.
        let running = position_epoch(now);
        let ahead = position_epoch(now.after(RECORD_CLOCK_AHEAD_MAX));
        if !(running.saturating_sub(1)..=ahead).contains(&epoch) {
            return Err(RecordError::PositionEpoch { seen: epoch, now: running });
        }
        Ok(())
    }

    /// Checks the work behind the position: six compressions of SHA-256.
    ///
    /// # Errors
    ///
    /// [`RecordError::PositionBits`].
    pub fn verify_work(&self, needed: u8) -> Result<(), RecordError> {
        let seen =
            position_bits(self.held.signed.network(), &self.peer(), self.held.signed.said().proof);
        if seen < needed { Err(RecordError::PositionBits { needed, seen }) } else { Ok(()) }
    }

    /// Tells whether the node's key signed it. Cost: about 22 µs.
    pub fn verify_signature(&self) -> bool {
        self.held.signed.verify()
    }

    /// Returns a hash of content and signature: whoever has verified a record with this one has verified this.
    pub fn seal(&self) -> [u8; 32] {
        self.held.signed.seal()
    }

    /// Returns the hash that is signed; equal for equal content.
    pub fn digest(&self) -> &[u8; 32] {
        self.held.signed.digest()
    }

    /// Returns where the node lies.
    pub fn position(&self) -> NodeId {
        self.held.position
    }

    /// Returns the network it belongs to.
    pub fn network(&self) -> Network {
        self.held.signed.network()
    }

    /// Returns the node's key.
    pub fn peer(&self) -> PeerId {
        self.held.signed.sender()
    }

    /// Returns its place among the records of this node.
    pub fn seq(&self) -> u64 {
        self.held.signed.seq()
    }

    /// Returns when it was made.
    pub fn issued(&self) -> UnixTime {
        self.held.signed.sent_at()
    }

    /// Returns what the node says of itself.
    pub fn node(&self) -> &Node {
        self.held.signed.said()
    }

    /// Returns the first of its addresses.
    pub fn address(&self) -> Option<SocketAddr> {
        self.node().addresses.first().copied()
    }
}

impl Scope {
    /// Tells whether an address may stand in a node record.
    pub fn allows(self, ip: IpAddr) -> bool {
        match self {
            _ if ip.is_unspecified() || ip.is_multicast() => false,
            Self::Global => is_global(ip),
            Self::Local => match ip {
                IpAddr::V4(ip) => !ip.is_broadcast(),
                IpAddr::V6(ip) => ip.to_ipv4_mapped().is_none(),
            },
        }
    }
}

/// What the whole Internet reaches, by the special-purpose registries of IANA (RFC 6890 and after).
fn is_global(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_global_v4(ip),
        // 2000::/3 is all that is given out; of it not the tunnels, which stand for IPv4 addresses
        // (6to4, Teredo), and what documents use.
        IpAddr::V6(ip) => {
            let bits = ip.to_bits();
            bits >> 125 == 1
                && bits >> 112 != 0x2002
                && bits >> 105 != 0x2001_0000 >> 9
                && bits >> 96 != 0x2001_0db8
                && bits >> 108 != 0x3fff0
        }
    }
}

fn is_global_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_shared = a == 100 && b & 0xc0 == 64;
    let is_protocol = a == 192 && b == 0 && c == 0;
    let is_benchmark = a == 198 && b & 0xfe == 18;
    !(a == 0
        || a >= 240
        || ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || is_shared
        || is_protocol
        || is_benchmark)
}

/// Returns which [`POSITION_EPOCH`] runs.
pub fn position_epoch(now: UnixTime) -> u64 {
    let epoch = u64::try_from(POSITION_EPOCH.as_millis()).unwrap_or(u64::MAX);
    now.as_millis() / epoch
}

/// Returns how many zero bits the proof of a position has: the puzzle of `docs/protocol/pow.md` with a seed
/// of zeros, so that it can be begun before anybody asks.
fn position_bits(network: Network, peer: &PeerId, proof: Proof) -> u8 {
    let challenge = TaggedHasher::new("ensign/pow-challenge/v1", network)
        .bytes(&[POSITION_VERSION, POSITION_PURPOSE])
        .bytes(peer.as_bytes())
        .bytes(&[0; 32])
        .u64(proof.epoch)
        .finish();
    let work = TaggedHasher::new("ensign/pow-work/v1", network).bytes(&challenge);
    let hash = work.u64(proof.nonce).finish();
    let first = hash.first_chunk::<8>().map_or(u64::MAX, |it| u64::from_be_bytes(*it));
    // At most 64.
    first.leading_zeros() as u8
}

/// Hashes key and proof to where a node lies. Another hash than the puzzle's, which begins with zeros.
fn position(network: Network, peer: &PeerId, proof: Proof) -> NodeId {
    let hasher = TaggedHasher::new("ensign/node-position/v1", network)
        .bytes(&[proof.version])
        .bytes(peer.as_bytes())
        .u64(proof.epoch)
        .u64(proof.nonce);
    NodeId(hasher.finish())
}
