//! Scratch databases on a PostgreSQL server.

use std::fmt::Write as _;

use std::hash::{BuildHasher, Hasher, RandomState};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, Statement,
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{ScratchError, pg_dump};

/// A database that was made to be dropped.
#[derive(Debug)]
pub(super) struct ScratchDatabase {
    name: String,
    server: SecretString,
}

impl ScratchDatabase {
    /// Drops it.
    pub(super) async fn remove(self) -> Result<(), ScratchError> {
        let server = connect(&self.server).await?;
        let result = self.drop_on(&server).await;
        server
            .close()
            .await
            .map_err(|source| ScratchError::Close { source })?;
        result
    }

    async fn drop_on(&self, server: &DatabaseConnection) -> Result<(), ScratchError> {
        // FORCE: whoever was given the URL may not have hung up yet.
        let sql = format!("DROP DATABASE IF EXISTS \"{}\" WITH (FORCE)", self.name);
        let dropped = writable(server, &sql).await;
        dropped.map_err(|source| ScratchError::Remove {
            name: self.name.clone(),
            source,
        })
    }
}

/// What the copy must have in common with the live database beside its schema.
struct Live {
    major: u32,
    encoding: String,
    collate: String,
    ctype: String,
    icu_locale: Option<String>,
    search_path: String,
    has_public: bool,
}

/// Copies the schema of a live database into a new database.
pub(super) async fn copy_of(
    live: &SecretString,
    server: Option<&SecretString>,
) -> Result<(ScratchDatabase, SecretString, DatabaseConnection), ScratchError> {
    let db = connect(live).await?;
    let facts = facts(&db).await;
    let closed = db.close().await;
    let facts = facts.map_err(|source| ScratchError::Settings { source })?;
    closed.map_err(|source| ScratchError::Close { source })?;
    let program = pg_dump::find(facts.major).await?;
    let dump = pg_dump::for_the_server(&pg_dump::run(&program, live).await?);

    let database = ScratchDatabase {
        name: unique_name(),
        server: server.unwrap_or(live).clone(),
    };
    // Said before it is there: a process that is killed says nothing any more.
    tracing::info!(
        database = database.name,
        "creating a scratch database; if it is left behind, drop it by hand"
    );
    let created = async {
        let url = url_of(&database)?;
        let locale = server.is_none().then_some(&facts);
        create(&database, locale, &facts.search_path).await?;
        load(&database, &url, &dump, &facts).await?;
        let db = connect(&url).await?;
        Ok((url, db))
    };
    match created.await {
        Ok((url, db)) => Ok((database, url, db)),
        Err(source) => {
            let name = database.name.clone();
            match database.remove().await {
                Ok(()) => Err(source),
                Err(_) => Err(ScratchError::LeftBehind {
                    name,
                    source: Box::new(source),
                }),
            }
        }
    }
}

async fn create(
    database: &ScratchDatabase,
    locale: Option<&Live>,
    search_path: &str,
) -> Result<(), ScratchError> {
    let name = &database.name;
    let server = connect(&database.server).await?;
    let result = async {
        let mut sql = format!("CREATE DATABASE \"{name}\" TEMPLATE template0");
        if let Some(live) = locale {
            sql += &locale_clause(live);
        }
        writable(&server, &sql).await?;
        // The live session's search path decides what the audited schema is.
        let keep = format!("ALTER DATABASE \"{name}\" SET search_path FROM CURRENT");
        let set = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT pg_catalog.set_config('search_path', $1, false)",
            [search_path.into()],
        );
        server.query_one_raw(set).await?;
        server.execute_unprepared(&keep).await.map(drop)
    };
    let result = result.await.map_err(|source| ScratchError::Create {
        name: name.clone(),
        source,
    });
    server
        .close()
        .await
        .map_err(|source| ScratchError::Close { source })?;
    result
}

