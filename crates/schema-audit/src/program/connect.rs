//! Connections: one for each side, that only read.

use std::time::Duration;

use sea_orm::{
    DatabaseConnection, SqlxPostgresConnector, SqlxSqliteConnector,
    sqlx::{
        self, ConnectOptions, Connection, PgConnection,
        postgres::{PgConnectOptions, PgPoolOptions},
        sqlite::{SqliteConnectOptions, SqlitePoolOptions},
    },
};
use tokio::time::timeout;

use super::error::ProgramError;

/// How long a server has to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the pool is left to try on its own. It takes a refusal for a server
/// that is starting, tries again, and in the end says only that time ran out.
const FIRST_TRY: Duration = Duration::from_secs(1);

pub(super) async fn postgres(
    options: &PgConnectOptions,
    label: &str,
) -> Result<DatabaseConnection, ProgramError> {
    let options = options.clone().disable_statement_logging();
    let unreachable = |source| ProgramError::Unreachable {
        label: label.to_owned(),
        source,
    };
    let pool = match pool(FIRST_TRY).connect_with(options.clone()).await {
        Err(sqlx::Error::PoolTimedOut) => {
            // Without the pool the reason is told.
            let connection = timeout(PATIENCE, PgConnection::connect_with(&options))
                .await
                .map_err(|_| no_answer(label))?
                .map_err(unreachable)?;
            connection.close().await.map_err(unreachable)?;
            pool(PATIENCE).connect_with(options).await
        }
        outcome => outcome,
    };
    let pool = pool.map_err(|source| match source {
        sqlx::Error::PoolTimedOut => no_answer(label),
        source => unreachable(source),
    })?;
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}

fn pool(patience: Duration) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(patience)
        .test_before_acquire(false)
}

fn no_answer(label: &str) -> ProgramError {
    ProgramError::NoAnswer {
        label: label.to_owned(),
        seconds: PATIENCE.as_secs(),
    }
}

pub(super) async fn sqlite(
    options: &SqliteConnectOptions,
    label: &str,
) -> Result<DatabaseConnection, ProgramError> {
    let options = options
        .clone()
        .busy_timeout(PATIENCE)
        .disable_statement_logging();
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .map_err(|source| ProgramError::Unreachable {
            label: label.to_owned(),
            source,
        })?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}
