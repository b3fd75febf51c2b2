//! Resetting a database: refused unless everything speaks for it, never without
//! a backup, and never half.

mod backups;
mod foreign;
mod killed;
mod limits;
mod marks;
mod meanwhile;
mod privileges;
mod refusals;
mod replacement;
mod round_trip;
mod scripts;
mod sqlite_writer;
mod terminal;
mod writers;

use outreach_operations::contents::{self, Contents};
use outreach_tests::{Output, Outreach, TestDb};
use sea_orm::{DbBackend, TransactionTrait};
use tempfile::TempDir;

use crate::backup::outreach;

/// What has to be typed: the database, or the file.
fn name(db: &TestDb) -> String {
    let url = db.url().split('?').next().unwrap_or_default();
    url.rsplit('/').next().unwrap_or_default().to_owned()
}

/// A reset that nothing speaks against.
fn reset(folder: &TempDir, db: &TestDb) -> Outreach {
    outreach(folder, db).args(["reset", "--confirm", &name(db)])
}

/// Every table with its rows' count and hash.
async fn hashes(db: &TestDb) -> anyhow::Result<Contents> {
    let pool = db.connect_plain().await?;
    let txn = pool.begin().await?;
    let names = contents::table_names(&txn).await?;
    let found = contents::of(&txn, &names).await?;
    txn.commit().await?;
    pool.close().await?;
    settle(db).await?;
    Ok(found)
}

/// Waits until the server has noticed that sessions are gone.
async fn settle(db: &TestDb) -> anyhow::Result<()> {
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
    anyhow::bail!("a session stays")
}

/// It was refused with these words, and nothing is other than before.
async fn assert_refused(
    db: &TestDb,
    folder: &TempDir,
    before: &Contents,
    output: &Output,
    words: &[&str],
) -> anyhow::Result<()> {
    assert_eq!(output.status, Some(1), "{output:?}");
    for word in words {
        assert!(output.stderr.contains(word), "no `{word}` in {output:?}");
    }
    let last = output.stderr.lines().last().unwrap_or_default();
    assert!(last.contains("nothing was changed"), "{output:?}");
    settle(db).await?;
    assert_eq!(&hashes(db).await?, before, "{output:?}");
    assert!(!folder.path().join("backups").exists(), "{output:?}");
    Ok(())
}
