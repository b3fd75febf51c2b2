//! `outreach restore --replace`: what is in the way is said before anything is
//! done, and what was done is told as it is.

use std::{fs, path::Path, sync::Mutex};

use outreach_operations::{
    backup::{self, Backup, BackupError, Manifest, RestoreOptions},
    reset::{ResetError, ResetOptions, Step, replace, reset},
};
use outreach_service::connect::DatabaseOptions;
use outreach_tests::{Fault, Outreach, Proxy, TestDb, matrix_tests};
use sea_orm::DbBackend;
use tempfile::TempDir;

use super::{
    hashes,
    meanwhile::{assert_changed, cleared, run_at_once},
    name, settle,
};
use crate::backup::{create, fill_with, folder, options, outreach};

matrix_tests! {
    f21_a_dry_run_of_a_replacement_says_what_is_in_the_way,
    f21_a_backup_that_was_tampered_with_replaces_nothing,
    f21_a_mark_that_is_set_during_a_replacement_holds,
    a_backup_of_the_other_kind_of_database_replaces_nothing,
}

async fn made(db: &TestDb, folder: &TempDir) -> anyhow::Result<Backup> {
    let made = create(&options(db), &folder.path().join("made")).await?;
    settle(db).await?;
    Ok(made)
}

fn replacing(folder: &TempDir, db: &TestDb, file: &Path) -> Outreach {
    let command = outreach(folder, db).args(["restore", "--replace", "--confirm", &name(db)]);
    command.arg(file)
}

async fn f21_a_dry_run_of_a_replacement_says_what_is_in_the_way(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let backup = made(&db, &folder).await?;
    let dry = |file: &Path| replacing(&folder, &db, file).arg("--dry-run");
    let missing = dry(Path::new("none.dump")).run().await?;
    assert_eq!(missing.status, Some(1), "{missing:?}");
    assert!(
        missing.stderr.contains("none.dump.manifest.json"),
        "{missing:?}"
    );
    settle(&db).await?;
    db.sql("create table \"th\"\"eirs\" (a integer); create view seen as select 1 as one")
        .await?;
    settle(&db).await?;
    // The same without the word: nobody is asked, and no backup is made.
    for command in [
        dry(&backup.path),
        replacing(&folder, &db, &backup.path).arg("--yes"),
    ] {
        let refused = command.run().await?;
        assert_eq!(refused.status, Some(1), "{refused:?}");
        for word in ["in the way", "table `th\"eirs`", "view `", "1 reason"] {
            assert!(refused.stderr.contains(word), "no `{word}` in {refused:?}");
        }
        settle(&db).await?;
    }
    db.sql("drop table \"th\"\"eirs\"; drop view seen").await?;
    settle(&db).await?;
    let free = dry(&backup.path).run().await?;
    assert_eq!(free.status, Some(0), "{free:?}");
    assert!(free.stderr.contains("nothing is in the way"), "{free:?}");
    assert!(!folder.path().join("backups").exists());
    Ok(())
}

async fn f21_a_backup_that_was_tampered_with_replaces_nothing(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let backup = made(&db, &folder).await?;
    let path = backup.path.display().to_string();
    db.sql("delete from revision_checksums").await?;
    let before = hashes(&db).await?;
    let refused = async |words: &[&str]| {
        let output = replacing(&folder, &db, &backup.path).run().await?;
        assert_eq!(output.status, Some(1), "{output:?}");
        let last = output.stderr.lines().last().unwrap_or_default();
        for word in words.iter().chain(&[path.as_str(), "nothing was changed"]) {
            assert!(last.contains(word), "no `{word}` in {output:?}");
        }
        settle(&db).await?;
        assert_eq!(hashes(&db).await?, before);
        assert!(!folder.path().join("backups").exists());
        anyhow::Ok(())
    };
    let bytes = fs::read(&backup.path)?;
    let mut changed = bytes.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    fs::write(&backup.path, &changed)?;
    let words = ["is damaged", "checksum", &backup.manifest.sha256];
    refused(&words).await?;
    // With the checksum of other rows.
    fs::write(&backup.path, &bytes)?;
    let mut manifest = backup.manifest.clone();
    manifest.contents.tables[0].rows += 1;
    let manifest_path = Manifest::path_of(&backup.path);
    fs::write(&manifest_path, serde_json::to_vec(&manifest)?)?;
    refused(&["not what its manifest says", "rows instead of"]).await?;
    fs::write(&manifest_path, "{}")?;
    refused(&["is not the manifest of a backup"]).await?;
    Ok(())
}

