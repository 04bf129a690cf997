//! Reading a table from its file, plain or compressed, within bounds.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::time::{Duration, SystemTime};

use ensign_diversity::{LineError, PrefixTable};
use flate2::bufread::MultiGzDecoder;

use crate::catalogue as code;
use crate::failure::{Failure, Result};
use crate::home::shown;
use crate::words::{self, foreign};

/// Most bytes of the text of a table, once decompressed: what a file that is made to fill memory is cut off at.
/// Guess: each of [`PREFIXES_MAX`](ensign_diversity::PREFIXES_MAX) prefixes in 64 bytes; real lines have some 20.
const TEXT_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// What is said of more.
const TOO_LONG: &str = "its text has more than 128 MiB";

/// Most bytes of a line. Guess: a prefix with some hundred origins.
const LINE_BYTES_MAX: u64 = 1024;

/// How old a table may be before its user hears of it: addresses change hands.
const AGE_MAX: Duration = Duration::from_secs(90 * DAY_SECONDS);

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// Most bad lines that are named; the rest is counted.
const NAMED_MAX: usize = 3;

/// With these two bytes a compressed file begins (RFC 1952, 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A table, and what is worth knowing about its file.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) table: PrefixTable,
    pub(super) warnings: Vec<Failure>,
}

/// Reads a file, for as long as that takes.
///
/// # Errors
///
/// [`code::PREFIX_TABLE`]: it is not there, cannot be read, or is no table.
pub(super) fn read(path: &Path, now: SystemTime) -> Result<Table> {
    let unreadable = |error: io::Error| {
        let what = match error.kind() == io::ErrorKind::NotFound {
            true => format!("the table of prefixes {} is not there", shown(path)),
            false => {
                let error = words::system(&error);
                format!("the table of prefixes {} cannot be read: {error}", shown(path))
            }
        };
        Failure::new(&code::PREFIX_TABLE, what)
    };
    // Before it is opened: a pipe would have us wait for whoever writes it.
    let about = fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() {
        return Err(unusable(path, "it is no file"));
    }
    if about.len() > TEXT_BYTES_MAX {
        return Err(unusable(path, TOO_LONG));
    }
    let mut file = BufReader::new(File::open(path).map_err(unreadable)?);
    let is_compressed = file.fill_buf().map_err(unreadable)?.starts_with(&GZIP);
    let read = if is_compressed {
        lines_of(BufReader::new(MultiGzDecoder::new(file)))
    } else {
        lines_of(file)
    };
    let (builder, bad) = read.map_err(|error| match error {
        Stop::Io(error) => unreadable(error),
        Stop::TooLong => unusable(path, TOO_LONG),
        Stop::Full(error) => unusable(path, &error.to_string()),
    })?;
    if builder.len() <= bad.count {
        let what = match bad.named.first() {
            Some(first) => format!("{} bad lines, the first is {first}", bad.count),
            None => "nothing is in it".to_owned(),
        };
        return Err(unusable(path, &what));
    }
    let age = about.modified().ok().and_then(|at| now.duration_since(at).ok());
    let old = age.filter(|age| *age > AGE_MAX).map(|age| too_old(path, age));
    let warnings = bad.warning(path).into_iter().chain(old).collect();
    Ok(Table { table: builder.build(), warnings })
}

/// Why reading stops.
enum Stop {
    Io(io::Error),
    TooLong,
    Full(LineError),
}

/// The lines that say nothing that can be used.
#[derive(Debug, Default)]
struct Bad {
    count: usize,
    named: Vec<String>,
}

impl Bad {
    fn note(&mut self, number: usize, why: impl std::fmt::Display) {
        self.count += 1;
        if self.named.len() < NAMED_MAX {
            self.named.push(format!("line {number}: {why}"));
        }
    }

    fn warning(&self, path: &Path) -> Option<Failure> {
        let named = self.named.join("; ");
        let more = match self.count - self.named.len() {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let lines = words::count(self.count, "line");
        let what = format!("{lines} of {} left out: {named}{more}", shown(path));
        (self.count > 0).then(|| Failure::new(&code::PREFIX_LINES, what))
    }
}

fn lines_of(
    source: impl BufRead,
) -> std::result::Result<(ensign_diversity::PrefixTableBuilder, Bad), Stop> {
    let mut source = source.take(TEXT_BYTES_MAX + 1);
    let (mut builder, mut bad) = (PrefixTable::builder(), Bad::default());
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = (&mut source).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        if read.map_err(Stop::Io)? == 0 {
            break;
        }
        if line.len() as u64 == LINE_BYTES_MAX && !line.ends_with(b"\n") {
            bad.note(number, format!("longer than {LINE_BYTES_MAX} bytes"));
            source.skip_until(b'\n').map_err(Stop::Io)?;
            continue;
        }
        let Ok(text) = std::str::from_utf8(&line) else {
            bad.note(number, "no text");
            continue;
        };
        match builder.line(text) {
            Ok(()) => {}
            Err(error @ LineError::Full { .. }) => return Err(Stop::Full(error)),
            Err(error) => bad.note(number, error),
        }
    }
    if source.limit() == 0 { Err(Stop::TooLong) } else { Ok((builder, bad)) }
}

