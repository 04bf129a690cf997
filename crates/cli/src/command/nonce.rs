//! `ensign nonce`: what became of our nonces.

use crate::catalogue as code;
use crate::control::Kept;
use crate::failure::{Failure, Result};
use crate::home::Home;
use crate::output::{Line, Output};
use crate::request_view::AuditView;

/// Proves that no nonce met two challenges, or says which marks are wrong.
///
/// # Errors
///
/// [`code::AUDIT_FAILED`] with the number of violations; each is printed.
pub(super) fn audit(home: Home, output: Output) -> Result<()> {
    let audit = Kept::open(home)?.audit()?;
    for violation in &audit.violations {
        let (request, attempt) = (violation.request.as_str(), violation.attempt);
        let text = format!("VIOLATION  request {request} attempt {attempt}: {}", violation.what);
        let line = Line::new("violation").with("request", request).with("attempt", attempt);
        output.tell(&line.with("what", violation.what.as_str()), text);
    }
    let AuditView { requests, joined, burned, partials, violations } = audit;
    let line = Line::new("audit")
        .with("requests", requests)
        .with("joined", joined)
        .with("burned", burned)
        .with("partials_kept", partials)
        .with("violations", violations.len());
    let unused = joined.saturating_sub(burned);
    let text = format!(
        "{joined} attempts at {requests} requests were joined, each once: as many sets of nonces \
         left this node\n{burned} of them were burned before a partial signature could exist, \
         {unused} met no challenge at all\n{partials} partial signatures are kept, to be sent again \
         and never computed again"
    );
    output.tell(&line, text);
    if violations.is_empty() {
        output.text("no nonce met two challenges");
        return Ok(());
    }
    let what = format!("{} marks are not as they must be", violations.len());
    Err(Failure::new(&code::AUDIT_FAILED, what))
}
