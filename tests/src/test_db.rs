//! A database for one test.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, bail};
use outreach_migration::Migrator;
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbBackend,
    sqlx::{
        AssertSqlSafe, Connection, PgConnection, Row as _, SqliteConnection, TypeInfo as _,
        ValueRef as _, postgres::PgRow, raw_sql, sqlite::SqliteRow,
    },
};
use sea_orm_migration::MigratorTrait;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use url::Url;

use crate::{PgBouncer, PostgresServer};

/// A row as text, `None` for NULL. A SQLite blob is written in hexadecimal.
pub type Row = Vec<Option<String>>;

/// A database that belongs to one test and goes with this value.
#[derive(Debug)]
pub struct TestDb {
    /// What [`TestDb::url`] gives in place of the URL of the database's server.
    pooled: Option<String>,
    url: String,
    storage: Storage,
}

#[derive(Debug)]
enum Storage {
    Sqlite(TempDir),
    /// On the shared server.
    Postgres {
        server: &'static PostgresServer,
        name: String,
    },
    /// On a server that a test started, and that takes the database with it.
    PostgresOfTest,
}

/// Each test copies a database that the chain was run on once, for the chain
/// takes longer than most tests.
static SQLITE_TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
static POSTGRES_TEMPLATE: OnceCell<String> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

impl TestDb {
    /// A SQLite file with the schema at head.
    pub async fn sqlite() -> anyhow::Result<Self> {
        let template = SQLITE_TEMPLATE.get_or_try_init(sqlite_template).await?;
        let db = Self::empty_sqlite().await?;
        let Storage::Sqlite(folder) = &db.storage else {
            bail!("a SQLite database has a folder");
        };
        fs::write(folder.path().join("outreach.db"), template)?;
        Ok(db)
    }

    /// A PostgreSQL database with the schema at head, on the shared server.
    pub async fn postgres() -> anyhow::Result<Self> {
        let template = POSTGRES_TEMPLATE.get_or_try_init(postgres_template).await?;
        Self::postgres_from(template).await
    }

    /// A database as [`TestDb::postgres`] gives, which [`TestDb::url`] reaches through
    /// [`PgBouncer::shared`]. The statements of the test itself, and
    /// [`TestDb::connect_plain`], go to the server directly.
    pub async fn postgres_pooled() -> anyhow::Result<Self> {
        let bouncer = PgBouncer::shared().await?;
        let mut db = Self::postgres().await?;
        db.pooled = Some(bouncer.url(&db.url)?);
        Ok(db)
    }

    /// A SQLite file without any table. The file is made by the first connection.
    #[expect(
        clippy::unused_async,
        reason = "the same call on both databases, for the test macro"
    )]
    pub async fn empty_sqlite() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("outreach-sqlite-")
            .tempdir()?;
        let path = folder.path().join("outreach.db");
        Ok(Self {
            pooled: None,
            url: sqlite_url(&path)?,
            storage: Storage::Sqlite(folder),
        })
    }

    /// A PostgreSQL database without any table, on the shared server.
    pub async fn empty_postgres() -> anyhow::Result<Self> {
        Self::postgres_from("template0").await
    }

    /// A PostgreSQL database with the schema at head, on a server that the test
    /// started and may stop.
    pub async fn postgres_on(server: &PostgresServer) -> anyhow::Result<Self> {
        let db = Self::empty_postgres_on(server).await?;
        migrate(&db.url).await?;
        Ok(db)
    }

    /// A PostgreSQL database without any table, on a server that the test
    /// started and may stop.
    pub async fn empty_postgres_on(server: &PostgresServer) -> anyhow::Result<Self> {
        let name = create_postgres(server, "template0").await?;
        Ok(Self {
            pooled: None,
            url: server.url(&name),
            storage: Storage::PostgresOfTest,
        })
    }

    async fn postgres_from(template: &str) -> anyhow::Result<Self> {
        let server = PostgresServer::shared().await?;
        let name = create_postgres(server, template).await?;
        Ok(Self {
            pooled: None,
            url: server.url(&name),
            storage: Storage::Postgres { server, name },
        })
    }

    /// This PostgreSQL database as another server has it, such as a standby. It is
    /// not dropped with the returned value.
    ///
    /// # Errors
    ///
    /// When this is a SQLite database.
    pub fn on(&self, server: &PostgresServer) -> anyhow::Result<Self> {
        if self.backend() == DbBackend::Sqlite {
            bail!("a SQLite database is on no server");
        }
        let url = Url::parse(&self.url)?;
        Ok(Self {
            pooled: None,
            url: server.url(url.path().trim_start_matches('/')),
            storage: Storage::PostgresOfTest,
        })
    }

    /// The URL for what is tested to connect with.
    #[must_use]
    pub fn url(&self) -> &str {
        self.pooled.as_deref().unwrap_or(&self.url)
    }

    /// The URL that leads to the database's server without anything between.
    #[must_use]
    pub fn direct_url(&self) -> &str {
        &self.url
    }

    /// Which of the two databases this is.
    #[must_use]
    pub fn backend(&self) -> DbBackend {
        match self.storage {
            Storage::Sqlite(_) => DbBackend::Sqlite,
            Storage::Postgres { .. } | Storage::PostgresOfTest => DbBackend::Postgres,
        }
    }

    /// A pool of SeaORM's own, without anything that the product adds, at
    /// [`TestDb::direct_url`].
    pub async fn connect_plain(&self) -> anyhow::Result<DatabaseConnection> {
        connect_plain(&self.url).await
    }

    /// Runs statements on a connection of their own, outside every pool and
    /// transaction of the test, and returns the rows of all of them as text.
    pub async fn sql(&self, sql: &str) -> anyhow::Result<Vec<Row>> {
        let rows = match self.backend() {
            DbBackend::Postgres => postgres_rows(&self.url, sql).await,
            _ => sqlite_rows(&self.url, sql).await,
        };
        rows.with_context(|| format!("the test's own statement failed: {sql}"))
    }

    /// The only value of the only row of a query.
    ///
    /// # Errors
    ///
    /// When the query fails or gives another number of rows or columns.
    pub async fn value(&self, sql: &str) -> anyhow::Result<Option<String>> {
        let mut rows = self.sql(sql).await?;
        match (rows.pop(), rows.is_empty()) {
            (Some(mut row), true) if row.len() == 1 => Ok(row.remove(0)),
            _ => bail!("expected one row of one column from: {sql}"),
        }
    }

    /// The value of `select count(*) …`, or any other whole number.
    ///
    /// # Errors
    ///
    /// As [`TestDb::value`], and when the value is no whole number.
    pub async fn count(&self, sql: &str) -> anyhow::Result<i64> {
        let value = self.value(sql).await?.unwrap_or_default();
        value
            .parse()
            .with_context(|| format!("`{value}` is no whole number, from: {sql}"))
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        if let Storage::Postgres { server, name } = &self.storage {
            drop_postgres(server, name.clone());
        }
    }
}

