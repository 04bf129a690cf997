//! Who holds the secret signer key of a node.

use ensign_primitives::Now;

use crate::{Answer, Desk, InProcess, Randomness, Signer};

/// Who holds the secret signer key.
#[derive(Debug)]
pub enum KeyHolder {
    /// This process.
    InProcess(Box<InProcess>),
    /// Somebody else.
    Other(Box<dyn Signer>),
}

impl KeyHolder {
    /// Opens a desk for whoever holds the key. In a simulation nobody waits, and the signer in this
    /// process draws what the simulation gives, at its time.
    ///
    /// - `now`: the simulation's time.
    /// - `answered`: as for [`Desk::open`].
    pub fn open(
        self,
        randomness: &Randomness,
        now: impl Fn() -> Now + Send + 'static,
        answered: impl FnMut(Answer) -> bool + Send + 'static,
    ) -> Desk {
        match (randomness.for_signer(), self) {
            (None, Self::InProcess(signer)) => Desk::open(signer, answered),
            (None, Self::Other(signer)) => Desk::open(signer, answered),
            (Some(simulated), Self::InProcess(mut signer)) => {
                signer.dangerous_simulate(simulated, now);
                Desk::simulated(signer, answered)
            }
            (Some(_), Self::Other(signer)) => Desk::simulated(signer, answered),
        }
    }
}
