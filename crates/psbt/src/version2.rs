//! PSBTs of version 2 ([BIP-0370]): to the fields of version 0 and back.
//!
//! All else works on version 0, which says the same once nothing is added any more: the unsigned
//! transaction stands in one place and not in a field for each of its parts.
//!
//! [BIP-0370]: <https://github.com/bitcoin/bips/blob/master/bip-0370.mediawiki>

use bitcoin::absolute::{LOCK_TIME_THRESHOLD, LockTime};
use bitcoin::consensus::Encodable as _;
use bitcoin::hashes::Hash as _;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness};

use crate::DecodeError;
use crate::layout::{self, Field, MAGIC, Map};

const GLOBAL_UNSIGNED_TX: u8 = 0x00;
const GLOBAL_TX_VERSION: u8 = 0x02;
const GLOBAL_FALLBACK_LOCK_TIME: u8 = 0x03;
const GLOBAL_INPUT_COUNT: u8 = 0x04;
const GLOBAL_OUTPUT_COUNT: u8 = 0x05;
const GLOBAL_MODIFIABLE: u8 = 0x06;
const GLOBAL_VERSION: u8 = 0xfb;
const IN_PREVIOUS_TXID: u8 = 0x0e;
const IN_OUTPUT_INDEX: u8 = 0x0f;
const IN_SEQUENCE: u8 = 0x10;
const IN_TIME_LOCK: u8 = 0x11;
const IN_HEIGHT_LOCK: u8 = 0x12;
const OUT_AMOUNT: u8 = 0x03;
const OUT_SCRIPT: u8 = 0x04;
/// The flags that say that inputs and outputs may be added.
const MODIFIABLE: u8 = 0b11;

/// Returns whether only PSBTs of version 2 have such a field.
pub(crate) const fn is_of_version_2(map: Map, key_type: u8) -> bool {
    matches!(
        (map, key_type),
        (Map::Global, GLOBAL_TX_VERSION..=GLOBAL_MODIFIABLE)
            | (Map::Input(_), IN_PREVIOUS_TXID..=IN_HEIGHT_LOCK)
            | (Map::Output(_), OUT_AMOUNT | OUT_SCRIPT)
    )
}

/// What the fields of version 2 say of the transaction.
#[derive(Default)]
struct Parts {
    version: Option<i32>,
    fallback: Option<u32>,
    inputs: Vec<InputParts>,
    outputs: Vec<(Option<Amount>, Option<ScriptBuf>)>,
}

#[derive(Default)]
struct InputParts {
    txid: Option<Txid>,
    vout: Option<u32>,
    sequence: Option<u32>,
    time: Option<u32>,
    height: Option<u32>,
}

/// Writes a PSBT of version 2 as one of version 0, without the fields that only version 2 has.
///
/// - `bytes`: of valid outer form.
///
/// # Errors
///
/// [`DecodeError`] when a field is missing, twice there or malformed, or no lock time suits all inputs.
pub(crate) fn to_version_0(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let (mut parts, mut rest) = (Parts::default(), Vec::new());
    layout::walk(bytes, |field| {
        parts.reach(field.map)?;
        if is_of_version_2(field.map, field.key_type) {
            return parts.take_in(&field);
        }
        if !(field.map == Map::Global && field.key_type == GLOBAL_VERSION) {
            rest.push((field.map, field.raw));
        }
        Ok(())
    })?;
    let (inputs, outputs) = layout::shape(bytes)?;
    // Maps without a field were not visited.
    parts.reach(Map::Output(outputs))?;
    parts.outputs.pop();
    parts.reach(Map::Input(inputs))?;
    parts.inputs.pop();
    let mut tx = Vec::new();
    encode_unsigned(&parts.transaction()?, &mut tx);
    let mut written = MAGIC.to_vec();
    push_pair(&mut written, &[GLOBAL_UNSIGNED_TX], &tx);
    let maps = (0..inputs).map(Map::Input).chain((0..outputs).map(Map::Output));
    let mut rest = rest.into_iter().peekable();
    for map in core::iter::once(Map::Global).chain(maps) {
        while let Some((_, raw)) = rest.next_if(|(of, _)| *of == map) {
            written.extend(raw);
        }
        written.push(0);
    }
    Ok(written)
}

impl Parts {
    /// Makes room for the parts of a map, if those before it have what takes the most bytes: so there
    /// is room for no more than was sent.
    fn reach(&mut self, map: Map) -> Result<(), DecodeError> {
        match map {
            Map::Global => {}
            Map::Input(index) if index < self.inputs.len() => {}
            Map::Input(index) => {
                let is_whole = self.inputs.last().is_none_or(|it| it.txid.is_some());
                let lacks = self.inputs.len().saturating_sub(usize::from(!is_whole));
                if index != lacks {
                    let (map, key_type) = (Map::Input(lacks), IN_PREVIOUS_TXID);
                    return Err(DecodeError::MissingField { map, key_type });
                }
                self.inputs.push(InputParts::default());
            }
            Map::Output(index) if index < self.outputs.len() => {}
            Map::Output(index) => {
                let is_whole = self.outputs.last().is_none_or(|(amount, _)| amount.is_some());
                let lacks = self.outputs.len().saturating_sub(usize::from(!is_whole));
                if index != lacks {
                    let (map, key_type) = (Map::Output(lacks), OUT_AMOUNT);
                    return Err(DecodeError::MissingField { map, key_type });
                }
                self.outputs.push((None, None));
            }
        }
        Ok(())
    }

