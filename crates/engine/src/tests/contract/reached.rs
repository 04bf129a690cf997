//! How far a list of operations got, in words that a test can ask for.

use std::{format, string::String};

use crate::signing::Event;

/// Names what an event shows to have been reached; `None` for what says nothing new.
pub(super) fn reached(event: &Event) -> Option<String> {
    match event {
        Event::Review(_) => Some("review".into()),
        Event::Attempt { attempt, .. } => Some(format!("attempt {attempt}")),
        Event::Session { event: ensign_session::Event::Phase(phase), .. } => {
            Some(format!("{phase:?}"))
        }
        Event::Closed { .. } => Some("closed".into()),
        Event::GroupUnknown { .. } | Event::GroupKnown { .. } | Event::GroupMissing { .. } => {
            Some("groups".into())
        }
        _ => None,
    }
}
