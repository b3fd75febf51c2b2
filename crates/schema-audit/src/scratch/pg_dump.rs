//! Finds and runs `pg_dump`.
//!
//! Public for programs that dump more than a schema: which `pg_dump` to take, and
//! how to hand it the connection.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Stdio,
};

use sea_orm::sqlx::postgres::{PgConnectOptions, PgSslMode};
use secrecy::{ExposeSecret, SecretString};
use tokio::process::Command;
use url::Url;

use super::ScratchError;

/// Folders that packages put versions of PostgreSQL in, and where the programs
/// are in such a version.
const KNOWN: [(&str, &str); 6] = [
    ("/usr/lib/postgresql", "bin"),
    ("/usr", "bin"),
    ("/opt/homebrew/opt", "bin"),
    ("/usr/local/opt", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "bin"),
];

/// The first `pg_dump` that is not older than the server, whose major version is
/// given: the one that the environment variable PG_DUMP names, else one on PATH
/// or in the folders that packages put PostgreSQL in.
///
/// # Errors
///
/// [`ScratchError::NoPgDump`] says what was found instead.
pub async fn find(server: u32) -> Result<PathBuf, ScratchError> {
    let named = env::var_os("PG_DUMP").filter(|path| !path.is_empty());
    let candidates = match &named {
        Some(path) => vec![PathBuf::from(path)],
        None => candidates(env::var_os("PATH").as_deref()),
    };
    let mut found = Vec::new();
    for candidate in candidates {
        match version_of(&candidate).await {
            Some(version) if version >= server => return Ok(candidate),
            Some(version) => found.push(format!("{} is {version}", candidate.display())),
            None if named.is_some() => {
                found.push(format!("{} does not run", candidate.display()));
            }
            None => {}
        }
    }
    let found = if found.is_empty() {
        "none was found".to_owned()
    } else {
        found.join(", ")
    };
    Err(ScratchError::NoPgDump { server, found })
}

fn candidates(path: Option<&OsStr>) -> Vec<PathBuf> {
    let on_path = path.iter().flat_map(env::split_paths).collect::<Vec<_>>();
    let known = KNOWN
        .iter()
        .flat_map(|(folder, below)| versions(folder, below));
    on_path
        .into_iter()
        .chain(known)
        .map(|folder| folder.join("pg_dump"))
        .filter(|program| program.is_file())
        .collect()
}

/// The versions in a folder, the newest name first.
fn versions(folder: &str, below: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = entries.map(|entry| entry.path().join(below)).collect();
    versions.sort();
    versions.reverse();
    versions
}

async fn version_of(program: &Path) -> Option<u32> {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null());
    let output = command.output().await.ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

/// `pg_dump (PostgreSQL) 15.4 (Debian …)` is 15.
fn parse_version(text: &str) -> Option<u32> {
    let version = text.split(") ").nth(1)?;
    let end = version.find(|c: char| !c.is_ascii_digit());
    version[..end.unwrap_or(version.len())].parse().ok()
}

/// The statements that make the schema of this database, without its owners and
/// privileges.
pub(super) async fn run(program: &Path, url: &SecretString) -> Result<String, ScratchError> {
    let mut command = Command::new(program);
    command
        .args(["--schema-only", "--no-owner", "--no-privileges"])
        .args([
            "--no-publications",
            "--no-subscriptions",
            "--no-tablespaces",
        ])
        .args(["--no-security-labels", "--no-password", "--encoding=UTF8"])
        .arg("--lock-wait-timeout=10000")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    connect_by_environment(&mut command, url)?;
    let output = command
        .output()
        .await
        .map_err(|source| ScratchError::RunPgDump {
            program: program.display().to_string(),
            source,
        })?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let message = text.trim().replace(|c: char| c.is_control(), " ");
        return Err(ScratchError::PgDump { message });
    }
    String::from_utf8(output.stdout).map_err(|_| ScratchError::PgDump {
        message: "its output is not UTF-8".to_owned(),
    })
}

