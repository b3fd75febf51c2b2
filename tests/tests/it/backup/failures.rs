//! What keeps from making a backup: status 2, and nothing left behind.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use outreach_tests::{Output, Outreach, TestDb, matrix_tests};
use sea_orm::DbBackend;
use tempfile::TempDir;

use super::{fill, folder, names, outreach};

matrix_tests! {
    a_full_disk_leaves_no_backup,
    a_folder_that_may_not_be_written_is_named,
    a_file_where_the_folder_should_be_is_named,
}

#[track_caller]
fn assert_failed(output: &Output, words: &[&str]) {
    assert_eq!(output.status, Some(2), "{output:?}");
    assert_eq!(output.stdout, "", "{output:?}");
    let line = output.stderr.lines().last().unwrap_or_default();
    assert!(line.starts_with("error: "), "{output:?}");
    for word in words {
        assert!(line.contains(word), "no `{word}` in {output:?}");
    }
}

/// With a limit for the size of files, which a write meets as it meets a full
/// disk: the process could not mount a small one.
async fn a_full_disk_leaves_no_backup(db: TestDb) -> anyhow::Result<()> {
    fill(&db).await?;
    let folder = folder()?;
    let command = outreach(&folder, &db).arg("backup").std_command()?;
    let limited = "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", limited]).arg(command.get_program());
    shell.args(command.get_args()).env_clear();
    let set = command.get_envs();
    shell.envs(set.filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(folder.path()).stdin(Stdio::null());
    let output = shell.output()?;
    let output = Output {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    };
    assert_failed(&output, &["disk is full", ".partial"]);
    assert!(names(&folder.path().join("backups")).is_empty());
    Ok(())
}

async fn a_folder_that_may_not_be_written_is_named(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let closed = folder.path().join("closed");
    fs::create_dir(&closed)?;
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555))?;
    let mut command = outreach(&folder, &db);
    if db.backend() == DbBackend::Sqlite {
        // A copy that everybody may read.
        let source = db.url().trim_start_matches("sqlite://");
        let copy = folder.path().join("copy.db");
        fs::copy(source.split('?').next().unwrap_or_default(), &copy)?;
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o644))?;
        command = command.env("DATABASE_URL", format!("sqlite://{}", copy.display()));
    }
    let output = command
        .unprivileged()
        .args(["backup", "--dir", "closed"])
        .run()
        .await?;
    assert_failed(&output, &["`closed`", "name another folder"]);
    assert!(names(&closed).is_empty());
    Ok(())
}

async fn a_file_where_the_folder_should_be_is_named(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    fs::write(folder.path().join("backups"), "a file")?;
    let output = outreach(&folder, &db).arg("backup").run().await?;
    assert_failed(&output, &["`backups`", "name another folder"]);
    Ok(())
}

/// A program in the place of `pg_dump`.
fn pg_dump(folder: &TempDir, script: &str) -> anyhow::Result<PathBuf> {
    let path = folder.path().join("pg_dump");
    fs::write(&path, format!("#!/bin/sh\n{script}\n"))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

fn backup_by(program: &Path, folder: &TempDir, db: &TestDb) -> Outreach {
    outreach(folder, db).env("PG_DUMP", program).arg("backup")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_an_old_and_a_failing_pg_dump_are_named() -> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let folder = folder()?;
    let missing = folder.path().join("no-such-program");
    let output = backup_by(&missing, &folder, &db).run().await?;
    assert_failed(&output, &["no-such-program does not run", "PG_DUMP"]);

    let old = pg_dump(&folder, "echo 'pg_dump (PostgreSQL) 9.6.24'")?;
    let output = backup_by(&old, &folder, &db).run().await?;
    assert_failed(&output, &["is 9", "or later"]);
    assert!(!folder.path().join("backups").exists());

    let failing = "[ \"$1\" = --version ] && { echo 'pg_dump (PostgreSQL) 99.0'; exit; }\n\
         echo half of it; echo 'permission denied for table jobs' >&2; exit 1";
    let failing = pg_dump(&folder, failing)?;
    let output = backup_by(&failing, &folder, &db).run().await?;
    assert_failed(
        &output,
        &["`pg_dump` failed: permission denied for table jobs"],
    );
    assert!(names(&folder.path().join("backups")).is_empty());
    Ok(())
}
