//! PostgreSQL's own programs on this machine, and the account they run under.

use std::{
    collections::BTreeSet,
    env, fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

const PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

const HOMEBREW: [&str; 3] = [
    "/opt/homebrew/opt",
    "/usr/local/opt",
    "/home/linuxbrew/.linuxbrew/opt",
];

pub(crate) const REMEDY: &str = "run the tests through `scripts/test`, which installs PostgreSQL \
     where it may, or install it (Debian: `apt-get install postgresql`, macOS: `brew install \
     postgresql`), or set TEST_POSTGRES_URL to a server on which databases may be created. \
     `cargo test sqlite::` needs no PostgreSQL";

/// The folder of PostgreSQL's server programs and the account to run them under.
#[derive(Clone, Debug)]
pub(crate) struct PostgresPrograms {
    folder: PathBuf,
    account: Option<Account>,
}

/// A user of the operating system that the programs are run as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl PostgresPrograms {
    pub(crate) fn find() -> anyhow::Result<Self> {
        let Some(folder) = candidate_folders().into_iter().find(|f| is_complete(f)) else {
            bail!("this machine has no PostgreSQL server programs (initdb, pg_ctl): {REMEDY}");
        };
        Ok(Self {
            folder,
            account: Account::of_the_server()?,
        })
    }

    /// `None` when the programs run as the account of this process.
    pub(crate) fn account(&self) -> Option<Account> {
        self.account
    }

    pub(crate) fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }

    /// A program that has to be of the same installation as `known` and need not
    /// be linked into the same folder.
    pub(crate) fn beside(&self, known: &str, program: &str) -> anyhow::Result<PathBuf> {
        let whole = fs::canonicalize(self.path(known))?;
        let candidates = [self.path(program), whole.with_file_name(program)];
        candidates
            .into_iter()
            .find(|path| path.is_file())
            .with_context(|| {
                format!("this installation of PostgreSQL has no `{program}`: {REMEDY}")
            })
    }

    /// A command that runs as the server's account, without this process's
    /// `PG…` variables, which would change its meaning.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        // A folder that only root may enter makes initdb complain.
        command.current_dir("/").stdin(Stdio::null());
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        if let Some(account) = self.account {
            command.uid(account.uid).gid(account.gid);
        }
        command
    }
}

impl Account {
    /// PostgreSQL refuses to run as root, so root's tests run it as `postgres`
    /// or, where that user does not exist, as `nobody`.
    pub(crate) fn of_the_server() -> anyhow::Result<Option<Self>> {
        if id(&["-u"])? != 0 {
            return Ok(None);
        }
        for user in ["postgres", "nobody"] {
            if let (Ok(uid), Ok(gid)) = (id(&["-u", user]), id(&["-g", user])) {
                return Ok(Some(Self { uid, gid }));
            }
        }
        bail!(
            "PostgreSQL does not run as root, and this machine has neither a user `postgres` nor \
             `nobody`: create one, or run the tests as another user"
        )
    }
}

fn id(arguments: &[&str]) -> anyhow::Result<u32> {
    let output = Command::new("id")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("could not run `id`")?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim()
        .parse()
        .with_context(|| format!("`id {}` printed no number", arguments.join(" ")))
}

fn is_complete(folder: &Path) -> bool {
    PROGRAMS.iter().all(|name| folder.join(name).is_file())
}

/// PATH first, because it is the user's own choice; Debian keeps the server
/// programs out of PATH.
fn candidate_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = env::var_os("PATH")
        .map(|path| env::split_paths(&path).collect())
        .unwrap_or_default();
    folders.extend(versioned("/usr/lib/postgresql", "", "bin"));
    folders.extend(versioned("/usr", "pgsql-", "bin"));
    folders.extend(versioned("/usr/libexec", "postgresql", ""));
    folders.extend(configured());
    for prefix in HOMEBREW {
        folders.push(Path::new(prefix).join("postgresql/bin"));
        folders.extend(versioned(prefix, "postgresql@", "bin"));
    }
    folders
}

/// `<parent>/<prefix><version>/<suffix>` for each version there, newest first.
fn versioned(parent: &str, prefix: &str, suffix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    let versions: BTreeSet<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix(prefix)?;
            let major = version.split('.').next()?.parse().ok()?;
            Some((major, entry.path().join(suffix)))
        })
        .collect();
    versions.into_iter().rev().map(|(_, path)| path).collect()
}

fn configured() -> Option<PathBuf> {
    let output = Command::new("pg_config")
        .arg("--bindir")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    (!folder.trim().is_empty()).then(|| PathBuf::from(folder.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first_and_10_is_newer_than_9() {
        let parent = tempfile::tempdir().unwrap();
        for version in ["9.6", "10", "15", "common"] {
            fs::create_dir(parent.path().join(version)).unwrap();
        }

        let found = versioned(parent.path().to_str().unwrap(), "", "bin");

        let expected: Vec<_> = ["15", "10", "9.6"]
            .map(|version| parent.path().join(version).join("bin"))
            .into();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_folder_without_all_programs_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("initdb"), "").unwrap();
        fs::write(folder.path().join("pg_ctl"), "").unwrap();
        assert!(!is_complete(folder.path()));
        fs::write(folder.path().join("postgres"), "").unwrap();
        assert!(is_complete(folder.path()));
    }
}
