//! The outer form of a PSBT: which bytes are which field of which map.
//!
//! `bitcoin` decodes the values but says neither where it stopped nor that bytes were left over.

use core::fmt;
use std::collections::BTreeSet;

use bitcoin::consensus::Decodable;
use bitcoin::{Transaction, TxIn, TxOut};

use crate::DecodeError;
use crate::version2::{self, is_of_version_2};

/// The first five bytes of every PSBT.
pub(crate) const MAGIC: &[u8; 5] = b"psbt\xff";
const GLOBAL_UNSIGNED_TX: u8 = 0x00;
const GLOBAL_INPUT_COUNT: u8 = 0x04;
const GLOBAL_OUTPUT_COUNT: u8 = 0x05;
const GLOBAL_VERSION: u8 = 0xfb;

/// One of the maps a PSBT consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Map {
    /// What concerns the whole transaction.
    Global,
    /// What concerns an input, counted from 0.
    Input(usize),
    /// What concerns an output, counted from 0.
    Output(usize),
}

impl fmt::Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => f.write_str("global map"),
            Self::Input(index) => write!(f, "input {index}"),
            Self::Output(index) => write!(f, "output {index}"),
        }
    }
}

impl Map {
    /// Returns what BIP174, BIP370, BIP371 and BIP373 call a field of this map.
    pub(crate) const fn field_name(self, key_type: u8) -> &'static str {
        match (self, key_type) {
            (Self::Global, 0x00) => "unsigned transaction",
            (Self::Global, 0x01) => "extended public key",
            (Self::Global, 0x02) => "transaction version",
            (Self::Global, 0x03) => "fallback lock time",
            (Self::Global, 0x04) => "number of inputs",
            (Self::Global, 0x05) => "number of outputs",
            (Self::Global, 0x06) => "modifiable flags",
            (Self::Global, 0xfb) => "version",
            (Self::Input(_), 0x00) => "non-witness UTXO",
            (Self::Input(_), 0x01) => "witness UTXO",
            (Self::Input(_), 0x02) => "partial ECDSA signature",
            (Self::Input(_), 0x03) => "sighash type",
            (Self::Input(_), 0x04) | (Self::Output(_), 0x00) => "redeem script",
            (Self::Input(_), 0x05) | (Self::Output(_), 0x01) => "witness script",
            (Self::Input(_), 0x06) | (Self::Output(_), 0x02) => "BIP32 derivation",
            (Self::Input(_), 0x07) => "final scriptSig",
            (Self::Input(_), 0x08) => "final scriptWitness",
            (Self::Input(_), 0x0a..=0x0d) => "hash preimage",
            (Self::Input(_), 0x0e) => "previous transaction id",
            (Self::Input(_), 0x0f) => "previous output index",
            (Self::Input(_), 0x10) => "sequence",
            (Self::Input(_), 0x11 | 0x12) => "required lock time",
            (Self::Output(_), 0x03) => "amount",
            (Self::Output(_), 0x04) => "script",
            (Self::Input(_), 0x13) => "taproot key signature",
            (Self::Input(_), 0x14) => "taproot script signature",
            (Self::Input(_), 0x15) => "taproot leaf script",
            (Self::Input(_), 0x16) | (Self::Output(_), 0x07) => "taproot key derivation",
            (Self::Input(_), 0x17) | (Self::Output(_), 0x05) => "taproot internal key",
            (Self::Input(_), 0x18) => "taproot merkle root",
            (Self::Output(_), 0x06) => "taproot tree",
            (Self::Input(_), 0x1a) | (Self::Output(_), 0x08) => "MuSig2 participant keys",
            (Self::Input(_), 0x1b) => "MuSig2 public nonce",
            (Self::Input(_), 0x1c) => "MuSig2 partial signature",
            (_, 0xfc) => "proprietary",
            _ => "unknown",
        }
    }
}

/// One key-value pair.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) map: Map,
    /// Where the pair begins.
    pub(crate) offset: usize,
    pub(crate) key_type: u8,
    pub(crate) key_data: &'a [u8],
    pub(crate) value: &'a [u8],
    /// The whole pair as it stands.
    pub(crate) raw: &'a [u8],
}

impl Field<'_> {
    /// Refuses fields that only PSBTs of version 2 have ([BIP-0370]): a reader that heeds them in
    /// version 0 would show another transaction than the one that is signed.
    ///
    /// [BIP-0370]: <https://github.com/bitcoin/bips/blob/master/bip-0370.mediawiki#specification>
    fn check_version(&self) -> Result<(), DecodeError> {
        let Self { map, key_type, offset, .. } = *self;
        if is_of_version_2(map, key_type) {
            return Err(DecodeError::LaterField { map, key_type, offset });
        }
        Ok(())
    }

    pub(crate) fn invalid(&self) -> DecodeError {
        DecodeError::Field { map: self.map, key_type: self.key_type, offset: self.offset }
    }
}