fn locale_clause(live: &Live) -> String {
    let mut clause = format!(
        " ENCODING {} LC_COLLATE {} LC_CTYPE {}",
        literal(&live.encoding),
        literal(&live.collate),
        literal(&live.ctype),
    );
    if let Some(locale) = &live.icu_locale {
        let _ = write!(
            clause,
            " LOCALE_PROVIDER icu ICU_LOCALE {}",
            literal(locale)
        );
    }
    clause
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Loads the dump over a connection of its own, because it changes the session's
/// settings.
async fn load(
    database: &ScratchDatabase,
    url: &SecretString,
    dump: &str,
    live: &Live,
) -> Result<(), ScratchError> {
    let db = connect(url).await?;
    let loaded = async {
        if !live.has_public {
            db.execute_unprepared("DROP SCHEMA IF EXISTS public")
                .await?;
        }
        db.execute_unprepared(dump).await.map(drop)
    };
    let loaded = loaded.await.map_err(|source| ScratchError::Restore {
        name: database.name.clone(),
        source,
    });
    db.close()
        .await
        .map_err(|source| ScratchError::Close { source })?;
    loaded
}

async fn facts(db: &DatabaseConnection) -> Result<Live, DbErr> {
    let sql = "SELECT current_setting('server_version_num')::int / 10000 AS major, \
         pg_encoding_to_char(d.encoding)::text AS encoding, d.datcollate::text AS collate, \
         d.datctype::text AS ctype, \
         CASE WHEN to_jsonb(d) ->> 'datlocprovider' = 'i' \
              THEN coalesce(to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale') \
         END AS icu_locale, \
         current_setting('search_path') AS search_path, \
         EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'public') AS has_public \
         FROM pg_catalog.pg_database AS d WHERE d.datname = current_database()";
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    let row = db
        .query_one_raw(statement)
        .await?
        .ok_or_else(|| DbErr::RecordNotFound("the connected database".to_owned()))?;
    Ok(Live {
        major: u32::try_from(row.try_get::<i32>("", "major")?).unwrap_or_default(),
        encoding: row.try_get("", "encoding")?,
        collate: row.try_get("", "collate")?,
        ctype: row.try_get("", "ctype")?,
        icu_locale: row.try_get("", "icu_locale")?,
        search_path: row.try_get("", "search_path")?,
        has_public: row.try_get("", "has_public")?,
    })
}

/// Runs a statement that creates or drops a database, under a role whose
/// transactions are read-only unless they say otherwise too.
async fn writable(server: &DatabaseConnection, sql: &str) -> Result<(), DbErr> {
    server
        .execute_unprepared("SET default_transaction_read_only = off")
        .await?;
    server.execute_unprepared(sql).await.map(drop)
}

/// One connection, because settings of the session have to hold.
async fn connect(url: &SecretString) -> Result<DatabaseConnection, ScratchError> {
    let mut options = ConnectOptions::new(url.expose_secret());
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options)
        .await
        .map_err(|source| ScratchError::Connect {
            place: place(url),
            source,
        })
}

/// Host and database of a URL, without user and password.
fn place(url: &SecretString) -> String {
    Url::parse(url.expose_secret()).map_or_else(
        |_| "an address that is no URL".to_owned(),
        |url| format!("{}{}", url.host_str().unwrap_or("localhost"), url.path()),
    )
}

fn url_of(database: &ScratchDatabase) -> Result<SecretString, ScratchError> {
    let mut url = Url::parse(database.server.expose_secret()).map_err(|_| ScratchError::Url)?;
    url.set_path(&database.name);
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(key, _)| key != "dbname")
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
    Ok(SecretString::from(String::from(url)))
}

/// A name that no other run makes: 64 random bits.
fn unique_name() -> String {
    let random = RandomState::new().build_hasher().finish();
    format!("schema_audit_scratch_{random:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(server: &str) -> ScratchDatabase {
        ScratchDatabase {
            name: "scratch".to_owned(),
            server: SecretString::from(server),
        }
    }

    #[test]
    fn the_copys_url_keeps_user_password_and_settings() {
        let url = url_of(&database(
            "postgres://me:secret@h:1/live?host=%2Ftmp%2Fs&dbname=x",
        ));
        assert_eq!(
            url.expect("the URL is right").expose_secret(),
            "postgres://me:secret@h:1/scratch?host=%2Ftmp%2Fs"
        );
    }

    #[test]
    fn neither_debug_nor_an_error_shows_the_password() {
        let database = database("postgres://me:secret@h:1/live");
        assert!(!format!("{database:?}").contains("secret"));
        assert_eq!(place(&database.server), "h/live");
    }

    #[test]
    fn two_names_are_never_the_same() {
        assert_ne!(unique_name(), unique_name());
    }
}
