//! Brings a backup back in the place of what is there.

use std::path::Path;

use outreach_service::connect::DatabaseOptions;
use schema_audit::schema::Unmodelled;

use super::{Progress, ResetError, ResetOptions, Step, error::Cause, secure};
use crate::{
    backup::{self, Backup, BackupError, Manifest, RestoreOptions},
    guard::{Clearance, Inventory, look},
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

/// Whether a backup can be put in the place of outreach's tables, as far as that
/// is known before it is tried: as [`backup::check`], and it is of the same
/// PostgreSQL schema. Reads the whole file.
///
/// # Errors
///
/// [`BackupError`] says why not.
pub fn check(
    file: &Path,
    database: &DatabaseOptions,
    inventory: &Inventory,
) -> Result<Manifest, BackupError> {
    let manifest = backup::check(file, database)?;
    if manifest.schema != inventory.schema {
        let backup = manifest.schema.unwrap_or_default();
        return Err(BackupError::OtherSchema { backup });
    }
    let is_virtual = |one: &&Unmodelled| one.kind == "virtual table";
    if let Some(found) = manifest.structure.unmodelled.iter().find(is_virtual) {
        let table = found.name.clone();
        return Err(BackupError::VirtualTable { table });
    }
    Ok(manifest)
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
    check(file, database, clearance.inventory()).map_err(|source| ResetError::NotRestorable {
        path: file.to_owned(),
        source,
    })?;
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
        return Err(ResetError::NotItsManifest {
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
        lock_timeout: options.lock_timeout,
        statement_timeout: options.statement_timeout,
    };
    let work = backup::restore_replacing(file, database, &tables, &how, &step);
    match Box::pin(work).await {
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
