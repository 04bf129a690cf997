//! How a client names a request: by its handle, by its id, or, where nothing is consented to, by the
//! beginning of its id.

use axum::http::StatusCode;
use ensign_coordinator::{Handle, RequestEntry};
use ensign_primitives::RequestId;

use crate::house;
use crate::problem::Problem;
use crate::service::Inside;

/// Digits without `#` in front are a handle up to so many; more are the beginning of an id.
const HANDLE_DIGITS_MAX: usize = 6;

/// A name as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Handle(Handle),
    Whole(RequestId),
    Beginning(String),
}

impl Name {
    pub(super) fn new(text: &str) -> Self {
        let text = text.trim().to_lowercase();
        let is_short = text.len() <= HANDLE_DIGITS_MAX;
        if let Ok(handle) = text.parse::<Handle>()
            && (is_short || text.starts_with('#'))
        {
            return Self::Handle(handle);
        }
        let mut bytes = [0; 32];
        match hex::decode_to_slice(&text, &mut bytes) {
            Ok(()) => Self::Whole(RequestId::from_bytes(bytes)),
            Err(_) => Self::Beginning(text),
        }
    }

    fn is_of(&self, entry: &RequestEntry) -> bool {
        match self {
            Self::Handle(handle) => entry.handle() == Some(*handle),
            Self::Whole(id) => entry.id == *id,
            Self::Beginning(text) => !text.is_empty() && entry.id.to_string().starts_with(text),
        }
    }
}

impl Inside {
    /// Returns the one request that is called so.
    pub(super) async fn named(&self, text: &str) -> Result<RequestEntry, Problem> {
        let name = Name::new(text);
        let entries = self.coordinator.requests().await;
        let entries = entries.map_err(|error| self.house.refused(&error))?;
        let mut found = entries.into_iter().filter(|entry| name.is_of(entry));
        let refused = |code, status, what: String| Err(self.house.problem(status, code, what));
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => {
                let what = format!("no request is called `{}`", shown(text));
                refused(house::REQUEST_UNKNOWN, StatusCode::NOT_FOUND, what)
            }
            (Some(one), Some(other)) => {
                let rest = found.map(|entry| entry.id.short());
                let all: Vec<_> = [one.id.short(), other.id.short()].into_iter().chain(rest).collect();
                let what = format!("`{}` begins {}", shown(text), all.join(", "));
                refused(house::REQUEST_AMBIGUOUS, StatusCode::CONFLICT, what)
            }
        }
    }
}

/// A piece of the client's own text, without control characters.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(80).map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_handle_an_id_or_its_beginning() {
        let id = RequestId::from_bytes([0x17; 32]);
        assert_eq!(Name::new("#17"), Name::Handle(Handle(17)));
        assert_eq!(Name::new(" 17 "), Name::Handle(Handle(17)));
        assert_eq!(Name::new("#1700000000"), Name::Handle(Handle(1_700_000_000)));
        assert_eq!(Name::new("1700000000"), Name::Beginning("1700000000".to_owned()));
        assert_eq!(Name::new(&id.to_string().to_uppercase()), Name::Whole(id));
        assert_eq!(Name::new("17AB"), Name::Beginning("17ab".to_owned()));
        assert_eq!(Name::new(""), Name::Beginning(String::new()));
    }
}