/// Which fields a PSBT has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// Those of BIP174, with the unsigned transaction in one.
    Zero,
    /// Those of BIP370, with its parts in fields of their own.
    Two,
}

/// Visits every field in order; `bytes` begin with [`MAGIC`].
///
/// Cost: linear, and memory only for the unsigned transaction.
pub(crate) fn walk<'a>(
    bytes: &'a [u8],
    mut visit: impl FnMut(Field<'a>) -> Result<(), DecodeError>,
) -> Result<Version, DecodeError> {
    let mut reader = Reader { bytes, offset: MAGIC.len() };
    let mut global = Global::default();
    while let Some(field) = reader.field(Map::Global)? {
        global.take_in(&field)?;
        visit(field)?;
    }
    let (version, (inputs, outputs)) = global.version_and_shape()?;
    for map in (0..inputs).map(Map::Input).chain((0..outputs).map(Map::Output)) {
        while let Some(field) = reader.field(map)? {
            if version == Version::Zero {
                field.check_version()?;
            }
            visit(field)?;
        }
    }
    match bytes.len() - reader.offset {
        0 => Ok(version),
        extra => Err(DecodeError::Trailing { offset: reader.offset, extra }),
    }
}

/// Returns how many inputs and outputs there are.
pub(crate) fn shape(bytes: &[u8]) -> Result<(usize, usize), DecodeError> {
    let mut reader = Reader { bytes, offset: MAGIC.len() };
    let mut global = Global::default();
    while let Some(field) = reader.field(Map::Global)? {
        global.take_in(&field)?;
    }
    global.version_and_shape().map(|(_, shape)| shape)
}

/// What the global map says of all others.
#[derive(Default)]
struct Global {
    version: u32,
    /// By the unsigned transaction, and where that stands.
    shape: Option<(usize, (usize, usize))>,
    inputs: Option<(usize, u64)>,
    outputs: Option<(usize, u64)>,
    /// The first field of version 2.
    later: Option<DecodeError>,
}

impl Global {
    fn take_in(&mut self, field: &Field<'_>) -> Result<(), DecodeError> {
        self.later = self.later.take().or_else(|| field.check_version().err());
        match field.key_type {
            GLOBAL_UNSIGNED_TX if field.key_data.is_empty() => {
                self.shape = Some((field.offset, unsigned_tx(field)?));
            }
            GLOBAL_INPUT_COUNT if field.key_data.is_empty() => {
                self.inputs = Some((field.offset, count(field)?));
            }
            GLOBAL_OUTPUT_COUNT if field.key_data.is_empty() => {
                self.outputs = Some((field.offset, count(field)?));
            }
            GLOBAL_VERSION => {
                let value = field.value.try_into().map_err(|_| field.invalid())?;
                self.version = u32::from_le_bytes(value);
            }
            _ => {}
        }
        Ok(())
    }

    /// Only now is it certain which fields belong to another version.
    fn version_and_shape(self) -> Result<(Version, (usize, usize)), DecodeError> {
        match (self.version, self.later, self.shape) {
            (0, Some(later), _) => Err(later),
            (0, None, None) => Err(DecodeError::NoUnsignedTx),
            (0, None, Some((_, shape))) => Ok((Version::Zero, shape)),
            (2, _, Some((offset, _))) => Err(DecodeError::EarlierField {
                map: Map::Global,
                key_type: GLOBAL_UNSIGNED_TX,
                offset,
            }),
            (2, _, None) => Ok((Version::Two, version2::counts(self.inputs, self.outputs)?)),
            (seen, ..) => Err(DecodeError::Version { seen }),
        }
    }
}

/// Reads a count, which fills its field.
fn count(field: &Field<'_>) -> Result<u64, DecodeError> {
    let mut reader = Reader { bytes: field.value, offset: 0 };
    let count = reader.compact_size(field.map).map_err(|_| field.invalid())?;
    if reader.offset == field.value.len() { Ok(count) } else { Err(field.invalid()) }
}

