//! The statements of each revision, as the recorded scripts have them.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;
use outreach_migration::{
    Migrator, MigratorTrait, REVISIONS, Revision,
    run::Direction,
    scripts::{RecordedRevision, RecordedStatement, TableLock},
};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, Statement,
    TransactionTrait,
};
use sea_orm_migration::SchemaManager;

use crate::{Files, GeneratedFiles, TestDb};

/// The files of the scripts.
pub const SCRIPTS: GeneratedFiles = GeneratedFiles {
    folder: "migration",
    whole: &["scripts/postgres", "scripts/sqlite"],
    single: &["src/scripts/recorded.rs"],
};

/// Locks from the weakest to the strongest.
const MODES: [&str; 8] = [
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
];

/// Records each revision on an empty database of each kind, and gives the files.
pub async fn record() -> anyhow::Result<Files> {
    let mut files = Files::new();
    for db in [
        TestDb::empty_postgres().await?,
        TestDb::empty_sqlite().await?,
    ] {
        let folder = match db.backend() {
            DbBackend::Sqlite => "sqlite",
            _ => "postgres",
        };
        for (revision, record) in REVISIONS.iter().zip(record_on(&db).await?) {
            let path = PathBuf::from(format!("scripts/{folder}/{}.json", revision.name));
            files.insert(path, serde_json::to_string_pretty(&record)? + "\n");
        }
    }
    files.insert(PathBuf::from("src/scripts/recorded.rs"), list()?);
    Ok(files)
}

/// What each revision sends on an empty database, oldest first. The database
/// has the newest revision in the end.
pub async fn record_on(db: &TestDb) -> anyhow::Result<Vec<RecordedRevision>> {
    let mut recorder = Recorder::connect(db).await?;
    let mut records = Vec::new();
    for revision in REVISIONS {
        let up = recorder.sent(revision, Direction::Up).await?;
        let up = recorder.run(up).await?;
        let down = recorder.sent(revision, Direction::Down).await?;
        let down = recorder.run(down).await?;
        // The next one stands on it.
        let txn = recorder.pool.begin().await?;
        for statement in &up {
            txn.execute_unprepared(&statement.sql).await?;
        }
        txn.commit().await?;
        records.push(RecordedRevision { up, down });
    }
    recorder.pool.close().await?;
    Ok(records)
}

/// Tables by their number: name and file.
type Tables = BTreeMap<i64, (String, i64)>;

struct Recorder {
    pool: DatabaseConnection,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    async fn connect(db: &TestDb) -> anyhow::Result<Self> {
        let mut pool = db.connect_plain().await?;
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = Arc::clone(&seen);
        pool.set_metric_callback(move |info| {
            let mut seen = sink.lock().unwrap_or_else(PoisonError::into_inner);
            seen.push(info.statement.to_string());
        });
        Ok(Self { pool, seen })
    }

