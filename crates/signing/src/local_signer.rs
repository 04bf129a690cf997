//! For drivers whose signer is in the same process and answers at once.

use ensign_session::{Entropy, LocalSigner, Unsigned};

use crate::{Input, Output};

/// Lets `signer` do what the engine asks of it, and returns the answer, if there is one.
///
/// - `draw`: gives fresh bytes from the operating system for so many nonces, or nothing; then the
///   attempt ends.
///
/// # Errors
///
/// Gives the output back when it is not for the signer.
#[expect(clippy::result_large_err, reason = "what was given comes back as it was")]
pub fn ask_local_signer(
    signer: &mut LocalSigner,
    output: Output,
    draw: impl FnOnce(usize) -> Option<Entropy>,
) -> Result<Option<Input>, Output> {
    let why = Unsigned::Failed;
    match output {
        Output::NeedNonces { order, .. } => {
            let session = order.session;
            let entropy = draw(order.request.request.messages.len());
            let made = entropy.and_then(|entropy| signer.nonces(&order, entropy).ok());
            Ok(Some(match made {
                Some(nonces) => Input::Nonces { session, nonces },
                None => Input::NoNonces { session, why },
            }))
        }
        Output::NeedPartials { session, nonces } => {
            Ok(Some(match signer.partials(session, &nonces) {
                Ok(partials) => Input::Partials { session, partials },
                Err(_) => Input::NoPartials { session, why },
            }))
        }
        Output::ForgetNonces { session } => {
            signer.forget(session);
            Ok(None)
        }
        Output::Connect { .. }
        | Output::Admit { .. }
        | Output::Disconnect { .. }
        | Output::Send { .. }
        | Output::Persist { .. }
        | Output::Note(_)
        | Output::Recall { .. }
        | Output::Event(_) => Err(output),
    }
}
