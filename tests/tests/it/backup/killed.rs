//! Killed while it works: the original is left, and the same command goes on.

use std::{fs, path::Path};

use outreach_operations::backup::{Backup, Manifest};
use outreach_tests::{Outreach, PostgresServer, Running, TestDb, matrix_tests};
use sea_orm::{
    DbBackend,
    sqlx::{Connection, Executor, PgConnection},
};
use tempfile::TempDir;

use super::{create, empty_like, fill, folder, names, options, outreach, paths_that_end_with};
use crate::support::insert_setting;

matrix_tests! {
    a_killed_backup_is_known_and_removed_by_the_next_prune,
    a_killed_restore_leaves_the_target_empty_or_whole,
}

/// How often it is tried to kill before the end; each time there is twice as
/// much to do.
const ATTEMPTS: u32 = 7;

/// Adds a long row, longer with each attempt.
async fn grow(db: &TestDb, attempt: u32) -> anyhow::Result<()> {
    let length = 1_000_000_u64 << attempt;
    let value = match db.backend() {
        DbBackend::Sqlite => format!("'\"' || hex(zeroblob({length})) || '\"'"),
        _ => format!("to_json(repeat('0', {length}))"),
    };
    let sql = setting_of(db, &format!("long {attempt}"));
    let sql = sql.replace("(id, key)", "(id, key, value)");
    let (head, _) = sql.rsplit_once(')').unwrap_or_default();
    db.sql(&format!("{head}, {value})")).await?;
    Ok(())
}

fn setting_of(db: &TestDb, key: &str) -> String {
    let sql = insert_setting(key);
    match db.backend() {
        DbBackend::Postgres => sql.replace("X'", "'"),
        _ => sql,
    }
}

async fn a_killed_backup_is_known_and_removed_by_the_next_prune(db: TestDb) -> anyhow::Result<()> {
    fill(&db).await?;
    let folder = folder()?;
    let directory = folder.path().join("backups");
    let mut came_in_time = false;
    for attempt in 0..ATTEMPTS {
        // On PostgreSQL it is held up for certain.
        let holder = hold_up(&db).await?;
        let mut backup = outreach(&folder, &db).arg("backup").spawn()?;
        let line = backup.wait_for_stderr("writing ").await?;
        backup.kill_9().await?;
        drop(holder);
        // While it is written there is nothing beside it but SQLite's journal.
        let left = names(&directory);
        let is_of_it = |name: &String| {
            let name = name.trim_end_matches("-journal");
            name.ends_with(".partial") && line.contains(name)
        };
        came_in_time = !left.is_empty() && left.iter().all(is_of_it);
        if came_in_time {
            break;
        }
        fs::remove_dir_all(&directory)?;
        grow(&db, attempt).await?;
    }
    assert!(came_in_time, "all kills came too late");
    let run = async |arguments: &[&str]| outreach(&folder, &db).args(arguments).run().await;
    let made = run(&["backup"]).await?;
    assert_eq!(made.status, Some(0), "{made:?}");
    let mut partials = paths_that_end_with(&directory, ".partial");
    assert_eq!(partials.len(), 1, "{partials:?}");
    partials.extend(paths_that_end_with(&directory, ".partial-journal"));
    let listed = run(&["backup", "list"]).await?;
    for partial in &partials {
        let name = partial.file_name().unwrap_or_default().to_string_lossy();
        assert!(listed.stderr.contains(&*name), "{listed:?}");
    }
    let pruned = run(&["backup", "prune", "--keep", "5"]).await?;
    assert_eq!(pruned.status, Some(0), "{pruned:?}");
    assert_eq!(pruned.stdout.lines().count(), partials.len(), "{pruned:?}");
    let files = names(&directory);
    assert!(
        !files.iter().any(|name| name.contains(".partial")),
        "{files:?}"
    );
    let manifests = files.iter().filter(|name| name.ends_with(".manifest.json"));
    assert_eq!(manifests.count() * 2, files.len(), "{files:?}");
    Ok(())
}

/// A session that has a table to itself, on PostgreSQL.
async fn hold_up(db: &TestDb) -> anyhow::Result<Option<PgConnection>> {
    if db.backend() != DbBackend::Postgres {
        return Ok(None);
    }
    let mut holder = PgConnection::connect(db.url()).await?;
    holder
        .execute("BEGIN; LOCK TABLE settings IN ACCESS EXCLUSIVE MODE")
        .await?;
    Ok(Some(holder))
}

