//! Killed at any point: the original, or done; and the backup restores.

use std::time::{Duration, Instant};

use outreach_migration::REVISIONS;
use outreach_operations::contents::Contents;
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::DbBackend;
use tempfile::TempDir;

use super::{hashes, name, reset, settle};
use crate::{
    backup::{folder, outreach, paths_that_end_with},
    support::insert_setting,
};

/// Kills at any time.
const KILLS: u32 = 10;
/// How often it is tried to kill between a line and the end of the transaction.
const ATTEMPTS: usize = 10;
/// A line of each step before the transaction is committed.
const STEPS: [&str; 12] = [
    "writing",
    "counting and hashing",
    "computing the checksum",
    "the scratch database is",
    "restoring",
    "comparing with the manifest",
    "is sound",
    "locking the tables",
    "comparing what is there",
    "dropping",
    "running the revisions",
    "auditing the outcome",
];

matrix_tests! { f21_a_reset_that_is_killed_at_any_point_is_all_or_nothing }

async fn f21_a_reset_that_is_killed_at_any_point_is_all_or_nothing(
    db: TestDb,
) -> anyhow::Result<()> {
    fill(&db).await?;
    let folder = folder()?;
    let before = hashes(&db).await?;
    let span = measure(&db, &folder).await?;
    assert!(restored(&db, &folder).await?, "it was done");
    assert_eq!(hashes(&db).await?, before);

    for kill in 0..KILLS {
        let mut running = reset(&folder, &db).spawn()?;
        let end = running.wait_for_stdout("is never printed");
        let _ = tokio::time::timeout(span * kill / (KILLS - 1), end).await;
        running.kill_9().await?;
        settle(&db).await?;
        is_whole(&db, &folder, &before).await?;
    }
    let is_done_after = async |line: &str| {
        let mut running = reset(&folder, &db).spawn()?;
        running.wait_for_stderr(line).await?;
        running.kill_9().await?;
        settle(&db).await?;
        is_whole(&db, &folder, &before).await
    };
    for step in STEPS {
        let mut came_in_time = false;
        for _ in 0..ATTEMPTS {
            came_in_time = !is_done_after(step).await?;
            if came_in_time {
                break;
            }
        }
        assert!(came_in_time, "all kills after `{step}` came too late");
    }
    // Whether this one is done is open.
    is_done_after("committing").await?;
    assert!(is_done_after("committed").await?);
    Ok(())
}

/// The original, or done and brought back; whether it was done.
async fn is_whole(db: &TestDb, folder: &TempDir, before: &Contents) -> anyhow::Result<bool> {
    let now = hashes(db).await?;
    if now == *before {
        return Ok(false);
    }
    let rows = |table: &str| now.table(table).map(|table| table.rows);
    assert_eq!(rows("settings"), Some(0), "{now:?}");
    assert_eq!(rows("seaql_migrations"), Some(REVISIONS.len() as u64));
    assert!(restored(db, folder).await?);
    assert_eq!(&hashes(db).await?, before);
    Ok(true)
}

/// The time from the start to the end of the transaction.
async fn measure(db: &TestDb, folder: &TempDir) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let mut running = reset(folder, db).spawn()?;
    running.wait_for_stderr("committed").await?;
    let span = started.elapsed();
    running.kill_9().await?;
    settle(db).await?;
    Ok(span)
}

/// The newest backup with rows in it comes back.
async fn restored(db: &TestDb, folder: &TempDir) -> anyhow::Result<bool> {
    let manifests = paths_that_end_with(&folder.path().join("backups"), ".manifest.json");
    let mut newest = None;
    for path in manifests {
        let backup = path.with_extension("").with_extension("");
        let manifest = outreach_operations::backup::Manifest::read(&backup)?;
        let holds = manifest
            .contents
            .table("settings")
            .is_some_and(|t| t.rows > 0);
        if holds && backup.exists() {
            newest = newest.max(Some((manifest.taken_at, backup)));
        }
    }
    let Some((_, backup)) = newest else {
        return Ok(false);
    };
    let restore = outreach(folder, db)
        .args(["restore", "--replace", "--confirm", &name(db)])
        .arg(backup);
    let output = restore.run().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    Ok(true)
}

async fn fill(db: &TestDb) -> anyhow::Result<()> {
    for number in 1..=5 {
        let mut sql = insert_setting(&format!("k{number}"));
        if db.backend() == DbBackend::Postgres {
            sql = sql.replace("X'", "'");
        }
        db.sql(&sql).await?;
    }
    Ok(())
}
