//! `outreach migrate`.

use std::{fmt::Write as _, time::Duration};

use outreach_migration::{
    MigrationStatus,
    command::{self, CommandError, MigrateSubcommands},
    ledger::{self, RevisionStatus},
};
use outreach_service::connect::{self, ConnectError, DatabaseOptions};
use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use serde_json::json;

use crate::{
    args::{Connection, Migrate, MigrateCommand},
    exit::Error,
    output,
};

/// Another run of the chain may hold an SQLite file for as long as it takes.
const BUSY_TIMEOUT: Duration = Duration::from_mins(2);

pub(crate) async fn run(connection: &Connection, arguments: Migrate) -> Result<(), Error> {
    let json = arguments.json;
    let command = match arguments.command {
        None => MigrateSubcommands::Up { num: None },
        Some(MigrateCommand::Chain(command)) => command,
        Some(MigrateCommand::History) => return history(connection, json).await,
    };
    refuse_source_commands(&command)?;
    if command == MigrateSubcommands::Status {
        return status(connection, json).await;
    }
    let creates = matches!(
        command,
        MigrateSubcommands::Up { .. } | MigrateSubcommands::Fresh
    );
    let db = open(connection, creates).await?;
    let outcome = command::run(&db, Some(command)).await;
    let chain = match outcome {
        Ok(()) if json => Some(read_chain(&db).await?),
        Ok(()) => None,
        Err(error) => return Err(error.into()),
    };
    close(db).await?;
    chain.map_or(Ok(()), |chain| print_json(&chain))
}

/// Connects for the chain: one connection, patient with another run.
pub(super) async fn open(
    connection: &Connection,
    create: bool,
) -> Result<DatabaseConnection, Error> {
    let options = options(connection)?.create_if_missing(create);
    Ok(connect::open(&options).await?)
}

/// Ends the connection in order, which on SQLite writes the log into the file.
pub(super) async fn close(db: DatabaseConnection) -> Result<(), Error> {
    db.close().await.map_err(Error::failed)
}

fn options(connection: &Connection) -> Result<DatabaseOptions, Error> {
    let options = connection.options()?;
    Ok(options.max_connections(1).busy_timeout(BUSY_TIMEOUT))
}

/// Refused before a database is looked for, or made.
fn refuse_source_commands(command: &MigrateSubcommands) -> Result<(), Error> {
    match command {
        MigrateSubcommands::Init => Err(CommandError::SourceCommand("init").into()),
        MigrateSubcommands::Generate { .. } => Err(CommandError::SourceCommand("generate").into()),
        _ => Ok(()),
    }
}

async fn status(connection: &Connection, json: bool) -> Result<(), Error> {
    let db = open(connection, false).await?;
    let chain = read_chain(&db).await?;
    if json {
        return print_json(&chain);
    }
    let lines = chain
        .iter()
        .map(|one| format!("Migration '{}'... {}\n", one.revision.name, one.status));
    output::print(&lines.collect::<String>())
}

async fn read_chain<C: ConnectionTrait>(db: &C) -> Result<Vec<RevisionStatus>, Error> {
    ledger::status(db).await.map_err(|error| match error {
        DbErr::Migration(reason) => Error::refused_because(reason),
        error => ConnectError::Ledger(error).into(),
    })
}

async fn history(connection: &Connection, json: bool) -> Result<(), Error> {
    let chain = match connect::open(&options(connection)?).await {
        Ok(db) => read_chain(&db).await?,
        // The chain can be looked at before there is any database.
        Err(ConnectError::NoFile { .. }) if !connection.is_named() => compiled_chain(),
        Err(error) => return Err(error.into()),
    };
    if json {
        return print_json(&chain);
    }
    output::print(&drawn(&chain))
}

fn compiled_chain() -> Vec<RevisionStatus> {
    let pending = |revision: &outreach_migration::Revision| RevisionStatus {
        revision: *revision,
        status: MigrationStatus::Pending,
    };
    outreach_migration::REVISIONS.iter().map(pending).collect()
}

/// The chain in the words of `alembic history`, newest first.
fn drawn(chain: &[RevisionStatus]) -> String {
    let current = chain.iter().rposition(is_applied);
    let mut text = String::new();
    for (index, one) in chain.iter().enumerate().rev() {
        let before = index.checked_sub(1).and_then(|before| chain.get(before));
        let mark = if is_applied(one) { 'x' } else { ' ' };
        let down = before.map_or("<base>", |before| before.revision.name);
        let mut notes = String::new();
        if index + 1 == chain.len() {
            notes.push_str(" (head)");
        }
        if current == Some(index) {
            notes.push_str(" (current)");
        }
        if let Some(alembic) = one.revision.alembic {
            let _ = write!(notes, " [Alembic {alembic}]");
        }
        let _ = writeln!(
            text,
            "[{mark}] {down} -> {}{notes}, {}",
            one.revision.name, one.revision.summary
        );
    }
    text
}

fn is_applied(one: &RevisionStatus) -> bool {
    one.status == MigrationStatus::Applied
}

fn print_json(chain: &[RevisionStatus]) -> Result<(), Error> {
    let current = chain.iter().rfind(|one| is_applied(one));
    let revisions: Vec<_> = chain
        .iter()
        .map(|one| {
            json!({
                "name": one.revision.name,
                "alembic": one.revision.alembic,
                "summary": one.revision.summary,
                "applied": is_applied(one),
            })
        })
        .collect();
    output::print_json(&json!({
        "head": chain.last().map(|one| one.revision.name),
        "current": current.map(|one| one.revision.name),
        "revisions": revisions,
    }))
}
