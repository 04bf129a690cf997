//! The control socket: a second terminal talks to the node that runs.
//!
//! One JSON object per line each way, on a Unix socket in the home that only its owner can open. A
//! line asks for one thing, [`What`], and gets one [`Reply`]. Lines and clients are bounded.

mod ask;
mod server;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use ask::Kept;
pub(crate) use server::{Control, Decision, Decisions};

/// The version of what is said; another one is refused.
const VERSION: u32 = 1;
/// The socket's name in the home.
const SOCKET: &str = "control.sock";
/// Most bytes of a line that asks: the longest has one id.
const ASK_BYTES_MAX: u64 = 1024;
/// Most bytes of a line that answers, which comes from our own node: the largest evidence in hex,
/// and the rest. Guess: room for a year of it.
const REPLY_BYTES_MAX: u64 = 256 << 20;
/// An answer with more bytes counts as large.
const LARGE_REPLY_BYTES: usize = 1 << 20;
/// Most large answers that wait to be read at one time.
const LARGE_REPLIES_MAX: usize = 1;
/// Most clients at once; for a further one whoever was served longest gives way. Guess: a person
/// with a few terminals.
const CLIENTS_MAX: usize = 8;

/// A line that asks.
#[derive(Debug, Serialize, Deserialize)]
struct Ask {
    v: u32,
    #[serde(flatten)]
    what: What,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum What {
    /// Every request that is remembered.
    Requests,
    /// What a request has us sign.
    Work { id: String },
    /// What a request gave.
    Result { id: String },
    /// Consent.
    Approve { id: String },
    /// Refuse.
    Decline { id: String },
    /// Give up.
    Cancel { id: String },
    /// Evidence and claims.
    Cases,
    /// The audit of the nonces.
    Audit,
}

/// A line that answers: one of the two is there.
#[derive(Debug, Serialize, Deserialize)]
struct Reply {
    v: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ok: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Refused>,
}

/// Why nothing was done.
#[derive(Debug, Serialize, Deserialize)]
struct Refused {
    code: String,
    what: String,
}
