//! Walls inside crates: how far one type is written, how much a crate holds, how thin the driver is.

use std::collections::{BTreeMap, BTreeSet};

/// Crates whose types are rooms: what reads a type's fields stands in few files.
const ROOMS: &[&str] = &["engine", "signing", "session", "peers", "coordinator"];

/// Files over which one type of these crates is written. Past this its fields are everybody's.
const FILES_PER_TYPE_MAX: usize = 4;

/// Lines that a crate may have, tests aside: what outgrows this holds a rule that belongs into a room.
/// A number here goes down, or up with a further child: the open network brought the last hundreds.
const CRATE_LINES_MAX: &[(&str, usize)] = &[("engine", 1400), ("coordinator", 3350)];

/// The pure core: layers 0 to 4.
const CORE: &[&str] = &[
    "primitives",
    "musig",
    "identity",
    "wire",
    "book",
    "pow",
    "rendezvous",
    "replay",
    "equivocation",
    "deadline",
    "diversity",
    "reputation",
    "ratelimit",
    "watch",
    "session",
    "signing",
    "peers",
    "dht",
    "reach",
    "gossip",
    "overlay",
    "formation",
    "gate",
    "engine",
];

/// What drives the core in production.
const DRIVER: &[&str] = &["transport", "coordinator"];

/// Lines of the driver for each hundred of the core. Quinn has 19, firezone's tunnel 12.
const DRIVER_SHARE_MAX: usize = 45;

/// Where a file's own tests begin.
const TESTS_BEGIN: &str = "#[cfg(test)]\nmod tests {";

/// Checks all Rust files, as path and text.
pub(super) fn check(files: &[(String, String)]) -> Vec<String> {
    let product: Vec<(&str, &str, &str)> =
        files.iter().filter_map(|(path, text)| product(path, text)).collect();
    let mut findings = spread_types(&product);
    let lines = |krate: &str| -> usize {
        let of_crate = product.iter().filter(|(owner, _, _)| *owner == krate);
        of_crate.map(|(_, _, text)| text.lines().count()).sum()
    };
    for (krate, most) in CRATE_LINES_MAX {
        let seen = lines(krate);
        if seen > *most {
            findings.push(format!("crates/{krate}: {seen} lines without tests, at most {most}"));
        }
    }
    let sum = |crates: &[&str]| crates.iter().map(|krate| lines(krate)).sum::<usize>();
    let (core, driver) = (sum(CORE), sum(DRIVER));
    if driver * 100 > core * DRIVER_SHARE_MAX {
        findings.push(format!(
            "the driver has {driver} lines, the core {core}: at most {DRIVER_SHARE_MAX} for a hundred"
        ));
    }
    findings
}

/// Crate, path and text of a file that is no test, its own tests cut off.
fn product<'a>(path: &'a str, text: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
    let (krate, inside) = path.strip_prefix("crates/")?.split_once("/src/")?;
    let is_test = inside.starts_with("tests") || inside.contains("/tests");
    let text = text.split_once(TESTS_BEGIN).map_or(text, |(before, _)| before);
    (!is_test).then_some((krate, path, text))
}

fn spread_types(files: &[(&str, &str, &str)]) -> Vec<String> {
    let mut written: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for (krate, path, text) in files.iter().filter(|(krate, _, _)| ROOMS.contains(krate)) {
        for name in text.lines().filter_map(type_of_impl) {
            written.entry((krate, name)).or_default().insert(path);
        }
    }
    let spread = written.into_iter().filter(|(_, paths)| paths.len() > FILES_PER_TYPE_MAX);
    spread
        .map(|((krate, name), paths)| {
            let files = paths.len();
            format!(
                "crates/{krate}: {name} is written over {files} files, at most {FILES_PER_TYPE_MAX}"
            )
        })
        .collect()
}

/// The type that a line begins to implement, if it does.
fn type_of_impl(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("impl")?;
    let rest = match rest.strip_prefix('<') {
        Some(generics) => generics.split_once("> ")?.1,
        None => rest.strip_prefix(' ')?,
    };
    let name = rest.split_once(" for ").map_or(rest, |(_, name)| name);
    let name = name.trim_start_matches("crate::").trim_start_matches('&');
    name.split(|c: char| !c.is_alphanumeric() && c != '_').find(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> (String, String) {
        (path.to_owned(), text.to_owned())
    }

    /// As many lines of the driver as the core of ten may have, so that only the types count.
    fn spread(files: usize) -> Vec<String> {
        let core = file("crates/session/src/session.rs", &"x\n".repeat(100));
        let of_type = (0..files).map(|number| {
            file(&format!("crates/signing/src/{number}.rs"), "impl StateMachine for Signing {\n")
        });
        check(&of_type.chain([core]).collect::<Vec<_>>())
    }

    #[test]
    fn type_that_is_written_over_too_many_files_is_named() {
        assert_eq!(spread(4), [] as [String; 0]);
        assert_eq!(spread(5), ["crates/signing: Signing is written over 5 files, at most 4"]);
    }

    #[test]
    fn driver_is_measured_against_the_core_without_tests() {
        let core = file("crates/session/src/session.rs", &"x\n".repeat(100));
        let thin = file("crates/transport/src/link.rs", &"x\n".repeat(45));
        let tests = format!("{}{TESTS_BEGIN}\n{}", "x\n".repeat(45), "y\n".repeat(1000));
        let tested = file("crates/transport/src/link.rs", &tests);
        let thick = file("crates/transport/src/link.rs", &"x\n".repeat(46));
        let says = |driver| check(&[core.clone(), driver]);
        assert_eq!(says(thin), [] as [String; 0]);
        assert_eq!(says(tested), [] as [String; 0]);
        assert_eq!(
            says(thick),
            ["the driver has 46 lines, the core 100: at most 45 for a hundred"]
        );
    }

    #[test]
    fn crate_beyond_its_size_is_named() {
        let core = file("crates/session/src/session.rs", &"x\n".repeat(10_000));
        let large = file("crates/engine/src/engine.rs", &"x\n".repeat(1401));
        assert_eq!(
            check(&[core, large]),
            ["crates/engine: 1401 lines without tests, at most 1400"]
        );
    }

    #[test]
    fn impl_lines_name_their_type() {
        for (line, name) in [
            ("impl Engine {", Some("Engine")),
            ("impl<T: Ord> From<T> for crate::Gate {", Some("Gate")),
            ("impl<'a> Reader<'a> {", Some("Reader")),
            ("    impl Inner {", None),
            ("implement", None),
        ] {
            assert_eq!(type_of_impl(line), name, "{line}");
        }
    }
}