/// Drops the database on a thread with a runtime of its own, because a value may
/// be dropped where no runtime is. A private server takes its databases with it,
/// so there nobody waits. Best effort: the test's outcome does not hang on it.
fn drop_postgres(server: &'static PostgresServer, name: String) {
    let dropping = std::thread::spawn(move || -> anyhow::Result<()> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(server.execute(&format!("drop database if exists {name} with (force)")))
    });
    if !server.is_private() {
        let _ = dropping.join();
    }
}

async fn create_postgres(server: &PostgresServer, template: &str) -> anyhow::Result<String> {
    let number = DATABASES.fetch_add(1, Ordering::Relaxed);
    let name = server.database_name(&format!("test_{number}"));
    server
        .execute(&format!("create database {name} template {template}"))
        .await?;
    Ok(name)
}

async fn postgres_template() -> anyhow::Result<String> {
    let server = PostgresServer::shared().await?;
    let name = server.database_name("template");
    // Drops what an earlier attempt of this process left half made.
    server
        .execute(&format!("drop database if exists {name}"))
        .await?;
    server
        .execute(&format!("create database {name} template template0"))
        .await?;
    migrate(&server.url(&name)).await?;
    Ok(name)
}

async fn sqlite_template() -> anyhow::Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("template.db");
    migrate(&sqlite_url(&path)?).await?;
    // Closing the last connection wrote any write-ahead log into the file.
    Ok(fs::read(path)?)
}

async fn migrate(url: &str) -> anyhow::Result<()> {
    let db = connect_plain(url).await?;
    Migrator::up(&db, None)
        .await
        .context("the chain of revisions failed on an empty database")?;
    Ok(db.close().await?)
}

async fn connect_plain(url: &str) -> anyhow::Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    // Without the task that closes idle connections, which can spin for ever while
    // a pool is closed (launchbadge/sqlx#3645).
    options
        .sqlx_logging(false)
        .idle_timeout(None)
        .max_lifetime(None);
    Ok(Database::connect(options).await?)
}

fn sqlite_url(path: &Path) -> anyhow::Result<String> {
    let path = path
        .to_str()
        .context("the temporary folder is not UTF-8: set TMPDIR to another")?;
    Ok(format!("sqlite://{path}?mode=rwc"))
}

async fn postgres_rows(url: &str, sql: &str) -> anyhow::Result<Vec<Row>> {
    let mut connection = PgConnection::connect(url).await?;
    let rows = raw_sql(AssertSqlSafe(sql))
        .fetch_all(&mut connection)
        .await?;
    connection.close().await?;
    rows.iter().map(postgres_row).collect()
}

/// An unprepared statement is answered in text, whatever the types are.
fn postgres_row(row: &PgRow) -> anyhow::Result<Row> {
    let values = (0..row.len()).map(|index| {
        let value = row.try_get_raw(index)?;
        if value.is_null() {
            return Ok(None);
        }
        let text = value.as_str().map_err(anyhow::Error::from_boxed)?;
        Ok(Some(text.to_owned()))
    });
    values.collect()
}

async fn sqlite_rows(url: &str, sql: &str) -> anyhow::Result<Vec<Row>> {
    let mut connection = SqliteConnection::connect(url).await?;
    let rows = raw_sql(AssertSqlSafe(sql))
        .fetch_all(&mut connection)
        .await?;
    connection.close().await?;
    rows.iter().map(sqlite_row).collect()
}

fn sqlite_row(row: &SqliteRow) -> anyhow::Result<Row> {
    let values = (0..row.len()).map(|index| {
        let value = row.try_get_raw(index)?;
        if value.is_null() {
            return Ok(None);
        }
        Ok(Some(match value.type_info().name() {
            "INTEGER" => row.try_get_unchecked::<i64, _>(index)?.to_string(),
            "REAL" => row.try_get_unchecked::<f64, _>(index)?.to_string(),
            "BLOB" => hexadecimal(row.try_get_unchecked::<&[u8], _>(index)?),
            _ => row.try_get_unchecked::<String, _>(index)?,
        }))
    });
    values.collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .flatten()
        .collect()
}
