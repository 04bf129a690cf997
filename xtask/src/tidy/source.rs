//! Rules for Rust files: an opening sentence, no unfinished work, no sleeping, sizes.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Lines of a file. The aim is 300; past this a file holds more than one concept.
const FILE_LINES_MAX: usize = 500;

/// Lines of a function from signature to closing brace, in what is no test.
const FUNCTION_LINES_MAX: usize = 60;

/// As [`FUNCTION_LINES_MAX`], in tests and timings: a story may be told in one piece.
const STORY_LINES_MAX: usize = 100;

/// Files that are longer than [`FILE_LINES_MAX`], with the length they may not pass. A number here
/// goes down only; a file that no longer needs its line loses it.
const LONG_FILES: &[(&str, usize)] = &[];

/// What no file says, and why.
const BANNED: &[(&str, &str)] = &[
    ("TODO", "finish it or write it down in docs/roadmap.md"),
    ("FIXME", "fix it"),
    ("XXX", "say what is wrong"),
    ("todo!", "a peer could reach it"),
    ("unimplemented!", "a peer could reach it"),
    ("#[ignore", "a test that does not run proves nothing"),
    ("#[should_panic", "assert the error instead"),
    ("thread::sleep", "wait for the event"),
    ("time::sleep", "wait for the event, or sleep until a deadline"),
];

/// Holds the list above, so it must be able to spell it.
const SPELLS_BANNED: &str = "xtask/";

/// Checks one file.
pub(super) fn check(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    if !text.starts_with("//!") {
        findings.push(format!("{path}:1: open the file with `//!` and say what it holds"));
    }
    let lines = text.lines().count();
    let lines_max = allowance(path).unwrap_or(FILE_LINES_MAX);
    if lines > lines_max {
        findings.push(format!("{path}: {lines} lines, at most {lines_max}: split it by concept"));
    }
    for (number, line) in (1..).zip(text.lines()) {
        findings.extend(
            banned(path, line).map(|(word, why)| format!("{path}:{number}: `{word}`: {why}")),
        );
    }
    findings.extend(long_functions(path, text));
    findings
}

/// Lines of [`LONG_FILES`] that can go, because the file is gone or short enough.
pub(super) fn stale_allowances(root: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for (path, lines_max) in LONG_FILES {
        let text = fs::read_to_string(root.join(path)).with_context(|| format!("{path}: gone"))?;
        let lines = text.lines().count();
        if lines < *lines_max {
            findings.push(format!("{path}: {lines} lines, lower its allowance of {lines_max}"));
        }
    }
    Ok(findings)
}

fn allowance(path: &str) -> Option<usize> {
    LONG_FILES.iter().find(|(file, _)| *file == path).map(|(_, lines_max)| *lines_max)
}

fn banned<'a>(
    path: &str,
    line: &'a str,
) -> impl Iterator<Item = (&'static str, &'static str)> + 'a {
    let exempt = path.starts_with(SPELLS_BANNED);
    BANNED.iter().copied().filter(move |(word, _)| !exempt && says(line, word))
}

/// Whether `line` holds `word`, not as a part of a longer name.
pub(super) fn says(line: &str, word: &str) -> bool {
    let inside_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(start, _)| {
        let before = line.split_at(start).0;
        let after = line.split_at(start + word.len()).1;
        let opens = !word.starts_with(inside_name) || !before.ends_with(inside_name);
        let closes = !word.ends_with(inside_name) || !after.starts_with(inside_name);
        opens && closes
    })
}

/// Functions past their limit: in formatted code, one ends at the first closing brace
/// that stands as far left as its signature.
fn long_functions(path: &str, text: &str) -> Vec<String> {
    let is_product = path.starts_with("crates/") && path.contains("/src/");
    let is_story = !is_product || path.contains("/tests");
    let most = if is_story { STORY_LINES_MAX } else { FUNCTION_LINES_MAX };
    let mut findings = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let indent = line.len() - line.trim_start().len();
        match open {
            None if opens_function(line) => open = Some((number, indent)),
            Some((start, at)) if indent == at && line.trim_start().starts_with('}') => {
                let lines = number + 1 - start;
                if lines > most {
                    findings.push(format!(
                        "{path}:{start}: a function of {lines} lines, at most {most}"
                    ));
                }
                open = None;
            }
            Some((_, at)) if indent == at && line.ends_with(';') => open = None,
            _ => {}
        }
    }
    findings
}

