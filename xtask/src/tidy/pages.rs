//! Rules for pages: every relative link leads to a file, and every anchor to a heading.

use std::fs;
use std::path::Path;

/// Checks the links of one page; those that leave the repository are not followed.
pub(super) fn check(root: &Path, path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in prose(text) {
        for link in links(&line) {
            if let Some(problem) = problem(root, path, text, link) {
                findings.push(format!("{path}:{number}: link `{link}`: {problem}"));
            }
        }
    }
    findings
}

/// Every page below `docs` has a link on the page of contents; one to a folder counts for all in it.
pub(super) fn check_contents(contents: &str, pages: &[String]) -> Vec<String> {
    let lines = prose(contents);
    let listed: Vec<&str> = lines.iter().flat_map(|(_, line)| links(line)).collect();
    let is_listed = |page: &str| {
        let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
        listed.iter().any(|link| *link == page || *link == folder)
    };
    let below = pages.iter().filter_map(|page| page.strip_prefix("docs/"));
    below
        .filter(|page| *page != "README.md" && !is_listed(page))
        .map(|page| format!("docs/README.md: no link to {page}"))
        .collect()
}

/// Numbered lines outside code blocks, with code spans blanked.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut in_block = false;
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            lines.push((number, line.split('`').step_by(2).collect::<Vec<_>>().join("code")));
        }
    }
    lines
}

/// Targets of `[text](target)` and `[name]: target`.
fn links(line: &str) -> Vec<&str> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(to, _)| to);
    let named = line
        .starts_with('[')
        .then(|| line.split_once("]: "))
        .flatten()
        .and_then(|(_, rest)| rest.split_whitespace().next());
    inline.chain(named).collect()
}

fn problem(root: &Path, path: &str, text: &str, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    if file.is_empty() {
        return missing_heading(text, anchor);
    }
    let target = root.join(path).with_file_name("").join(file);
    if !target.exists() {
        return Some("no such file".to_owned());
    }
    match fs::read_to_string(&target) {
        Ok(there) if file.ends_with(".md") => missing_heading(&there, anchor),
        _ => None,
    }
}

fn missing_heading(text: &str, anchor: &str) -> Option<String> {
    let found = anchor.is_empty() || headings(text).any(|heading| heading == anchor);
    (!found).then(|| "no such heading".to_owned())
}

/// Anchors of the headings: lower case, punctuation dropped, spaces as hyphens.
fn headings(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter(|line| line.starts_with('#')).map(|line| {
        let title = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        title.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks `text` as if it lay beside this crate's manifest.
    fn findings(text: &str) -> Vec<String> {
        check(Path::new(env!("CARGO_MANIFEST_DIR")), "page.md", text)
    }

    #[test]
    fn links_to_files_that_exist_pass() {
        assert!(findings("[a](Cargo.toml), [b](src/main.rs) and\n\n[c]: src\n").is_empty());
    }

    #[test]
    fn a_link_to_a_missing_file_is_found_with_its_line() {
        assert_eq!(
            findings("Text.\nSee [b](src/gone.rs).\n"),
            ["page.md:2: link `src/gone.rs`: no such file"]
        );
        assert_eq!(findings("[b]: gone.md\n"), ["page.md:1: link `gone.md`: no such file"]);
    }

    #[test]
    fn anchors_lead_to_headings() {
        assert!(findings("# One Thing, `two`\n[up](#one-thing-two)\n").is_empty());
        assert_eq!(findings("# One\n[up](#two)\n"), ["page.md:2: link `#two`: no such heading"]);
    }

    #[test]
    fn code_and_foreign_links_are_not_followed() {
        assert!(findings("`[a](gone)` [b](https://example.org/x)\n").is_empty());
        assert!(findings("```\n[a](gone)\n```\n").is_empty());
    }

    #[test]
    fn page_that_the_contents_leave_out_is_found() {
        let pages = ["README.md", "docs/README.md", "docs/a.md", "docs/adr/1.md", "docs/b/c.md"];
        let pages = pages.map(str::to_owned);
        assert!(check_contents("[a](a.md), [b](b/c.md), [all](adr)\n", &pages).is_empty());
        let told = ["docs/README.md: no link to a.md", "docs/README.md: no link to b/c.md"];
        assert_eq!(check_contents("[all](adr)\n", &pages), told);
    }
}
