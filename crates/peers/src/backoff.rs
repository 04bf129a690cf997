//! How long to wait after a failure.

use core::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_core::Rng;

use crate::PeersConfig;

/// Returns the wait after `failures` dials in a row: doubled each time up to its longest, the upper
/// half random. Draws one number.
pub(crate) fn wait(config: &PeersConfig, failures: u32, random: &mut ChaCha20Rng) -> Duration {
    let full = config.backoff_min.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX));
    let full = u64::try_from(full.min(config.backoff_max).as_micros()).unwrap_or(u64::MAX);
    let lower = full / 2;
    // The remainder prefers small numbers by less than one in 2^29 at 30 s.
    let upper = random.next_u64() % (full - lower).saturating_add(1);
    Duration::from_micros(lower + upper)
}
