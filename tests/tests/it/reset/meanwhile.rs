//! Somebody writes after the list was made and the backup taken.

use std::path::Path;

use outreach_operations::{
    guard::{Clearance, Confirmation, Extent, Request, clear, look},
    reset::{Cause, ResetError, ResetOptions, Step, replace, reset},
};
use outreach_service::connect::DatabaseOptions;
use outreach_tests::{TestDb, matrix_tests};

use super::{hashes, name, settle};
use crate::backup::{folder, options, paths_that_end_with};

matrix_tests! {
    f21_what_is_written_after_the_backup_is_not_dropped,
    f21_a_mark_that_is_set_after_the_list_holds,
    f21_what_is_written_before_a_replacement_is_not_dropped,
}

pub(super) async fn cleared(db: &TestDb) -> anyhow::Result<Clearance> {
    let inventory = look(&options(db)).await?;
    let request = Request {
        confirmation: Confirmation::Name(name(db)),
        environment: None,
        is_named: true,
        allow_sessions: false,
        extent: Extent::Tables,
    };
    let cleared = clear(inventory, &request);
    cleared.map_err(|refusals| anyhow::anyhow!("{refusals:?}"))
}

/// Runs a statement as soon as the backup is there, from another connection.
fn writes(url: &str, sql: &'static str) -> impl Fn(Step) + Send + Sync {
    let url = url.to_owned();
    move |step| {
        if !matches!(step, Step::BackedUp { .. }) {
            return;
        }
        run_at_once(&url, sql);
    }
}

/// Runs a statement from another connection, for whoever can't wait in a task.
pub(super) fn run_at_once(url: &str, sql: &'static str) {
    let url = url.to_owned();
    let written = std::thread::spawn(move || -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let db = sea_orm::Database::connect(&url).await?;
            sea_orm::ConnectionTrait::execute_unprepared(&db, sql).await?;
            Ok(db.close().await?)
        })
    });
    written.join().unwrap().unwrap();
}

const INSERT: &str = "INSERT INTO revision_checksums (version, checksum) VALUES ('new', 'row')";

async fn f21_what_is_written_after_the_backup_is_not_dropped(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    settle(&db).await?;
    let clearance = cleared(&db).await?;
    let to = ResetOptions::new(folder.path());
    let done = reset(&options(&db), &clearance, &to, &writes(db.url(), INSERT)).await;
    assert_changed(done.map(drop), "`revision_checksums`");
    let kept = "select count(*) from revision_checksums where version = 'new'";
    assert_eq!(db.count(kept).await?, 1);
    Ok(())
}

async fn f21_a_mark_that_is_set_after_the_list_holds(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    settle(&db).await?;
    let clearance = cleared(&db).await?;
    let mark = "INSERT INTO database_properties (name, value) VALUES ('protected', 'now')";
    let to = ResetOptions::new(folder.path());
    let done = reset(&options(&db), &clearance, &to, &writes(db.url(), mark)).await;
    assert_changed(done.map(drop), "marks");
    assert_eq!(
        db.count("select count(*) from database_properties").await?,
        1
    );
    Ok(())
}

async fn f21_what_is_written_before_a_replacement_is_not_dropped(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    settle(&db).await?;
    let to = ResetOptions::new(folder.path());
    reset(&options(&db), &cleared(&db).await?, &to, &|_| {}).await?;
    settle(&db).await?;
    let file = paths_that_end_with(folder.path(), ".manifest.json");
    let file = file[0].with_extension("").with_extension("");
    let done = replaced(&options(&db), &cleared(&db).await?, &file, &to, db.url()).await;
    assert_changed(done, "`revision_checksums`");
    let kept = "select count(*) from revision_checksums where version = 'new'";
    assert_eq!(db.count(kept).await?, 1);
    assert!(hashes(&db).await?.rows() > 0);
    Ok(())
}

async fn replaced(
    database: &DatabaseOptions,
    clearance: &Clearance,
    file: &Path,
    to: &ResetOptions,
    url: &str,
) -> Result<(), ResetError> {
    let write = writes(url, INSERT);
    replace(file, database, clearance, true, to, &write)
        .await
        .map(drop)
}

#[track_caller]
pub(super) fn assert_changed(done: Result<(), ResetError>, what: &str) {
    let Err(error) = done else {
        panic!("it was done");
    };
    assert!(error.is_refusal(), "{error:?}");
    assert!(error.backup().is_some());
    let ResetError::RolledBack { source, .. } = error else {
        panic!("{error:?}");
    };
    assert!(matches!(source, Cause::Changed { .. } | Cause::Open(_)));
    assert!(source.to_string().contains(what), "{source}");
}
