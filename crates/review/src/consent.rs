//! A yes, and to what it was said.

use ensign_psbt::ConsentDigest;

/// Most bytes of the name of a rule that says yes; longer ones are cut.
pub const RULE_NAME_BYTES_MAX: usize = 64;

/// A yes to exactly what was shown.
///
/// The digest is that of the [`Approval`](crate::Approval) or the [`Preview`](crate::Preview) that
/// was shown: it covers the request, what it does, the notes with their severity, and the policy. When any of
/// that is different by now, the yes is refused with
/// [`ReviewError::Changed`](crate::ReviewError::Changed).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    digest: ConsentDigest,
    by: ConsentBy,
}

/// Who said yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsentBy {
    /// A person, who was shown it.
    Person,
    /// A rule of the application's, by this name.
    Rule(String),
}

impl Consent {
    /// A person said yes to what was shown under this digest.
    pub const fn person(digest: ConsentDigest) -> Self {
        Self { digest, by: ConsentBy::Person }
    }

    /// A rule says yes, and nobody was asked. Its name is kept with the consent.
    pub fn rule(digest: ConsentDigest, name: &str) -> Self {
        let end = name.floor_char_boundary(RULE_NAME_BYTES_MAX);
        let name = name.get(..end).unwrap_or_default().to_owned();
        Self { digest, by: ConsentBy::Rule(name) }
    }

    /// Returns what the yes was said to.
    pub const fn digest(&self) -> ConsentDigest {
        self.digest
    }

    /// Returns who said it.
    pub const fn by(&self) -> &ConsentBy {
        &self.by
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_rule_is_cut_between_characters() {
        let name = "é".repeat(40);
        let consent = Consent::rule(ConsentDigest([0; 32]), &name);
        assert_eq!(consent.by(), &ConsentBy::Rule("é".repeat(32)));
    }
}
