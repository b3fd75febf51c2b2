//! Restores a dump on a PostgreSQL server, in one transaction of one connection.
//!
//! `pg_restore` writes the script, and it is run here rather than by `psql`, so
//! that dropping what is replaced, restoring, and comparing with the manifest
//! are one transaction.

use std::{
    path::Path,
    process::Stdio,
    str::FromStr as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use schema_audit::scratch::pg_dump::{find, for_the_server};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, SqlxPostgresConnector, Statement,
    sqlx::{
        self,
        postgres::{PgConnectOptions, PgPoolOptions},
    },
};
use secrecy::{ExposeSecret, SecretString};
use tokio::{io::AsyncReadExt as _, io::BufReader, process::Command};

use super::{Replaced, RestoreOptions, script};
use crate::{
    backup::{
        BackupError, Difference, Manifest, Progress, Step,
        difference::differences,
        facts::State,
        pg_dump::{ended, message_of, pg_restore, reading, spawn},
    },
    sql::{identifier, milliseconds, row, rows, texts},
};

/// The catalog of schemas, by which the entries of a dump name what they are.
const SCHEMAS: &str = "2615";
/// How many of the objects in the way an error names.
const NAMED: usize = 5;

/// A dump and where it goes.
pub(in crate::backup) struct Load<'a> {
    pub(in crate::backup) url: &'a SecretString,
    pub(in crate::backup) path: &'a Path,
    pub(in crate::backup) manifest: &'a Manifest,
    pub(in crate::backup) options: &'a RestoreOptions,
    /// Tables of the same schema that are dropped first.
    pub(in crate::backup) replaced: Replaced<'a>,
    /// Whether it stays, if it does not differ.
    pub(in crate::backup) keep: bool,
}

/// Restores and compares; commits if that is wanted and nothing differs.
pub(in crate::backup) async fn load(
    load: &Load<'_>,
    progress: Progress<'_>,
) -> Result<Vec<Difference>, BackupError> {
    let db = connect(load.url).await?;
    let loaded = load.run(&db, progress).await;
    // Whatever is not committed goes with the connection.
    let closed = db.close().await;
    let differences = loaded?;
    closed.map_err(BackupError::restore)?;
    Ok(differences)
}

/// One connection that is never replaced: on another one, what follows would be
/// outside of the transaction.
async fn connect(url: &SecretString) -> Result<DatabaseConnection, BackupError> {
    let refused = |error: sqlx::Error| {
        BackupError::restore(DbErr::Conn(sea_orm::RuntimeErr::SqlxError(error.into())))
    };
    let options = PgConnectOptions::from_str(url.expose_secret())
        .map_err(refused)?
        .application_name("outreach");
    let used = Arc::new(AtomicBool::new(false));
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_connect(move |_, _| {
            let again = used.swap(true, Ordering::SeqCst);
            Box::pin(async move {
                if again {
                    return Err(sqlx::Error::Protocol("the connection was lost".to_owned()));
                }
                Ok(())
            })
        })
        .connect_with(options)
        .await
        .map_err(refused)?;
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}

