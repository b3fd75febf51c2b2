//! Runs a plan on an SQLite database, all of it or nothing.

use std::ops::{Deref, DerefMut};

use sea_orm::{
    DatabaseConnection, DbErr, RuntimeErr,
    sqlx::{self, Row, Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection},
};

use super::BEFORE;
use crate::{
    inspect::sqlite::ident::{quote, unquote},
    repair::{ApplyError, Plan, Statement},
};

/// Runs the statements of a plan that are not left out, in one transaction on
/// one connection of the pool. Foreign keys are not enforced meanwhile, so that
/// no rows go along with a table that is built anew; before the commit all of
/// them are checked. The connection's settings are as before afterwards.
///
/// Waits for a connection of the pool: a pool of one must not be in use.
///
/// # Errors
///
/// [`ApplyError`] says why nothing was changed.
pub(crate) async fn apply(db: &DatabaseConnection, plan: &Plan) -> Result<(), ApplyError> {
    let mut connection = Prepared::acquire(db.get_sqlite_connection_pool())
        .await
        .map_err(begin)?;
    let applied = connection.run(plan).await;
    // If that fails, the connection is closed, and the outcome is what it was.
    let _ = connection.restore().await;
    applied
}

fn db_error(source: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(source.into()))
}

fn begin(source: sqlx::Error) -> ApplyError {
    ApplyError::Begin {
        source: db_error(source),
    }
}

/// A question that the checks ask was not answered.
fn unchecked(sql: &str) -> impl FnOnce(sqlx::Error) -> ApplyError {
    move |source| ApplyError::Statement {
        statement: sql.to_owned(),
        mends: Vec::new(),
        source: db_error(source),
    }
}

fn failed(statement: &Statement) -> impl FnOnce(sqlx::Error) -> ApplyError {
    |source| ApplyError::Statement {
        statement: statement.sql.clone(),
        mends: statement.mends.clone(),
        source: db_error(source),
    }
}

/// A connection with foreign keys off. If it is dropped before its settings are
/// back, the pool does not get it again.
struct Prepared {
    connection: PoolConnection<Sqlite>,
    foreign_keys: i64,
    legacy_alter_table: i64,
    restored: bool,
}

