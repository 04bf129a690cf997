//! Writing a report and reading it back.

use std::{fs, io};

use super::fixture;
use crate::Folder as _;
use crate::{FORMAT, ReadError, Report};

#[test]
fn a_report_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    for report in [fixture::empty(u64::MAX), fixture::run(7, 40, 300_000)] {
        let folder = folder.path().join("deep/er");
        report.write(&folder).unwrap();
        assert_eq!(Report::read(&folder).unwrap(), report);
    }
}

#[test]
fn the_format_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    fixture::empty(1).write(folder.path()).unwrap();
    let text = fs::read_to_string(folder.path().join("report.json")).unwrap();
    assert!(text.starts_with(&format!("{{\n  \"format\": {FORMAT},\n")), "{text}");
}

#[test]
fn tables_have_a_line_for_everything() {
    let folder = tempfile::tempdir().unwrap();
    let report = fixture::run(7, 40, 300_000);
    report.write(folder.path()).unwrap();
    let lines = |file: &str| {
        let text = fs::read_to_string(folder.path().join(file)).unwrap();
        let columns = text.lines().next().unwrap().split(',').count();
        (text.lines().count() - 1, columns)
    };
    assert_eq!(lines("intents.csv"), (40, 11));
    assert_eq!(lines("failures.csv"), (8, 9));
    assert_eq!(lines("series.csv"), (120, 8));
    assert_eq!(lines("traffic.csv"), (4, 3));
}

#[test]
fn cells_with_separators_are_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let mut report = fixture::run(7, 5, 300_000);
    report.failures[0].said = "\"a\", b\nc".to_owned();
    report.write(folder.path()).unwrap();
    let text = fs::read_to_string(folder.path().join("failures.csv")).unwrap();
    assert!(text.contains("0,\"\"\"a\"\", b\nc\",node"), "{text}");
}

fn read(text: Option<&str>) -> ReadError {
    let folder = tempfile::tempdir().unwrap();
    if let Some(text) = text {
        fs::write(folder.path().join("report.json"), text).unwrap();
    }
    Report::read(folder.path()).unwrap_err()
}

#[test]
fn a_folder_without_a_report_is_named() {
    let error = read(None);
    assert!(matches!(error, ReadError::Missing { .. }));
    assert!(error.to_string().starts_with("no report.json in /"), "{error}");
}

#[test]
fn another_version_is_told_from_something_else() {
    let older = read(Some("{\"format\": 0, \"what\": 1}"));
    assert!(matches!(older, ReadError::Format { found: 0, .. }), "{older}");
    let newer = read(Some("{\"format\": 99}"));
    assert!(matches!(newer, ReadError::Format { found: 99, .. }), "{newer}");
    for text in ["{}", "[]", "", "{\"format\": 1}", "{\"format\": 1, \"seed\": 7"] {
        let error = read(Some(text));
        assert!(matches!(error, ReadError::NotAReport { .. }), "{text}: {error}");
    }
}

#[test]
fn an_unwritable_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = fixture::empty(1).write(&file.join("below")).unwrap_err();
    assert_ne!(error.kind(), io::ErrorKind::Other);
    assert!(error.to_string().contains("file/below"), "{error}");
}
