//! A private PgBouncer before the PostgreSQL server that tests use.

use std::{
    env, fs,
    io::{BufRead, BufReader, Lines},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, bail};
use percent_encoding::percent_decode_str;
use tokio::sync::OnceCell;
use url::Url;

use crate::{
    PostgresServer,
    postgres_programs::Account,
    private_server::{free_port, hand_over, private_folder},
};

const REMEDY: &str = "run the tests through `scripts/test`, which installs PgBouncer where it may, \
     or install it (Debian: `apt-get install pgbouncer`, macOS: `brew install pgbouncer`)";

/// Starts PgBouncer and waits for the end of its own standard input, which only
/// the process that started it holds open: however that process ends, by kill -9
/// too, PgBouncer ends and its folder goes. When PgBouncer does not start, nothing
/// else holds its standard error open, so that the reader sees the end.
const WATCHDOG: &str = r#"
"$1" "$2/pgbouncer.ini" </dev/null >/dev/null &
exec 2>/dev/null
while read -r _; do :; done
kill -KILL $!
wait $!
rm -rf "$2" || rm -rf "$2"
"#;

/// What PgBouncer logs when it accepts connections.
const READY: &str = "process up";

const START_ATTEMPTS: u32 = 5;

/// A private PgBouncer in transaction pooling mode: a client has a connection to
/// the server for the length of a transaction, and what the next one gets is
/// another where there are several. There are at most four for each database;
/// who needs a fifth waits.
///
/// Nothing is tidied up between two transactions, as in any deployment that sets
/// no reset query: a statement that a client has prepared is there for the next
/// client of the connection, for [`PgBouncer`] before 1.21 cannot tell those of
/// its clients apart. So a client has to forget the statements of others first,
/// and to prepare and run its own, which are two round trips, in one transaction.
///
/// It listens on 127.0.0.1, demands the server's password, and disappears with
/// this process, however that ends.
#[derive(Debug)]
pub struct PgBouncer {
    port: u16,
    folder: PathBuf,
    log: Arc<Mutex<String>>,
    watchdog: Child,
}

static SHARED: OnceCell<PgBouncer> = OnceCell::const_new();

impl PgBouncer {
    /// The one before [`PostgresServer::shared`], started at first use.
    ///
    /// # Errors
    ///
    /// When this machine has no PgBouncer, and as [`PostgresServer::shared`]; the
    /// message says how to get it. Tests must fail on it.
    pub async fn shared() -> anyhow::Result<&'static Self> {
        SHARED
            .get_or_try_init(|| async { Self::start(PostgresServer::shared().await?).await })
            .await
    }

    /// Starts a private one before this server.
    ///
    /// # Errors
    ///
    /// When the program is missing, or does not come up; the message then holds
    /// its log.
    pub async fn start(server: &PostgresServer) -> anyhow::Result<Self> {
        let server = server.maintenance_url().clone();
        tokio::task::spawn_blocking(move || Self::start_before(&server)).await?
    }

    /// The URL of a database of the server, through this PgBouncer. It tells sqlx
    /// to keep no prepared statement for a later transaction.
    ///
    /// # Errors
    ///
    /// When the URL cannot be parsed or has no host.
    pub fn url(&self, database_url: &str) -> anyhow::Result<String> {
        let mut url = Url::parse(database_url)?;
        url.set_host(Some("127.0.0.1"))?;
        if url.set_port(Some(self.port)).is_err() {
            bail!("the database's URL has no host");
        }
        let others: Vec<_> = url
            .query_pairs()
            .filter(|(name, _)| name != "sslmode" && name != "statement-cache-capacity")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.query_pairs_mut()
            .clear()
            .extend_pairs(others)
            .append_pair("sslmode", "disable")
            .append_pair("statement-cache-capacity", "0");
        Ok(url.into())
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        lock(&self.log).clone()
    }

    /// Where it has its configuration. Goes with the process.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn start_before(server: &Url) -> anyhow::Result<Self> {
        let program = find_program()?;
        // Another process may take the port meanwhile.
        for _ in 1..START_ATTEMPTS {
            if let Ok(bouncer) = Self::start_on_a_free_port(&program, server) {
                return Ok(bouncer);
            }
        }
        Self::start_on_a_free_port(&program, server)
    }

    fn start_on_a_free_port(program: &Path, server: &Url) -> anyhow::Result<Self> {
        let account = Account::of_the_server()?;
        let folder = private_folder(account, "outreach-pgbouncer-")?;
        let port = free_port()?;
        for (name, contents) in [
            ("pgbouncer.ini", configuration(folder.path(), server, port)),
            ("users", users(server)?),
        ] {
            let path = folder.path().join(name);
            fs::write(&path, contents)?;
            hand_over(account, &path)?;
        }
        let mut watchdog = spawn_watchdog(program, folder.path(), account)?;
        // From here on the watchdog removes the folder.
        let folder = folder.keep();
        let errors = watchdog.stderr.take().context("it was piped")?;
        let bouncer = Self {
            port,
            folder,
            log: Arc::default(),
            watchdog,
        };
        let mut lines = BufReader::new(errors).lines();
        bouncer.wait_until_ready(&mut lines)?;
        let log = Arc::clone(&bouncer.log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                write_line(&log, &line);
            }
        });
        Ok(bouncer)
    }

    fn wait_until_ready(&self, lines: &mut Lines<BufReader<ChildStderr>>) -> anyhow::Result<()> {
        for line in lines.map_while(Result::ok) {
            write_line(&self.log, &line);
            if line.contains(READY) {
                return Ok(());
            }
        }
        bail!("PgBouncer does not start; it says:\n{}", self.log())
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // Nothing can be done here about a watchdog that failed.
        let _ = self.watchdog.wait();
    }
}

