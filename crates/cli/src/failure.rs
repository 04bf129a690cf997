//! A failure on its way to the user: which entry of the catalogue, and what happened this time.

use std::borrow::Cow;

use ensign_coordinator::Risk;

use crate::catalogue::{Entry, Exit};

/// Why a command ends without having done its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The kind of failure.
    pub(crate) entry: &'static Entry,
    /// One sentence: what happened this time. Free of control characters.
    pub(crate) what: String,
    /// Whom it concerns, by name.
    pub(crate) who: Vec<String>,
    /// What to do, where this case knows better than the catalogue.
    pub(crate) hint: Option<Cow<'static, str>>,
}

/// What a command returns.
pub(crate) type Result<T, E = Failure> = core::result::Result<T, E>;

impl Failure {
    /// Makes a failure that concerns nobody in particular.
    pub(crate) fn new(entry: &'static Entry, what: impl Into<String>) -> Self {
        Self { entry, what: what.into(), who: Vec::new(), hint: None }
    }

    /// Names whom it concerns.
    #[must_use]
    pub(crate) fn who(mut self, who: impl IntoIterator<Item = String>) -> Self {
        self.who.extend(who);
        self
    }

    /// Says what to do in this very case.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns what to do next.
    pub(crate) fn advice(&self) -> &str {
        self.hint.as_deref().unwrap_or(self.entry.hint)
    }

    /// Returns what the process exits with.
    pub(crate) const fn exit(&self) -> Exit {
        self.entry.exit
    }
}

/// Says in words what is at risk.
pub(crate) const fn risk_in_words(risk: Risk) -> &'static str {
    match risk {
        Risk::None => "none: keys and money are safe",
        Risk::CheckFirst => "keys are safe, but check before you go on",
        Risk::Keys => "these keys, unless a backup of them opens; nothing was overwritten",
    }
}

/// Says in words whether the same command may be given again.
pub(crate) const fn retry_in_words(entry: &Entry) -> &'static str {
    if entry.retry_is_safe { "safe" } else { "not before that is done" }
}
