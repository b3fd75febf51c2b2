use std::{fs, path::Path, time::SystemTime};

use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use sha2::{Digest, Sha256};

use crate::inspect::{Scope, inspect};

/// The files of a directory with hash and time of the last change.
fn state(directory: &Path) -> Vec<(String, Vec<u8>, SystemTime)> {
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            // SQLite's index of the journal is memory that readers share: it is
            // no part of what is stored.
            let hash = if name.ends_with("-shm") {
                Vec::new()
            } else {
                Sha256::digest(fs::read(entry.path()).unwrap()).to_vec()
            };
            let time = if name.ends_with("-shm") {
                SystemTime::UNIX_EPOCH
            } else {
                entry.metadata().unwrap().modified().unwrap()
            };
            (name, hash, time)
        })
        .collect();
    files.sort();
    files
}

async fn inspect_read_only(path: &Path) -> usize {
    let url = format!("sqlite://{}?mode=ro", path.display());
    let db = Database::connect(ConnectOptions::new(url)).await.unwrap();
    let tables = inspect(&db, &Scope::Current).await.unwrap().tables.len();
    db.close().await.unwrap();
    tables
}

#[tokio::test]
async fn a_file_is_as_it_was_after_an_inspection() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let url = format!("sqlite://{}?mode=rwc", path.display());
    let db = Database::connect(ConnectOptions::new(url)).await.unwrap();
    db.execute_unprepared("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        .await
        .unwrap();
    db.close().await.unwrap();

    let before = state(directory.path());
    assert_eq!(inspect_read_only(&path).await, 1);
    assert_eq!(state(directory.path()), before);
}

#[tokio::test]
async fn a_file_with_a_journal_beside_it_is_as_it_was_after_an_inspection() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let url = format!("sqlite://{}?mode=rwc", path.display());
    let db = Database::connect(ConnectOptions::new(url)).await.unwrap();
    db.execute_unprepared("PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY)")
        .await
        .unwrap();

    let before = state(directory.path());
    assert!(
        before.iter().any(|(name, ..)| name == "a.db-wal"),
        "{before:?}"
    );
    // The table is in the journal alone until a checkpoint.
    assert_eq!(inspect_read_only(&path).await, 1);
    assert_eq!(state(directory.path()), before);
    db.close().await.unwrap();
}