impl Drop for Prepared {
    fn drop(&mut self) {
        if !self.restored {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for Prepared {
    type Target = SqliteConnection;
    fn deref(&self) -> &Self::Target {
        &self.connection
    }
}

impl DerefMut for Prepared {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.connection
    }
}

async fn execute(connection: &mut SqliteConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(connection)
        .await?;
    Ok(())
}

impl Prepared {
    async fn acquire(pool: &SqlitePool) -> Result<Self, sqlx::Error> {
        let mut connection = pool.acquire().await?;
        let mut setting = async |sql: &'static str| -> Result<i64, sqlx::Error> {
            sqlx::query_scalar(sql).fetch_one(&mut *connection).await
        };
        let foreign_keys = setting("PRAGMA foreign_keys").await?;
        let legacy_alter_table = setting("PRAGMA legacy_alter_table").await?;
        let mut prepared = Self {
            connection,
            foreign_keys,
            legacy_alter_table,
            restored: false,
        };
        for sql in BEFORE {
            execute(&mut prepared, sql).await?;
        }
        Ok(prepared)
    }

    async fn run(&mut self, plan: &Plan) -> Result<(), ApplyError> {
        match self.run_all(plan).await {
            Ok(()) => execute(self, "COMMIT")
                .await
                .map_err(|source| ApplyError::Commit {
                    source: db_error(source),
                }),
            Err(error) => {
                // If that fails too, the connection is closed, which undoes all.
                if execute(self, "ROLLBACK").await.is_err() {
                    self.connection.close_on_drop();
                }
                Err(error)
            }
        }
    }

    async fn run_all(&mut self, plan: &Plan) -> Result<(), ApplyError> {
        let (orphans, broken) = (self.orphans().await?, self.broken_views().await?);
        let triggers = self.broken_triggers().await?;
        for statement in plan.statements.iter().filter(|s| !s.left_out) {
            let done = execute(self, &statement.sql).await;
            done.map_err(failed(statement))?;
        }
        for (table, count) in self.orphans().await? {
            let before = orphans.iter().find(|(name, _)| *name == table);
            let more = count - before.map_or(0, |(_, count)| *count);
            if more > 0 {
                return Err(ApplyError::Orphans { table, count: more });
            }
        }
        for (view, source) in self.broken_views().await? {
            if broken.iter().all(|(name, _)| *name != view) {
                return Err(ApplyError::View { view, source });
            }
        }
        for (table, source) in self.broken_triggers().await? {
            if triggers.iter().all(|(name, _)| *name != table) {
                return Err(ApplyError::Trigger { table, source });
            }
        }
        Ok(())
    }

    async fn names(&mut self, kind: &str) -> Result<Vec<String>, ApplyError> {
        let sql = "SELECT name FROM main.sqlite_schema WHERE type = ? ORDER BY name";
        let names = sqlx::query_scalar(sql)
            .bind(kind)
            .fetch_all(&mut **self)
            .await;
        names.map_err(unchecked(sql))
    }

    /// The tables with rows that point to nothing, and how many. A key that
    /// points to columns that are not unique cannot be checked, and enforces
    /// nothing that could be broken.
    async fn orphans(&mut self) -> Result<Vec<(String, i64)>, ApplyError> {
        let mut orphans = Vec::new();
        for table in self.names("table").await? {
            let sql = "SELECT count(*) FROM pragma_foreign_key_check(?, 'main')";
            let row = sqlx::query(sql).bind(&table).fetch_one(&mut **self).await;
            if let Ok(count) = row.and_then(|row| row.try_get::<i64, _>(0))
                && count > 0
            {
                orphans.push((table.to_ascii_lowercase(), count));
            }
        }
        Ok(orphans)
    }

    /// The views that cannot be read, and why.
    async fn broken_views(&mut self) -> Result<Vec<(String, DbErr)>, ApplyError> {
        let mut broken = Vec::new();
        for view in self.names("view").await? {
            let name = quote(&view);
            let sql = format!("SELECT * FROM main.{name} LIMIT 0");
            if let Err(error) = execute(self, &sql).await {
                broken.push((view, db_error(error)));
            }
        }
        Ok(broken)
    }

    /// The tables and views whose triggers do not work, and why. Explaining a
    /// statement that fires a trigger compiles it and runs nothing.
    async fn broken_triggers(&mut self) -> Result<Vec<(String, DbErr)>, ApplyError> {
        const FIRED: &str = "SELECT t.name, group_concat(quote(c.name), char(0)) FROM ( \
            SELECT DISTINCT lower(tbl_name) AS name FROM main.sqlite_schema WHERE type = 'trigger') t \
            JOIN pragma_table_info(t.name, 'main') c GROUP BY t.name";
        let fired = sqlx::query(FIRED).fetch_all(&mut **self).await;
        let fired = fired.map_err(unchecked(FIRED))?;
        let mut broken = Vec::new();
        for row in fired {
            let (Ok(table), Ok(columns)) =
                (row.try_get::<String, _>(0), row.try_get::<String, _>(1))
            else {
                continue;
            };
            let name = format!("main.{}", quote(&table));
            let columns: Vec<String> = columns
                .split('\0')
                .map(|column| quote(&unquote(column)))
                .map(|column| format!("{column} = {column}"))
                .collect();
            for sql in [
                format!("EXPLAIN INSERT INTO {name} DEFAULT VALUES"),
                format!("EXPLAIN UPDATE {name} SET {}", columns.join(", ")),
                format!("EXPLAIN DELETE FROM {name}"),
            ] {
                if let Err(error) = execute(self, &sql).await {
                    broken.push((table.clone(), db_error(error)));
                }
            }
        }
        Ok(broken)
    }

    async fn restore(mut self) -> Result<(), sqlx::Error> {
        let settings = [
            ("foreign_keys", self.foreign_keys),
            ("legacy_alter_table", self.legacy_alter_table),
        ];
        for (name, value) in settings {
            execute(&mut self, &format!("PRAGMA {name} = {value}")).await?;
        }
        self.restored = true;
        Ok(())
    }
}
