//! The arguments of `outreach migrate`.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use outreach_migration::{
    Revision,
    run::{self, RunOptions},
};

use crate::audit::parse_revision;

const CHAIN_HELP: &str = "\
`up` when none is given. The subcommands of `sea-orm-cli migrate` are all there, with its options,
on the same chain of revisions. Each run is one transaction, and waits for another one as long as
that takes; for a lock on a table it waits as long as --lock-timeout says, and then names who holds
it. `fresh`, `refresh`, `reset` and `down` delete data and do not ask; a protected database refuses
them (`outreach protect`).";

#[derive(Debug, Args)]
#[command(after_help = CHAIN_HELP)]
pub(crate) struct Migrate {
    /// Print the state of the chain as JSON in the end
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) limits: Limits,

    #[command(flatten)]
    pub(crate) up: Dry,

    #[command(subcommand)]
    pub(crate) command: Option<MigrateCommand>,
}

/// How long a run may wait, and which environment it expects.
#[derive(Debug, Clone, Args)]
pub(crate) struct Limits {
    /// Give up when a lock on a table is not to be had in this time, 0: never
    /// [default: 5]; PostgreSQL only
    #[arg(long, global = true, value_name = "SECONDS", env = RunOptions::LOCK_TIMEOUT,
        value_parser = lock_timeout)]
    lock_timeout: Option<Duration>,

    /// Give up when a statement takes longer, 0: never [default: 600]; PostgreSQL only
    #[arg(long, global = true, value_name = "SECONDS", env = RunOptions::STATEMENT_TIMEOUT,
        value_parser = statement_timeout)]
    statement_timeout: Option<Duration>,

    /// What the database is for, such as production: stored in it by its first
    /// migration, and held against what is stored by later ones
    #[arg(long, global = true, value_name = "NAME", env = RunOptions::ENVIRONMENT,
        value_parser = run::environment)]
    environment: Option<String>,
}

impl Limits {
    pub(crate) fn options(&self) -> RunOptions {
        let mut options = RunOptions::default();
        if let Some(timeout) = self.lock_timeout {
            options = options.lock_timeout(timeout);
        }
        if let Some(timeout) = self.statement_timeout {
            options = options.statement_timeout(timeout);
        }
        if let Some(environment) = &self.environment {
            options = options.environment(environment);
        }
        options
    }
}

fn lock_timeout(text: &str) -> Result<Duration, run::InvalidOption> {
    run::seconds("--lock-timeout", text)
}

fn statement_timeout(text: &str) -> Result<Duration, run::InvalidOption> {
    run::seconds("--statement-timeout", text)
}

#[derive(Debug, Subcommand)]
pub(crate) enum MigrateCommand {
    /// Apply pending revisions
    #[command(display_order = 10)]
    Up(Up),
    /// Take applied revisions back
    #[command(display_order = 20)]
    Down(Down),
    /// Draw the chain of revisions, newest first, with what is applied
    #[command(display_order = 61)]
    History,
    /// Say which revision the database is at, by each ledger
    #[command(display_order = 62)]
    Current,
    /// Make the ledgers say that the database is at a revision, if its schema is
    /// that revision's
    #[command(display_order = 63)]
    Stamp(Stamp),
    #[command(flatten)]
    Chain(Chain),
}

/// The other subcommands of sea-orm-cli.
#[derive(Debug, Subcommand)]
pub(crate) enum Chain {
    /// Write a migration's source files; for `sea-orm-cli`, in a checkout
    #[command(hide = true)]
    Init,
    /// Write a new migration; for `sea-orm-cli`, in a checkout
    #[command(hide = true)]
    Generate {
        /// Taken by `sea-orm-cli`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Drop every table of the schema, then apply the whole chain
    #[command(display_order = 30)]
    Fresh,
    /// Take the whole chain back, then apply it again
    #[command(display_order = 40)]
    Refresh,
    /// Take the whole chain back
    #[command(display_order = 50)]
    Reset,
    /// Say of each revision whether it is applied
    #[command(display_order = 60)]
    Status,
}

/// What to say instead of doing it.
#[derive(Debug, Clone, Args)]
pub(crate) struct Dry {
    /// Show what would run, as SQL, with the locks that it takes; writes nothing
    #[arg(long, conflicts_with = "sql")]
    pub(crate) plan: bool,

    /// Print a script that psql or sqlite3 runs to the same result; connects to
    /// nothing
    #[arg(long)]
    pub(crate) sql: bool,

    /// Where the script begins: a revision, or `base`
    #[arg(long, value_name = "REV", requires = "sql", value_parser = place)]
    pub(crate) from: Option<Place>,

    /// The kind of database that the script is for [default: that of the URL]
    #[arg(long, value_name = "KIND", requires = "sql", value_enum)]
    pub(crate) dialect: Option<Dialect>,
}

/// The kind of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    /// PostgreSQL
    Postgres,
    /// SQLite
    Sqlite,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Number of pending revisions to apply [default: all]
    #[arg(short, long, conflicts_with = "to", value_parser = clap::value_parser!(u32))]
    pub(crate) num: Option<u32>,

    /// Apply revisions up to this one: its name, its Alembic id, or `head`
    #[arg(long, value_name = "REV", value_parser = parse_revision)]
    pub(crate) to: Option<&'static Revision>,

    /// Bring every schema of the PostgreSQL database that has a ledger of this
    /// chain to the newest revision; one that fails does not stop the rest. Not
    /// together with --schema; DATABASE_SCHEMA is not used then
    #[arg(long, conflicts_with_all = ["num", "to", "plan", "sql"])]
    pub(crate) all_schemas: bool,

    #[command(flatten)]
    pub(crate) dry: Dry,
}

#[derive(Debug, Args)]
pub(crate) struct Down {
    /// Number of applied revisions to take back
    #[arg(short, long, default_value_t = 1, conflicts_with = "to")]
    pub(crate) num: u32,

    /// Take revisions back down to this one, which stays, or `base`
    #[arg(long, value_name = "REV", value_parser = place)]
    pub(crate) to: Option<Place>,

    #[command(flatten)]
    pub(crate) dry: Dry,
}

#[derive(Debug, Args)]
pub(crate) struct Stamp {
    /// The newest revision that is applied: its name, its Alembic id, `head`, or
    /// `base` for an empty database
    #[arg(value_name = "REV", value_parser = place)]
    pub(crate) revision: Place,

    /// Show what would be written; writes nothing
    #[arg(long)]
    pub(crate) plan: bool,

    /// Leave out a table that is not outreach's; may be repeated
    #[arg(long, value_name = "TABLE")]
    pub(crate) ignore: Vec<String>,
}

/// How the chain is shown.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Show {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A place in the chain: after a revision, or before all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(pub(crate) Option<&'static Revision>);

fn place(text: &str) -> Result<Place, String> {
    if text == "base" {
        return Ok(Place(None));
    }
    parse_revision(text).map(|revision| Place(Some(revision)))
}
