//! What can be wrong with the bytes, and what with the PSBT in them.

use bitcoin::{OutPoint, Txid};
use ensign_musig::PublicKey;
use ensign_primitives::{KeyPathError, SignerIndex};

use crate::{Destination, Lookalike, Map, MusigFieldError, ParticipantsMismatch};

/// Why bytes are no PSBT; offsets count from 0 in the binary form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Longer than any payload that travels between signers.
    #[error("{seen} bytes, at most {limit}")]
    TooLarge {
        /// Bytes seen.
        seen: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The bytes begin like no form of a PSBT.
    #[error("not a PSBT: begins with {}", Begin(.seen))]
    Magic {
        /// The first bytes, at most five.
        seen: Vec<u8>,
    },
    /// The bytes are something else that people know.
    #[error("not a PSBT: this is {0}")]
    Lookalike(Lookalike),
    /// The text begins as JSON and is none.
    #[error("not JSON at line {line}, column {column}")]
    Json {
        /// Which line, from 1.
        line: usize,
        /// Which column, from 1.
        column: usize,
    },
    /// The text is not hex.
    #[error("not hex at character {offset}, white space aside")]
    Hex {
        /// Which character, from 0; the length of the text if the last digit lacks its pair.
        offset: usize,
    },
    /// The text is not base64.
    #[error("not base64 at character {offset}, white space aside")]
    Base64 {
        /// Which character, from 0.
        offset: usize,
    },
    /// The bytes end inside a map.
    #[error("cut off: the {map} wants {expected} bytes at offset {offset}, {left} are left")]
    Truncated {
        /// The map that was being read.
        map: Map,
        /// Where the bytes were wanted.
        offset: usize,
        /// How many were wanted.
        expected: u64,
        /// How many there are.
        left: usize,
    },
    /// Bytes follow the last map.
    #[error("{extra} bytes too many after offset {offset}")]
    Trailing {
        /// Where the PSBT ends.
        offset: usize,
        /// How many bytes follow.
        extra: usize,
    },
    /// A length is not written in its shortest form.
    #[error("the length {seen} at offset {offset} is not in its shortest form")]
    LongLength {
        /// Where it stands.
        offset: usize,
        /// Its value.
        seen: u64,
    },
    /// A version this crate does not read.
    #[error("PSBT version {seen}; there are 0 and 2")]
    Version {
        /// The version.
        seen: u32,
    },
    /// The global map has no unsigned transaction.
    #[error("no unsigned transaction")]
    NoUnsignedTx,
    /// The transaction that should be unsigned has a script signature.
    #[error("input {input} of the unsigned transaction has a signature")]
    SignedTx {
        /// Which input, from 0.
        input: usize,
    },
    /// A map has the same key twice.
    #[error("{map} has the field {key_type:#04x} ({}) twice, again at offset {offset}",
        .map.field_name(*.key_type))]
    DuplicateField {
        /// The map.
        map: Map,
        /// The first byte of the key.
        key_type: u8,
        /// Where it stands again.
        offset: usize,
    },
    /// A field of version 2 stands in a PSBT of version 0.
    #[error("{map} has the field {key_type:#04x} ({}) at offset {offset}, which belongs to version 2",
        .map.field_name(*.key_type))]
    LaterField {
        /// The map.
        map: Map,
        /// The first byte of the key.
        key_type: u8,
        /// Where the field begins.
        offset: usize,
    },
    /// The unsigned transaction of version 0 stands in a PSBT of version 2.
    #[error("{map} has the field {key_type:#04x} ({}) at offset {offset}, which belongs to version 0",
        .map.field_name(*.key_type))]
    EarlierField {
        /// The map.
        map: Map,
        /// The first byte of the key.
        key_type: u8,
        /// Where the field begins.
        offset: usize,
    },
    /// A PSBT of version 2 lacks a field.
    #[error("{map} lacks the field {key_type:#04x} ({}) of version 2", .map.field_name(*.key_type))]
    MissingField {
        /// The map.
        map: Map,
        /// The first byte of its key.
        key_type: u8,
    },
    /// Some inputs require a time and others a height, and a transaction has one of them.
    #[error("no lock time suits all inputs: some require a time and others a height")]
    LockTimes,
    /// A field is not as its type demands.
    #[error("{map}: the field {key_type:#04x} ({}) at offset {offset} is malformed",
        .map.field_name(*.key_type))]
    Field {
        /// The map.
        map: Map,
        /// The first byte of the key.
        key_type: u8,
        /// Where the field begins.
        offset: usize,
    },
    /// A MuSig2 field is not as BIP373 says.
    #[error("{map}: the MuSig2 field at offset {offset} is malformed: {cause}")]
    Musig {
        /// The map.
        map: Map,
        /// Where the field begins.
        offset: usize,
        /// What is wrong with it.
        cause: MusigFieldError,
    },
}

/// The first bytes of what is no PSBT: as text if they are, else in hex.
struct Begin<'a>(&'a [u8]);

impl core::fmt::Display for Begin<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let text = core::str::from_utf8(self.0).ok();
        match text.filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic())) {
            Some(text) => write!(f, "the text \"{text}\""),
            None => {
                f.write_str("the bytes")?;
                self.0.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
            }
        }
    }
}

