//! What several tests of the chain do.

use outreach_migration::{Migrator, MigratorTrait, REVISIONS};
use outreach_tests::{Migration, Output, Row, TestDb};
use sea_orm::DbBackend;

/// The number of revisions that mirror Alembic's.
pub(crate) const MIRRORED: u32 = 4;

/// The number of outreach's own revisions, which come after them.
#[expect(clippy::cast_possible_truncation, reason = "the chain is short")]
pub(crate) const OWN: u32 = REVISIONS.len() as u32 - MIRRORED;

/// Runs the next `steps` revisions.
pub(crate) async fn up(db: &TestDb, steps: impl Into<Option<u32>>) -> anyhow::Result<()> {
    let pool = db.connect_plain().await?;
    Migrator::up(&pool, steps.into()).await?;
    Ok(pool.close().await?)
}

/// Takes the last `steps` revisions back.
pub(crate) async fn down(db: &TestDb, steps: impl Into<Option<u32>>) -> anyhow::Result<()> {
    let pool = db.connect_plain().await?;
    Migrator::down(&pool, steps.into()).await?;
    Ok(pool.close().await?)
}

/// The tables of the database's default schema.
pub(crate) async fn tables(db: &TestDb) -> anyhow::Result<Vec<String>> {
    let sql = match db.backend() {
        DbBackend::Sqlite => "select name from sqlite_master where type = 'table' order by name",
        _ => {
            "select tablename::text from pg_tables where schemaname = 'public' \
             order by tablename collate \"C\""
        }
    };
    Ok(texts(db.sql(sql).await?))
}

/// The names in the ledger; empty where there is none.
pub(crate) async fn ledger(db: &TestDb) -> anyhow::Result<Vec<String>> {
    if !tables(db).await?.contains(&"seaql_migrations".to_owned()) {
        return Ok(Vec::new());
    }
    let rows = db
        .sql("select version from seaql_migrations order by version")
        .await?;
    Ok(texts(rows))
}

/// The first `count` names of the chain.
pub(crate) fn names(count: usize) -> Vec<String> {
    REVISIONS[..count]
        .iter()
        .map(|revision| revision.name.to_owned())
        .collect()
}

/// All rows of the tables, in an order that does not depend on the storage.
pub(crate) async fn contents(db: &TestDb, tables: &[&str]) -> anyhow::Result<Vec<Vec<Row>>> {
    let mut contents = Vec::new();
    for table in tables {
        contents.push(db.sql(&format!("select * from {table} order by 1")).await?);
    }
    Ok(contents)
}

/// The first column.
pub(crate) fn texts(rows: Vec<Row>) -> Vec<String> {
    rows.into_iter()
        .map(|mut row| row.remove(0).unwrap_or_default())
        .collect()
}

/// The `migration` program with the database's URL, to be run in a folder of
/// its own.
pub(crate) struct Program {
    folder: tempfile::TempDir,
    url: String,
}

impl Program {
    pub(crate) fn on(url: &str) -> anyhow::Result<Self> {
        Ok(Self {
            folder: tempfile::tempdir()?,
            url: url.to_owned(),
        })
    }

    /// The program with these arguments.
    pub(crate) fn with(&self, arguments: &[&str]) -> Migration {
        Migration::new(self.folder.path())
            .env("DATABASE_URL", &self.url)
            .args(arguments)
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        self.with(arguments).run().await
    }

    /// Runs the program and insists on exit status 0.
    pub(crate) async fn succeed(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let output = self.run(arguments).await?;
        anyhow::ensure!(output.status == Some(0), "{arguments:?}: {output:?}");
        Ok(output)
    }
}
