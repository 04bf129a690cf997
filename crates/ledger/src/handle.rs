//! How a home calls a request for short.

use std::{fmt, num::ParseIntError, str::FromStr};

use serde::{Deserialize, Serialize};

/// A request's short name in one home, as in `#17`: given in order, never given again. It means
/// nothing to anybody else; between nodes a request is its [`RequestId`](ensign_primitives::RequestId).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Handle(pub u64);

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl FromStr for Handle {
    type Err = ParseHandleError;

    /// Reads `#17` or `17`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('#').unwrap_or(text);
        // A sign is no part of a handle, though of a number.
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParseHandleError::NotDigits);
        }
        digits.parse().map(Self).map_err(ParseHandleError::Number)
    }
}

/// Why a text is no handle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseHandleError {
    /// It has something else than digits behind the `#`.
    #[error("a handle is a number, as in #17")]
    NotDigits,
    /// There is no digit, or there are too many.
    #[error("a handle is a number, as in #17: {0}")]
    Number(#[source] ParseIntError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handle_is_read_as_it_is_shown_and_nothing_else_is() {
        assert_eq!(Handle(17).to_string(), "#17");
        assert_eq!("#17".parse(), Ok(Handle(17)));
        assert_eq!("17".parse(), Ok(Handle(17)));
        for text in ["", "#", "#+1", "-1", "#1 ", "1e3", "ab12", "##1", "99999999999999999999"] {
            assert!(text.parse::<Handle>().is_err(), "{text:?}");
        }
    }
}
