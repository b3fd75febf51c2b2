//! What the servers that tests start for themselves have in common: a folder of
//! the account that they run under, and a port.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use tempfile::{Builder, TempDir};

use crate::postgres_programs::Account;

/// Root's temporary folder may be closed to the account that the server runs
/// under; `/tmp` is open to everybody.
pub(crate) fn private_folder(account: Option<Account>, prefix: &str) -> anyhow::Result<TempDir> {
    let parent = match account {
        Some(_) => PathBuf::from("/tmp"),
        None => std::env::temp_dir(),
    };
    let folder = Builder::new()
        .prefix(prefix)
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(&parent)
        .with_context(|| format!("could not make a folder in {}", parent.display()))?;
    hand_over(account, folder.path())?;
    Ok(folder)
}

/// Gives a file or folder of this process to the account.
pub(crate) fn hand_over(account: Option<Account>, path: &Path) -> anyhow::Result<()> {
    if let Some(account) = account {
        chown(path, Some(account.uid), Some(account.gid))
            .with_context(|| format!("could not give {} to the server", path.display()))?;
    }
    Ok(())
}

/// A free port below the range that systems give to outgoing connections, so
/// that no client can take it while the server is stopped.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    for _ in 0..100 {
        let (_, random, ..) = uuid::Uuid::new_v4().as_fields();
        let port = 20_000 + random % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("found no free port between 20000 and 32000 on 127.0.0.1")
}
