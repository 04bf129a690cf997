//! The rules behind the table, as functions from what was read to findings.

use cargo_metadata::DependencyKind;

use super::{Crate, IMPURE, Layer, Row, VIRTUAL_TIME};

/// Folder and name agree, every crate is in the table, every use is allowed.
pub(super) fn dependencies(table: &[Row], crates: &[Crate]) -> Vec<String> {
    let mut findings = Vec::new();
    for user in crates {
        match find(table, &user.folder) {
            None => findings.push(format!("crate {} is not in the layer table", user.folder)),
            Some(row) => {
                findings.extend(misnamed(row, user));
                findings.extend(forbidden_uses(table, crates, row, user));
                findings.extend(impure_uses(row, user));
            }
        }
    }
    findings
}

/// Every pure crate says `#![no_std]`, without a condition.
pub(super) fn no_std(table: &[Row], crates: &[Crate]) -> Vec<String> {
    crates
        .iter()
        .filter(|known| find(table, &known.folder).is_some_and(Row::is_pure))
        .filter(|known| !known.lib.lines().any(|line| line == "#![no_std]"))
        .map(|known| format!("{}: a pure crate, but src/lib.rs lacks `#![no_std]`", known.folder))
        .collect()
}

/// The top of the repository holds exactly the listed entries.
pub(super) fn top_level(listed: &[&str], found: &[String]) -> Vec<String> {
    let missing = listed.iter().filter(|name| !found.iter().any(|entry| entry == *name));
    let unlisted = found.iter().filter(|entry| !listed.contains(&entry.as_str()));
    missing
        .map(|name| format!("{name}: missing at the top of the repository"))
        .chain(unlisted.map(|name| format!("{name}: not listed as an entry at the top")))
        .collect()
}

fn find<'a>(table: &'a [Row], folder: &str) -> Option<&'a Row> {
    table.iter().find(|row| row.folder == folder)
}

/// A package is called `ensign-` and its folder's name; automation is called `xtask` by custom.
fn misnamed(row: &Row, user: &Crate) -> Option<String> {
    let expected = match row.name() {
        "xtask" => "xtask".to_owned(),
        name => format!("ensign-{name}"),
    };
    (user.package != expected)
        .then(|| format!("{}: package {} must be called {expected}", user.folder, user.package))
}

/// Uses of our crates that the row forbids; tests may use what they like.
fn forbidden_uses(table: &[Row], crates: &[Crate], row: &Row, user: &Crate) -> Vec<String> {
    user.dependencies
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Development)
        .filter_map(|dependency| crates.iter().find(|known| known.package == dependency.package))
        .filter_map(|used| find(table, &used.folder))
        .filter(|used| !row.may_use(used))
        .map(|used| {
            let (from, to) = (shown(row.layer), shown(used.layer));
            format!("{} ({from}) must not use {} ({to})", row.folder, used.folder)
        })
        .collect()
}

fn impure_uses(row: &Row, user: &Crate) -> Vec<String> {
    if !row.is_pure() && !VIRTUAL_TIME.contains(&row.folder) {
        return Vec::new();
    }
    user.dependencies
        .iter()
        .filter(|dependency| IMPURE.contains(&dependency.package.as_str()))
        .map(|dependency| format!("{} is pure and must not use {}", row.folder, dependency.package))
        .collect()
}

