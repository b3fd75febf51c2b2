//! The arguments: those of every command here, each group of commands in a file
//! of its own.

mod audit;
mod discover;
mod jobs;
mod page;
mod prospects;

use std::ffi::OsString;

use clap::{
    ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind,
    parser::ValueSource,
};
use outreach_service::connect::{DatabaseOptions, InvalidDatabaseUrl};

pub(crate) use self::{
    audit::{Audit, AuditFormat, Diagram, Verify},
    discover::Discover,
    jobs::Jobs,
    page::PageArguments,
    prospects::{Export, ExportFormat, Prospects},
};
use crate::commands::{
    adopt::Adopt,
    backup::BackupArguments,
    migrate::args::{Migrate, Show},
    protect::ProtectArguments,
    reset::ResetArguments,
    restore::RestoreArguments,
};

/// The database when none is named.
const DEFAULT_DATABASE: &str = "sqlite://outreach.db";

const EXIT_STATUS: &str = "\
Exit status:
  0  done
  1  refused, nothing was changed: arguments or files that can't be used, unknown ids, a job
     that has ended, a database that is not there, or behind or ahead of this build
  2  failed: the database can't be reached or written, a discovery job failed";

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

/// Reads the arguments of a process, its name first.
///
/// # Errors
///
/// clap's, with what it prints; also where `--schema` was typed beside
/// `--all-schemas`. clap's own conflicts would count DATABASE_SCHEMA as typed.
pub(crate) fn parse(arguments: &[OsString]) -> Result<Arguments, clap::Error> {
    let mut command = Arguments::command();
    let matches = command.try_get_matches_from_mut(arguments)?;
    if names_schema_beside_all(&matches) {
        return Err(command.error(
            ErrorKind::ArgumentConflict,
            "the argument '--all-schemas' cannot be used with '--schema <NAME>'",
        ));
    }
    Arguments::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

fn names_schema_beside_all(matches: &ArgMatches) -> bool {
    let up = matches.subcommand_matches("migrate");
    let up = up.and_then(|migrate| migrate.subcommand_matches("up"));
    up.is_some_and(|up| {
        up.get_flag("all_schemas") && up.value_source("schema") == Some(ValueSource::CommandLine)
    })
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
        // Whoever types a command is told at once that nobody listens there.
        let options = DatabaseOptions::new(url)?.wait_for_server(false);
        Ok(match present(self.schema.as_deref()) {
            Some(schema) => options.schema(schema),
            None => options,
        })
    }

    /// The options of a connection that looks at every schema, and the schema
    /// that was named in vain.
    pub(crate) fn options_of_all_schemas(
        &self,
    ) -> Result<(DatabaseOptions, Option<&str>), InvalidDatabaseUrl> {
        let without = Self {
            database: self.database.clone(),
            schema: None,
        };
        Ok((without.options()?, present(self.schema.as_deref())))
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
    /// Draw the chain of revisions, newest first, with what is applied
    History(Show),
    /// Say which revision the database is at, by each ledger
    Current(Show),
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
    /// Recognise an existing database, and make it one that the chain manages
    Adopt(Adopt),
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
    fn statements_that_destroy_data_are_asked_for_with_a_repair() {
        let audit = |text: &str| {
            let arguments = format!("outreach audit --destructive all {text}");
            Arguments::try_parse_from(arguments.split_whitespace())
        };
        assert!(audit("--repair").is_ok() && audit("--prove").is_ok());
        assert!(audit("--repair --prove").is_ok());
        let error = audit("").unwrap_err().to_string();
        assert!(error.contains("--repair"), "{error}");
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
        for name in ["history", "current", "stamp"] {
            assert!(names.contains(&name), "{name}");
        }
    }

    #[test]
    fn one_schema_and_all_of_them_exclude_each_other_wherever_they_stand() {
        let parsed = |text: &str| {
            let arguments: Vec<OsString> = text.split(' ').map(OsString::from).collect();
            parse(&arguments)
        };
        for refused in [
            "outreach -s a migrate up --all-schemas",
            "outreach migrate up --all-schemas --schema a",
            "outreach migrate --database-schema a up --all-schemas",
        ] {
            let error = parsed(refused).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ArgumentConflict, "{refused}");
            let text = error.to_string();
            assert!(
                text.contains("--schema") && text.contains("Usage"),
                "{text}"
            );
        }
        assert!(parsed("outreach migrate up --all-schemas").is_ok());
        assert!(parsed("outreach migrate up --schema a").is_ok());
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
