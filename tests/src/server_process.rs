//! One private PostgreSQL server: its folder, its programs, and the watchdog
//! that removes both when the process that started it ends.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, bail};

use crate::{
    postgres_programs::PostgresPrograms,
    private_server::{free_port, hand_over, private_folder},
};

/// Waits for the end of its standard input, which only the process that started
/// it holds open: however that process ends, by kill -9 too, the server stops
/// and its folder goes.
const WATCHDOG: &str = r#"
while read -r _; do :; done
"$1" stop -D "$2/data" -m immediate -w -t 30 >/dev/null 2>&1
rm -rf "$2" || rm -rf "$2"
"#;

/// Durability against a power failure is given up for speed; durability against
/// the death of the server is not, because tests kill servers.
const CONFIGURATION: &str = "
listen_addresses = '127.0.0.1'
max_connections = 300
fsync = off
shared_buffers = 64MB
max_wal_size = 256MB
max_prepared_transactions = 20
log_line_prefix = '%m [%p] %d '
timezone = 'UTC'
";

/// Of the folder's name.
const PREFIX: &str = "outreach-pg-";

const START_ATTEMPTS: u32 = 5;

#[derive(Debug)]
pub(crate) struct ServerProcess {
    programs: PostgresPrograms,
    folder: PathBuf,
    port: u16,
    password: String,
    watchdog: Child,
}

impl ServerProcess {
    /// Makes a new cluster and starts it. Blocks for about a second.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let programs = PostgresPrograms::find()?;
        let folder = private_folder(programs.account(), PREFIX)?;
        let watchdog = spawn_watchdog(&programs, folder.path())?;
        let mut server = Self {
            programs,
            // From here on the watchdog removes the folder.
            folder: folder.keep(),
            port: 0,
            password: uuid::Uuid::new_v4().simple().to_string(),
            watchdog,
        };
        server.initialise()?;
        server.start_on_a_free_port()?;
        Ok(server)
    }

    /// Copies the running server `primary` and starts the copy as a hot standby,
    /// which has everything that was committed before. Blocks for some seconds.
    pub(crate) fn start_standby(primary: &Self) -> anyhow::Result<Self> {
        let programs = primary.programs.clone();
        let folder = private_folder(programs.account(), PREFIX)?;
        let watchdog = spawn_watchdog(&programs, folder.path())?;
        let mut server = Self {
            programs,
            folder: folder.keep(),
            port: 0,
            password: primary.password.clone(),
            watchdog,
        };
        server.copy_from(primary)?;
        server.start_on_a_free_port()?;
        Ok(server)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// What the server has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Stops the server as a crash would: no checkpoint, connections cut.
    pub(crate) fn stop_immediate(&self) -> anyhow::Result<()> {
        self.pg_ctl(&["stop", "-m", "immediate", "-w", "-t", "60"])
    }

    /// Makes a standby a server of its own, and returns when it takes writes.
    pub(crate) fn promote(&self) -> anyhow::Result<()> {
        self.pg_ctl(&["promote", "-w", "-t", "60"])
            .with_context(|| format!("the server's log says:\n{}", self.log()))
    }

    /// Starts the stopped server again, on the same port and with its data.
    pub(crate) fn start_again(&self) -> anyhow::Result<()> {
        let log = self.log_path();
        let log = log.to_str().context("the server's folder is not UTF-8")?;
        let port = format!("-p {}", self.port);
        self.pg_ctl(&["start", "-w", "-t", "60", "-l", log, "-o", &port])
            .with_context(|| format!("the server's log says:\n{}", self.log()))
    }

    fn initialise(&self) -> anyhow::Result<()> {
        let password_file = self.folder.join("password");
        fs::write(&password_file, &self.password)?;
        hand_over(self.programs.account(), &password_file)?;
        let mut command = self.programs.command(self.programs.path("initdb"));
        command
            .arg("--pgdata")
            .arg(self.data())
            .arg("--pwfile")
            .arg(&password_file)
            // A login by SCRAM costs 4,096 rounds of SHA-256, which in programs that
            // are not optimised take longer than all else that workers do.
            .args(["--username", "postgres", "--auth", "md5"])
            .args(["--encoding", "UTF8", "--locale", "C", "--no-sync"]);
        run(&mut command)?;
        fs::remove_file(password_file)?;

        let path = self.data().join("postgresql.conf");
        let defaults = fs::read_to_string(&path)?;
        fs::write(path, format!("{defaults}{CONFIGURATION}"))?;
        self.configure_socket()
    }

    fn copy_from(&self, primary: &Self) -> anyhow::Result<()> {
        let mut command = self
            .programs
            .command(self.programs.beside("pg_ctl", "pg_basebackup")?);
        command
            .arg("--pgdata")
            .arg(self.data())
            .arg(format!("--port={}", primary.port))
            .args(["--host=127.0.0.1", "--username=postgres", "--no-password"])
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"])
            .env("PGPASSWORD", &primary.password);
        run(&mut command)?;
        self.configure_socket()
    }

    /// The last of several values in the file counts.
    fn configure_socket(&self) -> anyhow::Result<()> {
        let path = self.data().join("postgresql.conf");
        let before = fs::read_to_string(&path)?;
        let socket = format!("unix_socket_directories = '{}'", self.folder.display());
        fs::write(path, format!("{before}{socket}\n"))?;
        Ok(())
    }

    fn start_on_a_free_port(&mut self) -> anyhow::Result<()> {
        for attempt in 1.. {
            self.port = free_port()?;
            match self.start_again() {
                Ok(()) => break,
                // Another process may have taken the port meanwhile.
                Err(error) if attempt == START_ATTEMPTS => return Err(error),
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn pg_ctl(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = self.programs.command(self.programs.path("pg_ctl"));
        run(command.args(arguments).arg("-D").arg(self.data()))
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("log")
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // Nothing can be done here about a watchdog that failed.
        let _ = self.watchdog.wait();
    }
}

fn spawn_watchdog(programs: &PostgresPrograms, folder: &Path) -> anyhow::Result<Child> {
    programs
        .command("sh")
        .args(["-c", WATCHDOG, "outreach-test-watchdog"])
        .arg(programs.path("pg_ctl"))
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C goes to the whole group of the tests; the watchdog outlives it.
        .process_group(0)
        .spawn()
        .context("could not start the watchdog of the test server (`sh`)")
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("could not run {program}"))?;
    if !output.status.success() {
        bail!(
            "{program} failed ({}): {}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
