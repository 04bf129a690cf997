//! A report as a folder of files, and back.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use thiserror::Error;

use crate::{Report, csv, page};

/// The version of `report.json` and `sweep.json`; higher when a reader of the one before would err.
pub const FORMAT: u32 = 1;

/// The file of a report that the others follow from.
pub const REPORT_FILE: &str = "report.json";

/// Why a report cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// There is none.
    #[error("no {file} in {}: it is not what a simulation has written", folder.display())]
    Missing {
        /// Where it was looked for.
        folder: PathBuf,
        /// What was looked for.
        file: &'static str,
    },
    /// Neither it nor the folders below it have any.
    #[error("no {REPORT_FILE} in {} or in the folders below", folder.display())]
    NoRuns {
        /// Where they were looked for.
        folder: PathBuf,
    },
    /// It cannot be read at all.
    #[error("{} cannot be read: {kind}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        kind: io::ErrorKind,
    },
    /// It was written by another version.
    #[error(
        "{} has format {found}, this version reads {FORMAT}: run it again, or compare with the \
         version that wrote it",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// It is something else, or was cut off.
    #[error("{} is no report of a simulation: {why}", path.display())]
    NotAReport {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        why: String,
    },
}

#[derive(Serialize)]
struct Stored<'a, T> {
    format: u32,
    #[serde(flatten)]
    content: &'a T,
}

#[derive(Deserialize)]
struct Head {
    format: Option<u32>,
}

/// A report as a folder of files.
pub trait Folder: Sized {
    /// Writes `report.json`, `report.html`, `intents.csv`, `failures.csv`, `series.csv` and
    /// `traffic.csv` into a folder, which is made where it does not exist.
    ///
    /// # Errors
    ///
    /// As the file system reports, with the file's path.
    fn write(&self, folder: &Path) -> io::Result<()>;

    /// Reads back what [`write`](Self::write) has written.
    ///
    /// # Errors
    ///
    /// [`ReadError`], saying which file and what is wrong with it.
    fn read(folder: &Path) -> Result<Self, ReadError>;
}

impl Folder for Report {
    fn write(&self, folder: &Path) -> io::Result<()> {
        create(folder)?;
        write_json(&folder.join(REPORT_FILE), self)?;
        write_text(&folder.join("report.html"), &page::html(self, folder)?)?;
        write_text(&folder.join("intents.csv"), &csv::intents(self))?;
        write_text(&folder.join("failures.csv"), &csv::failures(self))?;
        write_text(&folder.join("series.csv"), &csv::series(self))?;
        write_text(&folder.join("traffic.csv"), &csv::traffic(self))
    }

    fn read(folder: &Path) -> Result<Self, ReadError> {
        read_json(folder, REPORT_FILE)
    }
}

pub(crate) fn create(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder).map_err(|error| at(folder, &error))
}

pub(crate) fn write_json<T: Serialize>(path: &Path, content: &T) -> io::Result<()> {
    let write = || {
        let mut file = BufWriter::new(File::create(path)?);
        serde_json::to_writer_pretty(&mut file, &Stored { format: FORMAT, content })?;
        writeln!(file)?;
        file.flush()
    };
    write().map_err(|error| at(path, &error))
}

pub(crate) fn write_text(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text).map_err(|error| at(path, &error))
}

pub(crate) fn read_json<T: DeserializeOwned>(
    folder: &Path,
    file: &'static str,
) -> Result<T, ReadError> {
    let path = folder.join(file);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ReadError::Missing { folder: folder.to_owned(), file });
        }
        Err(error) => return Err(ReadError::Unreadable { path, kind: error.kind() }),
    };
    let not_a_report = |why: String| ReadError::NotAReport { path: path.clone(), why };
    let head: Head =
        serde_json::from_str(&text).map_err(|error| not_a_report(error.to_string()))?;
    match head.format {
        Some(FORMAT) => {
            serde_json::from_str(&text).map_err(|error| not_a_report(error.to_string()))
        }
        Some(found) => Err(ReadError::Format { path, found }),
        None => Err(not_a_report("it has no format version".to_owned())),
    }
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
