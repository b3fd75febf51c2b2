//! The scratch copy: the schema of the database with its ledgers and without
//! its rows, to write to.

use outreach_migration::{LEDGERS, Migrator, MigratorTrait, ledger};
use outreach_service::connect::{self, DatabaseOptions};
use schema_audit::{
    schema::{ObjectName, Schema},
    scratch::{Scratch, ScratchOptions},
};
use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, QueryResult, Statement, Value,
};
use secrecy::ExposeSecret;
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

use super::{chain::Chain, could_not_look};
use crate::{exit::Error, output};

/// A scratch copy. [`remove`](Self::remove) it when done.
pub(super) struct Copy {
    /// How an application would connect to it.
    pub(super) options: DatabaseOptions,
    scratch: Scratch,
}

impl Copy {
    /// Makes the copy, and says so.
    ///
    /// # Errors
    ///
    /// Why there is none, in words for the checklist. What was made is gone.
    pub(super) async fn of(
        options: &DatabaseOptions,
        live: &DatabaseConnection,
        schema: &Schema,
    ) -> Result<Self, String> {
        let copy = Self::of_schema(options).await?;
        let filled = copy.fill_ledgers(live, schema).await;
        match filled {
            Ok(()) => Ok(copy),
            Err(error) => {
                let reason = format!("the ledgers could not be copied: {error}");
                match copy.remove().await {
                    Ok(()) => Err(reason),
                    Err(left) => Err(format!("{reason}; {}", left.message())),
                }
            }
        }
    }

    async fn of_schema(live: &DatabaseOptions) -> Result<Self, String> {
        let place = if live.is_sqlite() {
            "a temporary file"
        } else {
            "a database on the same server"
        };
        output::say(&format!(
            "making a scratch copy of the schema: {place}, removed at the end"
        ));
        let url = live.url().with_password();
        let scratch = Scratch::copy_of(&url, &ScratchOptions::default())
            .await
            .map_err(|error| text(&error))?;
        let options = DatabaseOptions::new(scratch.url().expose_secret());
        let options = match options {
            Ok(options) => options,
            Err(error) => {
                let left = scratch.remove().await.err();
                let left = left.map_or_else(String::new, |error| format!("; {}", text(&error)));
                return Err(format!("{error}{left}"));
            }
        };
        output::say(&format!("the scratch copy is {}", options.url()));
        let options = match live.schema_name() {
            Some(schema) => options.schema(schema),
            None => options,
        };
        Ok(Self { options, scratch })
    }

    /// Ledgers hold rows that say what the schema is.
    async fn fill_ledgers(&self, live: &DatabaseConnection, schema: &Schema) -> Result<(), String> {
        let scratch = connect::open(&self.options)
            .await
            .map_err(|error| text(&error))?;
        let filled = async {
            let columns = [&["version", "applied_at"][..], &["version_num"]];
            for (ledger, columns) in LEDGERS.into_iter().zip(columns) {
                let exists = schema.table(&ObjectName::local(ledger)).is_some();
                if exists {
                    copy_rows(live, &scratch, ledger, columns).await?;
                }
            }
            Ok::<(), DbErr>(())
        };
        let filled = filled.await;
        let closed = scratch.close().await;
        filled.and(closed).map_err(|error| error.to_string())
    }

    /// Brings the copy from the revision that its schema is held to be of to the
    /// newest.
    ///
    /// # Errors
    ///
    /// Why that failed, in words for the checklist.
    pub(super) async fn migrate(&self, chain: &Chain) -> Result<(), String> {
        let db = connect::open(&self.options)
            .await
            .map_err(|error| text(&error))?;
        // Its log would read as if the database were migrated.
        let migrated = async {
            adopt(&db, chain).await?;
            Migrator::up(&db, None).await
        }
        .with_subscriber(NoSubscriber::default())
        .await;
        let closed = db.close().await;
        migrated.and(closed).map_err(|error| error.to_string())
    }

    /// Removes the copy.
    ///
    /// # Errors
    ///
    /// Names what is left.
    pub(super) async fn remove(self) -> Result<(), Error> {
        self.scratch.remove().await.map_err(could_not_look)
    }
}

/// A database that another tool has made has no ledger of ours: the copy gets
/// one that says what was asked for.
async fn adopt(db: &DatabaseConnection, chain: &Chain) -> Result<(), DbErr> {
    if !ledger::applied(db).await?.is_empty() {
        return Ok(());
    }
    Migrator::install(db).await?;
    for revision in chain.revisions() {
        let insert = "INSERT INTO seaql_migrations (version, applied_at) VALUES ($1, 0)";
        let values = [revision.name.into()];
        let backend = db.get_database_backend();
        db.execute_raw(Statement::from_sql_and_values(backend, insert, values))
            .await?;
    }
    Ok(())
}

/// Rows of a ledger: a few, and a bound for one that is none.
async fn copy_rows(
    live: &DatabaseConnection,
    scratch: &DatabaseConnection,
    table: &str,
    columns: &[&str],
) -> Result<(), DbErr> {
    let backend = live.get_database_backend();
    let names = columns.join(", ");
    let sql = format!("SELECT {names} FROM {table} ORDER BY 1 LIMIT 10000");
    let rows = live
        .query_all_raw(Statement::from_string(backend, sql))
        .await?;
    let parameters: Vec<String> = (1..=columns.len()).map(|n| format!("${n}")).collect();
    let insert = format!(
        "INSERT INTO {table} ({names}) VALUES ({})",
        parameters.join(", ")
    );
    for row in &rows {
        let values = columns.iter().map(|column| value(row, column));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        scratch
            .execute_raw(Statement::from_sql_and_values(backend, &insert, values))
            .await?;
    }
    Ok(())
}

fn value(row: &QueryResult, column: &str) -> Result<Value, DbErr> {
    if column == "applied_at" {
        return Ok(row.try_get::<i64>("", column)?.into());
    }
    Ok(row.try_get::<String>("", column)?.into())
}

/// An error with its causes.
fn text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
