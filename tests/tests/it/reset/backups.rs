//! Without a backup nothing is dropped: status 2, and every row is as it was.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use outreach_tests::{Output, TestDb, matrix_tests};

use super::{hashes, reset, settle};
use crate::backup::{fill, folder, names};

matrix_tests! {
    f21_a_full_disk_resets_nothing,
    f21_a_folder_that_can_not_be_made_resets_nothing,
}

async fn assert_not_dropped(
    db: &TestDb,
    before: &outreach_operations::contents::Contents,
    output: &Output,
) -> anyhow::Result<()> {
    assert_eq!(output.status, Some(2), "{output:?}");
    assert!(output.stderr.contains("nothing was dropped"), "{output:?}");
    settle(db).await?;
    assert_eq!(&hashes(db).await?, before);
    Ok(())
}

/// With a limit for the size of files, which a write meets as it meets a full
/// disk.
async fn f21_a_full_disk_resets_nothing(db: TestDb) -> anyhow::Result<()> {
    fill(&db).await?;
    let before = hashes(&db).await?;
    let folder = folder()?;
    let command = reset(&folder, &db).std_command()?;
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
    assert_not_dropped(&db, &before, &output).await?;
    assert!(names(&folder.path().join("backups")).is_empty());
    Ok(())
}

async fn f21_a_folder_that_can_not_be_made_resets_nothing(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let before = hashes(&db).await?;
    fs::write(folder.path().join("backups"), "a file")?;
    let output = reset(&folder, &db).run().await?;
    assert_not_dropped(&db, &before, &output).await
}

#[tokio::test(flavor = "multi_thread")]
async fn f21_postgres_without_a_usable_pg_dump_or_a_folder_nothing_is_reset() -> anyhow::Result<()>
{
    let db = TestDb::postgres().await?;
    let folder = folder()?;
    let before = hashes(&db).await?;
    let program = folder.path().join("pg_dump");
    let by = || reset(&folder, &db).env("PG_DUMP", &program);
    assert_not_dropped(&db, &before, &by().run().await?).await?;

    let script = |text: &str| -> anyhow::Result<()> {
        fs::write(&program, format!("#!/bin/sh\n{text}\n"))?;
        Ok(fs::set_permissions(
            &program,
            fs::Permissions::from_mode(0o755),
        )?)
    };
    script("echo 'pg_dump (PostgreSQL) 9.6.24'")?;
    assert_not_dropped(&db, &before, &by().run().await?).await?;
    script("[ \"$1\" = --version ] && { echo 'pg_dump (PostgreSQL) 99.0'; exit; }; echo half")?;
    // It says that it went well, and what it wrote is no dump.
    assert_not_dropped(&db, &before, &by().run().await?).await?;
    fs::remove_dir_all(folder.path().join("backups"))?;

    let closed = folder.path().join("closed");
    fs::create_dir(&closed)?;
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555))?;
    let output = reset(&folder, &db).args(["--backup-dir", "closed"]);
    let output = output.unprivileged().run().await?;
    assert_not_dropped(&db, &before, &output).await?;
    assert!(names(&closed).is_empty());
    Ok(())
}
