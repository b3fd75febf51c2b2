//! What a manifest says of a database, read in one transaction.

use chrono::{DateTime, Utc};
use outreach_migration::ledger;
use outreach_service::connect::DatabaseOptions;
use schema_audit::{
    inspect::{Scope, inspect_in_txn},
    schema::{Dialect, Schema},
};
use sea_orm::{ConnectionTrait, DbErr, sqlx::postgres::PgConnectOptions};
use secrecy::ExposeSecret;

use super::{
    BackupError, Manifest, Progress, Step,
    manifest::{FORMAT, fingerprint},
};
use crate::{
    contents::{self, Contents},
    sql::{row, rows, texts},
};

/// What is known before the rows are looked at.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) dialect: Dialect,
    pub(super) database: String,
    pub(super) origin: Option<String>,
    pub(super) schema: Option<String>,
    pub(super) server_version: String,
    /// Of PostgreSQL.
    pub(super) major: u32,
    pub(super) revision: Option<String>,
    pub(super) alembic: Option<Vec<String>>,
    pub(super) environment: Option<String>,
    pub(super) taken_at: DateTime<Utc>,
    pub(super) extensions: Vec<(String, String)>,
}

impl Facts {
    pub(super) async fn read(
        db: &impl ConnectionTrait,
        options: &DatabaseOptions,
    ) -> Result<Self, BackupError> {
        let facts = if options.is_sqlite() {
            of_file(db, options).await
        } else {
            of_server(db).await
        };
        let mut facts = facts.map_err(BackupError::database("asking what database it is"))?;
        facts.origin = origin(options);
        if facts.dialect == Dialect::Postgres && facts.schema.is_none() {
            return Err(BackupError::NoSchema);
        }
        facts
            .read_ledgers(db)
            .await
            .map_err(BackupError::database("reading the ledgers"))?;
        Ok(facts)
    }

    async fn read_ledgers(&mut self, db: &impl ConnectionTrait) -> Result<(), DbErr> {
        self.revision = ledger::applied(db).await?.pop();
        if ledger::table_exists(db, "alembic_version").await? {
            let sql = "SELECT version_num FROM alembic_version ORDER BY 1";
            self.alembic = Some(texts(db, sql, []).await?);
        }
        if ledger::table_exists(db, "database_properties").await? {
            let sql = "SELECT value FROM database_properties WHERE name = 'environment'";
            self.environment = texts(db, sql, []).await?.pop();
        }
        Ok(())
    }

    /// The manifest of a file with this length and checksum.
    pub(super) fn into_manifest(self, state: State, (bytes, sha256): (u64, String)) -> Manifest {
        Manifest {
            format: FORMAT,
            outreach: env!("CARGO_PKG_VERSION").to_owned(),
            dialect: self.dialect,
            database: self.database,
            origin: self.origin,
            schema: self.schema,
            server_version: self.server_version,
            revision: self.revision,
            alembic: self.alembic,
            environment: self.environment,
            taken_at: self.taken_at,
            schema_fingerprint: fingerprint(&state.schema),
            structure: state.schema,
            extensions: self.extensions,
            contents: state.contents,
            bytes,
            sha256,
        }
    }
}

/// What a database is and holds.
#[derive(Debug)]
pub(super) struct State {
    pub(super) schema: Schema,
    pub(super) contents: Contents,
}

impl State {
    /// Of the current schema, as the transaction sees it.
    pub(super) async fn read(
        db: &impl ConnectionTrait,
        progress: Progress<'_>,
    ) -> Result<Self, BackupError> {
        let mut schema = inspect_in_txn(db, &Scope::Current).await?;
        schema
            .unmodelled
            .retain(|object| !is_of_the_place(&object.kind));
        let names = contents::table_names(db).await?;
        progress(Step::Counting {
            tables: names.len(),
        });
        let contents = contents::of(db, &names).await?;
        Ok(Self { schema, contents })
    }
}

/// What is the server's or the target's own, and may differ after a restore:
/// roles and tablespaces, and a schema that was there before.
fn is_of_the_place(kind: &str) -> bool {
    kind.ends_with("privileges") || matches!(kind, "comment of a schema" | "tablespace")
}

fn origin(options: &DatabaseOptions) -> Option<String> {
    if options.is_sqlite() {
        let path = std::fs::canonicalize(options.url().sqlite_path()?).ok()?;
        return Some(path.to_string_lossy().into_owned());
    }
    let url = options.url().with_password();
    let url: PgConnectOptions = url.expose_secret().parse().ok()?;
    let host = match url.get_socket() {
        Some(folder) => folder.to_string_lossy().into_owned(),
        None => url.get_host().to_owned(),
    };
    Some(format!("{host}:{}", url.get_port()))
}

async fn of_server(db: &impl ConnectionTrait) -> Result<Facts, DbErr> {
    let sql = "SELECT current_database()::text AS database, current_schema()::text AS schema, \
         current_setting('server_version') AS version, \
         current_setting('server_version_num')::int / 10000 AS major, now() AS now";
    let row = row(db, sql, []).await?;
    let sql = "SELECT e.extname::text, n.nspname::text FROM pg_catalog.pg_extension e \
         JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace \
         WHERE e.extname <> 'plpgsql' ORDER BY e.oid";
    let extensions = rows(db, sql, []).await?;
    let extensions = extensions
        .iter()
        .map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)));
    Ok(Facts {
        dialect: Dialect::Postgres,
        database: row.try_get("", "database")?,
        origin: None,
        schema: row.try_get("", "schema")?,
        server_version: row.try_get("", "version")?,
        major: row.try_get::<i32>("", "major")?.unsigned_abs(),
        revision: None,
        alembic: None,
        environment: None,
        taken_at: row.try_get("", "now")?,
        extensions: extensions.collect::<Result<_, DbErr>>()?,
    })
}

async fn of_file(db: &impl ConnectionTrait, options: &DatabaseOptions) -> Result<Facts, DbErr> {
    let sql = "SELECT sqlite_version() AS version, \
         strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now') AS now";
    let row = row(db, sql, []).await?;
    let path = options.url().sqlite_path().unwrap_or_default();
    let name = std::path::Path::new(&path).file_name();
    Ok(Facts {
        dialect: Dialect::Sqlite,
        database: name.unwrap_or_default().to_string_lossy().into_owned(),
        origin: None,
        schema: None,
        server_version: row.try_get("", "version")?,
        major: 0,
        revision: None,
        alembic: None,
        environment: None,
        taken_at: row.try_get("", "now")?,
        extensions: Vec::new(),
    })
}