fn shown(layer: Layer) -> String {
    match layer {
        Layer::Product(number) => format!("layer {number}"),
        Layer::Dev => "dev".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::TABLE;
    use super::*;

    /// Crates written as `folder: uses`, where a use beginning with `dev:` is a dev-dependency.
    fn crates(lines: &[&str]) -> Vec<Crate> {
        lines.iter().map(|line| parse(line)).collect()
    }

    fn parse(line: &str) -> Crate {
        let (folder, uses) = line.split_once(": ").unwrap_or((line, ""));
        let name = folder.rsplit('/').next().unwrap();
        let dependency = |word: &str| match word.strip_prefix("dev:") {
            Some(package) => (package.to_owned(), DependencyKind::Development),
            None => (word.to_owned(), DependencyKind::Normal),
        };
        Crate {
            package: if name == "xtask" { name.to_owned() } else { format!("ensign-{name}") },
            folder: folder.to_owned(),
            dependencies: uses
                .split_whitespace()
                .map(dependency)
                .map(|(package, kind)| super::super::Dependency { package, kind })
                .collect(),
            lib: "//! Docs.\n\n#![no_std]\n".to_owned(),
        }
    }

    fn check(lines: &[&str], expected: &[&str]) {
        assert_eq!(dependencies(TABLE, &crates(lines)), expected, "{lines:?}");
    }

    #[test]
    fn uses_that_point_down_pass() {
        check(
            &[
                "crates/primitives",
                "crates/identity: ensign-primitives",
                "crates/wire: ensign-primitives ensign-identity serde",
                "crates/equivocation: ensign-wire",
                "crates/session: ensign-equivocation ensign-wire dev:ensign-testkit",
                "crates/engine: ensign-session",
                "crates/psbt: ensign-wire",
                "crates/transport: ensign-wire tokio",
                "crates/coordinator: ensign-engine ensign-transport ensign-psbt tokio",
                "crates/cli: ensign-coordinator ensign-psbt ensign-wire",
                "crates/testkit: ensign-engine",
                "benches: ensign-coordinator",
                "xtask: clap",
            ],
            &[],
        );
    }

    #[test]
    fn a_use_that_points_up_fails() {
        check(
            &["crates/session: ensign-engine", "crates/engine"],
            &["crates/session (layer 3) must not use crates/engine (layer 4)"],
        );
    }

    #[test]
    fn crates_of_one_layer_do_not_see_each_other() {
        check(
            &["crates/musig: ensign-identity", "crates/identity: ensign-musig"],
            &[
                "crates/musig (layer 1) must not use crates/identity (layer 1)",
                "crates/identity (layer 1) must not use crates/musig (layer 1)",
            ],
        );
        check(
            &["crates/session: ensign-gossip", "crates/gossip"],
            &["crates/session (layer 3) must not use crates/gossip (layer 3)"],
        );
    }

    #[test]
    fn wire_may_use_identity_but_not_musig() {
        check(
            &["crates/wire: ensign-identity ensign-musig", "crates/identity", "crates/musig"],
            &["crates/wire (layer 1) must not use crates/musig (layer 1)"],
        );
    }

    #[test]
    fn drivers_do_not_see_the_engine_but_the_coordinator_does() {
        check(
            &[
                "crates/transport: ensign-engine",
                "crates/coordinator: ensign-engine",
                "crates/engine",
            ],
            &["crates/transport (layer 5) must not use crates/engine (layer 4)"],
        );
    }

    #[test]
    fn nobody_ships_the_simulator() {
        check(
            &["crates/cli: ensign-sim", "crates/coordinator: ensign-sim", "crates/sim"],
            &[
                "crates/cli (layer 6) must not use crates/sim (layer 5)",
                "crates/coordinator (layer 5) must not use crates/sim (layer 5)",
            ],
        );
    }

    #[test]
    fn the_testkit_is_for_tests_only() {
        check(
            &[
                "crates/engine: ensign-testkit",
                "crates/session: dev:ensign-testkit",
                "crates/testkit",
            ],
            &["crates/engine (layer 4) must not use crates/testkit (dev)"],
        );
    }

    #[test]
    fn an_unknown_crate_fails() {
        check(&["crates/helpers"], &["crate crates/helpers is not in the layer table"]);
    }

    #[test]
    fn a_pure_crate_uses_no_runtime_even_in_tests() {
        check(
            &["crates/session: dev:tokio", "crates/wire: getrandom", "crates/sim: tokio"],
            &[
                "crates/session is pure and must not use tokio",
                "crates/wire is pure and must not use getrandom",
                "crates/sim is pure and must not use tokio",
            ],
        );
    }

    #[test]
    fn a_package_is_called_like_its_folder() {
        let mut known = parse("crates/wire");
        known.package = "wire".to_owned();
        assert_eq!(
            dependencies(TABLE, &[known]),
            ["crates/wire: package wire must be called ensign-wire"]
        );
    }

    #[test]
    fn a_pure_crate_must_say_no_std_without_condition() {
        let mut known = crates(&["crates/wire", "crates/transport"]);
        assert!(no_std(TABLE, &known).is_empty());
        for known in &mut known {
            known.lib = "#![cfg_attr(not(test), no_std)]\n// #![no_std]\n".to_owned();
        }
        assert_eq!(
            no_std(TABLE, &known),
            ["crates/wire: a pure crate, but src/lib.rs lacks `#![no_std]`"]
        );
    }

    #[test]
    fn the_top_holds_exactly_what_is_listed() {
        let found = ["crates".to_owned(), "scripts".to_owned()];
        assert_eq!(
            top_level(&["crates", "docs"], &found),
            [
                "docs: missing at the top of the repository",
                "scripts: not listed as an entry at the top",
            ]
        );
    }

    #[test]
    fn every_row_of_the_table_is_unique_and_uses_known_names() {
        for (index, row) in TABLE.iter().enumerate() {
            let first = TABLE.iter().position(|other| other.folder == row.folder);
            assert_eq!(first, Some(index), "{} is listed twice", row.folder);
            for allowed in row.may_use {
                if let super::super::Only(name) = allowed {
                    assert!(TABLE.iter().any(|other| other.name() == *name), "{name} is unknown");
                }
            }
        }
    }
}
