//! What an audit leaves as it was: files, their times, what is beside them, and
//! the databases of a server.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use outreach_tests::{Outreach, PostgresServer, TestDb};
use sea_orm::{ConnectionTrait, Database};
use tempfile::TempDir;

use super::{SchemaAudit, audit};

/// A folder with nothing but `outreach.db` in it.
struct Folder(TempDir);

impl Folder {
    async fn new() -> anyhow::Result<Self> {
        let folder = Self(tempfile::tempdir()?);
        let db = TestDb::sqlite().await?;
        super::rows::fill(&db).await?;
        let path = url::Url::parse(db.url())?.path().to_owned();
        fs::copy(path, folder.file())?;
        Ok(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("outreach.db")
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.file().display())
    }

    /// Each file with what is in it and the time of its last change.
    fn state(&self) -> anyhow::Result<BTreeMap<PathBuf, (Vec<u8>, SystemTime)>> {
        let mut state = BTreeMap::new();
        for entry in fs::read_dir(self.0.path())? {
            let path = entry?.path();
            let modified = fs::metadata(&path)?.modified()?;
            state.insert(path.clone(), (fs::read(path)?, modified));
        }
        Ok(state)
    }

    /// Whether the file says that it has a write-ahead log.
    fn is_wal(&self) -> anyhow::Result<bool> {
        Ok(fs::read(self.file())?[18] == 2)
    }

    async fn change(&self, sql: &str) -> anyhow::Result<()> {
        let pool = Database::connect(self.url()).await?;
        pool.execute_unprepared(sql).await?;
        Ok(pool.close().await?)
    }

    /// Runs everything that looks, and holds the folder against what it was
    /// after each.
    async fn assert_untouched(&self, status: i32) -> anyhow::Result<()> {
        // Programs work in a folder of their own, and so do scratch copies.
        let work = tempfile::tempdir()?;
        let before = self.state()?;
        for words in [
            &["--data"][..],
            &["--repair", "--prove"],
            &["--er"],
            &["--format", "markdown"],
            &["--data", "--revision", "556b79de2825"],
        ] {
            let run = audit(work.path(), &self.url(), words).env("TMPDIR", work.path());
            let output = run.run().await?;
            let is_fine = output.status == Some(status) || words.contains(&"--revision");
            let is_fine = is_fine || words == ["--er"] && output.status == Some(0);
            assert!(is_fine, "{words:?}: {output:?}");
            self.assert_state(&before, &words.join(" "))?;
            assert_empty(work.path())?;
        }
        let run = Outreach::new(work.path()).env("TMPDIR", work.path());
        let output = run.args(["verify", "-u", &self.url()]).run().await?;
        assert_eq!(output.status, Some(status), "{output:?}");
        self.assert_state(&before, "verify")?;
        for words in [&["diff"][..], &["diff", "--repair", "--prove"]] {
            let run = SchemaAudit::new(work.path()).env("TMPDIR", work.path());
            let output = run.args(words).args([self.url(), self.url()]).run().await?;
            assert_eq!(output.status, Some(0), "{output:?}");
            self.assert_state(&before, "schema-audit")?;
        }
        assert_empty(work.path())
    }

    fn assert_state(
        &self,
        before: &BTreeMap<PathBuf, (Vec<u8>, SystemTime)>,
        after: &str,
    ) -> anyhow::Result<()> {
        let now = self.state()?;
        let names: Vec<_> = now.keys().collect();
        assert_eq!(names, before.keys().collect::<Vec<_>>(), "{after}");
        assert!(now == *before, "{after} has changed a file of {names:?}");
        Ok(())
    }
}

#[track_caller]
fn assert_empty(folder: &Path) -> anyhow::Result<()> {
    let left: Vec<_> = fs::read_dir(folder)?.flatten().map(|e| e.path()).collect();
    assert!(left.is_empty(), "{left:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_a_file_is_what_it_was() -> anyhow::Result<()> {
    let folder = Folder::new().await?;
    assert!(!folder.is_wal()?);
    folder.assert_untouched(0).await?;
    folder.change("drop index ix_prospects_created_at").await?;
    folder.assert_untouched(1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_a_file_with_a_write_ahead_log_is_what_it_was() -> anyhow::Result<()> {
    let folder = Folder::new().await?;
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/results/results.csv");
    let work = tempfile::tempdir()?;
    let discover = Outreach::new(work.path())
        .args(["discover", "-u", &folder.url(), "--location", "usa"])
        .args(["--keywords", "home decor blog", "--results"])
        .arg(results);
    let output = discover.run().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    assert!(folder.is_wal()?);
    assert_eq!(folder.state()?.len(), 1);
    folder.assert_untouched(0).await?;
    folder.change("drop index ix_prospects_created_at").await?;
    folder.assert_untouched(1).await
}

/// Somebody has it open, and what was written last is in the log alone.
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_what_is_in_the_write_ahead_log_of_an_open_database_is_seen() -> anyhow::Result<()> {
    let folder = Folder::new().await?;
    let open = Database::connect(folder.url()).await?;
    open.execute_unprepared(
        "pragma journal_mode = wal; pragma wal_autocheckpoint = 0; \
         drop index ix_prospects_created_at",
    )
    .await?;
    let file = fs::read(folder.file())?;
    let log = folder.file().with_extension("db-wal");
    let before = fs::read(&log)?;
    assert!(!before.is_empty());
    let found = super::found_at(&folder.url(), &["--data"]).await?;
    assert_eq!(
        found,
        ["index-missing prospects.ix_prospects_created_at database"]
    );
    assert_eq!(fs::read(folder.file())?, file);
    assert_eq!(fs::read(&log)?, before);
    open.close().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_no_database_is_left_behind() -> anyhow::Result<()> {
    // On a server of its own: other tests make databases meanwhile.
    let server = PostgresServer::start().await?;
    let db = TestDb::postgres_on(&server).await?;
    db.sql("drop index ix_prospects_created_at").await?;
    let databases = "select oid::text, datname::text from pg_database order by 1";
    let before = db.sql(databases).await?;
    let folder = tempfile::tempdir()?;
    for (words, said) in [
        (&["audit", "--prove"][..], "clean after the repair"),
        (&["audit", "--format", "markdown"], "# "),
        (&["verify"], "a discovery job runs"),
    ] {
        let run = Outreach::new(folder.path()).env("TMPDIR", folder.path());
        let output = run.env("DATABASE_URL", db.url()).args(words).run().await?;
        assert_eq!(output.status, Some(1), "{output:?}");
        assert!(output.stdout.contains(said), "{output:?}");
        assert_eq!(db.sql(databases).await?, before, "{words:?}");
        assert_empty(folder.path())?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_a_file_that_is_not_there_is_not_made() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("none.db");
    for mode in ["", "?mode=rwc"] {
        let url = format!("sqlite://{}{mode}", file.display());
        let output = audit(folder.path(), &url, &[]).run().await?;
        assert_eq!(output.status, Some(2), "{output:?}");
        assert_empty(folder.path())?;
    }
    Ok(())
}
