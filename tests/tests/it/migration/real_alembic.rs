//! The real Alembic beside the chain.
//!
//! Installs Alembic from PyPI, so it is not part of `cargo test`: `scripts/test`
//! runs it, and fails where it can't, as does
//! `cargo test --workspace --test it -- --ignored real_alembic`.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, ensure};
use outreach_migration::{REVISIONS, run::RunOptions};
use outreach_operations::stamp::stamp;
use outreach_tests::{Outreach, TestDb, workspace};
use sea_orm::DbBackend;
use tokio::{process::Command, sync::OnceCell};

use super::{
    facts::facts,
    support::{MIRRORED, down, up},
};

/// Alembic in a Python of its own.
struct Alembic {
    program: PathBuf,
    folder: PathBuf,
    url: String,
}

impl Alembic {
    async fn on(db: &TestDb) -> anyhow::Result<Self> {
        static PROGRAM: OnceCell<PathBuf> = OnceCell::const_new();
        let folder = workspace()?.join("benches/alembic");
        let program = PROGRAM.get_or_try_init(|| install(&folder)).await?;
        Ok(Self {
            program: program.clone(),
            folder,
            url: db.url().replacen("postgres://", "postgresql+psycopg://", 1),
        })
    }

    /// What it prints.
    async fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(&self.program);
        command
            .current_dir(&self.folder)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONPATH", &self.folder)
            .args(["-x", &format!("url={}", self.url)])
            .args(arguments);
        succeed(&mut command).await
    }
}

/// Alembic's program, which is installed if it is not there yet.
async fn install(folder: &Path) -> anyhow::Result<PathBuf> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("alembic");
    let program = place.join("bin/alembic");
    if !program.exists() {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&place))
            .await
            .context("Python's venv is needed (Debian: apt-get install python3-venv)")?;
        let packages = folder.join("requirements.txt");
        let pip = place.join("bin/pip");
        succeed(
            Command::new(pip)
                .args(["install", "--quiet", "-r"])
                .arg(packages),
        )
        .await?;
    }
    Ok(program)
}

async fn succeed(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output().await?;
    ensure!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What `outreach current` says of Alembic's ledger.
async fn ours(db: &TestDb) -> anyhow::Result<String> {
    let folder = tempfile::tempdir()?;
    let program = Outreach::new(folder.path()).env("DATABASE_URL", db.url());
    let output = program.arg("current").run().await?;
    ensure!(output.status == Some(0), "{output:?}");
    let line = output
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("alembic_version: "));
    Ok(line.context("it says nothing of Alembic")?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "installs Alembic from PyPI; scripts/test runs it"]
async fn f17_alembic_and_the_chain_say_the_same_after_stamp_up_and_down() -> anyhow::Result<()> {
    let db = TestDb::empty_postgres().await?;
    assert_eq!(db.backend(), DbBackend::Postgres);
    let alembic = Alembic::on(&db).await?;
    alembic.run(&["upgrade", "head"]).await?;
    let pool = db.connect_plain().await?;
    let head = &REVISIONS[MIRRORED as usize - 1];
    stamp(&pool, Some(head), &[], &RunOptions::default()).await?;
    pool.close().await?;
    let agree = async |expected: &str| {
        assert_eq!(alembic.run(&["current"]).await?.trim(), expected);
        assert_eq!(ours(&db).await?, expected);
        anyhow::Ok(())
    };
    agree("556b79de2825 (head)").await?;
    up(&db, None).await?;
    agree("556b79de2825 (head)").await?;
    down(&db, super::support::OWN + 1).await?;
    agree("add_discovery_query").await?;

    // Alembic takes over, and the chain goes on from there when it is told.
    let at_three = facts(&db).await?;
    alembic.run(&["upgrade", "head"]).await?;
    alembic.run(&["downgrade", "-1"]).await?;
    assert_eq!(facts(&db).await?, at_three);
    up(&db, 1).await?;
    agree("556b79de2825 (head)").await?;

    let history = alembic.run(&["history"]).await?;
    for revision in REVISIONS {
        if let Some(id) = revision.alembic {
            assert!(history.contains(id), "{history}");
        }
    }
    down(&db, None).await?;
    assert_eq!(alembic.run(&["current"]).await?.trim(), "");
    assert_eq!(ours(&db).await?, "base");
    Ok(())
}

/// The ids of `alembic history`, newest first: each line is `down -> id, title`.
fn ids_of_alembic(history: &str) -> Vec<String> {
    let lines = history.lines();
    let ids = lines.filter_map(|line| {
        let (_, rest) = line.split_once(" -> ")?;
        Some(rest.split([',', ' ']).next()?.to_owned())
    });
    ids.collect()
}

/// The ids that `outreach history` names beside our revisions, newest first.
async fn ids_of_ours(db: &TestDb) -> anyhow::Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let program = Outreach::new(folder.path()).env("DATABASE_URL", db.url());
    let output = program.arg("history").run().await?;
    ensure!(output.status == Some(0), "{output:?}");
    let lines = output.stdout.lines();
    let ids = lines.filter_map(|line| {
        let (_, rest) = line.split_once("[Alembic ")?;
        Some(rest.split_once(']')?.0.to_owned())
    });
    Ok(ids.collect())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "installs Alembic from PyPI; scripts/test runs it"]
async fn f17_alembic_and_the_chain_say_the_same_after_each_head_of_alembic_was_adopted()
-> anyhow::Result<()> {
    for head in REVISIONS.iter().filter_map(|revision| revision.alembic) {
        let db = TestDb::empty_postgres().await?;
        let alembic = Alembic::on(&db).await?;
        alembic.run(&["upgrade", head]).await?;
        db.sql("insert into jobs (id, job_type) values (gen_random_uuid(), 'discover')")
            .await?;
        let folder = tempfile::tempdir()?;
        let adopt = Outreach::new(folder.path()).env("DATABASE_URL", db.url());
        let adopted = adopt.args(["adopt", "--yes"]).run().await?;
        assert_eq!(adopted.status, Some(0), "{head}: {adopted:?}");

        let newest = alembic.run(&["heads"]).await?;
        let newest = newest.trim();
        assert!(newest.ends_with(" (head)"), "{newest}");
        assert_eq!(alembic.run(&["current"]).await?.trim(), newest, "{head}");
        assert_eq!(ours(&db).await?, newest, "{head}");
        let history = ids_of_alembic(&alembic.run(&["history"]).await?);
        assert_eq!(history.len(), MIRRORED as usize, "{head}");
        assert_eq!(history, ids_of_ours(&db).await?, "{head}");

        // Nothing is left for Alembic to do.
        let before = facts(&db).await?;
        alembic.run(&["upgrade", "head"]).await?;
        assert_eq!(facts(&db).await?, before, "{head}");
        assert_eq!(db.count("select count(*) from jobs").await?, 1);
    }
    Ok(())
}
