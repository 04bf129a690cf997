//! Settings and group files, and what is wrong with one that was edited by hand: file, line, what
//! was meant.

use std::path::Path;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

use super::shown;
use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::words::foreign;

/// How alike two words must be (0 to 1, Jaro-Winkler) for one to be taken as meant. Guess: the bound
/// that clap has for its arguments is 0.7; settings have fewer and longer names.
const ALIKE_MIN: f64 = 0.75;

/// Reads a file's text.
///
/// # Errors
///
/// [`code::HOME_DAMAGED`] with the line, and with the name that was probably meant.
pub(super) fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T> {
    let text = without_mark(text);
    of_table(path, text, parse_table(path, text)?)
}

/// Returns a text without the mark that some editors put before it, which is no content.
pub(super) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Reads a file's text as a table that knows where each of its parts stands.
///
/// # Errors
///
/// As [`parse`].
pub(super) fn parse_table<'i>(path: &Path, text: &'i str) -> Result<Spanned<DeTable<'i>>> {
    DeTable::parse(text).map_err(|error| misread(path, text, &error))
}

/// Reads what is in a table of a file's text.
///
/// # Errors
///
/// As [`parse`].
pub(super) fn of_table<T: DeserializeOwned>(
    path: &Path,
    text: &str,
    table: Spanned<DeTable<'_>>,
) -> Result<T> {
    T::deserialize(Deserializer::from(table)).map_err(|error| misread(path, text, &error))
}

fn misread(path: &Path, text: &str, error: &toml::de::Error) -> Failure {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    let message = error.message().replace("expected u64", "expected a whole number from 0 on");
    let message = message.as_str();
    let hint = match meant(message) {
        Some(name) => format!("did you mean `{name}`? correct that line"),
        None => "correct that line, or take the file from a backup; leave the files store.* alone"
            .to_owned(),
    };
    wrong(path, line, message, &hint)
}

/// Says what is wrong with a line.
pub(super) fn wrong(path: &Path, line: usize, what: &str, hint: &str) -> Failure {
    let what = format!("{}, line {line}: {}", shown(path), foreign(what));
    Failure::new(&code::HOME_DAMAGED, what).hint(foreign(hint))
}

/// Returns the first line, from 1, that has a piece of text in it.
pub(super) fn line_of(text: &str, piece: &str) -> usize {
    text.lines().position(|line| line.contains(piece)).map_or(1, |at| at + 1)
}

/// Returns the name that was probably meant by an unknown one, from what the parser says: the unknown
/// name stands first, those that are known after it, each in backticks.
fn meant(message: &str) -> Option<&str> {
    if !message.starts_with("unknown field") && !message.starts_with("unknown variant") {
        return None;
    }
    let mut names = message.split('`').skip(1).step_by(2);
    nearest(names.next()?, names)
}

/// Returns the name that is most like another one, if it is alike enough.
pub(super) fn nearest<'a>(
    unknown: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let unknown = unknown.to_ascii_lowercase().replace('-', "_");
    let alike = |name: &'a str| (strsim::jaro_winkler(&unknown, name), name);
    let best = known.into_iter().map(alike).max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|(alike, _)| *alike >= ALIKE_MIN).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_told_with_the_one_that_was_meant() {
        let known = ["name", "network", "listen", "advertise", "requests_per_minute"];
        for (unknown, meant) in [
            ("listn", Some("listen")),
            ("Listen", Some("listen")),
            ("advertize", Some("advertise")),
            ("requests-per-minute", Some("requests_per_minute")),
            ("colour", None),
        ] {
            assert_eq!(nearest(unknown, known), meant, "{unknown}");
        }
    }
}
