//! Which files are read, and which reader reads each.

use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use super::detect::{Format, detect};
use super::error::{OpenError, ReadError};
use super::row::RawRow;
use super::{csv_rows, dataforseo, json_lines};

/// The extensions of the files of a directory that are read.
const EXTENSIONS: [&str; 4] = ["json", "jsonl", "ndjson", "csv"];

/// How much of a file decides on its format.
const HEAD: u64 = 64 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Where readers put what they read.
pub(crate) trait Sink {
    /// A row to check and keep. Fails only when no more rows are taken.
    fn row(&mut self, row: RawRow) -> Result<(), ReadError>;
    /// A row that cannot be read.
    fn bad(&mut self, line: u64, reason: String);
    /// A DataForSEO item of another type than organic.
    fn ignored_item(&mut self);
    /// A DataForSEO task that succeeded, with or without items.
    fn answered(&mut self);
    /// False once `waiting` rows more would be too many.
    fn has_room(&self, waiting: usize) -> bool;
}

/// The files that a path stands for.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) ignored: u64,
    pub(crate) is_directory: bool,
}

/// Finds the files to read: `path` itself, or the result files of a directory by
/// name.
pub(crate) fn find(path: &Path) -> Result<Sources, OpenError> {
    let fail = |source| OpenError::Io {
        path: path.to_path_buf(),
        source,
    };
    let is_directory = fs::metadata(path).map_err(fail)?.is_dir();
    if !is_directory {
        return Ok(Sources {
            files: vec![path.to_path_buf()],
            ignored: 0,
            is_directory,
        });
    }
    let mut files = Vec::new();
    let mut ignored = 0;
    for entry in fs::read_dir(path).map_err(fail)? {
        let entry = entry.map_err(fail)?.path();
        // A dangling link with a result file's name is reported, not ignored.
        let readable = fs::metadata(&entry).map_or(true, |meta| meta.is_file());
        if readable && has_result_extension(&entry) {
            files.push(entry);
        } else {
            ignored += 1;
        }
    }
    files.sort();
    if files.is_empty() {
        let path = path.to_path_buf();
        return Err(OpenError::NoResultFiles { path, ignored });
    }
    Ok(Sources {
        files,
        ignored,
        is_directory,
    })
}

fn has_result_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|found| {
        EXTENSIONS
            .iter()
            .any(|known| found.eq_ignore_ascii_case(known))
    })
}

/// A buffered input whose first bytes are known and that has no byte order mark.
pub(crate) struct Input<R> {
    pub(crate) format: Option<Format>,
    pub(crate) reader: BufReader<io::Chain<Cursor<Vec<u8>>, R>>,
}

impl Input<File> {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Input::new(File::open(path)?)
    }
}

impl<R: Read> Input<R> {
    /// Looks at the beginning of `input`, which need not be seekable.
    pub(crate) fn new(mut input: R) -> io::Result<Self> {
        let mut head = Vec::new();
        input.by_ref().take(HEAD).read_to_end(&mut head)?;
        if head.starts_with(BYTE_ORDER_MARK) {
            head.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Self {
            format: detect(&head),
            reader: BufReader::new(Cursor::new(head).chain(input)),
        })
    }

    /// Reads search results in whatever format they are.
    pub(crate) fn read_results(self, sink: &mut impl Sink) -> Result<(), ReadError> {
        match self.format {
            None => Ok(()),
            Some(Format::Csv) => csv_rows::read(self.reader, sink),
            Some(Format::JsonLines) => json_lines::read(self.reader, sink),
            Some(Format::DataForSeo) => dataforseo::read(self.reader, sink),
        }
    }
}
