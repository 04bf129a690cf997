//! The forms in which PSBTs travel: from bytes or any text to the binary form, and back.
//!
//! Mail, editors and terminals add marks, quotes, line ends and invisible characters; none of them
//! says anything, so all of them are dropped.

use std::borrow::Cow;

use bitcoin::base64::alphabet::STANDARD as ALPHABET;
use bitcoin::base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bitcoin::base64::{DecodeError as Base64Error, Engine as _};
use bitcoin::hex::{DisplayHex as _, FromHex as _};
use ensign_wire::PAYLOAD_BYTES_MAX;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;

use crate::layout::MAGIC;
use crate::{DecodeError, Lookalike, Psbt};

/// The first characters of a PSBT in base64: [`MAGIC`], up to the last whole character.
const MAGIC_BASE64: &str = "cHNidP";
/// The same in hex.
const MAGIC_HEX: &str = "70736274ff";
/// Most bytes of text: UTF-16 doubles what hex has doubled, and white space wants room.
const TEXT_BYTES_MAX: usize = 5 * PAYLOAD_BYTES_MAX;
/// Base64 that may lack its padding, as some programs write it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// In which form a PSBT came, or shall be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// The bytes of [BIP-0174].
    ///
    /// [BIP-0174]: <https://github.com/bitcoin/bips/blob/master/bip-0174.mediawiki>
    Binary,
    /// Base64 text; written on one line.
    #[default]
    Base64,
    /// Hex text; written on one line, in lower case.
    Hex,
    /// Base64 between double quotes, which makes it a JSON string.
    Quoted,
    /// A JSON object whose field `psbt` holds base64, as Bitcoin Core's `walletcreatefundedpsbt` and
    /// `walletprocesspsbt` print it. Other fields are ignored; written without them.
    Json,
}

impl Psbt {
    /// Returns the PSBT in `form`; every text ends with a line feed.
    pub fn to_form(&self, form: Form) -> Vec<u8> {
        let text = match form {
            Form::Binary => return self.to_bytes(),
            Form::Base64 => self.to_base64(),
            Form::Hex => self.to_bytes().to_lower_hex_string(),
            // Base64 needs no escapes.
            Form::Quoted => format!("\"{}\"", self.to_base64()),
            Form::Json => format!("{{\"psbt\":\"{}\"}}", self.to_base64()),
        };
        format!("{text}\n").into_bytes()
    }
}

/// Returns base64 of `bytes`, on one line.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// Finds the binary form in `bytes`, which may be text.
///
/// What is returned begins with [`MAGIC`] and has at most [`PAYLOAD_BYTES_MAX`] bytes.
pub(crate) fn to_binary(bytes: &[u8]) -> Result<(Cow<'_, [u8]>, Form), DecodeError> {
    let (binary, form) = if bytes.starts_with(MAGIC) {
        (Cow::Borrowed(bytes), Form::Binary)
    } else if bytes.len() > TEXT_BYTES_MAX {
        return Err(DecodeError::TooLarge { seen: bytes.len(), limit: TEXT_BYTES_MAX });
    } else {
        let (binary, form) = of_bytes(bytes)?;
        (Cow::Owned(binary), form)
    };
    match binary.len() {
        seen if seen > PAYLOAD_BYTES_MAX => {
            Err(DecodeError::TooLarge { seen, limit: PAYLOAD_BYTES_MAX })
        }
        _ if !binary.starts_with(MAGIC) => Err(begins_wrong(&binary)),
        _ => Ok((binary, form)),
    }
}

fn of_bytes(bytes: &[u8]) -> Result<(Vec<u8>, Form), DecodeError> {
    if let Some(lookalike) = Lookalike::of_bytes(bytes) {
        return Err(DecodeError::Lookalike(lookalike));
    }
    let text = text_of(bytes).ok_or_else(|| begins_wrong(bytes))?;
    of_text(&text).map_err(|error| {
        // No text after all: say what stands there.
        let is_text = |seen: &[u8]| seen.iter().all(u8::is_ascii_graphic);
        let is_odd = matches!(&error, DecodeError::Magic { seen } if !is_text(seen));
        if is_odd { begins_wrong(bytes) } else { error }
    })
}

fn begins_wrong(bytes: &[u8]) -> DecodeError {
    DecodeError::Magic { seen: bytes.iter().copied().take(MAGIC.len()).collect() }
}

