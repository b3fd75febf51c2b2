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

const KILLS: u32 = 20;

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

    let mut done = 0;
    for kill in 0..KILLS {
        let mut running = reset(&folder, &db).spawn()?;
        let end = running.wait_for_stdout("is never printed");
        let _ = tokio::time::timeout(span * kill / (KILLS - 1), end).await;
        running.kill_9().await?;
        settle(&db).await?;
        done += u32::from(is_whole(&db, &folder, &before).await?);
    }
    // And at each step of the transaction.
    for step in ["dropping", "auditing", "committing"] {
        let mut running = reset(&folder, &db).spawn()?;
        running.wait_for_stderr(step).await?;
        running.kill_9().await?;
        settle(&db).await?;
        done += u32::from(is_whole(&db, &folder, &before).await?);
    }
    assert!(done < KILLS, "all kills came too late");
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
