//! The one number for all that a yes is about.

use core::fmt;
use core::str::FromStr;

use bitcoin::hashes::Hash as _;
use ensign_primitives::{GroupId, KeyPath, Network, RequestId, TaggedHasher};

use crate::{Destination, Note, PaidOutput, Place, Policy, SpentInput, Summary};

/// What a yes would have signed.
#[derive(Clone, Copy, Debug)]
pub enum Facts<'a> {
    /// A transaction.
    Psbt(&'a Summary),
    /// Messages that nobody can read, 32 bytes each.
    Blind(&'a [[u8; 32]]),
    /// A drill: no coin moves. What is signed follows from the request.
    Drill,
}

/// A hash of request, facts, notes and rules: a yes names it, and holds for nothing else.
///
/// Two questions have the same digest exactly when they show the same, ages aside: time alone
/// changes it only when it changes a note, as a lock time does that passes. Shown as 64 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsentDigest(pub [u8; 32]);

impl ConsentDigest {
    /// Returns the digest of the question whether to sign a request.
    pub fn of_request(id: &RequestId, facts: &Facts<'_>, notes: &[Note], policy: &Policy) -> Self {
        Self::of("ensign/consent-request/v1", id.as_bytes(), facts, notes, policy)
    }

    /// Returns the digest of the question whether to propose this to a group.
    pub fn of_proposal(
        group: &GroupId,
        facts: &Facts<'_>,
        notes: &[Note],
        policy: &Policy,
    ) -> Self {
        Self::of("ensign/consent-proposal/v1", group.as_bytes(), facts, notes, policy)
    }

    fn of(
        tag: &str,
        subject: &[u8; 32],
        facts: &Facts<'_>,
        notes: &[Note],
        policy: &Policy,
    ) -> Self {
        // The subject's id commits to its network; this one is always the same.
        let hasher = TaggedHasher::new(tag, Network::Bitcoin).bytes(subject);
        let hasher = match facts {
            Facts::Psbt(summary) => hash_summary(hasher.bytes(&[0]), summary),
            Facts::Blind(messages) => {
                let hasher = hasher.bytes(&[1]).u64(messages.len() as u64);
                messages.iter().fold(hasher, |hasher, message| hasher.bytes(message))
            }
            Facts::Drill => hasher.bytes(&[2]),
        };
        let hasher = hasher.u64(notes.len() as u64);
        let hasher = notes.iter().fold(hasher, hash_note);
        Self(hasher.bytes(&policy.version()).finish())
    }
}

/// Without `..`: a field that is added must be decided about.
fn hash_summary(hasher: TaggedHasher, summary: &Summary) -> TaggedHasher {
    let Summary {
        txid,
        version,
        network,
        inputs,
        outputs,
        fee,
        fee_rate,
        vsize,
        lock_time,
        relative_lock_times,
        replaceable,
    } = summary;
    let hasher = hasher.bytes(txid.as_byte_array()).bytes(&version.to_le_bytes());
    let hasher = hasher.bytes(&[network.id()]).u64(inputs.len() as u64);
    let hasher = inputs.iter().fold(hasher, hash_input).u64(outputs.len() as u64);
    let hasher = outputs.iter().fold(hasher, hash_output).u64(*fee).u64(*fee_rate).u64(*vsize);
    let lock = lock_time.map_or(0, bitcoin::absolute::LockTime::to_consensus_u32);
    let hasher = hasher.u64(lock.into()).u64(relative_lock_times.len() as u64);
    let hasher = relative_lock_times.iter().fold(hasher, |hasher, (input, age)| {
        hasher.u64(*input as u64).u64(age.to_consensus_u32().into())
    });
    hasher.bytes(&[u8::from(*replaceable)])
}

fn hash_input(hasher: TaggedHasher, input: &SpentInput) -> TaggedHasher {
    let SpentInput { outpoint, amount, sighash, address, path } = input;
    let hasher = hasher.bytes(outpoint.txid.as_byte_array()).u64(outpoint.vout.into());
    hash_path(hasher.u64(*amount).bytes(sighash).var_bytes(address.as_bytes()), Some(path))
}

fn hash_output(hasher: TaggedHasher, output: &PaidOutput) -> TaggedHasher {
    let PaidOutput { destination, amount, ours, kind, dust_threshold } = output;
    let hasher = match destination {
        Destination::Address(address) => hasher.bytes(&[0]).var_bytes(address.as_bytes()),
        Destination::Data(script) => hasher.bytes(&[1]).var_bytes(script.as_bytes()),
        Destination::Script(script) => hasher.bytes(&[2]).var_bytes(script.as_bytes()),
    };
    // Whether it is found and was used before is in the notes.
    let own = ours.as_ref().map(|own| &own.path);
    kind.hash(hash_path(hasher.u64(*amount), own)).u64(*dust_threshold)
}

fn hash_path(hasher: TaggedHasher, path: Option<&KeyPath>) -> TaggedHasher {
    let Some(path) = path else { return hasher.bytes(&[0]) };
    let hasher = hasher.bytes(&[1]).u64(path.steps().len() as u64);
    path.steps().iter().fold(hasher, |hasher, step| hasher.u64((*step).into()))
}

fn hash_note(hasher: TaggedHasher, note: &Note) -> TaggedHasher {
    let (map, index) = match note.place() {
        Place::Whole => (0, 0),
        Place::Input(index) => (1, index),
        Place::Output(index) => (2, index),
    };
    let hasher = hasher.var_bytes(note.name().as_bytes()).bytes(&[note.severity() as u8, map]);
    note.fact().hash(hasher.u64(index as u64))
}

impl fmt::Display for ConsentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text is not 64 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 hex digits")]
pub struct ParseConsentDigestError;

impl FromStr for ConsentDigest {
    type Err = ParseConsentDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use bitcoin::hex::FromHex as _;
        <[u8; 32]>::from_hex(text).map(Self).map_err(|_| ParseConsentDigestError)
    }
}
