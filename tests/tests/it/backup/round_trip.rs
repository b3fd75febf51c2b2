//! What comes back is what was there.

use std::{fs, os::unix::fs::PermissionsExt};

use outreach_operations::backup::{
    self, BackupError, Difference, Manifest, RestoreOptions, restore_replacing,
};
use outreach_service::connect::DatabaseOptions;
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::DbBackend;

use super::{create, empty_like, fill, fill_with, folder, names, options, restore};

matrix_tests! {
    awkward_content_comes_back_as_it_was,
    a_backup_holds_one_moment_while_others_write,
    a_database_that_is_not_empty_is_left_as_it_is,
    replaced_tables_come_back_and_a_failure_takes_nothing,
    a_changed_backup_is_noticed,
}

/// The rows of all tables of outreach, as text.
async fn all_rows(db: &TestDb) -> anyhow::Result<Vec<Vec<outreach_tests::Row>>> {
    let mut all = Vec::new();
    for table in [
        "settings",
        "prospects",
        "seaql_migrations",
        "revision_checksums",
    ] {
        all.push(db.sql(&format!("SELECT * FROM {table} ORDER BY 1")).await?);
    }
    Ok(all)
}

async fn awkward_content_comes_back_as_it_was(db: TestDb) -> anyhow::Result<()> {
    fill_with(&db, 800_000).await?;
    let folder = folder()?;
    let directory = folder.path().join("deep/backups");
    let made = create(&options(&db), &directory).await?;
    let written = serde_json::to_value(Manifest::read(&made.path)?)?;
    assert_eq!(written, serde_json::to_value(&made.manifest)?);
    assert!(made.manifest.revision.is_some());
    assert_eq!(made.manifest.contents.table("settings").unwrap().rows, 2);
    for path in [&made.path, &Manifest::path_of(&made.path)] {
        assert_eq!(fs::metadata(path)?.permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(
        fs::metadata(&directory)?.permissions().mode() & 0o777,
        0o700
    );
    assert_eq!(names(&directory).len(), 2, "{:?}", names(&directory));

    let verified = backup::verify(&made.path, &options(&db), None, &|_| {}).await?;
    assert_eq!(verified.differences, []);
    assert_eq!(
        names(&directory).len(),
        2,
        "reading back writes nothing there"
    );

    let other = empty_like(&db).await?;
    restore(&made.path, &options(&other)).await?;
    assert_eq!(all_rows(&db).await?, all_rows(&other).await?);
    Ok(())
}

async fn a_backup_holds_one_moment_while_others_write(db: TestDb) -> anyhow::Result<()> {
    if db.backend() == DbBackend::Sqlite {
        // As `connect` leaves it: with a log that the copy has to take with it.
        db.sql("PRAGMA journal_mode = WAL").await?;
    }
    let folder = folder()?;
    let url = db.url().to_owned();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let (begun, first) = tokio::sync::oneshot::channel::<()>();
    let writer = tokio::spawn(async move {
        let pool = sea_orm::Database::connect(&url).await?;
        let mut begun = Some(begun);
        let mut number = 0;
        while stopped.try_recv().is_err() {
            number += 1;
            // Two rows of one transaction: a backup has both or neither.
            let txn = sea_orm::TransactionTrait::begin(&pool).await?;
            for half in ["a", "b"] {
                let sql = crate::support::setting(&txn, &format!("{half}{number}"));
                sea_orm::ConnectionTrait::execute_unprepared(&txn, &sql).await?;
            }
            txn.commit().await?;
            if let Some(begun) = begun.take() {
                let _ = begun.send(());
            }
        }
        pool.close().await?;
        anyhow::Ok(number)
    });
    first.await?;
    let made = create(&options(&db), folder.path()).await?;
    let _ = stop.send(());
    assert!(writer.await?? > 1);

    let rows = made.manifest.contents.table("settings").unwrap().rows;
    assert!(rows > 0 && rows % 2 == 0, "{rows}");
    let verified = backup::verify(&made.path, &options(&db), None, &|_| {}).await?;
    assert_eq!(verified.differences, []);
    Ok(())
}

async fn a_database_that_is_not_empty_is_left_as_it_is(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let made = create(&options(&db), folder.path()).await?;
    let other = empty_like(&db).await?;
    other.sql("CREATE TABLE theirs (a text)").await?;
    let error = restore(&made.path, &options(&other)).await.unwrap_err();
    assert!(matches!(error, BackupError::NotEmpty { .. }), "{error}");
    assert!(error.to_string().contains("table `theirs`"), "{error}");
    assert!(other.sql("SELECT * FROM prospects").await.is_err());
    other
        .sql("DROP TABLE theirs; CREATE VIEW v AS SELECT 1 AS a")
        .await?;
    let error = restore(&made.path, &options(&other)).await.unwrap_err();
    assert!(error.to_string().contains("view `v`"), "{error}");
    other.sql("DROP VIEW v").await?;
    restore(&made.path, &options(&other)).await?;
    Ok(())
}

async fn replaced_tables_come_back_and_a_failure_takes_nothing(db: TestDb) -> anyhow::Result<()> {
    fill(&db).await?;
    let folder = folder()?;
    let made = create(&options(&db), folder.path()).await?;
    let before = all_rows(&db).await?;
    db.sql("DELETE FROM prospects; UPDATE settings SET key = 'changed' WHERE key = 'long'")
        .await?;
    let changed = all_rows(&db).await?;

    let tables = made.manifest.contents.tables.iter();
    let mut ours: Vec<String> = tables.map(|table| table.table.clone()).collect();
    let replace = async |tables: &[String], path: &std::path::Path| {
        let options = (options(&db), RestoreOptions::default());
        restore_replacing(path, &options.0, tables, &options.1, &|_| {}).await
    };
    // One table is not named, and so is in the way of what comes back.
    let last = ours.pop().unwrap();
    let error = replace(&ours, &made.path).await.unwrap_err();
    assert!(error.to_string().contains(&last), "{error}");
    assert_eq!(all_rows(&db).await?, changed);
    // The manifest does not fit: found out when all is restored.
    let wrong = folder.path().join("wrong");
    fs::copy(&made.path, &wrong)?;
    let mut manifest = made.manifest.clone();
    manifest.contents.tables[0].rows += 1;
    fs::write(Manifest::path_of(&wrong), serde_json::to_vec(&manifest)?)?;
    ours.push(last);
    let error = replace(&ours, &wrong).await.unwrap_err();
    assert!(matches!(error, BackupError::Differs { .. }), "{error}");
    assert_eq!(all_rows(&db).await?, changed);

    replace(&ours, &made.path).await?;
    assert_eq!(all_rows(&db).await?, before);
    Ok(())
}

async fn a_changed_backup_is_noticed(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    let made = create(&options(&db), folder.path()).await?;
    let verify = async || {
        let verified = backup::verify(&made.path, &options(&db), None, &|_| {}).await?;
        anyhow::Ok(verified.differences)
    };
    let manifest_path = Manifest::path_of(&made.path);
    let write = |manifest: &Manifest| {
        fs::write(&manifest_path, serde_json::to_vec(manifest)?).map_err(anyhow::Error::from)
    };

    let mut manifest = made.manifest.clone();
    let table = &mut manifest.contents.tables[0];
    let name = table.table.clone();
    table.hash = table.hash.replace('0', "1");
    write(&manifest)?;
    let table = name.clone();
    assert_eq!(verify().await?, [Difference::Content { table }]);

    let mut manifest = made.manifest.clone();
    manifest.contents.tables.remove(0);
    manifest.schema_fingerprint = "0".repeat(64);
    write(&manifest)?;
    let found = verify().await?;
    assert!(
        found.contains(&Difference::ExtraTable { table: name }),
        "{found:?}"
    );
    assert!(found.contains(&Difference::Fingerprint), "{found:?}");

    let mut manifest = made.manifest.clone();
    manifest.structure.tables.pop();
    write(&manifest)?;
    let found = format!("{:?}", verify().await?);
    assert!(found.contains("settings"), "{found}");

    write(&made.manifest)?;
    assert_eq!(verify().await?, []);
    let mut bytes = fs::read(&made.path)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&made.path, &bytes)?;
    assert!(matches!(verify().await?[..], [Difference::Checksum { .. }]));
    let other = empty_like(&db).await?;
    let error = restore(&made.path, &options(&other)).await.unwrap_err();
    assert!(matches!(error, BackupError::Damaged { .. }), "{error}");
    fs::write(&made.path, &bytes[1..])?;
    assert!(matches!(verify().await?[..], [Difference::Length { .. }]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_appears_whole_and_its_path_may_be_odd() -> anyhow::Result<()> {
    let db = TestDb::sqlite().await?;
    fill(&db).await?;
    let folder = folder()?;
    let odd = folder.path().join("a b%20#é?.db");
    let source = db.url().trim_start_matches("sqlite://");
    fs::copy(source.split('?').next().unwrap(), &odd)?;
    let url = url::Url::from_file_path(&odd).unwrap();
    let url = DatabaseOptions::new(&format!("sqlite://{}", url.path()))?;
    let made = create(&url, &folder.path().join("to a folder")).await?;
    fs::remove_file(&odd)?;
    restore(&made.path, &url).await?;
    assert_eq!(fs::metadata(&odd)?.permissions().mode() & 0o777, 0o600);
    assert_eq!(names(folder.path()), ["a b%20#é?.db", "to a folder"]);
    let again = create(&url, &folder.path().join("again")).await?;
    assert_eq!(again.manifest.contents, made.manifest.contents);
    Ok(())
}

/// `pg_dump` does not say so.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_a_foreign_key_that_is_switched_off_comes_back_enforced() -> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    fill(&db).await?;
    db.sql("ALTER TABLE email_logs DISABLE TRIGGER ALL").await?;
    let folder = folder()?;
    let made = create(&options(&db), folder.path()).await?;
    let verified = backup::verify(&made.path, &options(&db), None, &|_| {}).await?;
    assert_eq!(verified.differences, []);
    let other = empty_like(&db).await?;
    restore(&made.path, &options(&other)).await?;
    assert_eq!(all_rows(&db).await?, all_rows(&other).await?);
    let off = "SELECT count(*) FROM pg_trigger WHERE tgenabled = 'D'";
    assert_eq!((db.count(off).await?, other.count(off).await?), (2, 0));
    Ok(())
}
