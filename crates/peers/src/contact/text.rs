//! What mail, phones and people do to a code, and how it is undone or told.

use alloc::string::{String, ToString};

use super::{
    ContactError,
    foreign::{foreign, is_invisible},
};

const BEGIN: &str = "ensign1";

/// The 32 characters that a code is written in (BIP173).
const CHARSET: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// More than the longest code, whatever is written around it.
const CHARACTERS_MAX: usize = 4096;

/// How many of the seven characters at the beginning make text a code with a wrong one, rather than
/// something else.
const BEGIN_FITTING_MIN: usize = 5;

/// Returns the code alone, in lower case: without white space, line breaks, characters that cannot
/// be seen, signs of quoted mail, and quotes, brackets and full stops around it.
///
/// # Errors
///
/// [`ContactError::Prefix`], [`ContactError::Several`], [`ContactError::Character`] and
/// [`ContactError::Long`].
pub(super) fn clean(text: &str) -> Result<String, ContactError> {
    let is_code = |c: &char| {
        !(c.is_whitespace() || c.is_control() || is_invisible(*c) || matches!(c, '<' | '>'))
    };
    let code: String = text.chars().filter(is_code).take(CHARACTERS_MAX + 1).collect();
    let code = code.trim_start_matches(is_quote);
    let code = code.trim_end_matches(|c| is_quote(c) || matches!(c, '.' | ',' | ';' | ':' | '!'));
    let (code, characters) = (code.to_ascii_lowercase(), code.chars().count());
    check_begin(&code)?;
    if characters > CHARACTERS_MAX {
        return Err(ContactError::Long { characters });
    }
    let inside = code.get(BEGIN.len()..).unwrap_or_default();
    if let Some(at) = inside.find(BEGIN) {
        let before = inside.get(..at).unwrap_or_default().chars().count();
        return Err(ContactError::Several { position: BEGIN.len() + before + 1 });
    }
    match (BEGIN.len() + 1..).zip(inside.chars()).find(|(_, c)| !CHARSET.contains(*c)) {
        Some((position, odd)) => Err(character(position, odd)),
        None => Ok(code),
    }
}

const fn is_quote(c: char) -> bool {
    matches!(
        c,
        '"' | '\'' | '`' | '*' | '(' | ')' | '[' | ']' | '{' | '}' | '\u{2018}'
            ..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{2039}' | '\u{203a}'
    )
}

fn check_begin(code: &str) -> Result<(), ContactError> {
    if code.starts_with(BEGIN) {
        return Ok(());
    }
    let pairs = || (1..).zip(code.chars().zip(BEGIN.chars()));
    let wrong = pairs().find(|(_, (seen, expected))| seen != expected);
    let fitting = pairs().filter(|(_, (seen, expected))| seen == expected).count();
    match wrong {
        Some((position, (odd, _))) if fitting >= BEGIN_FITTING_MIN => {
            let (character, meant) = (foreign(&odd.to_string()), "; it begins with `ensign1`");
            Err(ContactError::Character { position, character, meant })
        }
        _ => {
            let seen = foreign(&code.chars().take(12).collect::<String>());
            Err(ContactError::Prefix { seen })
        }
    }
}

fn character(position: usize, odd: char) -> ContactError {
    let meant = match odd {
        'o' => "; perhaps it was `0`",
        'i' | '1' => "; perhaps it was `l`",
        'b' => "; perhaps it was `6` or `8`",
        '=' => "; mail leaves it at the end of a line",
        _ if !odd.is_ascii() => ", even if it looks like one of them",
        _ => "",
    };
    ContactError::Character { position, character: foreign(&odd.to_string()), meant }
}

/// Says as much as there is to say about a code whose checksum does not fit.
///
/// In a code of up to 1,023 characters each single wrong letter leaves a remainder of its own
/// (BIP173), so that the remainder tells where it stands. That is told; what the letter should be is
/// for the code's owner to say. Cost: 31 steps of the checksum for each character.
pub(super) fn checksum_error(code: &str) -> ContactError {
    let characters = code.chars().count();
    let letter = |c: char| CHARSET.chars().position(|it| it == c);
    let letters = code.chars().skip(BEGIN.len());
    let values = letters.filter_map(letter).filter_map(|it| u32::try_from(it).ok());
    let prefix = || BEGIN.trim_end_matches('1').bytes().map(u32::from);
    let expanded = prefix().map(|c| c >> 5).chain([0]).chain(prefix().map(|c| c & 31));
    let remainder = expanded.chain(values).fold(1, step) ^ BECH32M;
    for wrong in 1..32 {
        let mut left_by = wrong;
        for position in (BEGIN.len() + 1..=characters).rev() {
            if left_by == remainder {
                return ContactError::Letter { position };
            }
            left_by = step(left_by, 0);
        }
    }
    ContactError::Checksum { characters }
}

/// What the checksum of a good code comes out as (BIP350).
const BECH32M: u32 = 0x2bc8_30a3;

/// One step of the checksum (BIP173).
fn step(remainder: u32, value: u32) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let next = ((remainder & 0x01ff_ffff) << 5) ^ value;
    let carried = (0..).zip(GENERATOR).filter(|(bit, _)| remainder >> (25 + bit) & 1 == 1);
    carried.fold(next, |next, (_, generator)| next ^ generator)
}