async fn a_killed_restore_leaves_the_target_empty_or_whole(db: TestDb) -> anyhow::Result<()> {
    fill(&db).await?;
    let folder = folder()?;
    let mut made = create(&options(&db), &folder.path().join("backups")).await?;
    let mut grown = 0;
    // On PostgreSQL the second kind is the same as the first.
    let kinds: &[bool] = match db.backend() {
        DbBackend::Sqlite => &[false, true],
        _ => &[false],
    };
    for point in ["computing", "restoring", "comparing", "counting"] {
        for has_file in kinds {
            while !is_killed_in_time(&db, &folder, &made, point, *has_file).await? {
                assert!(grown < ATTEMPTS, "all kills after `{point}` came too late");
                grow(&db, grown).await?;
                grown += 1;
                made = create(&options(&db), &folder.path().join("backups")).await?;
            }
        }
    }
    Ok(())
}

/// Kills a restore after a line. Whether it had not committed yet; then the same
/// command goes on.
async fn is_killed_in_time(
    db: &TestDb,
    folder: &TempDir,
    made: &Backup,
    point: &str,
    has_file: bool,
) -> anyhow::Result<bool> {
    let target = empty_like(db).await?;
    if has_file {
        target.sql("CREATE TABLE t (a text); DROP TABLE t").await?;
    }
    let restoring = outreach(folder, &target).arg("restore").arg(&made.path);
    let mut running = restoring.spawn()?;
    running.wait_for_stderr(point).await?;
    running.kill_9().await?;
    quiet(&target).await?;
    if let Some(found) = tables(&target).await? {
        assert_eq!(found, made.manifest.contents.tables.len(), "{point}");
        return Ok(false);
    }
    let again = restoring.run().await?;
    assert_eq!(again.status, Some(0), "{point}: {again:?}");
    Ok(true)
}

/// Waits until the server has noticed that the killed session is gone.
async fn quiet(db: &TestDb) -> anyhow::Result<()> {
    if db.backend() != DbBackend::Postgres {
        return Ok(());
    }
    let others = "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for _ in 0..10_000 {
        if db.count(others).await? == 0 {
            return Ok(());
        }
    }
    anyhow::bail!("a killed session stays")
}

/// How many tables a database has; `None` for none of them, or no file.
async fn tables(db: &TestDb) -> anyhow::Result<Option<usize>> {
    let sql = if db.backend() == DbBackend::Postgres {
        "SELECT count(*) FROM pg_class \
         WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    } else {
        let path = db.url().trim_start_matches("sqlite://");
        if !Path::new(path.split('?').next().unwrap_or_default()).exists() {
            return Ok(None);
        }
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    };
    let count = usize::try_from(db.count(sql).await?)?;
    Ok((count > 0).then_some(count))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_verification_removes_its_scratch_database() -> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    fill(&db).await?;
    let folder = folder()?;
    let made = create(&options(&db), folder.path()).await?;
    let mut verifying: Running = outreach(&folder, &db)
        .args(["backup", "verify"])
        .arg(&made.path)
        .spawn()?;
    let line = verifying.wait_for_stderr("the scratch database is").await?;
    verifying.signal("TERM").await?;
    let output = verifying.wait().await?;
    assert_eq!(output.status, Some(2), "{output:?}");
    let (_, name) = line.split_once("schema_audit_scratch_").unwrap_or_default();
    let name = name.split(',').next().unwrap_or_default();
    assert_eq!(name.len(), 16, "{line}");
    let sql = format!("SELECT count(*) FROM pg_database WHERE datname ~ '{name}'");
    assert_eq!(db.count(&sql).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_backup_leaves_nothing() -> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let folder: TempDir = folder()?;
    let _holder = hold_up(&db).await?;
    let mut backup = Outreach::new(&folder)
        .env("DATABASE_URL", db.url())
        .arg("backup")
        .spawn()?;
    backup.wait_for_stderr("writing").await?;
    backup.signal("INT").await?;
    let output = backup.wait().await?;
    assert_eq!(output.status, Some(2), "{output:?}");
    assert!(names(&folder.path().join("backups")).is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_can_be_backed_up() -> anyhow::Result<()> {
    let server = PostgresServer::start().await?;
    let db = TestDb::postgres_on(&server).await?;
    fill(&db).await?;
    let standby = server.start_standby()?;
    let name = db
        .value("SELECT current_database()")
        .await?
        .unwrap_or_default();
    let url = standby.url(&name);
    let options = outreach_service::connect::DatabaseOptions::new(&url)?;
    let folder = folder()?;
    let made = create(&options, folder.path()).await?;
    assert_eq!(
        made.manifest.contents.table("settings").map(|t| t.rows),
        Some(2)
    );
    let written = Manifest::read(&made.path)?;
    assert_eq!(written.contents, made.manifest.contents);
    Ok(())
}
