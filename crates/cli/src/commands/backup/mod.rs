//! `outreach backup`: makes backups, reads them back, and looks after a folder
//! of them.

mod folder;
pub(super) mod progress;

use std::{
    future::Future,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use chrono::SecondsFormat;
use clap::{Args, Subcommand};
use indicatif::HumanBytes;
use outreach_operations::backup::{self, Backup, BackupError, BackupOptions, Manifest};
use schema_audit::scratch::interrupted;
use secrecy::SecretString;
use serde::Serialize;

pub(super) use self::progress::Shown;
use crate::{
    args::Connection,
    exit::Error,
    output::{self, Fields},
};

const HELP: &str = "\
The database is only read. The backup is `DATABASE[.SCHEMA]-REVISION-TIME.dump` (PostgreSQL, by
pg_dump) or `.db` (SQLite), with a manifest beside it; it is readable by its owner alone, and has
its name once it is complete. PG_DUMP names the pg_dump to take.

Exit status:
  0  done
  1  `verify`: the backup was read back and differs from its manifest
  2  failed; there is no backup, or it could not be read back";

/// The arguments of `outreach backup`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct BackupArguments {
    /// The folder that backups are in; it is made if it is not there
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "OUTREACH_BACKUP_DIR",
        default_value = "backups"
    )]
    dir: PathBuf,

    /// Print JSON
    #[arg(long, global = true)]
    json: bool,

    /// Read the backup back at once, as `backup verify` does
    #[arg(long)]
    verify: bool,

    #[command(subcommand)]
    command: Option<BackupCommand>,
}

#[derive(Debug, Subcommand)]
enum BackupCommand {
    /// Restore a backup to a scratch database, and compare
    Verify {
        /// The backup file
        file: PathBuf,
        /// The PostgreSQL server to make the scratch database on [default: the
        /// database's own]
        #[arg(
            long,
            value_name = "URL",
            env = "SCRATCH_DATABASE_URL",
            hide_env_values = true
        )]
        scratch: Option<String>,
    },
    /// Remove all but the newest backups of each database and schema, and what
    /// killed backups have left
    Prune {
        /// How many to keep of each
        #[arg(long, value_name = "N")]
        keep: NonZeroUsize,
        /// Only say what would be removed
        #[arg(long)]
        dry_run: bool,
    },
    /// List the backups, the newest first
    List,
}

pub(crate) async fn run(connection: &Connection, arguments: BackupArguments) -> Result<(), Error> {
    match &arguments.command {
        None => create(connection, &arguments).await,
        Some(BackupCommand::Verify { file, scratch }) => {
            let scratch = scratch.as_deref().filter(|url| !url.trim().is_empty());
            read_back(connection, file, scratch, arguments.json).await
        }
        Some(BackupCommand::Prune { keep, dry_run }) => {
            folder::prune(&arguments.dir, *keep, *dry_run, arguments.json)
        }
        Some(BackupCommand::List) => folder::list(&arguments.dir, arguments.json),
    }
}

async fn create(connection: &Connection, arguments: &BackupArguments) -> Result<(), Error> {
    let database = connection.options()?;
    let options = BackupOptions {
        directory: arguments.dir.clone(),
    };
    let shown = Shown::begin();
    let progress = |step| shown.show(step);
    let made = until_interrupted(backup::create(&database, &options, &progress)).await;
    shown.end();
    let made = made?;
    if arguments.json {
        output::print_json(&Summary::of(&made))?;
    } else {
        output::print(&fields(&made).text())?;
    }
    if arguments.verify {
        return read_back(connection, &made.path, None, false).await;
    }
    Ok(())
}

/// The work's outcome, unless the process is told to end: then what it was
/// writing is removed.
async fn until_interrupted<T>(
    work: impl Future<Output = Result<T, BackupError>>,
) -> Result<T, Error> {
    // Boxed, so that the program's future does not fill a thread's stack.
    let work = Box::pin(work);
    tokio::select! {
        done = work => done.map_err(Error::failed),
        () = interrupted() => Err(Error::failed_because("interrupted, nothing is left behind")),
    }
}

async fn read_back(
    connection: &Connection,
    file: &Path,
    scratch: Option<&str>,
    json: bool,
) -> Result<(), Error> {
    let database = connection.options()?;
    let scratch = scratch.map(SecretString::from);
    let shown = Shown::begin();
    let progress = |step| shown.show(step);
    let work = backup::verify(file, &database, scratch.as_ref(), &progress);
    let verified = Box::pin(work).await;
    shown.end();
    let verified = verified.map_err(Error::failed)?;
    if json {
        output::print_json(&serde_json::json!({
            "sound": verified.is_sound(),
            "differences": verified.differences,
        }))?;
    }
    if verified.is_sound() {
        let rows = verified.manifest.contents.rows();
        let tables = verified.manifest.contents.tables.len();
        output::say(&format!(
            "the backup was read back and is sound: {rows} rows in {tables} tables"
        ));
        return Ok(());
    }
    output::say("the backup differs from its manifest:");
    let total = verified.differences.len() as u64;
    output::say_some(&verified.differences, usize::MAX, total);
    Err(Error::findings())
}

/// What is told of a backup.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    path: String,
    database: &'a str,
    schema: Option<&'a str>,
    revision: Option<&'a str>,
    environment: Option<&'a str>,
    taken_at: String,
    tables: usize,
    rows: u64,
    bytes: u64,
    sha256: &'a str,
}

impl<'a> Summary<'a> {
    fn of(backup: &'a Backup) -> Self {
        let manifest = &backup.manifest;
        Self {
            path: backup.path.display().to_string(),
            database: &manifest.database,
            schema: manifest.schema.as_deref(),
            revision: manifest.revision.as_deref(),
            environment: manifest.environment.as_deref(),
            taken_at: taken_at(manifest),
            tables: manifest.contents.tables.len(),
            rows: manifest.contents.rows(),
            bytes: manifest.bytes,
            sha256: &manifest.sha256,
        }
    }
}

fn taken_at(manifest: &Manifest) -> String {
    manifest.taken_at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn fields(backup: &Backup) -> Fields {
    let summary = Summary::of(backup);
    let mut fields = Fields::default();
    fields
        .add("backup", &summary.path)
        .add("database", summary.database)
        .add("schema", summary.schema.unwrap_or_default())
        .add("revision", summary.revision.unwrap_or_default())
        .add("taken at", &summary.taken_at)
        .add("tables", summary.tables.to_string())
        .add("rows", summary.rows.to_string())
        .add("size", HumanBytes(summary.bytes).to_string())
        .add("sha256", summary.sha256);
    fields
}