/// Debian keeps the program out of a user's PATH.
fn find_program() -> anyhow::Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let others = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"].map(PathBuf::from);
    program_in(env::split_paths(&path).chain(others))
}

fn program_in(mut folders: impl Iterator<Item = PathBuf>) -> anyhow::Result<PathBuf> {
    folders
        .find_map(|folder| {
            let program = folder.join("pgbouncer");
            program.is_file().then_some(program)
        })
        .with_context(|| format!("this machine has no `pgbouncer`: {REMEDY}"))
}

/// The connections to the server are used in turn, so that a client does not get
/// the same one again by chance.
fn configuration(folder: &Path, server: &Url, port: u16) -> String {
    let folder = folder.display();
    let host = server.host_str().unwrap_or("127.0.0.1");
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let server_port = server.port().unwrap_or(5432);
    format!(
        "[databases]
* = host={host} port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 4
server_round_robin = 1
max_client_conn = 500
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
"
    )
}

/// With the password itself, for PgBouncer needs it to log in at the server.
fn users(server: &Url) -> anyhow::Result<String> {
    let field = |text: &str| -> anyhow::Result<String> {
        // Unlike its query, these parts of a URL stay encoded.
        let text = percent_decode_str(text).decode_utf8()?;
        Ok(format!("\"{}\"", text.replace('"', "\"\"")))
    };
    let password = server.password().unwrap_or_default();
    Ok(format!(
        "{} {}\n",
        field(server.username())?,
        field(password)?
    ))
}

fn spawn_watchdog(
    program: &Path,
    folder: &Path,
    account: Option<Account>,
) -> anyhow::Result<Child> {
    let mut command = Command::new("sh");
    command
        .args(["-c", WATCHDOG, "outreach-test-watchdog"])
        .arg(program)
        .arg(folder)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // Ctrl-C goes to the whole group of the tests; the watchdog outlives it.
        .process_group(0);
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
    command
        .spawn()
        .context("could not start the watchdog of PgBouncer (`sh`)")
}

fn write_line(log: &Mutex<String>, line: &str) {
    let mut log = lock(log);
    log.push_str(line);
    log.push('\n');
}

/// A thread that panicked while it held the lock left whole lines.
fn lock(log: &Mutex<String>) -> std::sync::MutexGuard<'_, String> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_missing_program_names_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let error = program_in([folder.path().to_owned()].into_iter()).unwrap_err();
        assert!(error.to_string().contains("apt-get install pgbouncer"));
        let program = folder.path().join("pgbouncer");
        fs::write(&program, "").unwrap();
        assert_eq!(
            program_in([folder.path().to_owned()].into_iter()).unwrap(),
            program
        );
    }

    #[test]
    fn a_program_that_does_not_start_is_an_error_with_its_words() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("pgbouncer");
        fs::write(&program, "#!/bin/sh\necho out of order >&2\nexit 1\n").unwrap();
        for path in [folder.path(), &program] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }

        let server = Url::parse("postgres://somebody@127.0.0.1").unwrap();
        let error = PgBouncer::start_on_a_free_port(&program, &server).unwrap_err();

        assert!(error.to_string().contains("out of order"), "{error}");
    }

    #[test]
    fn a_quoted_and_encoded_password_is_passed_on_as_it_is() {
        let server = Url::parse("postgres://some%20body:a%22%25b+c=@127.0.0.1").unwrap();
        assert_eq!(users(&server).unwrap(), "\"some body\" \"a\"\"%b+c=\"\n");
    }
}
