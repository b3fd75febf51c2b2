use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Which database a URL speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Postgres,
    Sqlite,
}

/// A database URL whose password never shows.
///
/// `postgres://` and `postgresql://` are the same; SQLAlchemy's
/// `postgresql+asyncpg://` is read too, so that a deployment can keep its
/// variable. `sqlite://path` is relative to the working directory,
/// `sqlite:///path` is absolute.
#[derive(Clone)]
pub struct DatabaseUrl {
    /// The URL with everything in it but the password.
    without_password: String,
    password: Option<SecretString>,
    redacted: String,
    kind: Kind,
}

impl DatabaseUrl {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// [`InvalidDatabaseUrl`] when it is not a URL of PostgreSQL or SQLite. The
    /// error does not repeat the URL.
    pub fn parse(text: &str) -> Result<Self, InvalidDatabaseUrl> {
        let text = text.trim();
        let (scheme, _) = text.split_once(':').ok_or(InvalidDatabaseUrl::NoScheme)?;
        match scheme.to_ascii_lowercase().split('+').next() {
            Some("sqlite") => Self::parse_sqlite(text, scheme),
            Some("postgres" | "postgresql") => Self::parse_postgres(text, scheme),
            _ => Err(InvalidDatabaseUrl::UnknownScheme {
                scheme: outreach_domain::excerpt(scheme, 20),
            }),
        }
    }

    fn parse_sqlite(text: &str, scheme: &str) -> Result<Self, InvalidDatabaseUrl> {
        let rest = &text[scheme.len() + 1..];
        let path = rest.strip_prefix("//").unwrap_or(rest);
        if path.split('?').next().is_none_or(str::is_empty) {
            return Err(InvalidDatabaseUrl::NoPath);
        }
        let url = format!("sqlite:{rest}");
        Ok(Self {
            redacted: url.clone(),
            without_password: url,
            password: None,
            kind: Kind::Sqlite,
        })
    }

    fn parse_postgres(text: &str, scheme: &str) -> Result<Self, InvalidDatabaseUrl> {
        let normal = format!("postgres{}", &text[scheme.len()..]);
        let mut url = Url::parse(&normal).map_err(|_| InvalidDatabaseUrl::Malformed)?;
        if !url.has_host() && !url.query_pairs().any(|(key, _)| key == "host") {
            return Err(InvalidDatabaseUrl::NoHost);
        }
        if url.fragment().is_some() {
            // A `#` in a password cuts the URL there; what is left would name
            // another host.
            return Err(InvalidDatabaseUrl::Malformed);
        }
        let mut password = url.password().map(decode);
        if password.is_some() {
            url.set_password(None)
                .map_err(|()| InvalidDatabaseUrl::Malformed)?;
        }
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .filter_map(|(key, value)| {
                if key == "password" {
                    password = Some(SecretString::from(value.into_owned()));
                    return None;
                }
                Some((key.into_owned(), value.into_owned()))
            })
            .collect();
        url.set_query(None);
        let mut redacted = url.clone();
        if password.is_some() && redacted.has_host() {
            // Cannot fail where there is a host.
            let _ = redacted.set_password(Some("***"));
        }
        if !kept.is_empty() {
            url.query_pairs_mut().extend_pairs(kept);
        }
        Ok(Self {
            without_password: url.into(),
            password,
            redacted: redacted.into(),
            kind: Kind::Postgres,
        })
    }

    /// The URL for people and logs: the password is `***`, parameters are left
    /// out.
    #[must_use]
    pub fn redacted(&self) -> &str {
        &self.redacted
    }

    /// The URL with its password, for another library that connects by itself.
    #[must_use]
    pub fn with_password(&self) -> SecretString {
        let (Some(password), Ok(mut url)) = (self.password(), Url::parse(&self.without_password))
        else {
            return SecretString::from(self.without_password.clone());
        };
        // As a parameter, because a URL that names its host in one takes no
        // password before it.
        url.query_pairs_mut().append_pair("password", password);
        SecretString::from(String::from(url))
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn without_password(&self) -> &str {
        &self.without_password
    }

    pub(super) fn password(&self) -> Option<&str> {
        self.password.as_ref().map(ExposeSecret::expose_secret)
    }

    /// The SQLite file; `None` for PostgreSQL and for a database in memory.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<String> {
        if self.kind != Kind::Sqlite || self.is_in_memory() {
            return None;
        }
        let rest = self.without_password.strip_prefix("sqlite:")?;
        let path = rest.strip_prefix("//").unwrap_or(rest).split('?').next()?;
        // The driver decodes it too.
        let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
        Some(path.into_owned())
    }

    pub(super) fn is_in_memory(&self) -> bool {
        self.kind == Kind::Sqlite
            && (self.without_password.contains(":memory:")
                || self.without_password.contains("mode=memory"))
    }

    /// Whether the URL turns the cache of prepared statements off.
    pub(super) fn has_statement_cache_off(&self) -> bool {
        Url::parse(&self.without_password).is_ok_and(|url| {
            url.query_pairs()
                .any(|(key, value)| key == "statement-cache-capacity" && value == "0")
        })
    }

