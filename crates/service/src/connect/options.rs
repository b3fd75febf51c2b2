use std::{path::Path, str::FromStr, time::Duration};

use sea_orm::{
    ConnectOptions, DatabaseConnection,
    sqlx::{ConnectOptions as _, Connection, Row, postgres::PgConnectOptions},
};

use super::{ConnectError, DatabaseUrl, InvalidDatabaseUrl, Tenant, url::Kind};

/// The longest name of anything in PostgreSQL.
const MAX_IDENTIFIER_BYTES: usize = 63;

/// How to reach a database and how its pool behaves.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    url: DatabaseUrl,
    schema: Option<String>,
    max_connections: u32,
    acquire_timeout: Duration,
    idle_timeout: Duration,
    statement_timeout: Option<Duration>,
    busy_timeout: Duration,
    application_name: String,
    create_if_missing: bool,
    wait_for_server: bool,
}

impl DatabaseOptions {
    /// Options for a URL: up to 10 connections, 10 s to get one, closed after
    /// 10 idle minutes, no limit on a statement's time.
    pub fn new(url: &str) -> Result<Self, InvalidDatabaseUrl> {
        Ok(Self {
            url: DatabaseUrl::parse(url)?,
            schema: None,
            max_connections: 10,
            acquire_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(10),
            statement_timeout: None,
            busy_timeout: Duration::from_secs(30),
            application_name: "outreach".to_owned(),
            create_if_missing: false,
            wait_for_server: true,
        })
    }

