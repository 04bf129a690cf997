//! The request that a route names.

use ensign_coordinator::RequestEntry;

use crate::house;
use crate::name::Name;
use crate::problem::Problem;
use crate::service::Inside;

impl Inside {
    /// Returns the one request that is called so.
    pub(super) async fn named(&self, text: &str) -> Result<RequestEntry, Problem> {
        let name = Name::new(text);
        let entries = self.coordinator.requests().await;
        let entries = entries.map_err(|error| self.house.refused(&error))?;
        let mut found = entries.into_iter().filter(|entry| name.is_of(&entry.id, entry.handle()));
        let refused = |code, status, what: String| Err(self.house.problem(status, code, what));
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => {
                let what = format!("no request is called `{}`", shown(text));
                refused(house::REQUEST_UNKNOWN, 404, what)
            }
            (Some(one), Some(other)) => {
                let rest = found.map(|entry| entry.id.short());
                let all: Vec<_> =
                    [one.id.short(), other.id.short()].into_iter().chain(rest).collect();
                let what = format!("`{}` begins {}", shown(text), all.join(", "));
                refused(house::REQUEST_AMBIGUOUS, 409, what)
            }
        }
    }
}

/// A piece of the client's own text, without control characters.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(80).map(|c| if c.is_control() { '?' } else { c }).collect()
}
