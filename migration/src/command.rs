//! The command line of the chain: the options of `sea-orm-cli migrate`, and
//! what each subcommand does.
//!
//! SeaORM's own `run_cli` installs a global logger and ends in a panic when it
//! cannot connect; an application that embeds the chain can use neither.

use std::time::Duration;

use clap::Parser;
use percent_encoding::percent_decode_str;
use sea_orm::{
    ConnAcquireErr, ConnectOptions, Database, DatabaseConnection, DbErr, RuntimeErr, sqlx,
};
pub use sea_orm_cli::MigrateSubcommands;
use sea_orm_migration::MigratorTrait;

use crate::{
    Migrator,
    run::{self, RunError, RunOptions, Target},
};

/// How long a server may take to answer; one that is starting answers late.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Arguments of the `migration` binary, as `sea-orm-cli migrate` passes them.
#[derive(Debug, Parser)]
#[command(
    name = "migration",
    version,
    about = "Runs the revision chain of outreach"
)]
pub struct Arguments {
    /// Show debug messages
    #[arg(short, long, global = true)]
    pub verbose: bool,

    /// PostgreSQL schema (default: the server's search path decides); ignored for SQLite
    #[arg(short = 's', long, global = true, env = "DATABASE_SCHEMA")]
    pub database_schema: Option<String>,

    /// Database URL
    #[arg(
        short = 'u',
        long,
        global = true,
        env = "DATABASE_URL",
        hide_env_values = true
    )]
    pub database_url: Option<String>,

    /// What to do; `up` when nothing is said
    #[command(subcommand)]
    pub command: Option<MigrateSubcommands>,
}

/// Why a subcommand failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// No database was named.
    #[error("no database: set DATABASE_URL or give --database-url")]
    NoDatabase,
    /// The URL is not one of a database that outreach works with. The URL is
    /// not repeated: it may hold a password.
    #[error(
        "the database URL is not usable ({0}); expected postgres://user:password@host:port/name \
         or sqlite://path?mode=rwc"
    )]
    InvalidUrl(&'static str),
    /// No schema can have this name.
    #[error("the schema's name has more than 63 bytes, or is `$user`")]
    InvalidSchema,
    /// The database could not be reached.
    #[error("cannot connect to the database")]
    Connect(#[source] DbErr),
    /// Nobody answered at the URL's address, not even with a refusal that says
    /// more.
    #[error(
        "cannot connect to the database: no answer in {} s; is the address right and the server \
         running?", CONNECT_TIMEOUT.as_secs()
    )]
    NoAnswer,
    /// The chain did not run, or failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// `init` and `generate` are for a developer's checkout.
    #[error("`{0}` writes source files: run `sea-orm-cli migrate {0}` in the repository")]
    SourceCommand(&'static str),
}

/// Connects with what migrations need: one connection, and on SQLite patience
/// with another run that holds the file.
pub async fn connect(url: &str, schema: Option<&str>) -> Result<DatabaseConnection, CommandError> {
    let (url, password) = without_password(url)?;
    let mut options = ConnectOptions::new(url);
    if let Some(password) = password {
        options.map_sqlx_postgres_opts(move |postgres| postgres.password(&password));
    }
    options
        .max_connections(1)
        .acquire_timeout(CONNECT_TIMEOUT)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|sqlite| sqlite.busy_timeout(Duration::from_mins(1)));
    if let Some(schema) = schema.filter(|schema| !schema.is_empty()) {
        refuse_unusable(schema)?;
        options.set_schema_search_path(quote(schema));
    }
    Database::connect(options).await.map_err(|error| {
        if is_timeout(&error) {
            CommandError::NoAnswer
        } else {
            CommandError::Connect(error)
        }
    })
}

/// PostgreSQL cuts longer names, so that two tenants would become one, and reads
/// `$user` as the role's name even when it is quoted.
fn refuse_unusable(schema: &str) -> Result<(), CommandError> {
    if schema.len() > 63 || schema == "$user" {
        return Err(CommandError::InvalidSchema);
    }
    Ok(())
}

/// One schema, whatever its name is made of; SeaORM takes a text that begins
/// with a quote as it is.
fn quote(schema: &str) -> String {
    format!("\"{}\"", schema.replace('"', "\"\""))
}

/// The URL and, beside it, its password: SeaORM traces the URL.
fn without_password(url: &str) -> Result<(String, Option<String>), CommandError> {
    let mut parsed =
        url::Url::parse(url).map_err(|_| CommandError::InvalidUrl("it is not a URL"))?;
    match parsed.scheme() {
        "sqlite" => return Ok((url.to_owned(), None)),
        "postgres" | "postgresql" => {}
        _ => return Err(CommandError::InvalidUrl("unknown scheme")),
    }
    let Some(password) = parsed.password() else {
        return Ok((url.to_owned(), None));
    };
    let password = percent_decode_str(password)
        .decode_utf8_lossy()
        .into_owned();
    parsed
        .set_password(None)
        .map_err(|()| CommandError::InvalidUrl("it has a password but no host"))?;
    Ok((parsed.into(), Some(password)))
}

fn is_timeout(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => true,
        DbErr::Conn(RuntimeErr::SqlxError(source)) => {
            matches!(**source, sqlx::Error::PoolTimedOut)
        }
        _ => false,
    }
}

/// Runs a subcommand on `db`, with the options that the process's environment
/// variables give; `None` means `up`. Each is one transaction.
pub async fn run(
    db: &DatabaseConnection,
    command: Option<MigrateSubcommands>,
) -> Result<(), CommandError> {
    let options = RunOptions::from_environment().map_err(RunError::from)?;
    run_with(db, command, &options).await
}

/// [`run`](fn@run) with options.
pub async fn run_with(
    db: &DatabaseConnection,
    command: Option<MigrateSubcommands>,
    options: &RunOptions,
) -> Result<(), CommandError> {
    let steps = |steps: Option<u32>| steps.map_or(Target::End, Target::Steps);
    match command {
        Some(MigrateSubcommands::Init) => return Err(CommandError::SourceCommand("init")),
        Some(MigrateSubcommands::Generate { .. }) => {
            return Err(CommandError::SourceCommand("generate"));
        }
        None => {
            run::up(db, Target::End, options).await?;
        }
        Some(MigrateSubcommands::Up { num }) => {
            run::up(db, steps(num), options).await?;
        }
        Some(MigrateSubcommands::Down { num }) => {
            run::down(db, Target::Steps(num), options).await?;
        }
        Some(MigrateSubcommands::Fresh) => run::fresh(db, options).await?,
        Some(MigrateSubcommands::Refresh) => run::refresh(db, options).await?,
        Some(MigrateSubcommands::Reset) => run::reset(db, options).await?,
        Some(MigrateSubcommands::Status) => {
            Migrator::status(db).await.map_err(RunError::Database)?;
        }
    }
    Ok(())
}