impl Load<'_> {
    fn schema(&self) -> &str {
        self.manifest.schema.as_deref().unwrap_or_default()
    }

    async fn run(
        &self,
        db: &DatabaseConnection,
        progress: Progress<'_>,
    ) -> Result<Vec<Difference>, BackupError> {
        let major = row(
            db,
            "SELECT current_setting('server_version_num')::int / 10000",
            [],
        )
        .await
        .and_then(|row| row.try_get_by_index::<i32>(0))
        .map_err(BackupError::restore)?;
        let program = pg_restore(&find(major.unsigned_abs()).await?);
        // The role's own settings don't belong here. What was committed while the
        // locks were waited for has to be seen.
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
             SET LOCAL idle_in_transaction_session_timeout = 0; \
             SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {}",
            milliseconds(self.options.statement_timeout),
            milliseconds(self.options.lock_timeout)
        );
        db.execute_unprepared(&begin)
            .await
            .map_err(BackupError::restore)?;
        let exists = self.make_room(db).await?;
        self.make_extensions(db)
            .await
            .map_err(BackupError::restore)?;
        progress(Step::Restoring);
        let list = self.list(&program, exists).await?;
        self.definitions(db, &program, list.path(), "pre-data")
            .await?;
        self.rows(db, &program, list.path()).await?;
        self.definitions(db, &program, list.path(), "post-data")
            .await?;
        self.compare(db, progress).await
    }

    /// Drops what is replaced, and refuses what is left. Whether the schema is
    /// there.
    async fn make_room(&self, db: &DatabaseConnection) -> Result<bool, BackupError> {
        if !self.replaced.tables.is_empty() {
            let schema = identifier(self.schema());
            let tables = self.replaced.tables.iter();
            let tables: Vec<String> = tables
                .map(|table| format!("{schema}.{}", identifier(table)))
                .collect();
            self.refuse_changes(db, &tables).await?;
            // No CASCADE: what is not ours is not dropped.
            let sql = format!("DROP TABLE IF EXISTS {}", tables.join(", "));
            db.execute_unprepared(&sql)
                .await
                .map_err(BackupError::restore)?;
        }
        let found = self.found(db).await.map_err(BackupError::restore)?;
        if !found.is_empty() {
            return Err(BackupError::NotEmpty { found });
        }
        let sql = "SELECT nspname::text FROM pg_catalog.pg_namespace WHERE nspname = $1";
        let names = texts(db, sql, [self.schema().into()]).await;
        Ok(!names.map_err(BackupError::restore)?.is_empty())
    }

    /// Against everybody, so that what is compared is what is dropped.
    async fn refuse_changes(
        &self,
        db: &DatabaseConnection,
        tables: &[String],
    ) -> Result<(), BackupError> {
        if self.replaced.held.is_none() {
            return Ok(());
        }
        let sql = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", tables.join(", "));
        db.execute_unprepared(&sql)
            .await
            .map_err(BackupError::restore)?;
        self.use_schema(db).await?;
        self.replaced.refuse_changes(db).await
    }

    async fn use_schema(&self, db: &DatabaseConnection) -> Result<(), BackupError> {
        let path = Statement::from_sql_and_values(
            db.get_database_backend(),
            "SELECT pg_catalog.set_config('search_path', $1, true), \
             pg_catalog.set_config('row_security', 'on', true)",
            [identifier(self.schema()).into()],
        );
        let set = db.query_one_raw(path).await;
        set.map(drop).map_err(BackupError::restore)
    }

    /// Some of what is in the schema, other than what extensions bring.
    async fn found(&self, db: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
        let sql = format!(
            "WITH found AS ( \
             SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' \
             WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'type' WHEN 'f' THEN 'foreign table' \
             ELSE 'table' END AS kind, c.relname AS name, c.oid, \
             'pg_catalog.pg_class'::pg_catalog.regclass AS catalog, c.relnamespace AS home \
             FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'c', 'f') \
             UNION ALL SELECT 'type', t.typname, t.oid, 'pg_catalog.pg_type'::regclass, \
             t.typnamespace FROM pg_catalog.pg_type t WHERE t.typtype IN ('e', 'd', 'r') \
             UNION ALL SELECT 'function', p.proname, p.oid, 'pg_catalog.pg_proc'::regclass, \
             p.pronamespace FROM pg_catalog.pg_proc p) \
             SELECT found.kind || ' `' || found.name || '`' FROM found \
             JOIN pg_catalog.pg_namespace n ON n.oid = found.home WHERE n.nspname = $1 \
             AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = found.oid \
             AND d.classid = found.catalog AND d.deptype IN ('e', 'i', 'a') \
             AND (d.deptype <> 'a' OR found.kind = 'sequence')) \
             ORDER BY found.kind, found.name LIMIT {NAMED}"
        );
        texts(db, &sql, [self.schema().into()]).await
    }

    /// A dump of one schema does not hold the extensions that it needs.
    async fn make_extensions(&self, db: &DatabaseConnection) -> Result<(), DbErr> {
        for (name, schema) in &self.manifest.extensions {
            let sql = "SELECT extname FROM pg_catalog.pg_extension WHERE extname = $1";
            if !rows(db, sql, [name.as_str().into()]).await?.is_empty() {
                continue;
            }
            let (name, schema) = (identifier(name), identifier(schema));
            let sql = format!(
                "CREATE SCHEMA IF NOT EXISTS {schema}; CREATE EXTENSION {name} WITH SCHEMA {schema}"
            );
            db.execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    /// The entries of the dump, without the schema itself where it is there.
    async fn list(
        &self,
        program: &Path,
        schema_exists: bool,
    ) -> Result<tempfile::NamedTempFile, BackupError> {
        let mut command = Command::new(program);
        command.arg("--list").arg(self.path);
        let list = text_of(program, command).await?;
        let kept = list
            .lines()
            .filter(|line| !(schema_exists && is_of_the_schema(line)));
        let kept: String = kept.flat_map(|line| [line, "\n"]).collect();
        let written = tempfile::NamedTempFile::new().and_then(|mut file| {
            std::io::Write::write_all(&mut file, kept.as_bytes())?;
            Ok(file)
        });
        written.map_err(|source| BackupError::Write {
            path: std::env::temp_dir(),
            source,
        })
    }

    fn command(&self, program: &Path, list: &Path, section: &str) -> Command {
        let mut command = Command::new(program);
        command
            .args(["--file=-", "--no-owner", "--no-tablespaces"])
            .args(["--no-publications", "--no-subscriptions"])
            .arg("--no-security-labels")
            .arg(format!("--section={section}"))
            .arg("--use-list")
            .arg(list)
            .args((!self.options.privileges).then_some("--no-privileges"))
            .arg(self.path)
            .stdin(Stdio::null());
        command
    }

    async fn definitions(
        &self,
        db: &DatabaseConnection,
        program: &Path,
        list: &Path,
        section: &str,
    ) -> Result<(), BackupError> {
        let script = text_of(program, self.command(program, list, section)).await?;
        db.execute_unprepared(&script::without_limits(&for_the_server(&script)))
            .await
            .map(drop)
            .map_err(BackupError::restore)
    }

    async fn rows(
        &self,
        db: &DatabaseConnection,
        program: &Path,
        list: &Path,
    ) -> Result<(), BackupError> {
        let mut child = spawn(program, self.command(program, list, "data"))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let Some(stdout) = stdout else {
            return ended("pg_restore", child, String::new()).await;
        };
        let script = BufReader::with_capacity(256 * 1024, stdout);
        let (ran, message) = tokio::join!(script::run(db, script), message_of(stderr));
        // What the program says is nearer to the cause than a script cut off.
        ended_or(ran, child, message).await
    }

    async fn compare(
        &self,
        db: &DatabaseConnection,
        progress: Progress<'_>,
    ) -> Result<Vec<Difference>, BackupError> {
        progress(Step::Comparing);
        self.use_schema(db).await?;
        let state = State::read(db, progress).await?;
        let differences = differences(self.manifest, &state.schema, &state.contents);
        if self.keep && differences.is_empty() {
            progress(Step::Committing);
            let committed = db.execute_unprepared("COMMIT").await;
            committed.map_err(BackupError::commit)?;
        } else {
            let rolled_back = db.execute_unprepared("ROLLBACK").await;
            rolled_back.map_err(BackupError::restore)?;
        }
        Ok(differences)
    }
}

async fn ended_or(
    ran: Result<(), DbErr>,
    mut child: tokio::process::Child,
    message: String,
) -> Result<(), BackupError> {
    match ran {
        Ok(()) => ended("pg_restore", child, message).await,
        Err(error @ DbErr::Custom(_)) => {
            ended("pg_restore", child, message).await?;
            Err(BackupError::restore(error))
        }
        Err(error) => {
            // It would wait for a reader.
            let _ = child.kill().await;
            Err(BackupError::restore(error))
        }
    }
}

/// What a program writes, if it ends well.
async fn text_of(program: &Path, command: Command) -> Result<String, BackupError> {
    let mut child = spawn(program, command)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut bytes = Vec::new();
    let read = async {
        match stdout {
            Some(mut stdout) => stdout.read_to_end(&mut bytes).await.map(drop),
            None => Ok(()),
        }
    };
    let (read, message) = tokio::join!(read, message_of(stderr));
    read.map_err(reading("pg_restore"))?;
    ended("pg_restore", child, message).await?;
    String::from_utf8(bytes).map_err(|_| BackupError::Program {
        program: "pg_restore",
        message: "its output is not UTF-8".to_owned(),
    })
}

/// `5; 2615 2200 SCHEMA - public owner`, and its comment and privileges.
fn is_of_the_schema(entry: &str) -> bool {
    let Some((_, entry)) = entry.split_once("; ") else {
        return false;
    };
    let words: Vec<&str> = entry.split(' ').take(5).collect();
    words.first() == Some(&SCHEMAS) || matches!(words[..], [_, _, "COMMENT" | "ACL", "-", "SCHEMA"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entries_of_the_schema_itself_are_known() {
        assert!(is_of_the_schema("5; 2615 2200 SCHEMA - public postgres"));
        assert!(is_of_the_schema(
            "3500; 0 0 COMMENT - SCHEMA public postgres"
        ));
        assert!(is_of_the_schema("3500; 0 0 ACL - SCHEMA public postgres"));
        assert!(!is_of_the_schema(
            "215; 1259 16386 TABLE public SCHEMA postgres"
        ));
        assert!(!is_of_the_schema(";"));
    }
}
