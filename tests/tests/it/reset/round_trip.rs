//! Backup, reset, restore: what comes back is what was there.

use outreach_migration::REVISIONS;
use outreach_tests::{TestDb, matrix_tests};

use super::{hashes, name, reset};
use crate::backup::{fill_with, folder, outreach, paths_that_end_with};

matrix_tests! {
    f21_what_was_reset_comes_back_from_its_backup_as_it_was,
    both_ledgers_agree_after_a_reset,
}

async fn f21_what_was_reset_comes_back_from_its_backup_as_it_was(db: TestDb) -> anyhow::Result<()> {
    fill_with(&db, 700_000).await?;
    let folder = folder()?;
    let stores = outreach(&folder, &db).args(["protect", "--environment", "staging"]);
    assert_eq!(stores.run().await?.status, Some(0));
    let before = hashes(&db).await?;
    let reset = reset(&folder, &db).args(["--environment", "staging"]);
    let output = reset.run().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    assert!(output.stdout.contains("✓ revision"), "{output:?}");
    assert!(!output.stdout.contains('✗'), "{output:?}");
    assert_eq!(db.count("select count(*) from prospects").await?, 0);
    let kept = "select value from database_properties where name = 'environment'";
    assert_eq!(db.value(kept).await?.as_deref(), Some("staging"));

    let backups = folder.path().join("backups");
    let manifests = paths_that_end_with(&backups, ".manifest.json");
    assert_eq!(manifests.len(), 1);
    let backup = manifests[0].to_string_lossy().replace(".manifest.json", "");
    // The guards are the same.
    let restore = outreach(&folder, &db).args(["restore", "--replace", &backup]);
    let refused = restore.run().await?;
    assert_eq!(refused.status, Some(1), "{refused:?}");
    assert_eq!(db.count("select count(*) from prospects").await?, 0);
    let confirmed = restore.args(["--confirm", &name(&db), "--environment", "staging"]);
    let output = confirmed.run().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    assert_eq!(hashes(&db).await?, before);
    // What was there before the restore was backed up too.
    assert_eq!(paths_that_end_with(&backups, ".manifest.json").len(), 2);
    Ok(())
}

async fn both_ledgers_agree_after_a_reset(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    db.sql(
        "create table alembic_version (version_num varchar(32) not null primary key); \
         insert into alembic_version values ('556b79de2825')",
    )
    .await?;
    let output = reset(&folder, &db).run().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    let version = db.value("select version_num from alembic_version").await?;
    assert_eq!(version.as_deref(), Some("556b79de2825"));
    let applied = db.count("select count(*) from seaql_migrations").await?;
    assert_eq!(applied, i64::try_from(REVISIONS.len())?);
    Ok(())
}
