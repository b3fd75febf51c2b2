//! The PostgreSQL server that tests use.

use std::{env, time::Duration};

use anyhow::Context;
use sea_orm::sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row as _, postgres::PgConnectOptions,
    raw_sql,
};
use tokio::sync::OnceCell;
use url::Url;

use crate::server_process::ServerProcess;

/// How long a standby may take until its primary waits for it.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// A PostgreSQL server for tests.
///
/// [`PostgresServer::shared`] is the one that all tests of a process use: the
/// server of `TEST_POSTGRES_URL`, or else a private one. [`PostgresServer::start`]
/// makes another private one for a test that stops its server.
///
/// A private server listens on 127.0.0.1 and on a Unix socket in its folder,
/// demands a random password (SCRAM), and disappears with this process, however
/// that ends.
#[derive(Debug)]
pub struct PostgresServer {
    maintenance_url: Url,
    /// Part of the names of this process's databases.
    run: String,
    process: Option<ServerProcess>,
}

static SHARED: OnceCell<PostgresServer> = OnceCell::const_new();

impl PostgresServer {
    /// The server that all tests of this process share, started at first use.
    ///
    /// # Errors
    ///
    /// When `TEST_POSTGRES_URL` is unset and this machine has no PostgreSQL
    /// programs; the message says how to get them. Tests must fail on it.
    pub async fn shared() -> anyhow::Result<&'static Self> {
        SHARED
            .get_or_try_init(|| async {
                match env::var("TEST_POSTGRES_URL") {
                    Ok(url) if !url.is_empty() => Self::external(&url).await,
                    _ => Self::start().await,
                }
            })
            .await
    }

    /// Starts a private server from the machine's own programs.
    ///
    /// # Errors
    ///
    /// When the programs are missing or the server does not come up; the message
    /// then holds the server's log.
    pub async fn start() -> anyhow::Result<Self> {
        Self::private_server(tokio::task::spawn_blocking(ServerProcess::start).await??)
    }

    /// Starts a hot standby of this private server. It has all that was committed
    /// here before this call, and follows: what is committed later arrives there
    /// some time after. [`PostgresServer::start_synchronous_standby`] makes
    /// commits wait for it. Blocks for some seconds, in a runtime of several
    /// threads.
    ///
    /// # Errors
    ///
    /// When this server is not private, `pg_basebackup` is missing or fails, or
    /// the standby does not come up.
    pub fn start_standby(&self) -> anyhow::Result<Self> {
        let primary = self.private()?;
        Self::private_server(tokio::task::block_in_place(|| {
            ServerProcess::start_standby(primary)
        })?)
    }

    /// Starts a hot standby as [`PostgresServer::start_standby`] does, without
    /// which no commit returns here from now on: what a client has been told is
    /// committed survives the loss of this server. While the standby is away,
    /// commits wait without limit.
    ///
    /// # Errors
    ///
    /// As [`PostgresServer::start_standby`], and when the standby does not begin
    /// to stream within a minute.
    pub async fn start_synchronous_standby(&self) -> anyhow::Result<Self> {
        let standby = self.start_standby()?;
        // After the copy, which would have the setting too and, once promoted,
        // wait for a standby of its own.
        self.execute("alter system set synchronous_standby_names = '*'")
            .await?;
        self.execute("select pg_reload_conf()").await?;
        tokio::time::timeout(LONGEST_WAIT, self.wait_until_synchronous())
            .await
            .with_context(|| {
                format!(
                    "no synchronous standby; the standby's log says:\n{}",
                    standby.log()
                )
            })??;
        Ok(standby)
    }

    async fn wait_until_synchronous(&self) -> anyhow::Result<()> {
        let mut connection = self.connect().await?;
        let synchronous = "select from pg_stat_replication where sync_state = 'sync'";
        while raw_sql(synchronous)
            .fetch_optional(&mut connection)
            .await?
            .is_none()
        {
            tokio::task::yield_now().await;
        }
        // Commits begin to wait when the checkpointer has read the setting, which
        // it does before it answers this.
        raw_sql("checkpoint").execute(&mut connection).await?;
        connection.close().await?;
        Ok(())
    }

    /// Makes a private standby a server of its own, which takes writes when this
    /// returns. Its primary is not told: stop it first. Blocks for some seconds,
    /// in a runtime of several threads.
    ///
    /// # Errors
    ///
    /// When the server is not private or no standby, or does not get there
    /// within a minute; the message then holds its log.
    pub fn promote(&self) -> anyhow::Result<()> {
        let standby = self.private()?;
        tokio::task::block_in_place(|| standby.promote())
    }

    fn private_server(process: ServerProcess) -> anyhow::Result<Self> {
        let url = format!(
            "postgres://postgres:{}@127.0.0.1:{}/postgres?sslmode=disable",
            process.password(),
            process.port()
        );
        Ok(Self {
            maintenance_url: Url::parse(&url)?,
            run: run_name(),
            process: Some(process),
        })
    }

    async fn external(url: &str) -> anyhow::Result<Self> {
        let server = Self {
            maintenance_url: Url::parse(url).context("TEST_POSTGRES_URL is not a URL")?,
            run: run_name(),
            process: None,
        };
        server.claim_run_name().await?;
        server.drop_databases_of_ended_runs().await?;
        Ok(server)
    }

    /// The URL of a database on this server.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let mut url = self.maintenance_url.clone();
        url.set_path(database);
        url.into()
    }

    /// Whether this server was started by this process and ends with it.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.process.is_some()
    }

    /// Stops a private server as a crash would: connections are cut, nothing is
    /// flushed in order, the next start recovers.
    ///
    /// # Errors
    ///
    /// When the server is not private, or does not run.
    pub fn stop_immediate(&self) -> anyhow::Result<()> {
        self.private()?.stop_immediate()
    }

    /// Starts a stopped private server again, on the same port and with its
    /// data, and returns when it accepts connections.
    ///
    /// # Errors
    ///
    /// When the server is not private, or does not come up.
    pub fn start_again(&self) -> anyhow::Result<()> {
        self.private()?.start_again()
    }

    /// What a private server has logged; empty for another one.
    #[must_use]
    pub fn log(&self) -> String {
        self.process
            .as_ref()
            .map(ServerProcess::log)
            .unwrap_or_default()
    }

    /// Runs statements in the maintenance database.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or refuses a statement.
    pub async fn execute(&self, sql: &str) -> anyhow::Result<()> {
        let mut connection = self.connect().await?;
        raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .with_context(|| format!("in the maintenance database: {sql}"))?;
        connection.close().await?;
        Ok(())
    }

    /// A name for a database of this process: `outreach_<purpose>_<run>`.
    pub(crate) fn database_name(&self, purpose: &str) -> String {
        format!("outreach_{purpose}_{}", self.run)
    }

    fn private(&self) -> anyhow::Result<&ServerProcess> {
        self.process
            .as_ref()
            .context("the server of TEST_POSTGRES_URL is not ours to stop: use `start`")
    }

    /// The URL that the server was given or made with.
    pub(crate) fn maintenance_url(&self) -> &Url {
        &self.maintenance_url
    }

    async fn connect(&self) -> anyhow::Result<PgConnection> {
        PgConnection::connect(self.maintenance_url.as_str())
            .await
            .with_context(|| format!("could not connect to PostgreSQL at {}", self.address()))
    }

    /// Host and port, without the password.
    fn address(&self) -> String {
        let host = self.maintenance_url.host_str().unwrap_or("localhost");
        format!("{host}:{}", self.maintenance_url.port().unwrap_or(5432))
    }

    /// Holds a connection that carries the run's name until the process ends, so
    /// that later runs can tell its databases from those of an ended run. It
    /// lives on a thread of its own: the runtime of a test ends with the test.
    async fn claim_run_name(&self) -> anyhow::Result<()> {
        let options: PgConnectOptions = self.maintenance_url.as_str().parse()?;
        let options = options.application_name(&self.run);
        let (report, claimed) = tokio::sync::oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::spawn(move || {
            runtime.block_on(async {
                let connection = options.connect().await;
                if report
                    .send(connection.as_ref().map(drop).map_err(ToString::to_string))
                    .is_ok()
                {
                    std::future::pending::<()>().await;
                }
                drop(connection);
            });
        });
        claimed
            .await?
            .map_err(anyhow::Error::msg)
            .with_context(|| format!("could not connect to PostgreSQL at {}", self.address()))
    }

    /// A process that was killed could not drop its databases.
    async fn drop_databases_of_ended_runs(&self) -> anyhow::Result<()> {
        let mut connection = self.connect().await?;
        let ended = raw_sql(
            "select datname::text from pg_database \
             where datname ~ '^outreach_(template|test_[0-9]+)_run[0-9a-f]{32}$' and not exists \
             (select from pg_stat_activity where application_name = substring(datname, 'run.*'))",
        )
        .fetch_all(&mut connection)
        .await?;
        for row in ended {
            let name: String = row.try_get(0)?;
            let drop = format!("drop database if exists {name} with (force)");
            raw_sql(AssertSqlSafe(drop))
                .execute(&mut connection)
                .await?;
        }
        connection.close().await?;
        Ok(())
    }
}

fn run_name() -> String {
    format!("run{}", uuid::Uuid::new_v4().simple())
}
