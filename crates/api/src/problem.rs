//! Refusals as RFC 9457 has them, with the words of the catalogue.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use ensign_coordinator::{Code, Risk};
use serde::{Deserialize, Serialize};

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A name for the kind of problem, from its code.
    #[serde(rename = "type")]
    pub kind: String,
    /// One sentence: what it is in general.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// For scripts and searches: `E-<AREA>-<number>`; `docs/operate/errors.md` lists them.
    pub code: String,
    /// One sentence: what happened this time.
    pub what: String,
    /// Whom it concerns, by name.
    pub who: Vec<String>,
    /// What to do next.
    #[serde(rename = "do")]
    pub advice: String,
    /// What is at risk, in words.
    pub risk: String,
    /// Whether the same may be asked again at once.
    pub retry_is_safe: bool,
}

/// Every code that stems from here and not from what was asked.
pub const CODES: [Code; 3] = [MISUNDERSTOOD, TOO_MUCH, FOREIGN];

/// A route, method, field or value is unknown.
pub(crate) const MISUNDERSTOOD: Code = Code {
    code: "E-API-001",
    what: "the process that serves the home was asked for something that it does not know",
    hint: "look up routes and fields in docs/operate/api.md; both sides must be of the same version",
    risk: Risk::None,
    retry_is_safe: true,
};

/// A bound of [`bounds`](crate::bounds) is reached.
pub(crate) const TOO_MUCH: Code = Code {
    code: "E-API-002",
    what: "a client of the home's socket sent too much, took too long, or came when all were taken",
    hint: "keep to the bounds in docs/operate/api.md, and ask again in a second",
    risk: Risk::None,
    retry_is_safe: true,
};

/// Not a client of ours.
pub(crate) const FOREIGN: Code = Code {
    code: "E-API-003",
    what: "a web page, or a client that takes the home for another host, asked the home's socket",
    hint: "say `Host: ensign`, and send no `Origin`: browsers are never answered",
    risk: Risk::None,
    retry_is_safe: false,
};

impl Problem {
    /// Says that one of [`CODES`], or one of the coordinator's, is the case.
    pub fn new(status: StatusCode, code: &Code, what: impl Into<String>) -> Self {
        Self {
            kind: kind(code.code),
            title: code.what.to_owned(),
            status: status.as_u16(),
            code: code.code.to_owned(),
            what: what.into(),
            who: Vec::new(),
            advice: code.hint.to_owned(),
            risk: risk_in_words(code.risk).to_owned(),
            retry_is_safe: code.retry_is_safe,
        }
    }

    /// Says what to do in this very case.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }

    pub(crate) fn misunderstood(status: StatusCode, what: impl Into<String>) -> Self {
        Self::new(status, &MISUNDERSTOOD, what)
    }

    pub(crate) fn too_much(status: StatusCode, what: impl Into<String>) -> Self {
        Self::new(status, &TOO_MUCH, what)
    }
}

/// Returns the `type` of a problem with a code.
pub(crate) fn kind(code: &str) -> String {
    format!("urn:ensign:{code}")
}

const fn risk_in_words(risk: Risk) -> &'static str {
    match risk {
        Risk::None => "none: keys and money are safe",
        Risk::CheckFirst => "keys are safe, but check before you go on",
        Risk::Keys => "these keys, unless a backup of them opens; nothing was overwritten",
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        // A struct of strings and numbers always serializes.
        let bytes = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}
