//! `outreach adopt`.

mod text;

use std::path::PathBuf;

use clap::Args;
use outreach_operations::adopt::{self, AdoptError, Adoption, Plan, Progress, Report};
use outreach_service::connect;
use secrecy::SecretString;
use serde::Serialize;

use super::{backup::progress::Shown, migrate::args::Limits, verify::reading};
use crate::{args::Connection, exit::Error, output};

const HELP: &str = "\
Without --yes the database is only read: a read-only session and a role with SELECT are enough.
With --yes a backup is made and read back first, except of an empty database; then one transaction
mends the tables, fills the ledgers, runs the later revisions, and holds the outcome against the
newest revision and the rows against those of before. Nobody else can use the tables meanwhile.
Killed at any point it leaves the database as it was, and perhaps a backup.

Exit status:
  0  it is a managed database at the newest revision, or could be made one
  1  refused, nothing was changed: the plan says why
  2  failed, nothing was changed unless the message says otherwise";

/// What `outreach adopt` takes.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Adopt {
    /// Carry the plan out
    #[arg(long)]
    yes: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// The folder for the backup
    #[arg(
        long,
        value_name = "DIR",
        env = "OUTREACH_BACKUP_DIR",
        default_value = "backups"
    )]
    backup_dir: PathBuf,

    /// The PostgreSQL server to read the backup back on [default: the database's own]
    #[arg(
        long,
        value_name = "URL",
        env = "SCRATCH_DATABASE_URL",
        hide_env_values = true
    )]
    scratch: Option<String>,

    #[command(flatten)]
    limits: Limits,
}

/// What is printed as JSON.
#[derive(Debug, Serialize)]
struct Printed<'a> {
    plan: &'a Plan,
    report: Option<&'a Report>,
}

pub(crate) async fn run(connection: &Connection, arguments: &Adopt) -> Result<(), Error> {
    let options = connection.options()?;
    let db = connect::open(&reading(&options)?).await?;
    let plan = adopt::plan(&db).await?;
    db.close().await.map_err(Error::failed)?;
    let carries_out = arguments.yes && plan.is_possible();
    if !arguments.json {
        output::print(&text::plan(&plan))?;
    }
    if !carries_out {
        if arguments.json {
            print_json(&plan, None)?;
        } else {
            output::print(text::how_to_go_on(&plan))?;
        }
        return if plan.is_possible() {
            Ok(())
        } else {
            let conflicts = plan.conflicts.len();
            Err(AdoptError::Refused { conflicts }.into())
        };
    }
    let scratch = arguments.scratch.as_deref();
    let scratch = scratch.filter(|url| !url.trim().is_empty());
    let adoption = Adoption::new(&arguments.backup_dir)
        .scratch_server(scratch.map(SecretString::from))
        .run_options(arguments.limits.options());
    let shown = Shown::begin();
    let say = |progress: Progress| match progress {
        Progress::BackingUp(step) => shown.show(step),
        other => output::say(&text::line(&other.to_string())),
    };
    let report = Box::pin(adopt::carry_out(&options, &plan, &adoption, &say)).await;
    shown.end();
    let report = report?;
    if arguments.json {
        print_json(&plan, Some(&report))
    } else {
        output::print(&text::report(&plan, &report))
    }
}

fn print_json(plan: &Plan, report: Option<&Report>) -> Result<(), Error> {
    output::print_json(&Printed { plan, report })
}

impl From<AdoptError> for Error {
    fn from(error: AdoptError) -> Self {
        match error {
            AdoptError::Connect(error) => error.into(),
            error if error.is_refusal() => Self::refused(error),
            error => Self::failed(error),
        }
    }
}
