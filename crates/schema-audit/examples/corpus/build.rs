//! Databases for one case.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, bail};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use tempfile::TempDir;
use tokio::process::Command;
use url::Url;

use crate::case::{Case, Side};

pub(crate) struct Builder {
    folder: PathBuf,
    server: Option<Url>,
    /// Files of SQLite.
    files: TempDir,
    number: AtomicU32,
}

/// A database that was built from a file.
pub(crate) struct Built {
    url: String,
    /// Where to drop it from, and its name.
    on: Option<(Url, String)>,
}

impl Builder {
    pub(crate) fn new(folder: PathBuf, server: Option<Url>) -> anyhow::Result<Self> {
        Ok(Self {
            folder,
            server,
            files: tempfile::tempdir()?,
            number: AtomicU32::new(0),
        })
    }

    pub(crate) fn can_build(&self, case: &Case) -> bool {
        !case.is_postgres() || self.server.is_some()
    }

    /// Builds a database from one of the case's files. Tried again, because two
    /// cases may create the same role at the same moment, and because some files
    /// take roles for granted.
    pub(crate) async fn build(&self, case: &Case, side: Side) -> anyhow::Result<Built> {
        const TRIES: usize = 5;
        let mut tries = 1;
        loop {
            match self.build_once(case, side).await {
                Ok(built) => return Ok(built),
                Err(error) if tries == TRIES => {
                    return Err(error.context(format!("could not load {}", side.file())));
                }
                Err(error) => self.create_missing_role(&error).await,
            }
            tries += 1;
        }
    }

    /// Best effort: the next try says what is wrong.
    async fn create_missing_role(&self, error: &anyhow::Error) {
        let said = error.to_string();
        let role = said
            .split_once("role \"")
            .and_then(|(_, rest)| rest.split_once("\" does not exist"));
        if let (Some((role, _)), Some(server)) = (role, &self.server) {
            let role = role.replace('"', "\"\"");
            // Another case may be faster.
            let _ = execute(server, &format!("create role \"{role}\"")).await;
        }
    }

    async fn build_once(&self, case: &Case, side: Side) -> anyhow::Result<Built> {
        let file = self.folder.join(&case.id).join(side.file());
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let server = self.server.as_ref().filter(|_| case.is_postgres());
        let Some(server) = server else {
            return self.build_sqlite(file, number).await;
        };
        let name = format!("corpus_{}_{number}", std::process::id());
        execute(
            server,
            &format!("create database {name} template template0"),
        )
        .await?;
        let mut url = server.clone();
        url.set_path(&name);
        let built = Built {
            url: url.to_string(),
            on: Some((server.clone(), name)),
        };
        let psql = Command::new("psql")
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &built.url, "-f"])
            .arg(file)
            .output()
            .await
            .context("could not run psql")?;
        if psql.status.success() {
            return Ok(built);
        }
        built.drop().await?;
        bail!("psql: {}", String::from_utf8_lossy(&psql.stderr))
    }

    async fn build_sqlite(&self, file: PathBuf, number: u32) -> anyhow::Result<Built> {
        let path = self.files.path().join(format!("{number}.db"));
        let built = Built {
            url: format!("sqlite://{}?mode=rwc", path.display()),
            on: None,
        };
        let sql = tokio::fs::read_to_string(file).await?;
        let connection = built.connect().await?;
        // SQLite's own program does not enforce foreign keys.
        let sql = format!("pragma foreign_keys = off;\n{sql}");
        connection.execute_unprepared(&sql).await?;
        connection.close().await?;
        Ok(built)
    }
}

impl Built {
    pub(crate) async fn connect(&self) -> anyhow::Result<DatabaseConnection> {
        let mut options = ConnectOptions::new(&self.url);
        options.sqlx_logging(false).max_connections(1);
        Ok(Database::connect(options).await?)
    }

    pub(crate) async fn drop(self) -> anyhow::Result<()> {
        match self.on {
            Some((server, name)) => {
                execute(&server, &format!("drop database {name} with (force)")).await
            }
            None => Ok(()),
        }
    }
}

async fn execute(server: &Url, sql: &str) -> anyhow::Result<()> {
    let mut options = ConnectOptions::new(server.as_str());
    options.sqlx_logging(false).max_connections(1);
    let connection = Database::connect(options).await?;
    connection.execute_unprepared(sql).await?;
    Ok(connection.close().await?)
}