async fn a_backup_of_the_other_kind_of_database_replaces_nothing(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let other = match db.backend() {
        DbBackend::Sqlite => TestDb::postgres().await?,
        _ => TestDb::sqlite().await?,
    };
    let backup = made(&other, &folder).await?;
    let output = replacing(&folder, &db, &backup.path).run().await?;
    assert_eq!(output.status, Some(1), "{output:?}");
    assert!(output.stderr.contains("the backup is of "), "{output:?}");
    assert!(!folder.path().join("backups").exists());
    Ok(())
}

async fn f21_a_mark_that_is_set_during_a_replacement_holds(db: TestDb) -> anyhow::Result<()> {
    type At = fn(&Step) -> bool;
    const MARK: &str = "INSERT INTO database_properties (name, value) VALUES ('protected', 'now')";
    let before_the_backup: At = |step| matches!(step, Step::Backup(backup::Step::Checking { .. }));
    let after_it: At = |step| matches!(step, Step::BackedUp { .. });
    for at in [before_the_backup, after_it] {
        let folder = folder()?;
        let backup = made(&db, &folder).await?;
        let clearance = cleared(&db).await?;
        let is_marked = Mutex::new(false);
        let progress = |step| {
            let mut is_marked = is_marked.lock().unwrap();
            if at(&step) && !*is_marked {
                run_at_once(db.url(), MARK);
                *is_marked = true;
            }
        };
        let to = ResetOptions::new(folder.path());
        let file = &backup.path;
        let done = replace(file, &options(&db), &clearance, true, &to, &progress).await;
        assert_changed(done.map(drop), "marks");
        let marks = "select count(*) from database_properties where name = 'protected'";
        assert_eq!(db.count(marks).await?, 1);
        db.sql("delete from database_properties").await?;
        settle(&db).await?;
    }
    Ok(())
}

const CHECKSUMS: &str = "select count(*) from revision_checksums";

