//! Runs `pg_dump` and `pg_restore`.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use schema_audit::scratch::pg_dump::connect_by_environment;
use secrecy::SecretString;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, Command},
};

use super::{BackupError, Progress, Step, partial::Partial};

/// The most that is kept of what a program says when it fails.
const LONGEST_MESSAGE: u64 = 4_000;

/// A dump of one schema, as a snapshot sees it.
pub(super) struct Dump<'a> {
    pub(super) program: &'a Path,
    pub(super) url: &'a SecretString,
    pub(super) schema: &'a str,
    pub(super) snapshot: &'a str,
}

impl Dump<'_> {
    /// Through a pipe: when this process is killed, the program ends too.
    pub(super) async fn write_to(
        &self,
        partial: &mut Partial,
        progress: Progress<'_>,
    ) -> Result<(), BackupError> {
        let mut command = Command::new(self.program);
        command
            .args(["--format=custom", "--no-password", "--encoding=UTF8"])
            .arg("--lock-wait-timeout=60000")
            .arg(format!("--snapshot={}", self.snapshot))
            .arg(format!("--schema={}", pattern(self.schema)));
        connect_by_environment(&mut command, self.url)?;
        let mut child = spawn(self.program, command)?;
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        let (copied, message) = tokio::join!(copy(stdout, partial, progress), message_of(stderr));
        copied?;
        ended("pg_dump", child, message).await
    }
}

async fn copy(
    from: Option<impl AsyncRead + Unpin>,
    partial: &mut Partial,
    progress: Progress<'_>,
) -> Result<(), BackupError> {
    let Some(mut from) = from else {
        return Ok(());
    };
    let mut buffer = vec![0; 256 * 1024];
    let mut bytes = 0;
    loop {
        let count = from.read(&mut buffer).await.map_err(reading("pg_dump"))?;
        if count == 0 {
            return Ok(());
        }
        partial.write(&buffer[..count])?;
        bytes += count as u64;
        progress(Step::Written { bytes });
    }
}

/// The name in the language of `pg_dump`'s patterns, where it stands for itself
/// alone.
fn pattern(name: &str) -> String {
    crate::sql::identifier(name)
}

/// `pg_restore` beside the `pg_dump` that was found, or on PATH.
pub(super) fn pg_restore(pg_dump: &Path) -> PathBuf {
    let beside = pg_dump.with_file_name("pg_restore");
    if beside.is_file() {
        beside
    } else {
        PathBuf::from("pg_restore")
    }
}

pub(super) fn spawn(program: &Path, mut command: Command) -> Result<Child, BackupError> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| BackupError::Run {
            program: program.display().to_string(),
            source,
        })
}

/// Reads all of it, so that the program does not wait for a reader, and keeps
/// the beginning.
pub(super) async fn message_of(from: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut from) = from else {
        return String::new();
    };
    let mut kept = Vec::new();
    // What can't be read is not said; the program's status is what counts.
    let _ = (&mut from)
        .take(LONGEST_MESSAGE)
        .read_to_end(&mut kept)
        .await;
    let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
    let text = String::from_utf8_lossy(&kept);
    text.trim().replace(|c: char| c.is_control(), " ")
}

/// Whether a program ended well.
pub(super) async fn ended(
    program: &'static str,
    mut child: Child,
    message: String,
) -> Result<(), BackupError> {
    let status = child.wait().await.map_err(reading(program))?;
    if status.success() {
        return Ok(());
    }
    let message = if message.is_empty() {
        status.to_string()
    } else {
        message
    };
    Err(BackupError::Program { program, message })
}

pub(super) fn reading(program: &'static str) -> impl FnOnce(std::io::Error) -> BackupError {
    move |error| BackupError::Program {
        program,
        message: error.to_string(),
    }
}