/// Why a PSBT cannot be read, signed or finished. Inputs and outputs count from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PsbtError {
    /// The bytes are no PSBT.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The transaction spends nothing.
    #[error("the transaction has no inputs")]
    NoInputs,
    /// The transaction pays nothing.
    #[error("the transaction has no outputs")]
    NoOutputs,
    /// More inputs than one session signs.
    #[error("{seen} inputs, at most {limit} in one session")]
    TooManyInputs {
        /// Inputs seen.
        seen: usize,
        /// [`INPUTS_MAX`](crate::INPUTS_MAX).
        limit: usize,
    },
    /// No node would relay the transaction.
    #[error("the signed transaction would weigh {seen} units, at most {limit} are relayed")]
    TooHeavy {
        /// Weight units once signed.
        seen: u64,
        /// [`WEIGHT_MAX`](crate::WEIGHT_MAX).
        limit: u64,
    },
    /// Two inputs spend the same output.
    #[error("inputs {first} and {second} both spend {outpoint}")]
    DuplicateInput {
        /// The first of them.
        first: usize,
        /// The second.
        second: usize,
        /// What both spend.
        outpoint: OutPoint,
    },
    /// An input carries a final script or signature already.
    #[error("input {input} is signed already")]
    Signed {
        /// Which input.
        input: usize,
    },
    /// The PSBT does not say what an input spends.
    #[error("input {input} lacks the output it spends (UTXO)")]
    MissingUtxo {
        /// Which input.
        input: usize,
    },
    /// The whole previous transaction is given, and is another one.
    #[error("input {input} spends from {expected}, but the transaction given with it is {seen}")]
    UtxoTxid {
        /// Which input.
        input: usize,
        /// The id the input names.
        expected: Txid,
        /// The id of what is given.
        seen: Txid,
    },
    /// The whole previous transaction is given, and has no such output.
    #[error("input {input} spends output {vout} of a transaction with {outputs} outputs")]
    UtxoIndex {
        /// Which input.
        input: usize,
        /// The output it names.
        vout: u32,
        /// How many there are.
        outputs: usize,
    },
    /// The two ways of saying what an input spends disagree.
    #[error(
        "input {input} gives two different outputs as the one it spends: {witness} and {non_witness} sat, or different scripts"
    )]
    UtxoConflict {
        /// Which input.
        input: usize,
        /// Satoshi by the witness UTXO.
        witness: u64,
        /// Satoshi by the whole previous transaction.
        non_witness: u64,
    },
    /// An input is not locked to the group.
    #[error(
        "input {input} is not ours: it is locked to {locked_to}, which is neither an address of \
         the group nor its aggregate key"
    )]
    NotOurs {
        /// Which input.
        input: usize,
        /// What it is locked to.
        locked_to: Destination,
    },
    /// An input is the group's, but its taproot fields tell another story.
    #[error("input {input} is ours, but its field {key_type:#04x} ({}) does not lead to its script",
        Map::Input(*.input).field_name(*.key_type))]
    TaprootField {
        /// Which input.
        input: usize,
        /// The field: derivation, internal key or merkle root.
        key_type: u8,
    },
    /// A derivation field names a key of the group by steps that no group can go.
    #[error("input {input} names a key of the group by a path that it cannot have: {cause}")]
    KeyPath {
        /// Which input.
        input: usize,
        /// What is wrong with the path.
        cause: KeyPathError,
    },
    /// An input asks for a signature that does not commit to the whole transaction.
    #[error(
        "input {input} asks for sighash type {seen:#04x}; only DEFAULT (0x00) and ALL (0x01) are signed"
    )]
    ForeignSighash {
        /// Which input.
        input: usize,
        /// The type asked for.
        seen: u32,
    },
    /// An input names other participants than the group's keys.
    #[error("the MuSig2 participants of input {input}, under the key {aggregate}, {cause}")]
    ForeignParticipants {
        /// Which input.
        input: usize,
        /// The aggregate key they are named for.
        aggregate: PublicKey,
        /// How they differ.
        cause: ParticipantsMismatch,
    },
    /// Amounts that no block can hold.
    #[error("{map} brings the sum to {seen} sat, more than the {limit} that can exist")]
    AmountOutOfRange {
        /// Where the sum passes the limit.
        map: Map,
        /// The sum there, in satoshi.
        seen: u64,
        /// All bitcoin there can be, in satoshi.
        limit: u64,
    },
    /// The outputs are worth more than the inputs.
    #[error("the outputs take {outputs} sat, but the inputs hold only {inputs}")]
    NegativeFee {
        /// Sum of the inputs, in satoshi.
        inputs: u64,
        /// Sum of the outputs, in satoshi.
        outputs: u64,
    },
    /// There is not one signature per message.
    #[error("{seen} signatures for {expected} messages")]
    SignatureCount {
        /// Messages.
        expected: usize,
        /// Signatures.
        seen: usize,
    },
    /// There is not one contribution per signer.
    #[error("contributions of {seen} signers in a group of {expected}")]
    ContributionCount {
        /// Signers of the group.
        expected: usize,
        /// Contributions.
        seen: usize,
    },
    /// A signer's nonces or partial signatures are not one per message.
    #[error("signer {signer} contributes {seen} items for {expected} messages")]
    ContributionLength {
        /// Whose contribution.
        signer: SignerIndex,
        /// Messages.
        expected: usize,
        /// Nonces or partial signatures.
        seen: usize,
    },
    /// A final signature does not verify; nothing was written.
    #[error("the signature for input {input} is false")]
    WrongSignature {
        /// Which input.
        input: usize,
    },
}