fn unusable(path: &Path, why: &str) -> Failure {
    let what = format!("{} cannot be used as a table of prefixes: {}", shown(path), foreign(why));
    Failure::new(&code::PREFIX_TABLE, what)
}

fn too_old(path: &Path, age: Duration) -> Failure {
    let days = age.as_secs() / DAY_SECONDS;
    let what = format!("the table of prefixes {} is {days} days old", shown(path));
    Failure::new(&code::PREFIXES_OLD, what)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gz(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Reads a file with these bytes, some days after it was written.
    fn read_of(bytes: &[u8], days: u64) -> Result<Table> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table");
        fs::write(&path, bytes).unwrap();
        read(&path, SystemTime::now() + Duration::from_secs(days * DAY_SECONDS))
    }

    fn asn(table: &PrefixTable, ip: &str) -> Option<u32> {
        table.origin_of(ip.parse().unwrap()).map(|origin| origin.asn)
    }

    fn refused(bytes: &[u8], words: &str) {
        let failure = read_of(bytes, 0).unwrap_err();
        assert_eq!(failure.entry, &code::PREFIX_TABLE);
        assert!(failure.what.contains(words), "{}", failure.what);
    }

    const GOOD: &[u8] = b"10.0.0.0\t8\t1_2\n2001:db8::\t32\t3\tDE\n";

    #[test]
    fn plain_and_compressed_files_are_one_table() {
        let mut parts = gz(b"10.0.0.0\t8\t1_2\n");
        parts.extend(gz(b"2001:db8::\t32\t3\tDE\n"));
        let plain = read_of(GOOD, 0).unwrap();
        assert!(plain.warnings.is_empty());
        for compressed in [gz(GOOD), parts] {
            assert_eq!(read_of(&compressed, 0).unwrap().table, plain.table);
        }
        let found = (asn(&plain.table, "10.1.1.1"), asn(&plain.table, "2001:db8::1"));
        assert_eq!(found, (Some(1), Some(3)));
    }

    #[test]
    fn bad_lines_are_named_by_number_and_left_out() {
        let mut text = GOOD.repeat(3);
        text.extend(b"10.0.0.1\t8\t1\n");
        text.extend(b"\xff\xfe\n");
        text.extend([b'1'; 5000]);
        text.extend(b"\nhello\n11.0.0.0\t8\t4");
        let read = read_of(&text, 0).unwrap();
        assert_eq!(asn(&read.table, "11.1.1.1"), Some(4));
        let [warning] = read.warnings.as_slice() else { panic!("{:?}", read.warnings) };
        assert_eq!(warning.entry, &code::PREFIX_LINES);
        for words in ["4 lines of", "line 7: the address has", "line 8: no text", "line 9: longer"]
        {
            assert!(warning.what.contains(words), "{}", warning.what);
        }
        assert!(warning.what.ends_with("; and 1 more"), "{}", warning.what);
    }

    #[test]
    fn table_of_ninety_days_is_warned_of_and_not_before() {
        assert!(read_of(GOOD, 89).unwrap().warnings.is_empty());
        let read = read_of(GOOD, 91).unwrap();
        assert_eq!(read.warnings.first().unwrap().entry, &code::PREFIXES_OLD);
        assert_eq!(asn(&read.table, "10.1.1.1"), Some(1));
    }

    #[test]
    fn what_is_no_table_is_refused() {
        refused(b"", "nothing is in it");
        refused(b"# nothing\n\n", "nothing is in it");
        refused(b"<html>\n<body>\n10.0.0.0\t8\t1\n", "2 bad lines, the first is line 1: 1 fields");
        let whole = gz(GOOD);
        refused(&whole[..whole.len() - 9], "cannot be read");
        refused(&[GZIP.as_slice(), &[0xff; 40]].concat(), "cannot be read");
        let missing = read(Path::new("/nowhere/table"), SystemTime::now()).unwrap_err();
        assert!(missing.what.ends_with("is not there"), "{}", missing.what);
        let folder = read(Path::new("/"), SystemTime::now()).unwrap_err();
        assert!(folder.what.ends_with("it is no file"), "{}", folder.what);
    }

    #[test]
    fn file_that_grows_without_end_when_it_is_decompressed_is_cut_off() {
        let parts = usize::try_from(TEXT_BYTES_MAX >> 20).unwrap() + 1;
        let bomb = gz(&vec![b'x'; 1 << 20]).repeat(parts);
        assert!(bomb.len() < 1 << 20);
        refused(&bomb, "more than 128 MiB");
    }
}