/// A connection that is cut in place of the answer to COMMIT, and one that is
/// cut in place of the COMMIT: nobody can tell them apart.
#[tokio::test(flavor = "multi_thread")]
async fn f22_postgres_a_lost_commit_is_told_as_unknown() -> anyhow::Result<()> {
    for (fault, is_done) in [
        (Fault::SwallowCommitReply, true),
        (Fault::DropBeforeCommit, false),
    ] {
        let db = TestDb::postgres().await?;
        let folder = folder()?;
        let backup = made(&db, &folder).await?;
        db.sql("delete from revision_checksums").await?;
        settle(&db).await?;
        let proxy = Proxy::start(db.url()).await?;
        let behind = |db: &TestDb| anyhow::Ok(DatabaseOptions::new(&proxy.url(db.url())?)?);
        let to = ResetOptions::new(folder.path());
        let progress = |step| {
            if matches!(
                step,
                Step::Committing | Step::Backup(backup::Step::Committing)
            ) {
                proxy.set_fault(fault);
            }
        };

        let empty = TestDb::empty_postgres().await?;
        let how = RestoreOptions::default();
        let step = |step| progress(Step::Backup(step));
        let restored = backup::restore(&backup.path, &behind(&empty)?, &how, &step).await;
        let error = restored.expect_err("nobody knows");
        assert!(
            matches!(error, BackupError::UnknownOutcome { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains("not known"), "{error}");
        proxy.wait_for_faults(1).await?;
        let there = "select count(*) from pg_class where relname = 'jobs'";
        assert_eq!(empty.count(there).await?, i64::from(is_done));

        let clearance = cleared(&db).await?;
        let file = &backup.path;
        let done = replace(file, &behind(&db)?, &clearance, true, &to, &progress).await;
        assert_unknown(done.map(drop));
        proxy.wait_for_faults(2).await?;
        settle(&db).await?;
        assert_eq!(db.count(CHECKSUMS).await? > 0, is_done);

        db.sql("delete from revision_checksums").await?;
        settle(&db).await?;
        let clearance = cleared(&db).await?;
        let done = reset(&behind(&db)?, &clearance, &to, &progress).await;
        assert_unknown(done.map(drop));
        proxy.wait_for_faults(3).await?;
        settle(&db).await?;
        assert_eq!(db.count(CHECKSUMS).await? > 0, is_done);
    }
    Ok(())
}

#[track_caller]
fn assert_unknown(done: Result<(), ResetError>) {
    let error = done.expect_err("nobody knows");
    assert!(
        matches!(error, ResetError::UnknownOutcome { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("unknown"), "{error}");
    assert!(!error.is_refusal());
}

#[tokio::test(flavor = "multi_thread")]
async fn f22_postgres_an_interrupt_during_the_commit_waits_for_its_answer() -> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let folder = folder()?;
    // So much that there is time between the lines.
    fill_with(&db, 200_000).await?;
    let backup = made(&db, &folder).await?;
    db.sql("delete from revision_checksums").await?;
    settle(&db).await?;
    let empty = TestDb::empty_postgres().await?;
    let proxy = Proxy::start(db.url()).await?;
    let cases = [
        (replacing(&folder, &db, &backup.path), &db, "is sound"),
        (
            outreach(&folder, &empty).arg("restore").arg(&backup.path),
            &empty,
            "computing the checksum",
        ),
    ];
    for (number, (command, target, before)) in (1..).zip(cases) {
        let command = command.env("DATABASE_URL", proxy.url(target.url())?);
        let mut running = command.spawn()?;
        running.wait_for_stderr(before).await?;
        running.wait_for_stderr("restoring").await?;
        proxy.set_fault(Fault::StallCommit);
        proxy.wait_for_faults(number).await?;
        running.signal("INT").await?;
        running.signal("TERM").await?;
        // Only now it may be done.
        assert!(running.id().is_some());
        proxy.set_fault(Fault::None);
        let output = running.wait().await?;
        assert_eq!(output.status, Some(0), "{output:?}");
        assert!(output.stderr.contains("restored "), "{output:?}");
        settle(target).await?;
        assert!(target.count(CHECKSUMS).await? > 0);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f22_postgres_an_interrupt_before_the_commit_changes_nothing() -> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let folder = folder()?;
    // So much that there is time between the lines.
    fill_with(&db, 200_000).await?;
    let backup = made(&db, &folder).await?;
    db.sql("delete from revision_checksums").await?;
    let before = hashes(&db).await?;
    let proxy = Proxy::start(db.url()).await?;
    let url = proxy.url(db.url())?;
    let command = replacing(&folder, &db, &backup.path).env("DATABASE_URL", url);
    let mut running = command.spawn()?;
    running.wait_for_stderr("is sound").await?;
    running.wait_for_stderr("restoring").await?;
    proxy.set_fault(Fault::Stall);
    proxy.wait_for_faults(1).await?;
    running.signal("INT").await?;
    let output = running.wait().await?;
    assert_eq!(output.status, Some(2), "{output:?}");
    let last = output.stderr.lines().last().unwrap_or_default();
    assert!(last.contains("nothing was changed"), "{output:?}");
    proxy.set_fault(Fault::None);
    settle(&db).await?;
    assert_eq!(hashes(&db).await?, before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_a_backup_is_not_restored_onto_itself() -> anyhow::Result<()> {
    let db = TestDb::sqlite().await?;
    let folder = folder()?;
    let backup = made(&db, &folder).await?;
    let link = folder.path().join("hard.db");
    let soft = folder.path().join("soft.db");
    fs::hard_link(&backup.path, &link)?;
    std::os::unix::fs::symlink(&backup.path, &soft)?;
    let before = fs::read(&backup.path)?;
    for file in [&backup.path, &link, &soft] {
        let file_name = file.file_name().unwrap_or_default();
        let url = format!("sqlite://{}", file.display());
        for replace in [false, true] {
            let mut command = Outreach::new(&folder).env("DATABASE_URL", &url);
            command = command.arg("restore").arg(&backup.path);
            if replace {
                command = command.args(["--replace", "--confirm"]).arg(file_name);
            }
            let output = command.run().await?;
            assert_eq!(output.status, Some(1), "{output:?}");
            let last = output.stderr.lines().last().unwrap_or_default();
            assert!(last.contains("is the database itself"), "{output:?}");
        }
    }
    assert_eq!(fs::read(&backup.path)?, before);
    Ok(())
}
