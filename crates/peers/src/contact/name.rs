//! Names of signers and groups.

use alloc::string::String;

use super::foreign;

/// Most characters of the name of a signer or a group. Guess: longer than any name that people say.
pub const NAME_CHARS_MAX: usize = 32;

/// Why text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Too short or too long.
    #[error("the name `{seen}` must have 1 to {NAME_CHARS_MAX} characters")]
    Length {
        /// The text, escaped.
        seen: String,
    },
    /// A character that no name has, or not at its beginning.
    #[error(
        "the name `{seen}` may hold letters, digits, `-`, `_` and `.` only, and must not begin with \
         `.` or `-`"
    )]
    Character {
        /// The text, escaped.
        seen: String,
    },
}

/// Checks the name of a signer or a group: it becomes part of file names, codes and sentences.
///
/// # Errors
///
/// [`NameError`] with the name.
pub fn check_name(name: &str) -> Result<(), NameError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > NAME_CHARS_MAX {
        return Err(NameError::Length { seen: foreign(name) });
    }
    if !name.chars().all(plain) || name.starts_with(['.', '-']) {
        return Err(NameError::Character { seen: foreign(name) });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_short() {
        for good in ["alice", "Bob_2", "a.b-c", &"x".repeat(32)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "../x", "-f", "a b", "a\nb", "müller", &"x".repeat(33)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