/// Reads bytes as UTF-8, or UTF-16 with or without a byte-order mark.
fn text_of(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units = pairs.iter().map(|pair| unit(*pair));
        let text: Option<String> = char::decode_utf16(units).map(Result::ok).collect();
        text.filter(|_| rest.is_empty()).map(Cow::Owned)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [first, 0, second, 0, ..] if is_visible(*first) && is_visible(*second) => {
            utf16(bytes, u16::from_le_bytes)
        }
        [0, first, 0, second, ..] if is_visible(*first) && is_visible(*second) => {
            utf16(bytes, u16::from_be_bytes)
        }
        _ => core::str::from_utf8(bytes).ok().map(Cow::Borrowed),
    }
}

const fn is_visible(byte: u8) -> bool {
    byte.is_ascii_graphic()
}

fn of_text(text: &str) -> Result<(Vec<u8>, Form), DecodeError> {
    let text = text.trim_matches(is_nothing);
    if text.starts_with('{') {
        return Ok((decode(&of_json(text)?)?.0, Form::Json));
    }
    let is_string = text.len() > 1 && text.starts_with('"') && text.ends_with('"');
    let (binary, form) = decode(text)?;
    Ok((binary, if is_string { Form::Quoted } else { form }))
}

/// What Bitcoin Core prints. Other fields are skipped without being kept: a megabyte of JSON makes
/// many megabytes of values.
#[derive(Default, Deserialize)]
struct Printed {
    psbt: Option<String>,
    hex: Option<IgnoredAny>,
}

/// The same, as the answer to a call.
#[derive(Default, Deserialize)]
struct Answer<T> {
    result: Option<T>,
}

fn of_json(text: &str) -> Result<String, DecodeError> {
    let printed: Printed = read_json(text)?;
    let answer: Answer<Printed> = read_json(text)?;
    let answered: Answer<String> = read_json(text)?;
    let inner = answer.result.unwrap_or_default();
    if let Some(psbt) = printed.psbt.or(inner.psbt).or(answered.result) {
        return Ok(psbt);
    }
    let is_finished = printed.hex.or(inner.hex).is_some();
    let lookalike = if is_finished { Lookalike::SignedTx } else { Lookalike::Json };
    Err(DecodeError::Lookalike(lookalike))
}

/// Reads JSON; what is JSON and something else than `T` gives the default.
fn read_json<T: Default + DeserializeOwned>(text: &str) -> Result<T, DecodeError> {
    serde_json::from_str(text).or_else(|error| match error.classify() {
        Category::Data => Ok(T::default()),
        Category::Io | Category::Syntax | Category::Eof => {
            Err(DecodeError::Json { line: error.line(), column: error.column() })
        }
    })
}

/// Decodes base64 or hex without minding what stands around and between.
fn decode(text: &str) -> Result<(Vec<u8>, Form), DecodeError> {
    let packed: String = text.chars().filter(|c| !is_nothing(*c)).collect();
    let packed = packed.trim_matches(is_quote);
    let hex = packed.strip_prefix("0x").unwrap_or(packed);
    let begins_as =
        |magic: &str| hex.get(..magic.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(magic));
    if begins_as(MAGIC_HEX) {
        return Ok((decode_hex(hex)?, Form::Hex));
    }
    if packed.starts_with(MAGIC_BASE64) {
        return Ok((decode_base64(packed)?, Form::Base64));
    }
    let lookalike = Lookalike::of_text(packed);
    Err(lookalike.map_or_else(|| begins_wrong(packed.as_bytes()), DecodeError::Lookalike))
}

fn decode_hex(text: &str) -> Result<Vec<u8>, DecodeError> {
    if let Some(offset) = text.bytes().position(|byte| !byte.is_ascii_hexdigit()) {
        return Err(DecodeError::Hex { offset });
    }
    Vec::from_hex(text).map_err(|_| DecodeError::Hex { offset: text.len() })
}

fn decode_base64(text: &str) -> Result<Vec<u8>, DecodeError> {
    // The alphabet for addresses of the web has two letters of its own.
    let standard = |byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    };
    let text: Vec<u8> = text.bytes().map(standard).collect();
    BASE64.decode(&text).map_err(|error| {
        let offset = match error {
            Base64Error::InvalidByte(offset, _) | Base64Error::InvalidLastSymbol(offset, _) => {
                offset
            }
            Base64Error::InvalidLength | Base64Error::InvalidPadding => text.len(),
        };
        DecodeError::Base64 { offset }
    })
}

/// Returns whether a character shows nothing: white space, marks of order and direction, joiners,
/// the soft hyphen.
const fn is_nothing(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{2064}' | '\u{ad}' | '\0')
}

/// Returns whether a character may stand around a text that was copied: quotes of any kind, and
/// what follows a string in a list.
const fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | ',' | ';' | '\u{ab}' | '\u{bb}')
        || matches!(c, '\u{2018}'..='\u{201f}' | '\u{2039}' | '\u{203a}')
}
