//! `ensign explain`: one entry of the catalogue.

use crate::catalogue as code;
use crate::failure::{Failure, Result, retry_in_words, risk_in_words};
use crate::output::{Line, Output};
use crate::words::foreign;

/// Prints the entry of a code.
pub(super) fn run(wanted: &str, output: Output) -> Result<()> {
    let entry = code::find(wanted.trim()).ok_or_else(|| {
        Failure::new(&code::UNKNOWN_CODE, format!("no error has the code `{}`", foreign(wanted)))
    })?;
    let line = Line::new("entry")
        .with("code", entry.code)
        .with("title", entry.title)
        .with("why", entry.why)
        .with("do", entry.hint)
        .with("risk", risk_in_words(entry.risk))
        .with("retry_is_safe", entry.retry_is_safe)
        .with("exit", entry.exit as u8);
    let why = if entry.why.is_empty() { String::new() } else { format!("\n{}\n", entry.why) };
    let text = format!(
        "{}: {}\n{why}\n  do:    {}\n  risk:  {}\n  retry: {}\n  exit:  {}",
        entry.code,
        entry.title,
        entry.hint,
        risk_in_words(entry.risk),
        retry_in_words(entry),
        entry.exit as u8,
    );
    output.tell(&line, text);
    Ok(())
}
