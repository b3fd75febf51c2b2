//! `outreach verify`: the checklist that a database is gone through before an
//! application is put on it.
//!
//! The database is only read. Lines that write run on a scratch copy.

mod chain;
mod checklist;
mod definitions;
mod ledgers;
mod scratch;
mod smoke;
mod start;

use std::{fmt::Display, path::Path};

use outreach_migration::Revision;
use outreach_service::connect::{self, DatabaseOptions};
use schema_audit::{
    inspect::{Scope, inspect, leaves_a_log},
    schema::Schema,
    scratch::interrupted,
};
use sea_orm_migration::sea_orm::DatabaseConnection;
use secrecy::ExposeSecret;
use tokio::task::JoinHandle;

pub(crate) use self::checklist::Checklist;
use self::{chain::Chain, checklist::ChecklistLine, scratch::Copy};
use crate::{
    args::{Connection, Verify},
    exit::Error,
    output,
};

pub(crate) async fn run(connection: &Connection, arguments: &Verify) -> Result<(), Error> {
    // Boxed, so that the program's future does not fill a thread's stack.
    let checklist = Box::pin(run_checklist(connection, None)).await?;
    if arguments.json {
        output::print_json(&checklist)?;
    } else {
        output::print(&checklist.to_text())?;
    }
    checklist.verdict()
}

/// Goes through the checklist, as it is for a database at `revision`; `None` is
/// the newest. The application needs the newest: a scratch copy of an older one
/// is migrated before the application is run on it. Says on standard error what
/// it makes.
///
/// # Errors
///
/// When the database could not be reached or its catalog not be read, so that
/// there is nothing to tick, or on Ctrl-C. The scratch copy is gone then too, or
/// named.
pub(crate) async fn run_checklist(
    connection: &Connection,
    revision: Option<&'static Revision>,
) -> Result<Checklist, Error> {
    let chain = Chain::until(revision)?;
    let options = connection.options()?;
    // From here on Ctrl-C ends the work in order, with the scratch copy removed.
    let mut interrupt = tokio::spawn(interrupted());
    let (db, schema, mut lines) = until(&mut interrupt, look(&options, &chain)).await??;
    let copy = match Copy::of(&options, &db, &schema).await {
        Ok(copy) => copy,
        Err(reason) => {
            lines.push(if chain.is_whole() {
                start::without_a_role(&db, "there is no scratch copy").await
            } else {
                start::not_run(&reason)
            });
            lines.extend(smoke::not_run(&reason));
            db.close().await.map_err(could_not_look)?;
            return Ok(Checklist { lines });
        }
    };
    let closed = db.close().await.map_err(could_not_look);
    let ran = until(&mut interrupt, Box::pin(on_the_copy(&copy, &chain))).await;
    let removed = copy.remove().await;
    lines.extend(ran?);
    removed?;
    closed?;
    Ok(Checklist { lines })
}

/// The lines that write.
async fn on_the_copy(copy: &Copy, chain: &Chain) -> Vec<ChecklistLine> {
    if !chain.is_whole()
        && let Err(reason) = copy.migrate(chain).await
    {
        let reason = format!("a scratch copy could not be migrated: {reason}");
        let [transactions, discovery] = smoke::crosses(&reason);
        return vec![start::cross(&reason), transactions, discovery];
    }
    let mut lines = vec![start::on_a_copy(copy).await];
    lines.extend(smoke::run(copy).await);
    if !chain.is_whole() {
        for line in &mut lines {
            line.detail = format!("once migrated: {}", line.detail);
        }
    }
    lines
}

/// The lines that only read, with what the others need.
async fn look(
    options: &DatabaseOptions,
    chain: &Chain,
) -> Result<(DatabaseConnection, Schema, Vec<ChecklistLine>), Error> {
    let db = connect::open(&reading(options)?)
        .await
        .map_err(could_not_look)?;
    let backend = db.get_database_backend();
    let schema = inspect(&db, &Scope::Current)
        .await
        .map_err(could_not_look)?;
    let mut lines = Vec::from(definitions::lines(&schema, backend, chain)?);
    lines.push(ledgers::line(&db, chain).await);
    Ok((db, schema, lines))
}

/// One connection; an SQLite file is opened for reading only, unless that would
/// leave files beside it.
pub(super) fn reading(options: &DatabaseOptions) -> Result<DatabaseOptions, Error> {
    if !options.is_sqlite() {
        return Ok(options.clone().max_connections(1));
    }
    let Some(path) = options.url().sqlite_path() else {
        return Err(Error::failed_because(
            "a database in memory is this process's own, and empty: there is nothing to look at; \
             name a file or a server with --database",
        ));
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
