//! The backup that comes before everything else.

use outreach_service::connect::DatabaseOptions;

use super::{AdoptError, Adoption, Progress, carry_out::Listener};
use crate::backup::{self, Backup, BackupOptions, Step};

/// Makes a backup and reads it back; a backup that can't be read back is none.
pub(super) async fn back_up(
    options: &DatabaseOptions,
    adoption: &Adoption,
    progress: Listener<'_>,
) -> Result<Backup, AdoptError> {
    let show = |step: Step| progress(Progress::BackingUp(step));
    let folder = BackupOptions {
        directory: adoption.backup_dir.clone(),
    };
    let backup = backup::create(options, &folder, &show)
        .await
        .map_err(AdoptError::Backup)?;
    let server = adoption.scratch.as_ref();
    let read_back = Box::pin(backup::verify(&backup.path, options, server, &show)).await;
    let read_back = read_back.map_err(AdoptError::Backup)?;
    if read_back.is_sound() {
        return Ok(backup);
    }
    let differences = read_back.differences.iter().map(ToString::to_string);
    Err(AdoptError::UnsoundBackup {
        path: backup.path,
        differences: differences.collect::<Vec<_>>().join("; "),
    })
}
