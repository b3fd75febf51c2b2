//! What `sea-orm-cli migrate` starts.

use std::{error::Error, process::ExitCode};

use clap::Parser;
use outreach_migration::command::{self, Arguments, CommandError};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

#[tokio::main]
async fn main() -> ExitCode {
    // sea-orm-cli reads a `.env` file too; no file is no error.
    let _ = dotenvy::dotenv();
    let arguments = Arguments::parse();
    log_to_stdout(arguments.verbose);
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), CommandError> {
    let url = arguments.database_url.ok_or(CommandError::NoDatabase)?;
    let db = command::connect(&url, arguments.database_schema.as_deref()).await?;
    command::run(&db, arguments.command).await
}

/// The chain's progress goes where `sea-orm-cli` users look for it.
fn log_to_stdout(verbose: bool) {
    let filter = if verbose {
        "debug"
    } else {
        "sea_orm_migration=info,outreach_migration=info"
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_target(verbose)
        .with_level(verbose)
        .without_time()
        // Nobody may be reading; the subscriber would print about it, and panic.
        .log_internal_errors(false);
    tracing_subscriber::registry()
        .with(EnvFilter::new(filter))
        .with(lines)
        .init();
}

#[expect(clippy::print_stderr, reason = "the binary's own messages")]
fn print_error(error: &dyn Error) {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Errors of the drivers repeat their cause in their own text.
        let text = cause.to_string();
        if !message.ends_with(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        source = cause.source();
    }
    eprintln!("error: {message}");
}
