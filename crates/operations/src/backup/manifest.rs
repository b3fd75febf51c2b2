//! What a backup says about itself, in a file beside it.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use schema_audit::schema::{Dialect, Schema};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BackupError, Difference, name::MANIFEST_SUFFIX};
use crate::contents::Contents;

/// The form that this release writes.
pub(super) const FORMAT: u32 = 1;

/// The manifest of a backup: what it was made of, and what a restored one has to
/// be equal to. Written as JSON, in a file with the backup's name and
/// `.manifest.json` after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this form; 1.
    pub format: u32,
    /// The version of outreach that made it.
    pub outreach: String,
    /// The kind of database.
    pub dialect: Dialect,
    /// The database's name: on PostgreSQL as the server knows it, on SQLite the
    /// file's name.
    pub database: String,
    /// Where the database is: host and port of the server, the file's path of
    /// SQLite. Backups of databases of one name are told apart by it; without
    /// it, a backup is of no other one's origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The PostgreSQL schema that it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The version of the server, or of SQLite.
    pub server_version: String,
    /// The newest applied revision, if our ledger is there and has one.
    pub revision: Option<String>,
    /// The rows of Alembic's ledger; `None` without one.
    pub alembic: Option<Vec<String>>,
    /// The environment that was stored in the database, if one was.
    pub environment: Option<String>,
    /// When it was made, by the database's clock.
    pub taken_at: DateTime<Utc>,
    /// SHA-256 of the inspected schema, in hexadecimal.
    pub schema_fingerprint: String,
    /// The inspected schema itself, so that differences have names.
    pub structure: Schema,
    /// PostgreSQL extensions, each with the schema that it is in. A backup of one
    /// schema does not hold them, but may need them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<(String, String)>,
    /// What the tables held, all of the schema's.
    pub contents: Contents,
    /// The length of the backup file in bytes.
    pub bytes: u64,
    /// SHA-256 of the backup file, in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// The path of a backup's manifest.
    #[must_use]
    pub fn path_of(backup: &Path) -> PathBuf {
        let mut path = OsString::from(backup);
        path.push(MANIFEST_SUFFIX);
        path.into()
    }

    /// Reads the manifest of a backup.
    ///
    /// # Errors
    ///
    /// [`BackupError::Read`], [`BackupError::Manifest`] or
    /// [`BackupError::Format`] name the manifest's file.
    pub fn read(backup: &Path) -> Result<Self, BackupError> {
        let path = Self::path_of(backup);
        let text = fs::read(&path).map_err(|source| BackupError::Read {
            path: path.clone(),
            source,
        })?;
        let form: Form = serde_json::from_slice(&text).map_err(|source| BackupError::Manifest {
            path: path.clone(),
            source,
        })?;
        if form.format != FORMAT {
            let format = form.format;
            return Err(BackupError::Format { path, format });
        }
        serde_json::from_slice(&text).map_err(|source| BackupError::Manifest { path, source })
    }

    /// Holds the file itself against the manifest.
    pub(super) fn check_file(&self, path: &Path) -> Result<Vec<Difference>, BackupError> {
        let (found, checksum) = checksum(path)?;
        if found != self.bytes {
            let expected = self.bytes;
            return Ok(vec![Difference::Length { expected, found }]);
        }
        if checksum == self.sha256 {
            return Ok(Vec::new());
        }
        Ok(vec![Difference::Checksum {
            expected: self.sha256.clone(),
            found: checksum,
        }])
    }
}

/// What every form has.
#[derive(Deserialize)]
struct Form {
    format: u32,
}

/// SHA-256 of a schema, over the same JSON that the recorded ones are written in.
pub(super) fn fingerprint(schema: &Schema) -> String {
    // A schema is names and texts; nothing in it can't be written.
    let json = serde_json::to_vec(schema).unwrap_or_default();
    hexadecimal(&Sha256::digest(&json))
}

/// The length and the SHA-256 of a file.
pub(super) fn checksum(path: &Path) -> Result<(u64, String), BackupError> {
    let read = || {
        let mut file = File::open(path)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 256 * 1024];
        let mut length = 0;
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                return Ok((length, hexadecimal(&hash.finalize())));
            }
            hash.update(&buffer[..count]);
            length += count as u64;
        }
    };
    read().map_err(|source| BackupError::Read {
        path: path.to_owned(),
        source,
    })
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
