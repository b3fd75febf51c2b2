//! Why a file gives nothing at all.

use std::io;
use std::path::{Path, PathBuf};

use outreach_domain::escape_for_terminal;

/// Why a file of results or contacts cannot be used at all. One bad row is not
/// an error: see [`LoadReport`](super::LoadReport).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file or directory is missing, forbidden or unreadable.
    #[error("cannot read `{}`", shown(path))]
    Io {
        /// What was to be read.
        path: PathBuf,
        /// The failure beneath.
        #[source]
        source: io::Error,
    },
    /// The directory holds no file with an extension that is read.
    #[error(
        "`{}` holds no result files ({ignored} other entries ignored): put *.json, *.jsonl, \
         *.ndjson or *.csv files into it; subdirectories are not read",
        shown(path)
    )]
    NoResultFiles {
        /// The directory.
        path: PathBuf,
        /// How many entries it has that are not result files.
        ignored: u64,
    },
    /// The CSV header lacks a column that must be there.
    #[error(
        "`{}` has no column `{missing}`: found {found}; needed {expected}",
        shown(path)
    )]
    MissingColumn {
        /// The CSV file.
        path: PathBuf,
        /// The first column that is missing.
        missing: &'static str,
        /// The header's columns, bounded and escaped, with a hint when another
        /// separator seems to be used.
        found: String,
        /// The columns that are read.
        expected: &'static str,
    },
    /// The file or directory was read and gave no usable row.
    #[error("`{}` gives no rows: {reason}", shown(path))]
    NoRows {
        /// The file or directory.
        path: PathBuf,
        /// Empty, or what is wrong with the first row.
        reason: String,
    },
    /// There are more usable rows than are kept in memory.
    #[error(
        "`{}` has more than {limit} rows: split it and run it in parts",
        shown(path)
    )]
    TooManyRows {
        /// The file in which the limit was passed.
        path: PathBuf,
        /// The limit, in rows over all files.
        limit: usize,
    },
}

/// A path for messages: a file name may hold control characters too.
pub(crate) fn shown(path: &Path) -> String {
    escape_for_terminal(&path.to_string_lossy()).into_owned()
}

/// Why reading one file stopped before its end.
#[derive(Debug)]
pub(crate) enum ReadError {
    Io(io::Error),
    MissingColumn {
        missing: &'static str,
        found: String,
        expected: &'static str,
    },
    TooManyRows {
        limit: usize,
    },
}

impl From<io::Error> for ReadError {
    fn from(source: io::Error) -> Self {
        Self::Io(source)
    }
}

impl ReadError {
    pub(crate) fn at(self, path: &Path) -> OpenError {
        let path = path.to_path_buf();
        match self {
            Self::Io(source) => OpenError::Io { path, source },
            Self::MissingColumn {
                missing,
                found,
                expected,
            } => OpenError::MissingColumn {
                path,
                missing,
                found,
                expected,
            },
            Self::TooManyRows { limit } => OpenError::TooManyRows { path, limit },
        }
    }

    /// One line for the report, when other files of a directory can still be read.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Io(source) => format!("cannot be read: {source}"),
            Self::MissingColumn {
                missing,
                found,
                expected,
            } => format!("no column `{missing}`: found {found}; needed {expected}"),
            Self::TooManyRows { limit } => format!("more than {limit} rows"),
        }
    }
}
