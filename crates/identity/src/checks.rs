//! How many signatures are looked at, where somebody counts.

#[cfg(feature = "checks")]
std::thread_local! {
    static CHECKS: core::cell::Cell<usize> = const { core::cell::Cell::new(0) };
}

/// Returns how many BIP340 signatures this thread has verified. Only with the feature `checks`, for tests.
#[cfg(feature = "checks")]
pub fn checks() -> usize {
    CHECKS.get()
}

/// Counts one.
pub(crate) fn count() {
    #[cfg(feature = "checks")]
    CHECKS.set(CHECKS.get() + 1);
}