/// Tells a program of PostgreSQL how to connect to the database at this URL, by
/// environment: everyone on the machine can read a command line.
///
/// # Errors
///
/// [`ScratchError::Url`] when the URL can't be read.
pub fn connect_by_environment(
    command: &mut Command,
    url: &SecretString,
) -> Result<(), ScratchError> {
    let parsed = Url::parse(url.expose_secret()).map_err(|_| ScratchError::Url)?;
    let options: PgConnectOptions = url.expose_secret().parse().map_err(|_| ScratchError::Url)?;
    let host = options.get_socket().map_or_else(
        || OsString::from(options.get_host()),
        |folder| folder.as_os_str().to_owned(),
    );
    command
        .env("PGHOST", host)
        .env("PGPORT", options.get_port().to_string())
        .env("PGUSER", options.get_username())
        .env(
            "PGDATABASE",
            options.get_database().unwrap_or(options.get_username()),
        )
        .env("PGSSLMODE", ssl_mode(options.get_ssl_mode()))
        // The session's own settings (a search path, say) don't belong here.
        .env_remove("PGHOSTADDR")
        .env_remove("PGTARGETSESSIONATTRS")
        .env_remove("PGOPTIONS")
        .env_remove("PGSERVICE");
    if let Some(password) = password(&parsed) {
        command.env("PGPASSWORD", password);
    }
    for (key, value) in parsed.query_pairs() {
        match key.as_ref() {
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => command.env("PGSSLROOTCERT", &*value),
            "sslcert" | "ssl-cert" => command.env("PGSSLCERT", &*value),
            "sslkey" | "ssl-key" => command.env("PGSSLKEY", &*value),
            _ => command,
        };
    }
    Ok(())
}

fn password(url: &Url) -> Option<String> {
    let named = url.query_pairs().find(|(key, _)| key == "password");
    if let Some((_, password)) = named {
        return Some(password.into_owned());
    }
    let encoded = url.password()?;
    // The only way that this crate has to decode it: a query of one pair. A plus
    // sign means a space there, and itself in a password.
    let pair = format!("p={}", encoded.replace('+', "%2B"));
    let mut decoder = Url::parse("postgres://localhost").ok()?;
    decoder.set_query(Some(&pair));
    decoder
        .query_pairs()
        .next()
        .map(|(_, value)| value.into_owned())
}

const fn ssl_mode(mode: PgSslMode) -> &'static str {
    match mode {
        PgSslMode::Disable => "disable",
        PgSslMode::Allow => "allow",
        PgSslMode::Prefer => "prefer",
        PgSslMode::Require => "require",
        PgSslMode::VerifyCa => "verify-ca",
        PgSslMode::VerifyFull => "verify-full",
    }
}

/// The dump as the simple query protocol takes it: without `psql`'s commands,
/// and without a setting that a newer `pg_dump` makes and an older server does
/// not know.
#[must_use]
pub fn for_the_server(dump: &str) -> String {
    let kept = dump.lines().filter(|line| {
        !(line.starts_with("\\restrict ")
            || line.starts_with("\\unrestrict ")
            || line.starts_with("SET transaction_timeout "))
    });
    kept.flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_the_program_says() {
        let debian = "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(parse_version(debian), Some(15));
        assert_eq!(parse_version("pg_dump (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(parse_version("something else"), None);
    }

    #[test]
    fn the_password_travels_decoded_and_by_environment_only() {
        let url =
            SecretString::from("postgres://me:a%40b+c%2Fd@db.example:6543/app?sslmode=require");
        let mut command = Command::new("pg_dump");
        connect_by_environment(&mut command, &url).expect("the URL is right");
        let command = command.as_std();
        let value = |name: &str| {
            let mut all = command.get_envs();
            let (_, value) = all.find(|(key, _)| *key == name)?;
            value.and_then(|value| value.to_str())
        };
        assert_eq!(value("PGPASSWORD"), Some("a@b+c/d"));
        assert_eq!(value("PGHOST"), Some("db.example"));
        assert_eq!(value("PGPORT"), Some("6543"));
        assert_eq!(value("PGDATABASE"), Some("app"));
        assert_eq!(value("PGSSLMODE"), Some("require"));
        assert_eq!(command.get_args().count(), 0);
    }

    #[test]
    fn commands_of_psql_are_left_out_of_the_dump() {
        let dump =
            "\\restrict abc\nSET transaction_timeout = 0;\nCREATE TABLE t ();\n\\unrestrict abc\n";
        assert_eq!(for_the_server(dump), "CREATE TABLE t ();\n");
    }
}
