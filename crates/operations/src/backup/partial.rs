//! Files that get their names once they are complete.

use std::{
    fs::{DirBuilder, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::{
    BackupError,
    name::{JOURNAL_SUFFIX, PARTIAL_SUFFIX},
};

/// A file for its owner alone, under a temporary name that ends with `.partial`.
/// Dropped, it is removed; killed, it stays, and is known by its lock not to be
/// in use.
#[derive(Debug)]
pub(super) struct Partial {
    /// Removed before the file itself, which says whether it is in use.
    _journal: Journal,
    file: NamedTempFile,
    directory: PathBuf,
}

/// What SQLite leaves beside a file that it could not write to its end.
#[derive(Debug)]
struct Journal(PathBuf);

impl Drop for Journal {
    fn drop(&mut self) {
        // It is seldom there.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Partial {
    /// Makes the folder too, if it is not there.
    pub(super) fn new(directory: &Path, stem: &str) -> Result<Self, BackupError> {
        let failed = |source| BackupError::Write {
            path: directory.to_owned(),
            source,
        };
        make(directory).map_err(failed)?;
        let file = tempfile::Builder::new()
            .prefix(&format!("{stem}."))
            .suffix(PARTIAL_SUFFIX)
            .tempfile_in(directory)
            .map_err(failed)?;
        // Where locks are not supported, an orphan is not told apart.
        let _ = file.as_file().try_lock();
        let mut journal = file.path().as_os_str().to_owned();
        journal.push(JOURNAL_SUFFIX);
        Ok(Self {
            _journal: Journal(journal.into()),
            file,
            directory: directory.to_owned(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.file
            .write_all(bytes)
            .map_err(|source| self.write_error(source))
    }

    fn write_error(&self, source: std::io::Error) -> BackupError {
        BackupError::Write {
            path: self.path().to_owned(),
            source,
        }
    }

    /// Gives it its name once it is on the disk. Nothing is overwritten.
    pub(super) fn keep(self, path: &Path) -> Result<(), BackupError> {
        // By its name: SQLite has written to it by itself.
        File::open(self.path())
            .and_then(|file| file.sync_all())
            .map_err(|source| self.write_error(source))?;
        let kept = self.file.persist_noclobber(path);
        kept.map_err(|failed| {
            if failed.error.kind() == std::io::ErrorKind::AlreadyExists {
                return BackupError::Exists {
                    path: path.to_owned(),
                };
            }
            BackupError::Write {
                path: path.to_owned(),
                source: failed.error,
            }
        })?;
        sync(&self.directory)
    }
}

#[cfg(unix)]
fn make(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

#[cfg(not(unix))]
fn make(directory: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).create(directory)
}

/// Makes the names in a folder last. Windows does that by itself, and has no
/// way to open one.
pub(super) fn sync(directory: &Path) -> Result<(), BackupError> {
    if cfg!(windows) {
        return Ok(());
    }
    File::open(directory)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| BackupError::Write {
            path: directory.to_owned(),
            source,
        })
}