    fn take_in(&mut self, field: &Field<'_>) -> Result<(), DecodeError> {
        if !field.key_data.is_empty() {
            return Err(field.invalid());
        }
        let (input, output) = (self.inputs.last_mut(), self.outputs.last_mut());
        match (field.map, field.key_type, input, output) {
            (Map::Global, GLOBAL_TX_VERSION, ..) => {
                put(&mut self.version, field, number(field).map(u32::cast_signed))
            }
            (Map::Global, GLOBAL_FALLBACK_LOCK_TIME, ..) => {
                put(&mut self.fallback, field, number(field))
            }
            (Map::Global, GLOBAL_MODIFIABLE, ..) => {
                <[u8; 1]>::try_from(field.value).map(|_| ()).map_err(|_| field.invalid())
            }
            (Map::Input(_), IN_PREVIOUS_TXID, Some(input), _) => {
                let txid = Txid::from_slice(field.value).map_err(|_| field.invalid());
                put(&mut input.txid, field, txid)
            }
            (Map::Input(_), IN_OUTPUT_INDEX, Some(input), _) => {
                put(&mut input.vout, field, number(field))
            }
            (Map::Input(_), IN_SEQUENCE, Some(input), _) => {
                put(&mut input.sequence, field, number(field))
            }
            (Map::Input(_), IN_TIME_LOCK, Some(input), _) => {
                let time = number(field).and_then(|time| checked(field, time, is_time(time)));
                put(&mut input.time, field, time)
            }
            (Map::Input(_), IN_HEIGHT_LOCK, Some(input), _) => {
                let is_height = |height| height > 0 && !is_time(height);
                let height = number(field).and_then(|it| checked(field, it, is_height(it)));
                put(&mut input.height, field, height)
            }
            (Map::Output(_), OUT_AMOUNT, _, Some((amount, _))) => {
                let value = field.value.try_into().map(u64::from_le_bytes);
                let value = value.map(Amount::from_sat).map_err(|_| field.invalid());
                put(amount, field, value)
            }
            (Map::Output(_), OUT_SCRIPT, _, Some((_, script))) => {
                put(script, field, Ok(ScriptBuf::from_bytes(field.value.to_vec())))
            }
            // The counts were read with the outer form.
            _ => Ok(()),
        }
    }

    fn transaction(self) -> Result<Transaction, DecodeError> {
        let lock_time = self.lock_time()?;
        let missing = |map, key_type| DecodeError::MissingField { map, key_type };
        let input = |(index, parts): (usize, InputParts)| {
            let missing = |key_type| missing(Map::Input(index), key_type);
            Ok(TxIn {
                previous_output: OutPoint {
                    txid: parts.txid.ok_or(missing(IN_PREVIOUS_TXID))?,
                    vout: parts.vout.ok_or(missing(IN_OUTPUT_INDEX))?,
                },
                script_sig: ScriptBuf::new(),
                sequence: parts.sequence.map_or(Sequence::MAX, Sequence),
                witness: Witness::new(),
            })
        };
        let output = |(index, (value, script)): (usize, (Option<Amount>, Option<ScriptBuf>))| {
            let missing = |key_type| missing(Map::Output(index), key_type);
            Ok(TxOut {
                value: value.ok_or(missing(OUT_AMOUNT))?,
                script_pubkey: script.ok_or(missing(OUT_SCRIPT))?,
            })
        };
        Ok(Transaction {
            version: Version(self.version.ok_or(missing(Map::Global, GLOBAL_TX_VERSION))?),
            lock_time,
            input: self.inputs.into_iter().enumerate().map(input).collect::<Result<_, _>>()?,
            output: self.outputs.into_iter().enumerate().map(output).collect::<Result<_, _>>()?,
        })
    }

    /// As [BIP-0370] determines it: the greatest that is required, of the kind that suits every input,
    /// heights first.
    ///
    /// [BIP-0370]: <https://github.com/bitcoin/bips/blob/master/bip-0370.mediawiki#determining-lock-time>
    fn lock_time(&self) -> Result<LockTime, DecodeError> {
        let locked = || self.inputs.iter().filter(|it| it.time.is_some() || it.height.is_some());
        let greatest = |kind: fn(&InputParts) -> Option<u32>| {
            locked().map(kind).try_fold(0, |most, lock| lock.map(|lock| most.max(lock)))
        };
        let chosen = match locked().next() {
            None => self.fallback.or(Some(0)),
            Some(_) => greatest(|it| it.height).or_else(|| greatest(|it| it.time)),
        };
        chosen.map(LockTime::from_consensus).ok_or(DecodeError::LockTimes)
    }
}

