//! The arguments.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use outreach_domain::{
    Category, DEFAULT_MAX_RESULTS, JobId, JobKind, JobStatus, Location, OutreachStatus, ProspectId,
};
use outreach_migration::{Revision, command::MigrateSubcommands};
use outreach_service::{
    connect::{DatabaseOptions, InvalidDatabaseUrl},
    jobs::JobCursor,
    page::MAX_PAGE_SIZE,
    prospects::{ProspectCursor, ProspectFilter},
};
use rust_decimal::Decimal;

use crate::{
    audit::parse_revision,
    commands::{
        backup::BackupArguments, protect::ProtectArguments, reset::ResetArguments,
        restore::RestoreArguments,
    },
};

/// The database when none is named.
const DEFAULT_DATABASE: &str = "sqlite://outreach.db";

const EXIT_STATUS: &str = "\
Exit status:
  0  done
  1  refused, nothing was changed: arguments or files that can't be used, unknown ids, a job
     that has ended, a database that is not there, or behind or ahead of this build
  2  failed: the database can't be reached or written, a discovery job failed";

const CHAIN_HELP: &str = "\
The subcommands and their options are those of `sea-orm-cli migrate`, on the same chain of
revisions. `up` when none is given. Each run is one transaction and waits for another one.
`fresh`, `refresh`, `reset` and `down` delete data and do not ask.";

const AUDIT_HELP: &str = "\
The database is only read. `--prove` and `--format markdown` make a scratch copy of its schema
without rows (a temporary database on the same server, which needs the right to create databases
and pg_dump; a temporary file for SQLite) and remove it at the end.

Exit status:
  0  clean; information alone is clean
  1  findings
  2  could not look";

const VERIFY_HELP: &str = "\
The database is only read. What has to write runs on a scratch copy of its schema without rows:
a temporary database on the same server (needs the right to create databases, and pg_dump), or a
temporary file for SQLite. It is removed at the end.

Exit status:
  0  every line is ticked
  1  a line has a cross
  2  a line could not be looked at, or the database could not be reached";

/// Discovers prospects and keeps them in PostgreSQL or SQLite.
#[derive(Debug, Parser)]
#[command(name = "outreach", version, after_help = EXIT_STATUS)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) connection: Connection,

    /// Also say what is done on the way
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Whether the arguments, which may be wrong, are of a command whose status 1
/// means findings.
pub(crate) fn is_audit(arguments: &[OsString]) -> bool {
    let command = Arguments::command().ignore_errors(true);
    let matches = command.try_get_matches_from(arguments);
    let name = matches.as_ref().ok().and_then(|m| m.subcommand_name());
    matches!(name, Some("audit" | "verify"))
}

/// Which database.
#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// Database URL: `postgres://user:password@host:port/name` or `sqlite://path`
    /// [default: sqlite://outreach.db]
    #[arg(
        short = 'u',
        long,
        visible_alias = "database-url",
        global = true,
        value_name = "URL",
        env = "DATABASE_URL",
        hide_env_values = true
    )]
    database: Option<String>,

    /// PostgreSQL schema that holds the tables; ignored for SQLite
    #[arg(
        short,
        long,
        visible_alias = "database-schema",
        global = true,
        value_name = "NAME",
        env = "DATABASE_SCHEMA"
    )]
    schema: Option<String>,
}

impl Connection {
    /// The options of a connection. An empty value is one that is not set, as
    /// deployments write it.
    pub(crate) fn options(&self) -> Result<DatabaseOptions, InvalidDatabaseUrl> {
        let url = present(self.database.as_deref()).unwrap_or(DEFAULT_DATABASE);
        let options = DatabaseOptions::new(url)?;
        Ok(match present(self.schema.as_deref()) {
            Some(schema) => options.schema(schema),
            None => options,
        })
    }

    /// Whether the database was named, rather than left to the default.
    pub(crate) fn is_named(&self) -> bool {
        present(self.database.as_deref()).is_some()
    }
}

fn present(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim().is_empty())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Change or show the revision of the database's schema
    Migrate(Migrate),
    /// Search for web sites and save them as prospects
    Discover(Discover),
    /// Show and cancel jobs
    #[command(subcommand)]
    Jobs(Jobs),
    /// Show and export prospects
    #[command(subcommand)]
    Prospects(Prospects),
    /// Hold the schema of the database against the migrations and the entities
    Audit(Audit),
    /// Go through the checklist: the schema, its revision, and that the
    /// application runs on it
    Verify(Verify),
    /// Back up the database; read backups back, list and remove them
    Backup(BackupArguments),
    /// Bring a backup back into an empty database
    Restore(RestoreArguments),
    /// Protect the database against commands that destroy
    Protect(ProtectArguments),
    /// Drop outreach's tables and make them anew, after a backup
    Reset(ResetArguments),
}

