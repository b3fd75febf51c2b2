//! `outreach restore`: brings a backup back into an empty database.

use std::path::PathBuf;

use clap::Args;
use outreach_operations::{
    backup::{self, RestoreOptions},
    reset,
};

use super::{
    backup::Shown,
    guarded::{self, Destruction, Guarded},
    reset::show,
};
use crate::{args::Connection, exit::Error, output};

const HELP: &str = "\
The database, or the PostgreSQL schema that the backup holds, has to be empty; an SQLite file may
not be there yet. One transaction: if anything fails, or the program is killed, it is as empty as
it was, and the same command can be run again.

With --replace it is what is there that is left as it was, or replaced as a whole; a backup of it is
made and read back first.

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

    /// In the place of outreach's tables, after a backup of them and behind the
    /// guards of `outreach reset`; the options below are for this
    #[arg(long)]
    replace: bool,

    #[command(flatten)]
    guarded: Guarded,
}

pub(crate) async fn run(
    connection: &Connection,
    arguments: &RestoreArguments,
) -> Result<(), Error> {
    if arguments.replace {
        return replace(connection, arguments).await;
    }
    let database = connection.options()?;
    let options = RestoreOptions {
        privileges: !arguments.no_privileges,
        ..RestoreOptions::default()
    };
    let shown = Shown::begin();
    let progress = |step| shown.show(step);
    let work = backup::restore(&arguments.file, &database, &options, &progress);
    // Boxed, so that the program's future does not fill a thread's stack.
    let restored = Box::pin(work).await;
    shown.end();
    let manifest = restored.map_err(|error| {
        if error.is_refusal() {
            Error::refused(error)
        } else {
            Error::failed(error)
        }
    })?;
    let contents = &manifest.contents;
    output::say(&format!(
        "restored {} rows in {} tables; all are as the manifest says",
        contents.rows(),
        contents.tables.len()
    ));
    Ok(())
}

async fn replace(connection: &Connection, arguments: &RestoreArguments) -> Result<(), Error> {
    let guarded = &arguments.guarded;
    let replacement = Destruction::Replacement {
        file: &arguments.file,
    };
    let cleared = guarded::clear(connection, guarded, &replacement).await?;
    let Some(clearance) = cleared else {
        return Ok(());
    };
    let shown = Shown::begin();
    let progress = |step| show(&shown, step);
    let database = connection.options()?;
    let options = guarded.options();
    let privileges = !arguments.no_privileges;
    let work = reset::replace(
        &arguments.file,
        &database,
        &clearance,
        privileges,
        &options,
        &progress,
    );
    let done = Box::pin(work).await;
    shown.end();
    let done = done?;
    let contents = &done.restored.contents;
    let path = done.backup.path.display().to_string();
    output::say(&format!(
        "restored {} rows in {} tables, all as the manifest says; the backup of what was there is \
         {}",
        contents.rows(),
        contents.tables.len(),
        outreach_domain::escape_for_terminal(&path)
    ));
    let (was, is) = (
        &clearance.inventory().environment,
        &done.restored.environment,
    );
    if was != is {
        output::say(
            "the environment that is stored came from the backup; `outreach protect --environment` \
             sets it",
        );
    }
    Ok(())
}
