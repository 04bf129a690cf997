//! Feeds the committed corpus to every target, so that a found input stays found.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ensign_fuzz::TARGETS;

#[test]
fn no_input_of_the_corpus_breaks_its_target() {
    for target in TARGETS {
        let inputs = entries(&package().join("corpus").join(target.name));
        assert!(!inputs.is_empty(), "corpus/{} holds no input", target.name);
        for input in inputs {
            // Shown by the test runner if the target panics: the last line names the input.
            println!("{}", input.display());
            (target.run)(&fs::read(&input).unwrap());
        }
    }
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    assert_eq!(names(&package().join("corpus")), target_names());
}

#[test]
fn every_target_has_a_binary_and_every_binary_a_target() {
    assert_eq!(names(&package().join("fuzz_targets")), target_names());
    let manifest = fs::read_to_string(package().join("Cargo.toml")).unwrap();
    for target in TARGETS {
        let path = format!("path = \"fuzz_targets/{}.rs\"", target.name);
        assert!(manifest.contains(&path), "Cargo.toml has no `[[bin]]` with {path}");
    }
}

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn target_names() -> BTreeSet<String> {
    let names: BTreeSet<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names.len(), TARGETS.len(), "a target is listed twice");
    names
}

/// Names of the entries of `folder`, without extension.
fn names(folder: &Path) -> BTreeSet<String> {
    let stem = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    entries(folder).into_iter().map(stem).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    entries
}
