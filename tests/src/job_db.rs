//! Where and how a test of the job queue runs.

use crate::TestDb;

/// How a worker claims jobs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Strategy {
    /// What the worker chooses for this database by itself.
    Default,
    /// By statements that every database has.
    Portable,
}

/// A database with the schema at head and the way in which its jobs are to be
/// claimed, for a body of [`job_tests!`](crate::job_tests).
#[derive(Debug)]
pub struct JobDb {
    /// The database.
    pub db: TestDb,
    /// How workers are to claim jobs.
    pub strategy: Strategy,
}

impl JobDb {
    /// On SQLite, where there is only the portable way.
    pub async fn sqlite() -> anyhow::Result<Self> {
        Ok(Self {
            db: TestDb::sqlite().await?,
            strategy: Strategy::Portable,
        })
    }

    /// On PostgreSQL, in the way that is chosen there.
    pub async fn postgres() -> anyhow::Result<Self> {
        Ok(Self {
            db: TestDb::postgres().await?,
            strategy: Strategy::Default,
        })
    }

    /// On PostgreSQL, in the portable way.
    pub async fn postgres_portable() -> anyhow::Result<Self> {
        Ok(Self {
            db: TestDb::postgres().await?,
            strategy: Strategy::Portable,
        })
    }

    /// On PostgreSQL behind a [`PgBouncer`](crate::PgBouncer), in the way that is
    /// chosen there.
    pub async fn pgbouncer() -> anyhow::Result<Self> {
        Ok(Self {
            db: TestDb::postgres_pooled().await?,
            strategy: Strategy::Default,
        })
    }
}
