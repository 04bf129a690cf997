//! The examples as the inputs from which the fuzz targets start.

use std::{env, fs, path::Path};

use crate::examples;

/// Compares a file with what it must hold, or writes it.
fn check(path: &Path, bytes: &[u8]) {
    if env::var_os("ENSIGN_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let held = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(held, bytes, "{}: run the tests with ENSIGN_BLESS=1", path.display());
}

#[test]
fn corpus_of_the_frame_targets_holds_every_example() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for example in examples::all() {
        let frame = example.dump.bytes();
        check(&corpus.join("frame").join(example.name), &frame);
        // Without the length: the kind, then the body.
        let header = ensign_wire::Header::decode(&frame).unwrap().unwrap();
        let body = [&frame[..1], &frame[header.header_len..]].concat();
        check(&corpus.join("frame_body").join(example.name), &body);
    }
}
