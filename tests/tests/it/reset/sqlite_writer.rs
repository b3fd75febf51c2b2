//! Another process writes to an SQLite file while it is reset. It has to be
//! another one: the locks of a file belong to processes, so that within one they
//! are kept by SQLite itself, even where the system has lost them.

use std::{env, process::Command, sync::Mutex, time::Duration};

use outreach_operations::{
    backup,
    reset::{Reset, ResetError, ResetOptions, Step, reset},
};
use outreach_tests::TestDb;
use sea_orm::sqlx::{Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};

use super::meanwhile::{assert_changed, cleared};
use crate::backup::{folder, options};

/// The file that [`the_other_process`] writes to.
const FILE: &str = "OUTREACH_TESTS_WRITE_TO";

/// A process of its own: this program, told to run this one function.
#[tokio::test]
#[ignore = "started by the tests of this file"]
async fn the_other_process() -> anyhow::Result<()> {
    let file = SqliteConnectOptions::new()
        .filename(env::var(FILE)?)
        .busy_timeout(Duration::ZERO);
    let mut connection = SqliteConnection::connect_with(&file).await?;
    let sql = "INSERT INTO settings (id, key) VALUES (randomblob(16), hex(randomblob(16)))";
    connection.execute(sql).await?;
    connection.close().await?;
    Ok(())
}

/// Whether the other process was told that its row is stored.
fn write(url: &str) -> bool {
    let file = url.trim_start_matches("sqlite://");
    let file = file.split('?').next().unwrap_or_default();
    let output = Command::new(env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "reset::sqlite_writer::the_other_process",
        ])
        .env(FILE, file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("running 1 test"), "{output:?}");
    let is_locked = said.contains("database is locked");
    assert!(output.status.success() || is_locked, "{output:?}");
    output.status.success()
}

/// A reset in this process, with a row by another one as soon as the step is
/// there; whether the other one could write.
async fn reset_while_written(
    db: &TestDb,
    at: impl Fn(&Step) -> bool + Send + Sync,
) -> anyhow::Result<(Result<Reset, ResetError>, bool)> {
    let folder = folder()?;
    let clearance = cleared(db).await?;
    let to = ResetOptions::new(folder.path());
    let written = Mutex::new(None);
    let progress = |step| {
        let mut written = written.lock().unwrap();
        if at(&step) && written.is_none() {
            *written = Some(write(db.url()));
        }
    };
    let done = reset(&options(db), &clearance, &to, &progress).await;
    let check = db.value("PRAGMA integrity_check").await?;
    assert_eq!(check.as_deref(), Some("ok"));
    let keys = db.sql("PRAGMA foreign_key_check").await?;
    assert!(keys.is_empty(), "{keys:?}");
    let written = written.lock().unwrap().expect("the step was reached");
    Ok((done, written))
}

const ROWS: &str = "SELECT count(*) FROM settings";

#[tokio::test(flavor = "multi_thread")]
async fn f21_sqlite_what_another_process_writes_before_the_transaction_is_not_lost()
-> anyhow::Result<()> {
    for journal in ["DELETE", "WAL"] {
        for is_backed_up in [false, true] {
            let db = TestDb::sqlite().await?;
            db.sql(&format!("PRAGMA journal_mode = {journal}")).await?;
            let at = move |step: &Step| match step {
                Step::BackedUp { .. } => is_backed_up,
                // The copy is made, and it is read back.
                Step::Backup(backup::Step::Scratch { .. }) => !is_backed_up,
                _ => false,
            };
            let (done, written) = reset_while_written(&db, at).await?;
            assert!(written, "nobody has the file locked");
            assert_changed(done.map(drop), "`settings`");
            assert_eq!(db.count(ROWS).await?, 1);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f21_sqlite_no_other_process_writes_within_the_transaction_of_a_reset() -> anyhow::Result<()>
{
    type At = fn(&Step) -> bool;
    let steps: [At; 5] = [
        |step| matches!(step, Step::Comparing),
        |step| matches!(step, Step::Dropping { .. }),
        |step| matches!(step, Step::Migrating),
        |step| matches!(step, Step::Auditing),
        |step| matches!(step, Step::Committing),
    ];
    for journal in ["DELETE", "WAL"] {
        for (number, at) in steps.iter().enumerate() {
            let db = TestDb::sqlite().await?;
            db.sql(&format!("PRAGMA journal_mode = {journal}")).await?;
            let (done, written) = reset_while_written(&db, at).await?;
            assert!(!written, "{journal}, {number}: the file is not locked");
            assert!(done.is_ok(), "{journal}, {number}: {done:?}");
            assert_eq!(db.count(ROWS).await?, 0);
        }
    }
    Ok(())
}
