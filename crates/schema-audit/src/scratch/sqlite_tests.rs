use std::fs;

use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    inspect::{Scope, inspect},
    scratch::{Scratch, ScratchOptions},
};

#[tokio::test]
async fn a_scratch_copy_has_the_schema_and_no_rows_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("live database.db");
    let url = format!("sqlite://{}?mode=rwc", path.display());
    let db = Database::connect(ConnectOptions::new(&url)).await.unwrap();
    db.execute_unprepared(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT REFERENCES later (id)); \
         CREATE TABLE later (id TEXT PRIMARY KEY) WITHOUT ROWID; CREATE INDEX i ON t (lower(x)); \
         CREATE VIEW v AS SELECT x FROM t; CREATE VIRTUAL TABLE f USING fts5(body); \
         CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO f VALUES (new.x); END; \
         PRAGMA foreign_keys = OFF; INSERT INTO t (x) VALUES ('a'); ANALYZE",
    )
    .await
    .unwrap();
    let live = inspect(&db, &Scope::Current).await.unwrap();
    db.close().await.unwrap();
    let before = fs::read(&path).unwrap();

    let url = SecretString::from(format!("sqlite://{}", path.display()));
    let scratch = Scratch::copy_of(&url, &ScratchOptions::default())
        .await
        .unwrap();
    let copy = inspect(scratch.connection(), &Scope::Current)
        .await
        .unwrap();
    assert_eq!(copy, live);
    let rows = scratch
        .connection()
        .query_one_raw(sea_orm::Statement::from_string(
            sea_orm::DbBackend::Sqlite,
            "SELECT count(*) FROM t",
        ));
    let rows: i64 = rows.await.unwrap().unwrap().try_get_by_index(0).unwrap();
    assert_eq!(rows, 0);
    let place = scratch.url().expose_secret().to_owned();
    let place = place
        .strip_prefix("sqlite://")
        .unwrap()
        .split('?')
        .next()
        .unwrap()
        .to_owned();
    assert!(fs::exists(&place).unwrap());
    scratch.remove().await.unwrap();
    assert!(!fs::exists(&place).unwrap());
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let url = SecretString::from("sqlite:///nowhere/at-all.db".to_owned());
    let error = Scratch::copy_of(&url, &ScratchOptions::default())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("/nowhere/at-all.db"), "{error}");
}
