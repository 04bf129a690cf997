//! What each member may ask of us: requests, messages and bytes.
//!
//! A budget belongs to a node, not to its connection, so that dialling again buys nothing. Whoever
//! brings a request pays before any curve work; its creator pays once its signature was verified, so
//! that nobody can use up another's.

use crate::Allowance;

/// New requests of one creator.
///
/// The burst is what one creator may have open. Guess for the rate: faster than any person approves.
pub const REQUESTS_ALLOWED: Allowance = Allowance { burst: 25, per_minute: 30 };

/// New requests that one member brings, whoever made them: its own, and those of a creator that is
/// away. Guess: twice what a creator may make.
pub const BROUGHT_ALLOWED: Allowance = Allowance { burst: 50, per_minute: 60 };

/// Messages in new requests of one creator. Guess: a few of the largest requests at once, and two
/// thousand payments a minute; each costs a nonce, a partial signature and their checks.
pub const MESSAGES_ALLOWED: Allowance = Allowance { burst: 8 * 1024, per_minute: 2 * 1024 };

/// Bytes of announcements that one member brings, before they are decoded. Guess: all that a
/// creator may have open, of the largest kind, twice; a new connection repeats them.
pub const ANNOUNCED_BYTES_ALLOWED: Allowance =
    Allowance { burst: 4 * 1024 * 1024, per_minute: 4 * 1024 * 1024 };

/// Bytes of payloads that one member brings: everything a creator may have open, once over, and eight
/// of the largest a minute. Specification of bulk: 8 MiB a minute.
pub const PAYLOAD_BYTES_ALLOWED: Allowance =
    Allowance { burst: 32 * 1024 * 1024, per_minute: 8 * 1024 * 1024 };

/// Refusals that one member is told. Guess: a burst of a program that does everything wrong; what is
/// beyond it costs us no signature.
pub const REFUSALS_ALLOWED: Allowance = Allowance { burst: 32, per_minute: 60 };

/// Compute tokens of the frames that one member sends. Guess: everything that is said of a hundred requests,
/// four times over, at once; then twenty requests a second, or five hundredths of a core.
pub const WORK_ALLOWED: Allowance = Allowance { burst: 8 * 1024, per_minute: 60_000 };

/// What every member may ask of us. A setting: each number of the default is the constant of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowances {
    /// New requests of one creator.
    pub requests: Allowance,
    /// New requests that one member brings.
    pub brought: Allowance,
    /// Messages in new requests of one creator.
    pub messages: Allowance,
    /// Bytes of announcements that one member brings; whoever decodes them counts.
    pub announced_bytes: Allowance,
    /// Bytes of payloads that one member brings; whoever decodes them counts.
    pub payload_bytes: Allowance,
    /// Refusals that one member is told.
    pub refusals: Allowance,
    /// Compute tokens of the frames of one member; whoever decodes them counts.
    pub work: Allowance,
}

impl Default for Allowances {
    fn default() -> Self {
        Self {
            requests: REQUESTS_ALLOWED,
            brought: BROUGHT_ALLOWED,
            messages: MESSAGES_ALLOWED,
            announced_bytes: ANNOUNCED_BYTES_ALLOWED,
            payload_bytes: PAYLOAD_BYTES_ALLOWED,
            refusals: REFUSALS_ALLOWED,
            work: WORK_ALLOWED,
        }
    }
}

impl Allowances {
    /// The default for so many new requests of one creator a minute, everything else in proportion;
    /// never less than the default.
    ///
    /// - `per_minute`: at most [`REQUESTS_PER_MINUTE_MAX`], more counts as that.
    #[must_use]
    pub fn of_requests(per_minute: u64) -> Self {
        let times = per_minute.min(REQUESTS_PER_MINUTE_MAX).div_ceil(REQUESTS_ALLOWED.per_minute);
        let times = times.max(1);
        let scale = |allowed: Allowance| Allowance {
            burst: allowed.burst.saturating_mul(times),
            per_minute: allowed.per_minute.saturating_mul(times),
        };
        let Self { requests, brought, messages, announced_bytes, payload_bytes, refusals, work } =
            Self::default();
        Self {
            requests: scale(requests),
            brought: scale(brought),
            messages: scale(messages),
            announced_bytes: scale(announced_bytes),
            payload_bytes: scale(payload_bytes),
            refusals,
            work: scale(work),
        }
    }
}

/// Most new requests of one creator a minute that can be allowed. Guess: far more than one node signs.
pub const REQUESTS_PER_MINUTE_MAX: u64 = 60_000;
