//! One side of a comparison, as it is named on the command line.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    str::FromStr,
};

use sea_orm::sqlx::{postgres::PgConnectOptions, sqlite::SqliteConnectOptions};
use secrecy::SecretString;
use url::Url;

use super::error::ProgramError;
use crate::{
    inspect::leaves_a_log,
    schema::{Dialect, Schema},
};

/// What every SQLite database begins with, unless it is empty.
const SQLITE_HEADER: &[u8; 16] = b"SQLite format 3\0";

/// One side of a comparison.
pub(super) struct Side {
    /// For people; without a password.
    pub(super) label: String,
    /// As it was given.
    pub(super) url: SecretString,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Postgres(Box<PgConnectOptions>),
    Sqlite(Box<SqliteConnectOptions>),
    Snapshot { path: PathBuf, schema: Box<Schema> },
}

impl Side {
    /// Reads what a side is. A snapshot is read whole; of an SQLite file the
    /// beginning is looked at, so that the error can be plain; no database is
    /// asked.
    pub(super) fn parse(text: &str) -> Result<Self, ProgramError> {
        let label = label(text);
        let kind = if is_postgres(text) {
            Kind::Postgres(Box::new(postgres(text, &label)?))
        } else if text.starts_with("sqlite:") {
            Kind::Sqlite(Box::new(sqlite(text, &label)?))
        } else if text.contains("://") {
            let reason = "it has to begin with postgres://, postgresql:// or sqlite:";
            return Err(ProgramError::Url {
                which: label,
                reason,
            });
        } else {
            snapshot(text)?
        };
        Ok(Self {
            label,
            url: text.into(),
            kind,
        })
    }

    /// The kind of database that it is of.
    pub(super) fn dialect(&self) -> Dialect {
        match &self.kind {
            Kind::Postgres(_) => Dialect::Postgres,
            Kind::Sqlite(_) => Dialect::Sqlite,
            Kind::Snapshot { schema, .. } => schema.dialect,
        }
    }
}

fn is_postgres(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

/// What a side is called: the text, or a URL without password and parameters.
pub(super) fn label(text: &str) -> String {
    if !text.contains("://") || text.starts_with("sqlite:") {
        let end = text.find('?').filter(|_| text.starts_with("sqlite:"));
        return text[..end.unwrap_or(text.len())].to_owned();
    }
    let scheme = text.split("://").next().unwrap_or_default();
    // A password with `/`, `?` or `#` cuts the URL in the wrong place; nothing
    // of it is shown then.
    let Some(mut url) = whole_url(text) else {
        return format!("{scheme}://…");
    };
    let host = url.query_pairs().find(|(key, _)| key == "host");
    let host = host.map(|(_, host)| host.into_owned());
    url.set_query(None);
    if url.password().is_some() && url.set_password(None).is_err() {
        return format!("{scheme}://…");
    }
    match host {
        Some(host) => format!("{url} on {host}"),
        None => url.into(),
    }
}

/// The URL, if no part of a password can have ended up elsewhere in it.
fn whole_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let stray = url.path().contains('@')
        || url.query().is_some_and(|query| query.contains('@'))
        || url.fragment().is_some();
    (!stray).then_some(url)
}

fn postgres(text: &str, label: &str) -> Result<PgConnectOptions, ProgramError> {
    if whole_url(text).is_none() {
        return Err(ProgramError::Url {
            which: label.to_owned(),
            reason: "write what is special in user name or password as %XX",
        });
    }
    PgConnectOptions::from_str(text).map_err(|source| ProgramError::Parse {
        which: label.to_owned(),
        source,
    })
}

fn sqlite(text: &str, label: &str) -> Result<SqliteConnectOptions, ProgramError> {
    let options = SqliteConnectOptions::from_str(text).map_err(|source| ProgramError::Parse {
        which: label.to_owned(),
        source,
    })?;
    let path = options.get_filename().to_owned();
    if label.contains(":memory:") || text.contains("mode=memory") || path.as_os_str().is_empty() {
        return Err(ProgramError::Url {
            which: label.to_owned(),
            reason: "there is nothing in it: name a file",
        });
    }
    let header = beginning(&path)?;
    if !header.is_empty() && header != SQLITE_HEADER {
        return Err(ProgramError::NoDatabase { path });
    }
    Ok(options
        .read_only(!leaves_a_log(&path))
        .create_if_missing(false)
        .pragma("query_only", "ON"))
}

fn snapshot(text: &str) -> Result<Kind, ProgramError> {
    let path = PathBuf::from(text);
    if beginning(&path)? == SQLITE_HEADER {
        return Err(ProgramError::DatabaseAsSnapshot { path });
    }
    let read = |path: &Path| {
        let mut text = Vec::new();
        File::open(path)?.read_to_end(&mut text)?;
        Ok(text)
    };
    let text = read(&path).map_err(|source: io::Error| ProgramError::ReadFile {
        path: path.clone(),
        source,
    })?;
    match serde_json::from_slice::<Schema>(&text) {
        Ok(mut schema) => {
            schema.sort();
            Ok(Kind::Snapshot {
                path,
                schema: Box::new(schema),
            })
        }
        Err(source) => Err(ProgramError::Snapshot { path, source }),
    }
}

/// The first bytes of a file.
fn beginning(path: &Path) -> Result<Vec<u8>, ProgramError> {
    let failed = |source| ProgramError::ReadFile {
        path: path.to_owned(),
        source,
    };
    // Asked before it is opened: a pipe would wait for a writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(ProgramError::NoFile {
            path: path.to_owned(),
        });
    }
    let mut header = Vec::new();
    File::open(path)
        .and_then(|file| file.take(16).read_to_end(&mut header))
        .map_err(failed)?;
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f43_a_label_never_has_a_password() {
        for (url, expected) in [
            (
                "postgres://u:secret@h:5/db?sslmode=require",
                "postgres://u@h:5/db",
            ),
            ("postgresql://u@h/db?password=secret", "postgresql://u@h/db"),
            ("postgres://u:se/cret@h/db", "postgres://…"),
            ("postgres://u:1/secret@h/db", "postgres://…"),
            ("postgres://u:1?secret@h/db", "postgres://…"),
            ("postgres://u:1#secret@h/db", "postgres://…"),
            (
                "postgres:///db?host=/run/pg&user=u&password=secret",
                "postgres:///db on /run/pg",
            ),
            ("mysql://u:secret@h/db", "mysql://u@h/db"),
            ("sqlite:a/b.db?mode=ro", "sqlite:a/b.db"),
            ("a/b.json", "a/b.json"),
        ] {
            assert_eq!(label(url), expected, "{url}");
        }
    }

    #[test]
    fn f43_a_password_that_breaks_its_url_is_refused_without_being_shown() {
        for url in [
            "postgres://u:se/cret@h/db",
            "postgres://u:1/secret@h/db",
            "postgres://u:1?secret@h/db",
            "postgres://u:1#secret@h/db",
            "mysql://u:secret@h/db",
        ] {
            let error = Side::parse(url).err().unwrap().line();
            assert!(
                !error.contains("secret") && !error.contains("cret@"),
                "{error}"
            );
        }
    }
}