    /// Whether the URL itself says how the file is opened (`?mode=ro`).
    pub(super) fn sqlite_mode(&self) -> Option<&str> {
        let (_, query) = self.without_password.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix("mode="))
    }
}

fn decode(text: &str) -> SecretString {
    let password = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    SecretString::from(password.into_owned())
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DatabaseUrl").field(&self.redacted).finish()
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted)
    }
}

/// Why a text is not a database URL. The text is not repeated: it may hold a
/// password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDatabaseUrl {
    /// There is no `scheme:`.
    #[error(
        "the database URL has no scheme; expected postgres://user:password@host:port/name or \
         sqlite://path"
    )]
    NoScheme,
    /// Another database.
    #[error("`{scheme}` databases are not supported; expected postgres:// or sqlite://")]
    UnknownScheme {
        /// The scheme that was given.
        scheme: String,
    },
    /// The URL could not be taken apart.
    #[error(
        "the database URL cannot be parsed; characters such as `/`, `#`, `?` and `%` in a \
         password have to be percent-encoded (`#` is `%23`)"
    )]
    Malformed,
    /// PostgreSQL without a host.
    #[error("the database URL names no host; expected postgres://user:password@host:port/name")]
    NoHost,
    /// SQLite without a file.
    #[error("the database URL names no file; expected sqlite://path")]
    NoPath,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f43_the_password_is_back_in_the_url_as_it_was() {
        for text in [
            "postgres://u:p%2Fw%23+%25%20d@h:5433/d?sslmode=disable",
            "postgresql+asyncpg:///d?host=/run/pg&user=u&password=p%2Fw%23%2B%25%20d",
        ] {
            let url = DatabaseUrl::parse(text).unwrap();
            let again = DatabaseUrl::parse(url.with_password().expose_secret()).unwrap();
            assert_eq!(again.password(), Some("p/w#+% d"), "{text}");
            assert_eq!(again.without_password(), url.without_password(), "{text}");
        }
        let url = DatabaseUrl::parse("sqlite://a.db?mode=ro").unwrap();
        assert_eq!(url.with_password().expose_secret(), "sqlite://a.db?mode=ro");
    }

    #[test]
    fn f43_both_schemes_and_sqlalchemy_drivers_are_read_alike() {
        for scheme in [
            "postgres",
            "postgresql",
            "postgresql+asyncpg",
            "POSTGRESQL+psycopg2",
        ] {
            let url = DatabaseUrl::parse(&format!("{scheme}://u@db:5432/outreach")).unwrap();
            assert_eq!(url.without_password(), "postgres://u@db:5432/outreach");
        }
    }

    #[test]
    fn f43_a_unix_socket_needs_no_host() {
        let url = DatabaseUrl::parse("postgres:///outreach?host=/run/postgresql").unwrap();
        assert!(url.without_password().contains("postgresql"), "{url}");
    }

    #[test]
    fn f43_special_characters_in_a_password_arrive_as_they_were_meant() {
        for (encoded, plain) in [
            ("p%40ss", "p@ss"),
            ("a%23b%2Fc%3Fd", "a#b/c?d"),
            ("a+b=c", "a+b=c"),
            ("100%25", "100%"),
            ("p@ss", "p@ss"),
            ("%C3%A9", "é"),
        ] {
            let url = DatabaseUrl::parse(&format!("postgres://u:{encoded}@db/outreach")).unwrap();
            assert_eq!(url.password(), Some(plain), "{encoded}");
        }
    }

    #[test]
    fn f43_no_output_of_a_url_shows_its_password() {
        for text in [
            "postgres://u:hunter2@db/outreach?sslmode=require",
            "postgres://u@db/outreach?password=hunter2",
        ] {
            let url = DatabaseUrl::parse(text).unwrap();
            for shown in [
                format!("{url}"),
                format!("{url:?}"),
                url.without_password().to_owned(),
            ] {
                assert!(!shown.contains("hunter2"), "{shown}");
            }
            assert_eq!(url.password(), Some("hunter2"));
        }
    }

    #[test]
    fn f43_an_unencoded_password_that_breaks_the_url_is_refused_without_being_shown() {
        for text in [
            "postgres://u:hunter2#x@db/outreach",
            "postgres://u:hunter2/x@db/outreach",
            "mysql://u:hunter2@db/outreach",
            "hunter2",
        ] {
            let error = DatabaseUrl::parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn sqlite_paths_are_told_apart_from_databases_in_memory() {
        let path = |text| DatabaseUrl::parse(text).unwrap().sqlite_path();
        assert_eq!(path("sqlite://a/b.db?mode=rwc").as_deref(), Some("a/b.db"));
        assert_eq!(path("sqlite:///a/b.db").as_deref(), Some("/a/b.db"));
        assert_eq!(path("sqlite:b.db").as_deref(), Some("b.db"));
        assert_eq!(path("sqlite://a%20b.db").as_deref(), Some("a b.db"));
        assert_eq!(path("sqlite::memory:"), None);
        assert_eq!(
            DatabaseUrl::parse("sqlite://").unwrap_err(),
            InvalidDatabaseUrl::NoPath
        );
    }
}
