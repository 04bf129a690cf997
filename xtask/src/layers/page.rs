//! The table of `docs/architecture.md` against ours: each crate, its layer, what it may use.

use super::{Layer, Row, Use};

/// What stands above the rows of the page's table.
const HEAD: &str = "| layer | crate | what it is | may use |";

/// One crate as a page has it.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    name: String,
    layer: String,
    may_use: String,
}

/// The page lists every crate whose folder exists and no other, each as the table has it.
pub(super) fn compare(table: &[Row], exists: impl Fn(&str) -> bool, page: &str) -> Vec<String> {
    let listed = lines(page);
    if listed.is_empty() {
        return vec![format!("docs/architecture.md: no table under `{HEAD}`")];
    }
    let existing = table.iter().filter(|row| exists(row.folder));
    let expected: Vec<Line> = existing.map(Line::of).collect();
    let missing = expected.iter().filter(|line| !listed.contains(line)).map(|line| {
        let Line { name, layer, may_use } = line;
        format!("docs/architecture.md: `{name}` is in layer {layer} and may use {may_use}")
    });
    let is_wrong = |line: &&Line| !expected.iter().any(|known| known.name == line.name);
    let unknown = listed.iter().filter(is_wrong).map(|line| {
        format!("docs/architecture.md: `{}` is no crate of the layer table", line.name)
    });
    missing.chain(unknown).collect()
}

impl Line {
    fn of(row: &Row) -> Self {
        let layer = match row.layer {
            Layer::Product(number) => number.to_string(),
            Layer::Dev => "dev".to_owned(),
        };
        let may_use = match row.may_use {
            [] => "none of ours".to_owned(),
            allowed => allowed.iter().map(shown).collect::<Vec<_>>().join(", "),
        };
        Self { name: row.name().to_owned(), layer, may_use }
    }
}

fn shown(allowed: &Use) -> String {
    match allowed {
        Use::UpTo(0) => "0".to_owned(),
        Use::UpTo(1) => "0, 1".to_owned(),
        Use::UpTo(layer) => format!("0 to {layer}"),
        Use::Only(name) => format!("`{name}`"),
        Use::All => "as needed".to_owned(),
    }
}

/// The rows of the page's table; a row may name several crates.
fn lines(page: &str) -> Vec<Line> {
    let rows = page.lines().skip_while(|line| *line != HEAD).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [layer, names, _, may_use] = cells[..] else { return Vec::new() };
        let line = |name: &str| Line {
            name: name.trim().trim_matches('`').to_owned(),
            layer: layer.to_owned(),
            may_use: may_use.to_owned(),
        };
        names.split(',').map(line).collect()
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Use::*, dev, row};
    use super::*;

    const TABLE: &[Row] = &[
        row("crates/low", 0, &[]),
        row("crates/high", 3, &[UpTo(2), Only("other")]),
        row("crates/planned", 3, &[UpTo(1)]),
        dev("tools"),
        dev("fuzz"),
    ];

    fn findings(rows: &str) -> Vec<String> {
        let exists = |folder: &str| folder != "crates/planned";
        compare(TABLE, exists, &format!("# Page\n\n{HEAD}\n|---|---|---|---|\n{rows}\nText.\n"))
    }

    const LOW: &str = "| 0 | `low` | ids | none of ours |\n";
    const HIGH: &str = "| 3 | `high` | a machine | 0 to 2, `other` |\n";
    const DEV: &str = "| dev | `tools`, `fuzz` | automation | as needed |\n";

    #[test]
    fn page_that_says_the_same_passes() {
        assert!(findings(&[LOW, HIGH, DEV].concat()).is_empty());
    }

    #[test]
    fn crate_that_the_page_lacks_or_has_otherwise_is_found() {
        let told = "docs/architecture.md: `high` is in layer 3 and may use 0 to 2, `other`";
        assert_eq!(findings(&[LOW, DEV].concat()), [told]);
        let other = HIGH.replace(", `other`", "");
        assert_eq!(findings(&[LOW, &other, DEV].concat()), [told]);
        let other = HIGH.replace("| 3 |", "| 4 |");
        assert_eq!(findings(&[LOW, &other, DEV].concat()), [told]);
    }

    #[test]
    fn crate_that_does_not_exist_is_found() {
        let planned = "| 3 | `planned` | later | 0, 1 |\n";
        let told = "docs/architecture.md: `planned` is no crate of the layer table";
        assert_eq!(findings(&[LOW, HIGH, planned, DEV].concat()), [told]);
    }

    #[test]
    fn page_without_the_table_is_found() {
        assert_eq!(compare(TABLE, |_| true, "# Page\n").len(), 1);
    }
}
