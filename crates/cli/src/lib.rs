//! The `outreach` command: migrates the database, runs discoveries, and shows
//! jobs and prospects.
//!
//! Arguments are in `args`, what they do in `commands`, printing in `output`,
//! and the exit statuses in `exit`. Results go to standard output and
//! everything else to standard error.
//!
//! One law: whatever can be refused is refused before anything is written.

mod args;
mod audit;
mod commands;
mod exit;
mod logging;
mod output;

use std::{ffi::OsString, process::ExitCode};

use crate::{
    args::{Arguments, Command},
    exit::Error,
};

/// Runs the command with the arguments of a process, its name first, and
/// returns the exit status: 0 for success, 1 when the request was refused, 2
/// when something failed.
///
/// Prints to the process's standard output and standard error, and installs the
/// process's log subscriber if there is none yet.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let arguments = match args::parse(&arguments) {
        Ok(arguments) => arguments,
        Err(error) => return exit::usage(&error, args::is_audit(&arguments)),
    };
    logging::install(arguments.verbose);
    let outcome = runtime().and_then(|runtime| runtime.block_on(dispatch(arguments)));
    exit::report(outcome)
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Error::failed(error).context("cannot start"))
}

async fn dispatch(arguments: Arguments) -> Result<(), Error> {
    let connection = &arguments.connection;
    // A URL that can't be used is refused before anything else is looked at.
    let looks = matches!(arguments.command, Command::Audit(_) | Command::Verify(_));
    let database = connection.options().map_err(|error| {
        let error = Error::from(error);
        if looks { error.could_not_look() } else { error }
    })?;
    match arguments.command {
        Command::Migrate(arguments) => commands::migrate::run(connection, arguments).await,
        Command::History(show) => commands::migrate::show::history(connection, show.json).await,
        Command::Current(show) => commands::migrate::show::current(connection, show.json).await,
        Command::Discover(arguments) => commands::discover::run(connection, &arguments).await,
        Command::Jobs(command) => commands::jobs::run(connection, command).await,
        Command::Prospects(command) => commands::prospects::run(connection, command).await,
        Command::Audit(arguments) => commands::audit::run(connection, &arguments).await,
        Command::Adopt(arguments) => commands::adopt::run(connection, &arguments).await,
        Command::Verify(arguments) => commands::verify::run(connection, &arguments).await,
        Command::Backup(arguments) => commands::backup::run(connection, arguments).await,
        Command::Restore(arguments) => commands::restore::run(connection, &arguments).await,
        Command::Protect(arguments) => commands::protect::run(connection, &arguments).await,
        Command::Reset(arguments) => commands::reset::run(connection, &arguments).await,
    }
    .map_err(|error| error.in_database(database.url()))
}
