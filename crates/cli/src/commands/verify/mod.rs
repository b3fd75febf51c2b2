//! `outreach verify`: the checklist that a database is gone through before an
//! application is put on it.
//!
//! The database is only read. Lines that write run on a scratch copy.

mod checklist;
mod definitions;
mod ledgers;
mod scratch;
mod smoke;
mod start;

use std::{fmt::Display, path::Path};

use outreach_service::connect::{self, DatabaseOptions};
use schema_audit::{
    inspect::{Scope, inspect, leaves_a_log},
    schema::Schema,
};
use sea_orm_migration::sea_orm::DatabaseConnection;
use secrecy::ExposeSecret;
use tokio::{signal, task::JoinHandle};

pub(crate) use self::checklist::Checklist;
use self::{checklist::ChecklistLine, scratch::Copy};
use crate::{
    args::{Connection, Verify},
    exit::Error,
    output,
};

pub(crate) async fn run(connection: &Connection, arguments: &Verify) -> Result<(), Error> {
    // Boxed, so that the program's future does not fill a thread's stack.
    let checklist = Box::pin(run_checklist(connection)).await?;
    if arguments.json {
        output::print_json(&checklist)?;
    } else {
        output::print(&checklist.to_text())?;
    }
    checklist.verdict()
}

/// Goes through the checklist. Says on standard error what it makes for it.
///
/// # Errors
///
/// When the database could not be reached or its catalog not be read, so that
/// there is nothing to tick, or on Ctrl-C. The scratch copy is gone then too, or
/// named.
pub(crate) async fn run_checklist(connection: &Connection) -> Result<Checklist, Error> {
    let options = connection.options()?;
    // From here on Ctrl-C ends the work in order, with the scratch copy removed.
    let mut interrupt = tokio::spawn(interrupted());
    let (db, schema, mut lines) = until(&mut interrupt, look(&options)).await??;
    let copy = Copy::of(&options, &db, &schema).await;
    let closed = db.close().await.map_err(could_not_look);
    let copy = match copy {
        Ok(copy) => copy,
        Err(reason) => {
            closed?;
            lines.extend(smoke::not_run(&reason));
            return Ok(Checklist { lines });
        }
    };
    let ran = until(&mut interrupt, smoke::run(&copy)).await;
    let removed = copy.remove().await;
    lines.extend(ran?);
    removed?;
    closed?;
    Ok(Checklist { lines })
}

/// The lines that only read, with what the others need.
async fn look(
    options: &DatabaseOptions,
) -> Result<(DatabaseConnection, Schema, Vec<ChecklistLine>), Error> {
    let db = connect::open(&reading(options)?)
        .await
        .map_err(could_not_look)?;
    let schema = inspect(&db, &Scope::Current)
        .await
        .map_err(could_not_look)?;
    let mut lines = Vec::from(definitions::lines(&schema).await?);
    lines.push(ledgers::line(&db, &schema).await);
    lines.push(start::line(&db).await);
    Ok((db, schema, lines))
}

/// One connection; an SQLite file is opened for reading only, unless that would
/// leave files beside it.
pub(super) fn reading(options: &DatabaseOptions) -> Result<DatabaseOptions, Error> {
    if !options.is_sqlite() {
        return Ok(options.clone().max_connections(1));
    }
    let Some(path) = options.url().sqlite_path() else {
        // In memory: there is no file.
        return Ok(options.clone().max_connections(1));
    };
    let mode = if leaves_a_log(Path::new(&path)) {
        "mode=rw"
    } else {
        "mode=ro"
    };
    let url = options.url().with_password();
    let (file, query) = match url.expose_secret().split_once('?') {
        Some((file, query)) => (file, query),
        None => (url.expose_secret(), ""),
    };
    // Whatever mode the URL asks for: `rwc` would make a file.
    let kept = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("mode="));
    let query: Vec<&str> = kept.chain([mode]).collect();
    let read_only = format!("{file}?{}", query.join("&"));
    Ok(DatabaseOptions::new(&read_only)?.max_connections(1))
}

/// Ends with Ctrl-C; never, where that can't be waited for.
async fn interrupted() {
    if signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The outcome of some work, unless Ctrl-C comes before.
async fn until<T>(
    interrupt: &mut JoinHandle<()>,
    work: impl Future<Output = T>,
) -> Result<T, Error> {
    tokio::select! {
        done = work => Ok(done),
        _ = interrupt => Err(Error::failed_because("interrupted")),
    }
}

/// Whatever keeps from looking ends with status 2, other than a cross.
fn could_not_look(error: impl Into<anyhow::Error> + Display) -> Error {
    Error::failed(error)
}