#[derive(Debug, Args)]
#[command(after_help = AUDIT_HELP)]
pub(crate) struct Audit {
    /// Hold the schema against this revision, by its name or Alembic id, without
    /// the ledgers and the entities [default: the newest, with both]
    #[arg(long, value_name = "REV", value_parser = parse_revision)]
    pub(crate) revision: Option<&'static Revision>,

    /// Look at the rows too: statuses, domains, counters, references
    #[arg(long)]
    pub(crate) data: bool,

    /// How to say it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: AuditFormat,

    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Leave out a table that is not outreach's; may be repeated
    #[arg(long, value_name = "TABLE")]
    pub(crate) ignore: Vec<String>,

    /// Print SQL that mends the schema; nothing is run
    #[arg(long)]
    pub(crate) repair: bool,

    /// Run the repair on a scratch copy of the schema, and audit that again
    #[arg(long)]
    pub(crate) prove: bool,

    /// The PostgreSQL server to make the scratch copy on [default: the database's own]
    #[arg(
        long,
        value_name = "URL",
        requires = "prove",
        env = "SCRATCH_DATABASE_URL",
        hide_env_values = true
    )]
    pub(crate) scratch: Option<String>,

    /// Put statements into the repair that destroy data: those for this finding
    /// (`code object`, as the plan names it), or `all`; may be repeated
    #[arg(long, value_name = "FINDING")]
    pub(crate) destructive: Vec<String>,

    /// Draw the schema as a Mermaid diagram instead
    #[arg(long, value_name = "WHICH", num_args = 0..=1, default_missing_value = "both")]
    pub(crate) er: Option<Diagram>,
}

/// How an audit is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditFormat {
    /// For people at a terminal
    #[default]
    Text,
    /// Everything, by the JSON Schema that `schema-audit json-schema` prints
    Json,
    /// An audit report with the checklist of `outreach verify`
    Markdown,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for the test views of CI servers
    Junit,
    /// Annotations of a GitHub workflow
    Github,
}

/// Which schema is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Diagram {
    /// Both, as Markdown
    Both,
    /// What is there
    Live,
    /// What should be there
    Expected,
}

#[derive(Debug, Args)]
#[command(after_help = VERIFY_HELP)]
pub(crate) struct Verify {
    /// Print the checklist as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = CHAIN_HELP)]
pub(crate) struct Migrate {
    /// Print the state of the chain as JSON in the end
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Option<MigrateCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MigrateCommand {
    #[command(flatten)]
    Chain(MigrateSubcommands),
    /// Draw the chain of revisions, newest first
    #[command(display_order = 61)]
    History,
}

#[derive(Debug, Args)]
pub(crate) struct Discover {
    /// What to search for, separated by commas; may be repeated
    #[arg(short, long, value_name = "WORDS")]
    pub(crate) keywords: Vec<String>,

    /// Kinds of web sites to search for, separated by commas; may be repeated
    #[arg(short, long, value_delimiter = ',', value_parser = Category::parse, value_name = "NAME")]
    pub(crate) categories: Vec<Category>,

    /// Where to search, separated by commas; may be repeated
    #[arg(short, long, visible_alias = "locations", value_delimiter = ',',
        value_parser = Location::parse, value_name = "NAME")]
    pub(crate) location: Vec<Location>,

    /// The most prospects to save, 1 to 1000
    #[arg(short, long, value_name = "N", default_value_t = DEFAULT_MAX_RESULTS)]
    pub(crate) max_results: u32,

    /// Take the search results from a file, or from every result file of a
    /// directory: CSV, JSON Lines or saved DataForSEO responses
    #[arg(short, long, value_name = "FILE|DIR")]
    pub(crate) results: Option<PathBuf>,

    /// Take contact addresses from a CSV file with the columns `domain` and `email`
    #[arg(long, value_name = "FILE")]
    pub(crate) contacts: Option<PathBuf>,

    /// Save only web sites with a known contact
    #[arg(long, requires = "contacts")]
    pub(crate) require_contact: bool,

