//! What stands before a command that destroys: a list of what is there, the
//! guards, and the question which database is meant.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use indicatif::HumanBytes;
use outreach_domain::excerpt;
use outreach_operations::{
    guard::{self, Clearance, Confirmation, Evidence, Extent, GuardError, Inventory, Request},
    reset::{self, ResetError, ResetOptions},
};
use schema_audit::schema::Dialect;
use secrecy::SecretString;

use crate::{
    args::Connection,
    exit::Error,
    output::{self, Table, counted},
};

/// The most characters of a name or a message on a line.
const WIDEST: usize = 2_000;

/// What every command that destroys takes.
#[derive(Debug, Args)]
pub(crate) struct Guarded {
    /// Which database is meant: its name (with --schema `database.schema`), or
    /// the name of the SQLite file; asked for on a terminal if it is not given
    #[arg(long, value_name = "NAME")]
    pub(crate) confirm: Option<String>,

    /// Does not confirm anything: only the database's name does
    #[arg(short, long)]
    yes: bool,

    /// The environment that is stored in the database, if one is
    #[arg(long, value_name = "NAME", env = "OUTREACH_ENVIRONMENT")]
    environment: Option<String>,

    /// Go on while others are connected to the database
    #[arg(long)]
    allow_sessions: bool,

    /// The folder that the backup is written to
    #[arg(
        long,
        value_name = "DIR",
        env = "OUTREACH_BACKUP_DIR",
        default_value = "backups"
    )]
    backup_dir: PathBuf,

    /// The PostgreSQL server for the scratch database that the backup is read
    /// back into [default: the database's own]
    #[arg(
        long,
        value_name = "URL",
        env = "SCRATCH_DATABASE_URL",
        hide_env_values = true
    )]
    scratch: Option<String>,

    /// The longest wait for a table that another session holds; 0 waits without
    /// end
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 5,
        env = "OUTREACH_LOCK_TIMEOUT"
    )]
    lock_timeout: u64,

    /// The longest time for one statement; 0 is no limit
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 600,
        env = "OUTREACH_STATEMENT_TIMEOUT"
    )]
    statement_timeout: u64,

    /// Print what is there and what is in the way, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

impl Guarded {
    pub(crate) fn options(&self) -> ResetOptions {
        let mut options = ResetOptions::new(&self.backup_dir);
        let scratch = self.scratch.as_deref().filter(|url| !url.trim().is_empty());
        options.scratch = scratch.map(SecretString::from);
        options.lock_timeout = Duration::from_secs(self.lock_timeout);
        options.statement_timeout = Duration::from_secs(self.statement_timeout);
        options
    }
}

/// What the command is about to do.
#[derive(Debug)]
pub(crate) enum Destruction<'a> {
    /// Outreach's tables are made anew.
    Reset {
        /// With the whole PostgreSQL schema.
        drop_schema: bool,
    },
    /// A backup takes the place of outreach's tables.
    Replacement {
        /// The backup.
        file: &'a Path,
    },
}

impl Destruction<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Reset { .. } => "the reset",
            Self::Replacement { .. } => "the replacement",
        }
    }

    fn extent(&self) -> Extent {
        match self {
            Self::Reset { drop_schema: true } => Extent::Schema,
            Self::Reset { drop_schema: false } => Extent::Tables,
            Self::Replacement { .. } => Extent::TablesForABackup,
        }
    }

    /// What becomes of something that somebody has put on outreach's tables.
    fn fate(&self, kind: &str) -> &'static str {
        match self {
            Self::Reset { .. } if kind == "policy" => "is put on the new table",
            _ => "goes with its table",
        }
    }
}

/// Prints what is there, and asks for the name if there is somebody to ask.
/// `None` after a dry run that found nothing in the way. A backup that is to be
/// restored is looked at too, before anybody is asked.
///
/// # Errors
///
/// Refused, after every reason was said.
pub(crate) async fn clear(
    connection: &Connection,
    arguments: &Guarded,
    destruction: &Destruction<'_>,
) -> Result<Option<Clearance>, Error> {
    let what = destruction.name();
    let database = connection.options()?;
    let inventory = Box::pin(guard::look(&database)).await?;
    output::print(&listed(&inventory, destruction))?;
    if let Destruction::Replacement { file } = destruction {
        let checked = reset::check(file, &database, &inventory);
        checked.map_err(|source| ResetError::NotRestorable {
            path: file.to_path_buf(),
            source,
        })?;
    }
    let environment = arguments.environment.as_deref();
    let environment = environment.filter(|name| !name.trim().is_empty());
    let mut request = Request {
        confirmation: Confirmation::Name(inventory.name()),
        environment: environment.map(str::to_owned),
        is_named: connection.is_named(),
        allow_sessions: arguments.allow_sessions,
        extent: destruction.extent(),
    };
    // Nobody is asked about what is refused anyway.
    let is_refused = !guard::refusals(&inventory, &request).is_empty();
    request.confirmation = match &arguments.confirm {
        Some(name) => Confirmation::Name(name.clone()),
        None if arguments.dry_run && !is_refused => Confirmation::Name(inventory.name()),
        None if !io::stdin().is_terminal() => Confirmation::NoTerminal,
        None if is_refused => Confirmation::Missing,
        None => ask(&inventory, what)?,
    };
    match guard::clear(inventory, &request) {
        Ok(_) if arguments.dry_run => {
            output::say("nothing is in the way; nothing was changed (--dry-run)");
            Ok(None)
        }
        Ok(clearance) => Ok(Some(clearance)),
        Err(refusals) => {
            for refusal in &refusals {
                output::say(&format!(
                    "refused: {}",
                    excerpt(&refusal.to_string(), WIDEST)
                ));
            }
            Err(Error::refused_because(format!(
                "{what} was refused for {}, nothing was changed",
                counted(refusals.len() as u64, "reason")
            )))
        }
    }
}

