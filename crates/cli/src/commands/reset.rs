//! `outreach reset`.

use clap::Args;
use outreach_operations::reset::{self, Step};

use super::{
    backup::Shown,
    guarded::{self, Destruction, Guarded},
    verify::run_checklist,
};
use crate::{args::Connection, exit::Error, output};

const HELP: &str = "\
Drops outreach's tables and makes them anew, empty. Forward repair comes first: `outreach adopt` and
`outreach audit --repair` mend a database without losing a row; see RESET_INSTRUCTIONS.md.

In this order: what is there is listed; guards; a backup, which is read back; then one transaction
that drops the tables, runs the revisions, keeps environment, privileges, policies and foreign
tables, and audits the outcome; then the checklist of `outreach verify`. What is not outreach's is
not dropped. Killed at any point, the database is as it was, or done; `outreach restore --replace
FILE` brings the backup back.

Exit status:
  0  done, and the checklist is ticked
  1  refused, nothing was changed
  2  failed; nothing was dropped unless the message says otherwise";

/// What `outreach reset` takes.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ResetArguments {
    #[command(flatten)]
    guarded: Guarded,

    /// Drop the whole PostgreSQL schema, with what is not outreach's
    #[arg(long)]
    drop_schema: bool,
}

pub(crate) async fn run(connection: &Connection, arguments: &ResetArguments) -> Result<(), Error> {
    let guarded = &arguments.guarded;
    let drop_schema = arguments.drop_schema;
    let cleared = guarded::clear(connection, guarded, &Destruction::Reset { drop_schema }).await?;
    let Some(clearance) = cleared else {
        return Ok(());
    };
    let shown = Shown::begin();
    let progress = |step| show(&shown, step);
    let database = connection.options()?;
    let options = guarded.options();
    let work = reset::reset(&database, &clearance, &options, &progress);
    let done = Box::pin(work).await;
    shown.end();
    let done = done?;
    let path = done.backup.path.display().to_string();
    output::say(&format!(
        "reset: {} rows in {} tables are gone, the database is at `{}`; the backup of what was \
         there is {}",
        clearance.inventory().rows(),
        done.dropped.len(),
        done.revision,
        outreach_domain::escape_for_terminal(&path)
    ));
    let checklist = Box::pin(run_checklist(connection, None)).await;
    let checklist =
        checklist.map_err(|error| error.context("the reset is done; its checklist is not"))?;
    output::print(&checklist.to_text())?;
    if checklist.passed() {
        return Ok(());
    }
    Err(Error::failed_because(
        "the reset is done, but the checklist has lines that are not ticked",
    ))
}

/// One line for each step.
pub(super) fn show(shown: &Shown, step: Step) {
    let line = match step {
        Step::Backup(step) => return shown.show(step),
        Step::BackedUp { path } => {
            let path = path.display().to_string();
            let path = outreach_domain::escape_for_terminal(&path).into_owned();
            format!("the backup was read back and is sound: {path}")
        }
        Step::Locking => "locking the tables".to_owned(),
        Step::Comparing => "comparing what is there with the backup".to_owned(),
        Step::Dropping { tables } => format!("dropping {tables} tables, in a transaction"),
        Step::Migrating => "running the revisions".to_owned(),
        Step::Auditing => "auditing the outcome".to_owned(),
        Step::Committing => "committing".to_owned(),
        Step::Done => "committed".to_owned(),
        _ => "working".to_owned(),
    };
    output::say(&line);
}
