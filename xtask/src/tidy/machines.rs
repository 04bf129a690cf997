//! Every state machine is held to its contract: `src/tests/contract.rs` of its crate runs it.

use super::source::says;

/// Machines without a contract test, and why.
const EXEMPT: &[(&str, &str)] = &[
    ("Actor", "hands every call on to an engine or to what replaces it"),
    ("Hostile", "an adversary: breaks promises on purpose"),
];

/// Checks all Rust files, as path and text.
///
/// A machine is an `impl StateMachine for` outside tests. Its contract test is in the file
/// `src/tests/contract.rs` of its crate, or the folder of that name: it calls `check_contract` and
/// names the machine.
pub(super) fn check(files: &[(String, String)]) -> Vec<String> {
    let machines = files.iter().filter(|(path, _)| is_product(path));
    let machines = machines.flat_map(|(path, text)| machines_in(path, text));
    machines
        .filter(|(_, _, machine)| !EXEMPT.iter().any(|(exempt, _)| exempt == machine))
        .filter(|(path, _, machine)| !has_contract_test(files, path, machine))
        .map(|(path, line, machine)| {
            let test = contract_test(path);
            format!(
                "{path}:{line}: {machine}: no contract test: call `check_contract` in {test}.rs"
            )
        })
        .collect()
}

fn is_product(path: &str) -> bool {
    path.starts_with("crates/") && path.contains("/src/") && !is_test(path)
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// Every machine that a file implements, with its line.
fn machines_in<'a>(
    path: &'a str,
    text: &'a str,
) -> impl Iterator<Item = (&'a str, usize, &'a str)> {
    (1..).zip(text.lines()).filter_map(move |(number, line)| {
        let is_impl = line.trim_start().starts_with("impl");
        let (_, machine) = line.split_once(" StateMachine for ").filter(|_| is_impl)?;
        let name = machine.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
        Some((path, number, name))
    })
}

/// The contract test of the crate that holds the file `path`, without its ending.
fn contract_test(path: &str) -> String {
    let root = path.split_once("/src/").map_or(path, |(root, _)| root);
    format!("{root}/src/tests/contract")
}

fn has_contract_test(files: &[(String, String)], path: &str, machine: &str) -> bool {
    let test = contract_test(path);
    let is_part = |path: &str| {
        path.strip_prefix(&test).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    };
    let says_so = |word: &str| {
        let mut parts = files.iter().filter(|(path, _)| is_part(path));
        parts.any(|(_, text)| text.lines().any(|line| says(line, word)))
    };
    says_so("check_contract(") && says_so(machine)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: (&str, &str) =
        ("crates/dht/src/lookup.rs", "//! Lookups.\n\nimpl StateMachine for Lookup {\n}\n");

    fn check_files(files: &[(&str, &str)], expected: &[&str]) {
        let files: Vec<_> = files.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        assert_eq!(check(&files), expected);
    }

    #[test]
    fn machine_without_a_contract_test_is_found() {
        let finding = "crates/dht/src/lookup.rs:3: Lookup: no contract test: call \
                       `check_contract` in crates/dht/src/tests/contract.rs";
        check_files(&[MACHINE], &[finding]);
        let of_another = ("crates/peers/src/tests/contract.rs", "check_contract(|| Lookup, &ops);");
        check_files(&[MACHINE, of_another], &[finding]);
        let of_a_sibling =
            ("crates/dht/src/tests/contract.rs", "check_contract(|| Lookups, &ops);");
        check_files(&[MACHINE, of_a_sibling], &[finding]);
        let without_a_call = ("crates/dht/src/tests/contract.rs", "use crate::Lookup;");
        check_files(&[MACHINE, without_a_call], &[finding]);
    }

    #[test]
    fn machine_with_a_contract_test_in_file_or_folder_is_fine() {
        let test = ("crates/dht/src/tests/contract.rs", "check_contract(|| rig(), &ops);");
        let rig = ("crates/dht/src/tests/contract/rig.rs", "type Machine = Lookup;");
        check_files(&[MACHINE, test, rig], &[]);
        let both = ("crates/dht/src/tests/contract.rs", "check_contract(|| Lookup::new(), &ops);");
        check_files(&[MACHINE, both], &[]);
    }

    #[test]
    fn generic_machine_has_a_name_too() {
        let text = "impl<T: Clock> StateMachine for Router<T> {\n";
        let found: Vec<_> = machines_in("crates/gossip/src/router.rs", text).collect();
        assert_eq!(found, [("crates/gossip/src/router.rs", 1, "Router")]);
    }

    #[test]
    fn machines_of_tests_and_in_examples_of_docs_do_not_count() {
        check_files(
            &[
                ("crates/testkit/src/tests.rs", "impl StateMachine for Echo {\n"),
                ("crates/dht/src/tests/naive.rs", "impl StateMachine for Naive {\n"),
                ("crates/testkit/src/lib.rs", "//! impl StateMachine for Echo {\n"),
                ("fuzz/src/twin.rs", "impl StateMachine for Twin {\n"),
            ],
            &[],
        );
    }
}
