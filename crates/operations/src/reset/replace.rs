//! Brings a backup back in the place of what is there.

use std::path::Path;

use outreach_service::connect::DatabaseOptions;

use super::{Progress, ResetError, ResetOptions, Step, error::Cause, secure};
use crate::{
    backup::{self, Backup, BackupError, Manifest, RestoreOptions},
    guard::{Clearance, look},
};

/// What a replacement did.
#[derive(Debug)]
#[non_exhaustive]
pub struct Replacement {
    /// The backup of what was there before, which was read back.
    pub backup: Backup,
    /// The manifest of what is there now.
    pub restored: Manifest,
}

/// Restores a backup in the place of outreach's tables: the backup is read back
/// first; then what is there is backed up and that is read back; then one
/// transaction drops what the second backup holds, restores, and compares with
/// the manifest. Alembic's ledger is replaced too. What is not outreach's is not
/// dropped, and where there is any, a whole backup can't be restored beside it:
/// [`BackupError::NotEmpty`].
///
/// # Errors
///
/// [`ResetError`] says whether there is a backup, and that nothing was dropped.
pub async fn replace(
    file: &Path,
    database: &DatabaseOptions,
    clearance: &Clearance,
    privileges: bool,
    options: &ResetOptions,
    progress: Progress<'_>,
) -> Result<Replacement, ResetError> {
    let step = |step| progress(Step::Backup(step));
    let read = Box::pin(backup::verify(
        file,
        database,
        options.scratch.as_ref(),
        &step,
    ));
    let unreadable = |source| ResetError::NotReadBack {
        path: file.to_owned(),
        source,
    };
    let read = read.await.map_err(unreadable)?;
    if !read.is_sound() {
        return Err(ResetError::Unsound {
            path: file.to_owned(),
            differences: read.differences,
        });
    }
    let to = &options.backup_directory;
    let backup = Box::pin(secure(database, to, options.scratch.as_ref(), progress)).await?;
    // A mark that was set while the backups were made holds; one that is set from
    // here on is not in the backup, which the transaction notices.
    let refused = |source| ResetError::RolledBack {
        backup: backup.path.clone(),
        source,
    };
    let now = look(database).await;
    let now = now.map_err(|source| refused(Cause::Guard(source)))?;
    if !now.has_the_same_objects(clearance.inventory()) {
        return Err(refused(Cause::changed("tables, marks or other objects")));
    }
    let mut tables = clearance.inventory().table_names();
    if clearance.inventory().alembic.is_some() {
        tables.push("alembic_version".to_owned());
    }
    let how = RestoreOptions {
        privileges,
        held: Some(backup.manifest.contents.clone()),
    };
    let work = Box::pin(backup::restore_replacing(
        file, database, &tables, &how, &step,
    ));
    let restored = tokio::select! {
        restored = work => restored,
        () = schema_audit::scratch::interrupted() => Err(BackupError::Interrupted),
    };
    match restored {
        Ok(restored) => Ok(Replacement { backup, restored }),
        Err(BackupError::UnknownOutcome { source }) => Err(ResetError::UnknownOutcome {
            backup: backup.path,
            source,
        }),
        Err(source) => Err(ResetError::RolledBack {
            backup: backup.path,
            source: Cause::Open(source),
        }),
    }
}
