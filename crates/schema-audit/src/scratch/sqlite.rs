//! Scratch copies of SQLite files.

use sea_orm::DatabaseConnection;
use secrecy::SecretString;

use super::ScratchError;

/// A scratch file.
#[derive(Debug)]
pub(super) struct ScratchFile;

impl ScratchFile {
    /// Removes the file.
    pub(super) fn remove(self) -> Result<(), ScratchError> {
        Err(ScratchError::Unsupported)
    }
}

/// Copies the schema of a file into a scratch file.
#[expect(clippy::unused_async, reason = "its place is held until it is written")]
pub(super) async fn copy_of(
    _url: &SecretString,
) -> Result<(ScratchFile, SecretString, DatabaseConnection), ScratchError> {
    Err(ScratchError::Unsupported)
}