    /// Set up the database, or bring it to the newest revision, before the run
    #[arg(long)]
    pub(crate) migrate: bool,

    /// Print the outcome as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Jobs {
    /// List jobs, newest first
    List {
        /// Only jobs of this status
        #[arg(long)]
        status: Option<JobStatus>,
        /// Only jobs of this type
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<JobKind>,
        #[command(flatten)]
        page: PageArguments<JobCursor>,
    },
    /// Show a job
    Show {
        /// The job's id
        id: JobId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Cancel a job that is pending or running
    Cancel {
        /// The job's id
        id: JobId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Prospects {
    /// List prospects, the highest score first
    List {
        #[command(flatten)]
        filter: FilterArguments,
        #[command(flatten)]
        page: PageArguments<ProspectCursor>,
    },
    /// Show a prospect
    Show {
        /// The prospect's id
        id: ProspectId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write all prospects, or those of a filter, to standard output or a file
    Export(Export),
}

/// Which page of a list.
#[derive(Debug, Args)]
pub(crate) struct PageArguments<C>
where
    C: std::str::FromStr + Clone + Send + Sync + 'static,
    C::Err: std::error::Error + Send + Sync + 'static,
{
    /// The most rows to print, up to 500
    #[arg(long, value_name = "N", default_value_t = 50,
        value_parser = clap::value_parser!(u64).range(1..=MAX_PAGE_SIZE))]
    pub(crate) limit: u64,

    /// Go on after this place, which the page before has named
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<C>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which prospects.
#[derive(Debug, Args)]
pub(crate) struct FilterArguments {
    /// Only prospects of this outreach status
    #[arg(long)]
    status: Option<OutreachStatus>,

    /// Only prospects with this score or a higher one
    #[arg(long, value_name = "SCORE")]
    min_score: Option<Decimal>,

    /// Only prospects with an address
    #[arg(long, conflicts_with = "no_email")]
    has_email: bool,

    /// Only prospects without an address
    #[arg(long)]
    no_email: bool,
}

impl FilterArguments {
    pub(crate) fn filter(&self) -> ProspectFilter {
        ProspectFilter {
            status: self.status,
            min_score: self.min_score,
            has_email: match (self.has_email, self.no_email) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                _ => None,
            },
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
In CSV, a text that a spreadsheet would run as a formula (it begins with =, +, -, @, a tab or a
carriage return) gets an apostrophe before it: titles are written by strangers. JSON Lines has
every value as it is, and the stored payloads beside.")]
pub(crate) struct Export {
    /// How to write each prospect
    #[arg(long, value_enum, default_value_t = ExportFormat::Csv)]
    pub(crate) format: ExportFormat,

    /// The file to write; it appears once it is complete
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Replace the file if it is there
    #[arg(long, requires = "output")]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) filter: FilterArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Comma-separated values with a header
    Csv,
    /// One JSON object a line
    Jsonl,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn wrong_arguments_of_an_audit_are_known_as_such() {
        let arguments = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(is_audit(&arguments("outreach audit --format xml")));
        assert!(is_audit(&arguments("outreach -u sqlite:a verify --nope")));
        assert!(!is_audit(&arguments("outreach jobs list --status audit")));
        assert!(!is_audit(&arguments("outreach")));
    }

    #[test]
    fn the_subcommands_of_sea_orm_cli_are_all_there() {
        let command = Arguments::command();
        let migrate = command.find_subcommand("migrate").unwrap();
        let names: Vec<_> = migrate
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect();
        for name in [
            "init", "generate", "fresh", "refresh", "reset", "status", "up", "down",
        ] {
            assert!(names.contains(&name), "{name}");
        }
        assert!(names.contains(&"history"));
    }

    #[test]
    fn the_options_of_sea_orm_cli_are_read_wherever_they_stand() {
        for arguments in [
            "outreach -u sqlite://a.db -s b -v migrate up -n 1",
            "outreach migrate --database-url sqlite://a.db --database-schema b up -v --num 1",
            "outreach migrate up --num 1 --database sqlite://a.db --schema b --verbose",
        ] {
            let parsed = Arguments::try_parse_from(arguments.split(' ')).unwrap();
            let options = parsed.connection.options().unwrap();
            assert!(options.is_sqlite() && parsed.verbose, "{arguments}");
            assert_eq!(options.schema_name(), Some("b"), "{arguments}");
        }
    }
}
