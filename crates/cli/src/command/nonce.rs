//! `ensign nonce`: what became of our nonces.

use ensign_api::view::AuditView;

use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::Home;
use crate::kept::Kept;
use crate::output::{Line, Output};
use crate::words;

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
    let text = match joined {
        0 => "this home has joined no attempt yet, so none of its nonces was ever used".to_owned(),
        _ => format!(
            "{} at {}, each joined once and with nonces of its own\n  used    {burned}: marked as \
             used on disk before a partial signature was made\n  unused  {unused}: no partial \
             signature was ever made with them\n  kept    {partials}: partial signatures, to be \
             sent again and never computed again",
            words::count(joined, "attempt"),
            words::count(requests, "request"),
        ),
    };
    output.tell(&line, text);
    if violations.is_empty() {
        output.text("no nonce met two challenges: none was used to sign two different things");
        return Ok(());
    }
    let what = format!("{}: see above", words::count(violations.len(), "violation"));
    Err(Failure::new(&code::AUDIT_FAILED, what))
}