    /// The PostgreSQL schema that holds the tables; the server's search path
    /// decides when none is set. Ignored on SQLite.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// The most connections that the pool opens, at least 1. A database in
    /// memory always has one.
    #[must_use]
    pub fn max_connections(mut self, connections: u32) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// The longest wait for a connection, a new one or a free one.
    #[must_use]
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = timeout;
        self
    }

    /// Closes a connection that nobody has used for this long. PostgreSQL only.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// The longest time for one statement. PostgreSQL only, set as the
    /// connection starts; a transaction-mode pooler has to allow it.
    #[must_use]
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = Some(timeout);
        self
    }

    /// How long a write waits for another writer. SQLite only.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// The name by which the server's views list the connections. PostgreSQL
    /// only.
    #[must_use]
    pub fn application_name(mut self, name: impl Into<String>) -> Self {
        self.application_name = name.into();
        self
    }

    /// Creates the file of an SQLite database that is not there. Off, because a
    /// mistyped path would otherwise become an empty database.
    #[must_use]
    pub fn create_if_missing(mut self, create: bool) -> Self {
        self.create_if_missing = create;
        self
    }

    /// Whether a server that refuses connections is tried again until
    /// [`acquire_timeout`](Self::acquire_timeout) is over, because it may be
    /// starting. On; a command that somebody waits for turns it off. PostgreSQL
    /// only.
    #[must_use]
    pub fn wait_for_server(mut self, wait: bool) -> Self {
        self.wait_for_server = wait;
        self
    }

    /// The URL, which shows no password.
    #[must_use]
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// The schema that was set.
    #[must_use]
    pub fn schema_name(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// The same options for the database as a whole.
    pub(super) fn without_schema(mut self) -> Self {
        self.schema = None;
        self
    }

    /// Whether a pooler in transaction mode stands before the server, which the
    /// URL says by turning the statement cache off
    /// (`statement-cache-capacity=0`): such a pooler can't do with one.
    #[must_use]
    pub fn is_behind_transaction_pooler(&self) -> bool {
        !self.is_sqlite() && self.url.has_statement_cache_off()
    }

    /// The schema of these options in a pool of theirs.
    #[must_use]
    pub fn tenant(&self, db: DatabaseConnection) -> Tenant {
        let tenant = match &self.schema {
            Some(schema) => Tenant::schema(db, schema),
            None => Tenant::of(db),
        };
        if self.is_behind_transaction_pooler() {
            tenant.behind_transaction_pooler()
        } else {
            tenant
        }
    }

    /// True for SQLite.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        self.url.kind() == Kind::Sqlite
    }

    /// Whether a refusal by the address itself is the answer.
    pub(super) fn is_told_at_once(&self) -> bool {
        !self.wait_for_server && !self.is_sqlite()
    }

    /// The server alone, without a pool; `None` for SQLite.
    pub(super) fn to_postgres(&self) -> Option<PgConnectOptions> {
        if self.is_sqlite() {
            return None;
        }
        let options = PgConnectOptions::from_str(self.url.without_password()).ok()?;
        let options = options.disable_statement_logging();
        Some(match self.url.password() {
            Some(password) => options.password(password),
            None => options,
        })
    }

    /// "Unable to open database file" would not say that the file is not there.
    pub(super) fn refuse_missing_file(&self) -> Result<(), ConnectError> {
        let Some(path) = self.url.sqlite_path() else {
            return Ok(());
        };
        if Path::new(&path).is_dir() {
            return Err(ConnectError::Directory { path });
        }
        let created = self.create_if_missing || self.url.sqlite_mode() == Some("rwc");
        if !created && !Path::new(&path).exists() {
            return Err(ConnectError::NoFile { path });
        }
        Ok(())
    }

    /// PostgreSQL cuts longer names, so that two tenants would become one, reads
    /// `$user` as the role's name even when it is quoted, and keeps some schemas
    /// to itself.
    pub(super) fn refuse_unusable_schema(&self) -> Result<(), ConnectError> {
        let Some(schema) = self.schema.as_deref() else {
            return Ok(());
        };
        let reason = if schema.is_empty() {
            "it is empty"
        } else if schema.len() > MAX_IDENTIFIER_BYTES {
            "PostgreSQL's names have at most 63 bytes"
        } else if schema.contains('\0') {
            "it contains a NUL character"
        } else if schema == "$user" {
            "PostgreSQL reads it as the role's name"
        } else if schema.starts_with("pg_") || schema == "information_schema" {
            "PostgreSQL keeps it to itself"
        } else {
            return Ok(());
        };
        Err(ConnectError::InvalidSchema {
            schema: outreach_domain::excerpt(schema, 100),
            reason,
        })
    }

    /// Whether it is an SQLite file that the URL does not open for reading only.
    pub(super) fn may_write_sqlite(&self) -> bool {
        self.is_sqlite() && !self.url.is_in_memory() && self.url.sqlite_mode() != Some("ro")
    }

    pub(super) fn to_sea_orm(&self) -> ConnectOptions {
        // SeaORM traces its options with the URL in them, so the password goes
        // beside it.
        let mut options = ConnectOptions::new(self.url.without_password());
        options
            .max_connections(self.max_connections)
            .acquire_timeout(self.acquire_timeout)
            .idle_timeout(self.idle_timeout)
            .sqlx_logging(false);
        match self.url.kind() {
            Kind::Postgres => self.configure_postgres(&mut options),
            Kind::Sqlite => self.configure_sqlite(&mut options),
        }
        options
    }

    fn configure_postgres(&self, options: &mut ConnectOptions) {
        options.set_application_name(self.application_name.clone());
        if let Some(timeout) = self.statement_timeout {
            options.statement_timeout(timeout);
        }
        if let Some(schema) = &self.schema {
            // SeaORM takes a text that begins with a quote as it is.
            options.set_schema_search_path(format!("\"{}\"", schema.replace('"', "\"\"")));
        }
        if let Some(password) = self.url.password() {
            let password = secrecy::SecretString::from(password);
            options.map_sqlx_postgres_opts(move |postgres| {
                postgres.password(secrecy::ExposeSecret::expose_secret(&password))
            });
        }
        // A BEGIN whose caller was cancelled leaves the connection inside a
        // transaction, and what is written on it later is never committed. In
        // a transaction of its own, a statement starts when its transaction
        // does. The round trip replaces the pool's own ping.
        options.test_before_acquire(false);
        options.map_sqlx_postgres_before_acquire(|connection, _| {
            Box::pin(async move {
                // The simple protocol: in the extended one the statement is
                // timed again at Execute, after its transaction has begun.
                sea_orm::sqlx::raw_sql("SELECT now() = statement_timestamp()")
                    .fetch_one(connection)
                    .await?
                    .try_get(0)
            })
        });
    }

    fn configure_sqlite(&self, options: &mut ConnectOptions) {
        if self.url.is_in_memory() {
            // Each connection would have a database of its own, gone with it.
            options.max_connections(1);
        }
        // An open file costs next to nothing, and the task that sqlx 0.9 starts
        // to close idle connections can spin for ever while a pool is closed
        // (launchbadge/sqlx#3645).
        options.idle_timeout(None).max_lifetime(None);
        let busy_timeout = self.busy_timeout;
        let create = self.create_if_missing && self.url.sqlite_mode().is_none();
        options.map_sqlx_sqlite_opts(move |sqlite| {
            let mut sqlite = sqlite.busy_timeout(busy_timeout).foreign_keys(true);
            if create {
                sqlite = sqlite.create_if_missing(true);
            }
            sqlite
        });
        options.map_sqlx_sqlite_before_acquire(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        });
    }
}
