//! What is known of an SQLite file from outside.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use outreach_service::{
    connect::{self, DatabaseOptions},
    sql::sqlstate,
};
use schema_audit::schema::Schema;
use sea_orm::{ConnectionTrait, DbErr};

use super::{Inventory, Session};
use crate::sqlite as file;

pub(super) fn complete(schema: &Schema, database: &DatabaseOptions, inventory: &mut Inventory) {
    let path = database.url().sqlite_path().unwrap_or_default();
    let path = Path::new(&path);
    let name = path.file_name().unwrap_or_default();
    inventory.database = name.to_string_lossy().into_owned();
    inventory.bytes = fs::metadata(path).map_or(0, |file| file.len());
    inventory.read_only = (!may_write(path)).then_some("the file may not be written");
    let ours = inventory.table_names();
    for table in &schema.tables {
        let name = &table.name.name;
        if ours.contains(name) {
            continue;
        }
        let points = table.foreign_keys.iter();
        let points = points.filter(|key| ours.contains(&key.references.name));
        for key in points {
            let columns = key.columns.join(", ");
            inventory.dependents.push(format!(
                "foreign key `{name} ({columns})` to `{}`",
                key.references.name
            ));
        }
    }
    inventory.dependents.sort();
}

/// Asked without opening the file: to close it would give up every lock that
/// this process has on it, those of an open transaction too.
#[cfg(unix)]
fn may_write(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}

#[cfg(not(unix))]
fn may_write(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| !file.permissions().readonly())
}

/// Who else uses a file: by its locks, and by the list of open files.
///
/// A program whose connection is idle has no lock on a file with a rollback
/// journal. With a write-ahead log it has one as long as it is connected, which
/// shows when a connection asks for the file alone.
pub(super) async fn users(path: &Path) -> Vec<Session> {
    let mut users = open_by(path);
    if users.is_empty() && is_locked(path).await {
        users.push(Session {
            pid: 0,
            user: String::new(),
            application: String::new(),
            client: String::new(),
            state: "has the file locked".to_owned(),
            since: String::new(),
        });
    }
    users
}

async fn is_locked(path: &Path) -> bool {
    let Ok(options) = file::options(path, "rw") else {
        return false;
    };
    let Ok(db) = connect::open(&options.busy_timeout(Duration::ZERO)).await else {
        return false;
    };
    let asked = ask_alone(&db).await;
    let _ = db.close().await;
    asked.is_err_and(|error| is_busy(&error))
}

/// Nothing is written: the transaction is rolled back.
async fn ask_alone(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    db.execute_unprepared("PRAGMA locking_mode = EXCLUSIVE")
        .await?;
    db.execute_unprepared("BEGIN EXCLUSIVE").await?;
    db.execute_unprepared("ROLLBACK").await.map(drop)
}

/// SQLITE_BUSY and SQLITE_LOCKED with their extended codes.
fn is_busy(error: &DbErr) -> bool {
    let code = sqlstate(error).and_then(|code| code.parse::<u32>().ok());
    matches!(code.map(|code| code & 0xff), Some(5 | 6))
}

#[cfg(target_os = "linux")]
fn open_by(path: &Path) -> Vec<Session> {
    use std::os::unix::fs::MetadataExt;

    let Ok(file) = fs::metadata(path) else {
        return Vec::new();
    };
    let is_it = |link: &PathBuf| {
        fs::metadata(link).is_ok_and(|open| (open.dev(), open.ino()) == (file.dev(), file.ino()))
    };
    let me = std::process::id();
    let mut users = Vec::new();
    for process in entries(Path::new("/proc")) {
        let name = process.file_name().unwrap_or_default().to_string_lossy();
        let Ok(pid) = name.parse::<u32>() else {
            continue;
        };
        // Of other users' processes the list can't be read.
        if pid != me && entries(&process.join("fd")).iter().any(is_it) {
            let program = fs::read_to_string(process.join("comm")).unwrap_or_default();
            users.push(Session {
                pid,
                user: String::new(),
                application: program.trim().to_owned(),
                client: String::new(),
                state: "has the file open".to_owned(),
                since: String::new(),
            });
        }
    }
    users
}

#[cfg(not(target_os = "linux"))]
fn open_by(_: &Path) -> Vec<Session> {
    Vec::new()
}

#[cfg(target_os = "linux")]
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries.flatten().map(|entry| entry.path()).collect()
}
