//! Which child of a group's key: the steps of a BIP32 derivation that needs no secret.

use core::{fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, SeqAccess, Visitor},
};

/// Most steps of a [`KeyPath`]. Guess: chain and index are two; each is a point multiplication.
pub const KEY_PATH_STEPS_MAX: usize = 4;

/// The first number of a hardened step ([BIP-0032]), which needs the secret key that no group has.
///
/// [BIP-0032]: <https://github.com/bitcoin/bips/blob/master/bip-0032.mediawiki#extended-keys>
const HARDENED: u32 = 1 << 31;

/// The steps from the aggregate key of a group to one of its children ([BIP-0328]); without steps
/// the aggregate key itself.
///
/// At most [`KEY_PATH_STEPS_MAX`] steps, each below 2³¹: what is deeper or hardened cannot be
/// written. Shown as `0/3`, without steps as `m`.
///
/// [BIP-0328]: <https://github.com/bitcoin/bips/blob/master/bip-0328.mediawiki>
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPath {
    /// Zero from `len` on, so that equal paths have equal fields.
    steps: [u32; KEY_PATH_STEPS_MAX],
    len: u8,
}

impl KeyPath {
    /// No step: the aggregate key itself.
    pub const ROOT: Self = Self { steps: [0; KEY_PATH_STEPS_MAX], len: 0 };

    /// The first receiving address, `0/0`.
    pub const FIRST: Self = Self { steps: [0; KEY_PATH_STEPS_MAX], len: 2 };

    /// Takes the steps, the first one from the aggregate key.
    ///
    /// # Errors
    ///
    /// [`KeyPathError`] when they are too many, or one is hardened.
    pub fn new(steps: &[u32]) -> Result<Self, KeyPathError> {
        steps.iter().try_fold(Self::ROOT, |path, step| path.child(*step))
    }

    /// Returns the path of one step more.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn child(mut self, step: u32) -> Result<Self, KeyPathError> {
        if step >= HARDENED {
            return Err(KeyPathError::Hardened { at: self.len.into(), step: step - HARDENED });
        }
        let place = self.steps.get_mut(usize::from(self.len));
        *place.ok_or(KeyPathError::TooDeep { limit: KEY_PATH_STEPS_MAX })? = step;
        self.len += 1;
        Ok(self)
    }

    /// Returns the steps.
    pub fn steps(&self) -> &[u32] {
        self.steps.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Returns the path without its last step, and that step; `None` for the aggregate key itself.
    pub fn split_last(&self) -> Option<(Self, u32)> {
        let (last, rest) = self.steps().split_last()?;
        // What is left of a path is one.
        Some((Self::new(rest).ok()?, *last))
    }

    /// Returns whether it is the aggregate key itself.
    pub const fn is_root(&self) -> bool {
        self.len == 0
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, rest)) = self.steps().split_first() else { return f.write_str("m") };
        write!(f, "{first}")?;
        rest.iter().try_for_each(|step| write!(f, "/{step}"))
    }
}

impl fmt::Debug for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyPath {
    type Err = KeyPathError;

    /// Reads `0/3` or `m/0/3`; `m` is the aggregate key itself.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let steps = match text.strip_prefix('m') {
            Some("") => return Ok(Self::ROOT),
            Some(rest) => rest.strip_prefix('/').ok_or(KeyPathError::Number { at: 0 })?,
            None => text,
        };
        steps.split('/').enumerate().try_fold(Self::ROOT, |path, (at, step)| {
            let is_hardened = step.ends_with(['h', 'H', '\'']);
            let step = step.trim_end_matches(['h', 'H', '\'']);
            // A sign is no digit.
            let is_number = step.bytes().all(|byte| byte.is_ascii_digit());
            let number = step.parse().ok().filter(|_| is_number);
            match number.ok_or(KeyPathError::Number { at })? {
                step if is_hardened => Err(KeyPathError::Hardened { at, step }),
                step => path.child(step),
            }
        })
    }
}

impl Serialize for KeyPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.steps().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for KeyPath {
    /// Stops at the first step that no path has.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Steps;

        impl<'de> Visitor<'de> for Steps {
            type Value = KeyPath;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {KEY_PATH_STEPS_MAX} steps below 2^31")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<KeyPath, A::Error> {
                let mut path = KeyPath::ROOT;
                while let Some(step) = seq.next_element()? {
                    path = path.child(step).map_err(de::Error::custom)?;
                }
                Ok(path)
            }
        }

        deserializer.deserialize_seq(Steps)
    }
}

/// Why steps are no [`KeyPath`]. Steps count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyPathError {
    /// More steps than a path may have.
    TooDeep {
        /// [`KEY_PATH_STEPS_MAX`].
        limit: usize,
    },
    /// A hardened step: it needs a secret key that nobody has.
    Hardened {
        /// Which step.
        at: usize,
        /// Its number, without what hardens it.
        step: u32,
    },
    /// A step is no number below 2³².
    Number {
        /// Which step.
        at: usize,
    },
}

impl fmt::Display for KeyPathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooDeep { limit } => write!(f, "more than {limit} steps"),
            Self::Hardened { at, step } => {
                write!(f, "step {at}, {step}h, is hardened: a group has no secret key to derive it")
            }
            Self::Number { at } => write!(f, "step {at} is no number below 2^31"),
        }
    }
}

impl core::error::Error for KeyPathError {}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use super::*;

    fn check(text: &str, expected: Result<&[u32], KeyPathError>) {
        let expected = expected.map(|steps| KeyPath::new(steps).unwrap());
        assert_eq!(text.parse::<KeyPath>(), expected, "{text}");
    }

    #[test]
    fn paths_are_read_and_shown() {
        check("0/3", Ok(&[0, 3]));
        check("m/1/2147483647", Ok(&[1, 0x7fff_ffff]));
        check("m", Ok(&[]));
        check("0/1/2/3", Ok(&[0, 1, 2, 3]));
        assert_eq!(KeyPath::new(&[1, 0x7fff_ffff]).unwrap().to_string(), "1/2147483647");
        assert_eq!((KeyPath::ROOT.to_string().as_str(), KeyPath::ROOT.is_root()), ("m", true));
    }

    #[test]
    fn what_no_group_can_derive_is_no_path() {
        check("0/1/2/3/4", Err(KeyPathError::TooDeep { limit: 4 }));
        check("86h/0", Err(KeyPathError::Hardened { at: 0, step: 86 }));
        check("0/3'", Err(KeyPathError::Hardened { at: 1, step: 3 }));
        check("0/2147483648", Err(KeyPathError::Hardened { at: 1, step: 0 }));
        for (text, at) in
            [("0/4294967296", 1), ("", 0), ("m/", 0), ("m0", 0), ("0//1", 1), ("+1", 0)]
        {
            check(text, Err(KeyPathError::Number { at }));
        }
    }

    #[test]
    fn a_step_more_is_another_path() {
        let chain = KeyPath::new(&[0]).unwrap();
        assert_ne!(chain, KeyPath::ROOT);
        assert_ne!(chain, KeyPath::new(&[0, 0]).unwrap());
        assert_eq!(chain.child(7), KeyPath::new(&[0, 7]));
        assert_eq!(KeyPath::new(&[0, 7]).unwrap().split_last(), Some((chain, 7)));
        assert_eq!(KeyPath::ROOT.split_last(), None);
    }
}
