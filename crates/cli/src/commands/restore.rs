//! `outreach restore`: brings a backup back into an empty database.

use std::path::PathBuf;

use clap::Args;
use outreach_operations::backup::{self, BackupError, RestoreOptions};

use super::backup::{Shown, until_interrupted};
use crate::{args::Connection, exit::Error, output};

const HELP: &str = "\
The database, or the PostgreSQL schema that the backup holds, has to be empty; an SQLite file may
not be there yet. One transaction: if anything fails, or the program is killed, it is as empty as
it was, and the same command can be run again.

Exit status:
  0  done, and what is there equals the manifest
  1  refused, nothing was changed
  2  failed, nothing was changed";

/// The arguments of `outreach restore`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct RestoreArguments {
    /// The backup file
    file: PathBuf,

    /// Leave out what roles were granted, of which some may not be there
    #[arg(long)]
    no_privileges: bool,
}

pub(crate) async fn run(
    connection: &Connection,
    arguments: &RestoreArguments,
) -> Result<(), Error> {
    let database = connection.options()?;
    let mut options = RestoreOptions::default();
    options.privileges = !arguments.no_privileges;
    let shown = Shown::begin();
    let progress = |step| shown.show(step);
    let work = backup::restore(&arguments.file, &database, &options, &progress);
    let work = async { Ok(work.await) };
    let restored = until_interrupted(work).await;
    shown.end();
    let manifest = restored?.map_err(|error| match error {
        BackupError::NotEmpty { .. }
        | BackupError::Damaged { .. }
        | BackupError::OtherDialect { .. }
        | BackupError::OtherSchema { .. }
        | BackupError::VirtualTable { .. }
        | BackupError::Manifest { .. }
        | BackupError::Format { .. }
        | BackupError::InMemory
        | BackupError::Read { .. } => Error::refused(error),
        error => Error::failed(error),
    })?;
    let contents = &manifest.contents;
    output::say(&format!(
        "restored {} rows in {} tables; all are as the manifest says",
        contents.rows(),
        contents.tables.len()
    ));
    Ok(())
}
