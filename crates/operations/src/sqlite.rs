//! SQLite files by their paths.

use std::path::Path;

use outreach_service::{
    connect::{DatabaseOptions, InvalidDatabaseUrl},
    sql::sqlstate,
};
use schema_audit::inspect::leaves_a_log;
use sea_orm::DbErr;
use secrecy::ExposeSecret;
use url::Url;

use crate::backup::BackupError;

/// One connection; an SQLite file is opened for reading only, unless that would
/// leave files beside it.
pub(crate) fn reading(options: &DatabaseOptions) -> Result<DatabaseOptions, BackupError> {
    let one = options.clone().max_connections(1);
    if !options.is_sqlite() {
        return Ok(one);
    }
    let path = options.url().sqlite_path().ok_or(BackupError::InMemory)?;
    let mode = if leaves_a_log(Path::new(&path)) {
        "rw"
    } else {
        "ro"
    };
    let url = options.url().with_password();
    let url = url.expose_secret();
    let (file, query) = url.split_once('?').unwrap_or((url, ""));
    // Whatever mode the URL asks for: `rwc` would make a file.
    let kept = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("mode="));
    let query: Vec<&str> = kept.collect();
    let url = format!("{file}?{}&mode={mode}", query.join("&"));
    let read_only = DatabaseOptions::new(&url.replace("?&", "?"))?;
    Ok(read_only.max_connections(1))
}

/// One connection to the file at this path, for reading only.
pub(crate) fn file(path: &Path) -> Result<DatabaseOptions, BackupError> {
    options(path, "ro")
}

/// One connection to the file at this path.
pub(crate) fn options(path: &Path, mode: &str) -> Result<DatabaseOptions, BackupError> {
    let read = |source| BackupError::Read {
        path: path.to_owned(),
        source,
    };
    let absolute = std::path::absolute(path).map_err(read)?;
    let url = Url::from_file_path(&absolute).map_err(|()| InvalidDatabaseUrl::NoPath)?;
    let url = format!("sqlite://{}?mode={mode}", url.path());
    Ok(DatabaseOptions::new(&url)?.max_connections(1))
}

/// A path as SQLite takes it, which is text.
pub(crate) fn text(path: &Path) -> Result<String, BackupError> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| BackupError::Write {
        path: path.to_owned(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidFilename, "the path is not UTF-8"),
    })
}

/// Why a copy could not be written.
pub(crate) fn copy_error(path: &Path, source: DbErr) -> BackupError {
    let code = sqlstate(&source).and_then(|code| code.parse::<u32>().ok());
    let remedy = match code.map(|code| code & 0xff) {
        // SQLITE_FULL, and SQLITE_IOERR for a limit of the process or a quota.
        Some(13 | 10) => "the disk is full or fails; make room, or name another folder",
        Some(5 | 6) => "another program holds the database; try again",
        Some(8 | 14) => "it may not be written by this user; name another folder",
        Some(11 | 26) => "the database is damaged, or is none",
        _ => "is the folder there and writable?",
    };
    BackupError::Copy {
        path: path.to_owned(),
        remedy,
        source,
    }
}
