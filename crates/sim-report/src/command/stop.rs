//! Ctrl-C: the first ends the run and keeps what it found, the second ends the program.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context as _, Result};
use signal_hook::{consts::SIGINT, flag};

use super::Ending;

/// Whether the user wants to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens to Ctrl-C from now on.
    pub(crate) fn on_interrupt() -> Result<Self> {
        let stop = Self::default();
        let cannot = "cannot listen to Ctrl-C";
        // In this order: at the first signal the flag is not set yet when the first looks at it.
        let code = Ending::Interrupted.code().into();
        flag::register_conditional_shutdown(SIGINT, code, Arc::clone(&stop.0)).context(cannot)?;
        flag::register(SIGINT, Arc::clone(&stop.0)).context(cannot)?;
        Ok(stop)
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The answer to a run that asks whether to go on.
    pub(super) fn answer(&self) -> ControlFlow<()> {
        if self.is_wanted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    #[cfg(test)]
    pub(super) fn now() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}