/// A signature without a body, or with its body on the same line, opens nothing.
fn opens_function(line: &str) -> bool {
    const QUALIFIERS: [&str; 4] = ["const", "async", "unsafe", "extern"];
    let mut words = line.split_whitespace();
    let first = words.find(|word| !word.starts_with("pub") && !QUALIFIERS.contains(word));
    first == Some("fn") && !line.ends_with(['}', ';'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_line(line: &str, expected: &[&str]) {
        let found: Vec<_> = banned("crates/wire/src/lib.rs", line).map(|(word, _)| word).collect();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn unfinished_work_is_found() {
        check_line("// TODO: later", &["TODO"]);
        check_line("    todo!()", &["todo!"]);
        check_line("    core::unimplemented!(\"x\")", &["unimplemented!"]);
    }

    #[test]
    fn tests_that_do_not_run_or_wait_are_found() {
        check_line("#[ignore = \"slow\"]", &["#[ignore"]);
        check_line("#[should_panic]", &["#[should_panic"]);
        check_line("std::thread::sleep(second);", &["thread::sleep"]);
        check_line("tokio::time::sleep(second).await;", &["time::sleep"]);
    }

    #[test]
    fn a_longer_name_is_not_the_word_inside_it() {
        check_line("const TODOS: u8 = 1;", &[]);
        check_line("tokio::time::sleep_until(deadline).await;", &[]);
        check_line("let mytodo = b!();", &[]);
    }

    #[test]
    fn automation_may_spell_the_banned_words() {
        assert!(check("xtask/src/tidy.rs", "//! TODO\n").is_empty());
    }

    #[test]
    fn a_file_opens_with_its_purpose() {
        assert!(check("crates/wire/src/lib.rs", "//! Wire.\n#![no_std]\n").is_empty());
        assert_eq!(
            check("crates/wire/src/lib.rs", "#![no_std]\n//! Wire.\n"),
            ["crates/wire/src/lib.rs:1: open the file with `//!` and say what it holds"]
        );
    }

    #[test]
    fn a_file_past_the_budget_is_found() {
        let at_limit = format!("//! Long.\n{}", "// x\n".repeat(FILE_LINES_MAX - 1));
        assert!(check("crates/a.rs", &at_limit).is_empty());
        assert_eq!(
            check("crates/a.rs", &format!("{at_limit}// x\n")),
            ["crates/a.rs: 501 lines, at most 500: split it by concept"]
        );
    }

    #[test]
    fn a_function_past_the_budget_is_found_where_it_starts() {
        let body = "        step();\n".repeat(FUNCTION_LINES_MAX - 2);
        let function =
            |body: &str| format!("impl A {{\n    pub(crate) fn a() {{\n{body}    }}\n}}\n");
        let path = "crates/a/src/a.rs";
        assert!(long_functions(path, &function(&body)).is_empty());
        let longer = function(&format!("{body}        step();\n"));
        assert_eq!(
            long_functions(path, &longer),
            ["crates/a/src/a.rs:2: a function of 61 lines, at most 60"]
        );
        assert!(long_functions("crates/a/src/tests/a.rs", &longer).is_empty());
    }

    #[test]
    fn a_signature_over_several_lines_without_a_body_opens_nothing_for_what_follows() {
        let required = "trait A {\n    fn a(\n        &self,\n    ) -> u8;\n";
        let rest = "    /// Says.\n".repeat(FUNCTION_LINES_MAX);
        assert!(long_functions("crates/a/src/a.rs", &format!("{required}{rest}}}\n")).is_empty());
    }

    #[test]
    fn a_signature_over_several_lines_counts_and_one_without_body_does_not() {
        assert!(opens_function("    pub async fn long("));
        assert!(opens_function("const fn a() -> u8 {"));
        assert!(!opens_function("    fn required(&self) -> u8;"));
        assert!(!opens_function("fn empty() {}"));
        assert!(!opens_function("let fnord = 1;"));
    }
}