const fn is_time(lock: u32) -> bool {
    lock >= LOCK_TIME_THRESHOLD
}

/// Keeps what a field says, if none has said it.
fn put<T>(
    place: &mut Option<T>,
    field: &Field<'_>,
    value: Result<T, DecodeError>,
) -> Result<(), DecodeError> {
    let Field { map, key_type, offset, .. } = *field;
    match place.replace(value?) {
        Some(_) => Err(DecodeError::DuplicateField { map, key_type, offset }),
        None => Ok(()),
    }
}

fn number(field: &Field<'_>) -> Result<u32, DecodeError> {
    field.value.try_into().map(u32::from_le_bytes).map_err(|_| field.invalid())
}

fn checked(field: &Field<'_>, value: u32, is_valid: bool) -> Result<u32, DecodeError> {
    if is_valid { Ok(value) } else { Err(field.invalid()) }
}

/// Encodes a transaction without the marker that one without inputs would get.
fn encode_unsigned(tx: &Transaction, written: &mut Vec<u8>) {
    let Transaction { version, input, output, lock_time } = tx;
    let encoded = version
        .consensus_encode(written)
        .and_then(|_| input.consensus_encode(written))
        .and_then(|_| output.consensus_encode(written))
        .and_then(|_| lock_time.consensus_encode(written));
    debug_assert!(encoded.is_ok(), "a vector takes all");
}

/// Writes the binary form of version 0 as one of version 2.
///
/// - `kept`: the fields of version 2 as they were read, the version aside.
pub(crate) fn of_version_0(written: &[u8], tx: &Transaction, kept: &[(Map, Vec<u8>)]) -> Vec<u8> {
    let mut pairs: Vec<(Map, Vec<u8>)> = kept.to_vec();
    let mut version = Vec::new();
    push_pair(&mut version, &[GLOBAL_VERSION], &2_u32.to_le_bytes());
    pairs.push((Map::Global, version));
    let walked = layout::walk(written, |field| {
        let is_replaced = matches!(field.key_type, GLOBAL_UNSIGNED_TX | GLOBAL_VERSION);
        if !(field.map == Map::Global && is_replaced) {
            pairs.push((field.map, field.raw.to_vec()));
        }
        Ok(())
    });
    debug_assert!(walked.is_ok(), "what was written reads back");
    // Fields of a map ascend by key, as those of version 0 do: behind the one byte of its length.
    pairs.sort_by(|(map, one), (other_map, other)| {
        (map, key_of(one)).cmp(&(other_map, key_of(other)))
    });
    let inputs = (0..tx.input.len()).map(Map::Input);
    let maps = inputs.chain((0..tx.output.len()).map(Map::Output));
    let (mut whole, mut pairs) = (MAGIC.to_vec(), pairs.into_iter().peekable());
    for map in core::iter::once(Map::Global).chain(maps) {
        while let Some((_, raw)) = pairs.next_if(|(of, _)| *of == map) {
            whole.extend(raw);
        }
        whole.push(0);
    }
    whole
}

/// Returns a pair from its key on.
fn key_of(raw: &[u8]) -> &[u8] {
    let length = match raw.first() {
        Some(0xfd) => 3,
        Some(0xfe) => 5,
        Some(0xff) => 9,
        _ => 1,
    };
    raw.get(length..).unwrap_or_default()
}

/// Returns a field as it is once all inputs are signed for all outputs: nothing may be added any more.
pub(crate) fn sealed(map: Map, raw: &[u8]) -> Vec<u8> {
    let mut raw = raw.to_vec();
    if let (Map::Global, [1, GLOBAL_MODIFIABLE, 1, flags]) = (map, raw.as_mut_slice()) {
        *flags &= !MODIFIABLE;
    }
    raw
}

/// Appends a pair whose key has one byte.
fn push_pair(written: &mut Vec<u8>, key: &[u8; 1], value: &[u8]) {
    written.push(1);
    written.extend(key);
    let length = bitcoin::VarInt::from(value.len()).consensus_encode(written);
    debug_assert!(length.is_ok(), "a vector takes all");
    written.extend(value);
}

/// Reads how many inputs and outputs there are, off the fields that say it.
pub(crate) fn counts(
    inputs: Option<(usize, u64)>,
    outputs: Option<(usize, u64)>,
) -> Result<(usize, usize), DecodeError> {
    let count = |key_type, seen: Option<(usize, u64)>| {
        let (offset, seen) =
            seen.ok_or(DecodeError::MissingField { map: Map::Global, key_type })?;
        let invalid = DecodeError::Field { map: Map::Global, key_type, offset };
        usize::try_from(seen).map_err(|_| invalid)
    };
    Ok((count(GLOBAL_INPUT_COUNT, inputs)?, count(GLOBAL_OUTPUT_COUNT, outputs)?))
}
