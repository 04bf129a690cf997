//! `docs/architecture.md` says who bounds what: each constant that it names stands in a crate that it
//! names.

use std::collections::BTreeSet;

const PAGE: &str = "docs/architecture.md";

/// What stands above the rows of the page's table.
const HEAD: &str = "| what a peer could grow | bound | where |";

/// Finds the rows that name a constant which none of their crates has.
pub(super) fn check(page: &str, sources: &[(String, String)]) -> Vec<String> {
    let rows = (1..).zip(page.lines()).skip_while(|(_, line)| *line != HEAD).skip(2);
    let rows: Vec<_> = rows.take_while(|(_, line)| line.starts_with('|')).collect();
    if rows.is_empty() {
        return vec![format!("{PAGE}: no table under `{HEAD}`")];
    }
    let defined = defined(sources);
    rows.iter().flat_map(|(number, row)| missing(*number, row, &defined)).collect()
}

/// A finding for each constant of a row that none of its crates has.
fn missing(number: usize, row: &str, defined: &BTreeSet<(&str, &str)>) -> Vec<String> {
    let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
    let [_, bound, place] = cells[..] else {
        return vec![format!("{PAGE}:{number}: a row of other than three cells")];
    };
    let crates: Vec<&str> = code(place).collect();
    let is_missing = |name: &&str| !crates.iter().any(|krate| defined.contains(&(*krate, *name)));
    let names = code(bound).filter(|name| is_constant(name));
    names
        .filter(is_missing)
        .map(|name| format!("{PAGE}:{number}: no constant `{name}` in {}", place.trim()))
        .collect()
}

/// Every constant, with the folder of its crate.
fn defined(sources: &[(String, String)]) -> BTreeSet<(&str, &str)> {
    let mut found = BTreeSet::new();
    for (path, text) in sources {
        let Some((krate, _)) = path.strip_prefix("crates/").and_then(|rest| rest.split_once('/'))
        else {
            continue;
        };
        let names = text.lines().filter_map(|line| {
            let rest = line.split_once("const ")?.1;
            rest.split_once(':').map(|(name, _)| name.trim())
        });
        found.extend(names.filter(|name| is_constant(name)).map(|name| (krate, name)));
    }
    found
}

fn is_constant(word: &str) -> bool {
    word.len() > 2 && word.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_')
}

/// What stands in backticks.
fn code(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(rows: &str) -> Vec<String> {
        let source = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        let sources = [
            source("crates/gate/src/lib.rs", "pub const LINKS_MAX: usize = 8;\n"),
            source("crates/wire/src/lib.rs", "/// Text.\npub(crate) const BYTES_MAX: usize = 1;\n"),
        ];
        check(&format!("# Page\n\n{HEAD}\n|---|---|---|\n{rows}"), &sources)
    }

    #[test]
    fn bounds_that_stand_where_the_page_says_pass() {
        assert!(findings("| links | `LINKS_MAX`; then none | `gate` |\n").is_empty());
        assert!(findings("| all | `LINKS_MAX`, `BYTES_MAX` | `gate`, `wire` |\n").is_empty());
        assert!(findings("| words | 64, and `Kind::limit` | `gate` |\n").is_empty());
    }

    #[test]
    fn bound_that_is_elsewhere_or_nowhere_is_found() {
        let told = "docs/architecture.md:5: no constant `BYTES_MAX` in `gate`";
        assert_eq!(findings("| bytes | `BYTES_MAX` | `gate` |\n"), [told]);
        let told = "docs/architecture.md:5: no constant `GONE_MAX` in `gate`, `wire`";
        assert_eq!(findings("| gone | `GONE_MAX` | `gate`, `wire` |\n"), [told]);
    }

    #[test]
    fn page_without_the_table_is_found() {
        assert_eq!(check("# Page\n", &[]).len(), 1);
    }
}
