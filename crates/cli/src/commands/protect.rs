//! `outreach protect`: the marks that keep a database from being destroyed.

use std::io::{self, IsTerminal as _};

use clap::Args;
use outreach_operations::guard::{self, ProtectError};

use crate::{args::Connection, exit::Error, output};

const HELP: &str = "\
A database that is marked, or whose environment is `production`, is not reset, replaced, or taken
down by `migrate down`, `fresh`, `refresh` and `reset`, nor by those of sea-orm-cli.

Exit status:
  0  done
  1  refused, nothing was changed
  2  failed, nothing was changed";

/// What `outreach protect` takes.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ProtectArguments {
    /// Why; shown by whatever refuses
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["off", "status", "environment"])]
    reason: Option<String>,

    /// Take the mark off
    #[arg(long, conflicts_with_all = ["status", "environment"])]
    off: bool,

    /// Print the marks, and change nothing
    #[arg(long, conflicts_with = "environment")]
    status: bool,

    /// Store what the database is for, such as `staging` or `production`
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,

    /// Which database is meant, for what makes it less safe: its name, with
    /// --schema `database.schema`, or the name of the SQLite file
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,

    /// Print the marks as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(
    connection: &Connection,
    arguments: &ProtectArguments,
) -> Result<(), Error> {
    let database = connection.options()?;
    if arguments.status {
        return status(connection, arguments.json).await;
    }
    if let Some(name) = &arguments.environment {
        let stored = guard::properties(&database).await?.environment;
        if stored.as_ref().is_some_and(|stored| stored != name) {
            confirm(connection, arguments).await?;
        }
        guard::set_environment(&database, name).await?;
    } else if arguments.off {
        confirm(connection, arguments).await?;
        if !guard::unprotect(&database).await? {
            output::say("there was no mark");
        }
    } else {
        let reason = arguments.reason.as_deref().unwrap_or_default();
        guard::protect(&database, reason).await?;
    }
    status(connection, arguments.json).await
}

/// The name is said, or typed on a terminal.
async fn confirm(connection: &Connection, arguments: &ProtectArguments) -> Result<(), Error> {
    let inventory = Box::pin(guard::look(&connection.options()?)).await?;
    let name = inventory.name();
    let given = match &arguments.confirm {
        Some(given) => given.clone(),
        None if io::stdin().is_terminal() => {
            output::say("this makes the database less safe. Type its name to go on:");
            let mut line = String::new();
            let read = io::stdin().read_line(&mut line);
            read.map_err(|error| Error::failed(error).context("cannot read the answer"))?;
            line.trim_end_matches(['\n', '\r']).to_owned()
        }
        None => String::new(),
    };
    if given == name && connection.is_named() {
        return Ok(());
    }
    Err(Error::refused_because(format!(
        "it was not confirmed which database is meant, nothing was changed; name it with \
         --database, and give `--confirm {name}`"
    )))
}

async fn status(connection: &Connection, json: bool) -> Result<(), Error> {
    let marks = guard::properties(&connection.options()?).await?;
    let protection = marks.protection().map(|why| why.to_string());
    if json {
        return output::print_json(&serde_json::json!({
            "protected": protection.is_some(),
            "reason": protection,
            "environment": marks.environment,
            "ignored_tables": marks.ignored_tables,
        }));
    }
    let mut fields = output::Fields::default();
    fields
        .add("protected", protection.as_deref().unwrap_or("no"))
        .add(
            "environment",
            marks.environment.as_deref().unwrap_or("none stored"),
        )
        .add("ignored tables", marks.ignored_tables.join(", "));
    output::print(&fields.text())
}

impl From<ProtectError> for Error {
    fn from(error: ProtectError) -> Self {
        match error {
            ProtectError::Connect(error) => error.into(),
            ProtectError::NoTable | ProtectError::InvalidName { .. } => Self::refused(error),
            _ => Self::failed(error),
        }
    }
}