/// Finds the field that made `bitcoin` refuse bytes of valid outer form.
///
/// Tries each field alone inside a minimal PSBT; linear in the size.
pub(crate) fn first_invalid(bytes: &[u8]) -> DecodeError {
    let mut seen = BTreeSet::new();
    let found = walk(bytes, |field| {
        let Field { map, key_type, offset, .. } = field;
        if !seen.insert((map, key_type, field.key_data)) {
            return Err(DecodeError::DuplicateField { map, key_type, offset });
        }
        if map == Map::Global && key_type == GLOBAL_UNSIGNED_TX && field.key_data.is_empty() {
            return Ok(());
        }
        // Read already, and nothing that `bitcoin` knows.
        if is_of_version_2(map, key_type) || (map, key_type) == (Map::Global, GLOBAL_VERSION) {
            return Ok(());
        }
        bitcoin::Psbt::deserialize(&minimal_psbt(&field)).map_err(|_| field.invalid()).map(|_| ())
    });
    // Not reached as long as each field is valid or not by itself.
    found.err().unwrap_or(DecodeError::NoUnsignedTx)
}

/// Builds a PSBT of one input and one output around a single field.
fn minimal_psbt(field: &Field<'_>) -> Vec<u8> {
    let raw_in = |map: bool| if map { field.raw } else { &[] };
    let mut tx = vec![2, 0, 0, 0, 1];
    tx.extend([0; 36 + 1 + 4]);
    tx.push(1);
    tx.extend([0; 8 + 1 + 4]);
    let len = u8::try_from(tx.len()).unwrap_or(u8::MAX);
    let global = [&[1, GLOBAL_UNSIGNED_TX, len], &tx[..], raw_in(field.map == Map::Global)];
    let input = raw_in(matches!(field.map, Map::Input(_)));
    let output = raw_in(matches!(field.map, Map::Output(_)));
    [MAGIC.as_slice(), &global.concat(), &[0], input, &[0], output, &[0]].concat()
}

/// Returns how many inputs and outputs the unsigned transaction has.
fn unsigned_tx(field: &Field<'_>) -> Result<(usize, usize), DecodeError> {
    let mut rest = field.value;
    // Without the detour by the segwit marker, which an unsigned transaction never has.
    let decode = |rest: &mut &[u8]| {
        Ok::<_, bitcoin::consensus::encode::Error>(Transaction {
            version: Decodable::consensus_decode(rest)?,
            input: Vec::<TxIn>::consensus_decode(rest)?,
            output: Vec::<TxOut>::consensus_decode(rest)?,
            lock_time: Decodable::consensus_decode(rest)?,
        })
    };
    let tx = decode(&mut rest).map_err(|_| field.invalid())?;
    if !rest.is_empty() {
        return Err(field.invalid());
    }
    match tx.input.iter().position(|input| !input.script_sig.is_empty()) {
        Some(input) => Err(DecodeError::SignedTx { input }),
        None => Ok((tx.input.len(), tx.output.len())),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Reads one pair, or `None` at the end of the map.
    fn field(&mut self, map: Map) -> Result<Option<Field<'a>>, DecodeError> {
        let offset = self.offset;
        let key_len = self.compact_size(map)?;
        if key_len == 0 {
            return Ok(None);
        }
        let key = self.take(key_len, map)?;
        let value_len = self.compact_size(map)?;
        let value = self.take(value_len, map)?;
        let raw = self.bytes.get(offset..self.offset).unwrap_or_default();
        Ok(key.split_first().map(|(&key_type, key_data)| Field {
            map,
            offset,
            key_type,
            key_data,
            value,
            raw,
        }))
    }

    /// Reads a length: one byte, or 2, 4 or 8 after `fd`, `fe`, `ff`, in the shortest form only.
    fn compact_size(&mut self, map: Map) -> Result<u64, DecodeError> {
        let offset = self.offset;
        let (bytes, least) = match self.take(1, map)? {
            [0xfd] => (self.take(2, map)?, 0xfd),
            [0xfe] => (self.take(4, map)?, 0x1_0000),
            [0xff] => (self.take(8, map)?, 0x1_0000_0000),
            short => (short, 0),
        };
        let len = bytes.iter().rev().fold(0, |len, byte| len << 8 | u64::from(*byte));
        if len < least { Err(DecodeError::LongLength { offset, seen: len }) } else { Ok(len) }
    }

    fn take(&mut self, len: u64, map: Map) -> Result<&'a [u8], DecodeError> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let taken = usize::try_from(len).ok().and_then(|len| rest.get(..len));
        let taken = taken.ok_or(DecodeError::Truncated {
            map,
            offset: self.offset,
            expected: len,
            left: rest.len(),
        })?;
        self.offset += taken.len();
        Ok(taken)
    }
}