fn ask(inventory: &Inventory, what: &str) -> Result<Confirmation, Error> {
    let name = excerpt(&inventory.name(), WIDEST);
    output::say(&format!(
        "{what} destroys the {} above, after a backup. Type the name of the database, {name}, to \
         go on:",
        counted(inventory.rows(), "row")
    ));
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line);
    read.map_err(|error| Error::failed(error).context("cannot read the answer"))?;
    let typed = line.trim_end_matches(['\n', '\r']);
    Ok(if typed.is_empty() {
        Confirmation::Missing
    } else {
        Confirmation::Name(typed.to_owned())
    })
}

/// What is there, for people. Names come from the database.
fn listed(inventory: &Inventory, destruction: &Destruction<'_>) -> String {
    let mut text = String::new();
    let kind = match inventory.dialect {
        Dialect::Postgres => "PostgreSQL",
        Dialect::Sqlite => "SQLite",
    };
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name}: {}", excerpt(value, WIDEST));
    };
    line("database", &format!("{} ({kind})", inventory.database));
    if let Some(schema) = &inventory.schema {
        line("schema", schema);
    }
    line("recognised", &recognised(inventory));
    let environment = inventory.environment.as_deref();
    line("environment", environment.unwrap_or("none stored"));
    line("protected", inventory.protected.as_deref().unwrap_or("no"));
    if let Some(alembic) = &inventory.alembic {
        let fate = "its rows go, the table stays";
        line(
            "alembic_version",
            &format!("[{}], {fate}", alembic.join(", ")),
        );
    }
    let others = inventory.sessions.len() as u64;
    line("connected", &counted(others, "other session"));
    for session in &inventory.sessions {
        line("  session", &session.to_string());
    }
    let _ = writeln!(
        text,
        "tables that go: {}, {}, {}",
        inventory.tables.len(),
        counted(inventory.rows(), "row"),
        HumanBytes(inventory.bytes)
    );
    text.push_str(&tables(inventory));
    for object in &inventory.attached {
        let name = excerpt(&object.name, WIDEST);
        let fate = destruction.fate(&object.kind);
        let _ = writeln!(text, "{fate}: {} {name}", object.kind);
    }
    for object in &inventory.foreign {
        let fate = if destruction.extent() == Extent::Schema {
            "goes too"
        } else {
            "stays"
        };
        let rows = object
            .rows
            .map(|rows| format!(" ({})", counted(rows, "row")));
        let name = excerpt(&object.name, WIDEST);
        let rows = rows.unwrap_or_default();
        let _ = writeln!(text, "not outreach's, {fate}: {} {name}{rows}", object.kind);
    }
    text
}

fn recognised(inventory: &Inventory) -> String {
    let at = inventory.revision.unwrap_or("an unknown revision");
    match &inventory.evidence {
        Evidence::Ledger => format!("by `seaql_migrations`, at {at}"),
        Evidence::Alembic => format!("by `alembic_version`, at {at}"),
        Evidence::Shape => "by the columns and keys of its tables".to_owned(),
        Evidence::UnknownRevision(revision) => format!("no: `{revision}` is unknown"),
        _ => "no".to_owned(),
    }
}

fn tables(inventory: &Inventory) -> String {
    let mut table = Table::new(&[("TABLE", 63), ("ROWS", 20), ("SIZE", 20)]);
    for one in &inventory.tables {
        let bytes = one.bytes.map(|bytes| HumanBytes(bytes).to_string());
        let (rows, bytes) = (one.rows.to_string(), bytes.unwrap_or_default());
        table.row([&one.name, &rows, &bytes]);
    }
    table.text()
}

impl From<GuardError> for Error {
    fn from(error: GuardError) -> Self {
        match error {
            GuardError::Connect(error) => error.into(),
            GuardError::NoSchema
            | GuardError::Open(outreach_operations::backup::BackupError::InMemory) => {
                Self::refused(error)
            }
            _ => Self::failed(error),
        }
    }
}

impl From<ResetError> for Error {
    fn from(error: ResetError) -> Self {
        if error.is_refusal() {
            Self::refused(error)
        } else {
            Self::failed(error)
        }
    }
}