    /// The statements of a revision that change something. Nothing stays of them.
    async fn sent(&self, revision: &Revision, direction: Direction) -> anyhow::Result<Vec<String>> {
        let migrations = Migrator::migrations();
        let migration = migrations
            .iter()
            .find(|migration| migration.name() == revision.name)
            .context("the list of revisions is that of the migrator")?;
        let txn = self.pool.begin().await?;
        self.take();
        let manager = SchemaManager::new(&txn);
        match direction {
            Direction::Up => migration.up(&manager).await?,
            Direction::Down => migration.down(&manager).await?,
        }
        let sent = self.take();
        txn.rollback().await?;
        Ok(sent.into_iter().filter(|sql| changes(sql)).collect())
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs the statements, each in a transaction of its own, and says what each
    /// locks and rewrites of the tables that were there before the first.
    async fn run(&mut self, sent: Vec<String>) -> anyhow::Result<Vec<RecordedStatement>> {
        let before = files(&self.pool).await?;
        let mut recorded = Vec::new();
        for sql in sent {
            let txn = self.pool.begin().await?;
            let earlier = files(&txn).await?;
            txn.execute_unprepared(&sql)
                .await
                .with_context(|| format!("a recorded statement fails: {sql}"))?;
            let locks = locks(&txn, &before).await?;
            let later = files(&txn).await?;
            txn.commit().await?;
            let is_rewritten = |oid: &i64| match (earlier.get(oid), later.get(oid)) {
                (Some((_, old)), Some((_, new))) => old != new,
                _ => false,
            };
            let rewritten = before.iter().filter(|(oid, _)| is_rewritten(oid));
            let rewrites = rewritten.map(|(_, (name, _))| name.clone()).collect();
            recorded.push(RecordedStatement {
                sql,
                locks,
                rewrites,
            });
        }
        Ok(recorded)
    }
}

fn changes(sql: &str) -> bool {
    let word = sql.split_whitespace().next().unwrap_or_default();
    !["SELECT", "PRAGMA"]
        .iter()
        .any(|read| word.eq_ignore_ascii_case(read))
}

/// The name and the file of each table by its number; nothing on SQLite.
async fn files<C: ConnectionTrait>(db: &C) -> anyhow::Result<Tables> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(BTreeMap::new());
    }
    let rows = db
        .query_all_raw(Statement::from_string(
            DbBackend::Postgres,
            "SELECT c.oid::bigint AS oid, c.relname::text AS name, pg_relation_filenode(c.oid)::bigint AS file \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = current_schema() AND c.relkind = 'r' ORDER BY 1",
        ))
        .await?;
    rows.iter()
        .map(|row| {
            let table = (row.try_get("", "name")?, row.try_get("", "file")?);
            Ok((row.try_get("", "oid")?, table))
        })
        .collect()
}

/// The strongest lock on each of these tables that the transaction has.
async fn locks(txn: &DatabaseTransaction, tables: &Tables) -> anyhow::Result<Vec<TableLock>> {
    if txn.get_database_backend() != DbBackend::Postgres {
        return Ok(Vec::new());
    }
    let rows = txn
        .query_all_raw(Statement::from_string(
            DbBackend::Postgres,
            "SELECT relation::bigint AS oid, mode FROM pg_locks \
             WHERE pid = pg_backend_pid() AND locktype = 'relation'",
        ))
        .await?;
    let mut strongest: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        let (oid, mode): (i64, String) = (row.try_get("", "oid")?, row.try_get("", "mode")?);
        let rank = MODES.iter().position(|known| *known == mode);
        let rank = rank.with_context(|| format!("no lock is known as {mode}"))?;
        // By number: a dropped table has no name any more.
        if let Some((name, _)) = tables.get(&oid) {
            let known = strongest.entry(name.clone()).or_default();
            *known = rank.max(*known);
        }
    }
    Ok(strongest
        .into_iter()
        // Whoever reads a table takes it; it only keeps others from dropping it.
        .filter(|(_, rank)| *rank > 0)
        .map(|(table, rank)| TableLock {
            table,
            mode: MODES[rank].to_owned(),
        })
        .collect())
}

fn list() -> anyhow::Result<String> {
    let mut text = String::from(
        "//! Generated by `cargo run --bin regenerate-snapshots`; not to be edited.\n\n\
         /// Revision, PostgreSQL's statements, SQLite's.\n\
         #[rustfmt::skip]\n\
         pub(super) const SCRIPTS: &[(&str, &str, &str)] = &[\n",
    );
    for revision in REVISIONS {
        writeln!(text, "    (\n        {:?},", revision.name)?;
        for folder in ["postgres", "sqlite"] {
            let path = format!("../../scripts/{folder}/{}.json", revision.name);
            writeln!(text, "        include_str!({path:?}),")?;
        }
        writeln!(text, "    ),")?;
    }
    text.push_str("];\n");
    Ok(text)
}
