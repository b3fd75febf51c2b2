//! How the command ends: an error with its exit status, and the one line that
//! says why.

use std::{fmt, io, process::ExitCode};

use outreach_domain::{InvalidDiscoveryRequest, escape_for_terminal};
use outreach_migration::{command::CommandError, run::RunError};
use outreach_providers::files::OpenError;
use outreach_service::{
    connect::{ConnectError, InvalidDatabaseUrl},
    discovery::DiscoveryError,
    jobs::JobError,
    prospects::ProspectError,
    sql,
    worker::WorkerError,
};
use sea_orm_migration::sea_orm::DbErr;

use crate::output;

/// Why the command does not end with success.
#[derive(Debug)]
pub(crate) struct Error {
    kind: Kind,
    source: anyhow::Error,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// What was asked for can't be done as asked. Nothing was changed.
    Refused,
    /// It was tried, and it failed.
    Failed,
    /// An audit found something, and has said so.
    Findings,
    /// Nobody reads the output any more; not an error.
    OutputClosed,
}

impl Error {
    /// An error whose remedy is another request, or another state of the
    /// database: status 1.
    pub(crate) fn refused(source: impl Into<anyhow::Error>) -> Self {
        Self {
            kind: Kind::Refused,
            source: source.into(),
        }
    }

    /// [`Error::refused`] with a message of its own.
    pub(crate) fn refused_because(message: impl fmt::Display) -> Self {
        Self::refused(anyhow::anyhow!("{message}"))
    }

    /// An error of something that was tried: status 2.
    pub(crate) fn failed(source: impl Into<anyhow::Error>) -> Self {
        Self {
            kind: Kind::Failed,
            source: source.into(),
        }
    }

    /// [`Error::failed`] with a message of its own.
    pub(crate) fn failed_because(message: impl fmt::Display) -> Self {
        Self::failed(anyhow::anyhow!("{message}"))
    }

    /// An audit that found something: status 1, and nothing more to say.
    pub(crate) fn findings() -> Self {
        Self {
            kind: Kind::Findings,
            source: anyhow::anyhow!("there are findings"),
        }
    }

    /// For commands whose status 1 means findings: whatever kept them from
    /// looking is status 2.
    pub(crate) fn could_not_look(mut self) -> Self {
        if self.kind == Kind::Refused {
            self.kind = Kind::Failed;
        }
        self
    }

    /// Says what was being done, before what went wrong.
    pub(crate) fn context(self, context: impl fmt::Display) -> Self {
        Self {
            kind: self.kind,
            source: self.source.context(context.to_string()),
        }
    }

    /// Says in which database, if it was the database that failed.
    pub(crate) fn in_database(self, database: impl fmt::Display) -> Self {
        if self.database_error().is_some() {
            self.context(database)
        } else {
            self
        }
    }

    pub(crate) fn status(&self) -> u8 {
        match self.kind {
            Kind::Refused | Kind::Findings => 1,
            Kind::Failed => 2,
            Kind::OutputClosed => 0,
        }
    }

    /// The error and its causes in one line, fit for a terminal.
    pub(crate) fn message(&self) -> String {
        let mut text = String::new();
        for cause in self.source.chain() {
            let cause = cause.to_string();
            // Errors of the drivers repeat their cause in their own text.
            if text.ends_with(cause.as_str()) {
                continue;
            }
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause);
        }
        if let Some(hint) = self.hint() {
            text.push_str("; ");
            text.push_str(hint);
        }
        escape_for_terminal(&text.replace('\n', " ")).into_owned()
    }

    /// What the database said, unless it is part of a failed connection, which
    /// brings the database's name and a hint of its own.
    fn database_error(&self) -> Option<&DbErr> {
        let mut causes = self.source.chain();
        if causes.any(<dyn std::error::Error>::is::<ConnectError>) {
            return None;
        }
        let mut causes = self.source.chain();
        causes.find_map(|cause| cause.downcast_ref())
    }

    /// What to do where the database itself refused.
    fn hint(&self) -> Option<&'static str> {
        let error = self.database_error()?;
        match sql::sqlstate(error)?.as_str() {
            // SQLITE_READONLY with its extended codes, and a standby's answer.
            "8" | "264" | "520" | "776" | "1032" | "1288" | "1544" | "25006" => {
                Some("make the database writable, or name another with --database")
            }
            "42501" => Some("the role may not do this; grant it the right, or use another role"),
            "5" | "517" | "55P03" => Some("another program holds the database; try again"),
            "13" | "53100" => Some("the disk is full"),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    /// A failed write to standard output.
    fn from(error: io::Error) -> Self {
        let kind = if error.kind() == io::ErrorKind::BrokenPipe {
            Kind::OutputClosed
        } else {
            Kind::Failed
        };
        Self {
            kind,
            source: anyhow::Error::new(error).context("cannot write the output"),
        }
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Unreachable { .. } | ConnectError::Ledger(_) => Self::failed(error),
            _ => Self::refused(error),
        }
    }
}

impl From<JobError> for Error {
    fn from(error: JobError) -> Self {
        match error {
            JobError::NotFound { .. }
            | JobError::Exists { .. }
            | JobError::Conflict { .. }
            | JobError::KeyInUse { .. }
            | JobError::Transition { .. } => Self::refused(error),
            _ => Self::failed(error),
        }
    }
}

impl From<CommandError> for Error {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Run(error) => error.into(),
            CommandError::Connect(_) | CommandError::NoAnswer => Self::failed(error),
            _ => Self::refused(error),
        }
    }
}

impl From<RunError> for Error {
    fn from(error: RunError) -> Self {
        match error {
            // The chain's own words: it looked at the ledger and did nothing.
            RunError::Database(DbErr::Migration(_)) => Self::refused(error),
            RunError::Locked { .. }
            | RunError::TookTooLong { .. }
            | RunError::Busy(_)
            | RunError::UnknownOutcome(_)
            | RunError::Database(_) => Self::failed(error),
            _ => Self::refused(error),
        }
    }
}

macro_rules! always {
    ($($error:ty => $status:ident,)+) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::$status(error)
            }
        }
    )+};
}
always! {
    InvalidDatabaseUrl => refused,
    WorkerError => refused,
    InvalidDiscoveryRequest => refused,
    OpenError => refused,
    DiscoveryError => failed,
    ProspectError => failed,
}

/// Prints what clap says and returns its status: 0 for help and version; for
/// arguments that can't be used 1, or 2 where 1 would mean findings.
pub(crate) fn usage(error: &clap::Error, is_audit: bool) -> ExitCode {
    // Nobody may be reading; the status says it too.
    let _ = error.print();
    match (error.use_stderr(), is_audit) {
        (false, _) => ExitCode::SUCCESS,
        (true, false) => ExitCode::from(1),
        (true, true) => ExitCode::from(2),
    }
}

/// Prints the error, if there is one to print, and returns the status.
pub(crate) fn report(outcome: Result<(), Error>) -> ExitCode {
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    if !matches!(error.kind, Kind::OutputClosed | Kind::Findings) {
        output::say(&format!("error: {}", error.message()));
    }
    ExitCode::from(error.status())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_without_control_characters() {
        let error = Error::failed_because("a\u{1b}[2J\nb").context("while looking");
        assert_eq!(error.message(), r"while looking: a\u{1b}[2J b");
    }

    #[test]
    fn a_cause_that_its_error_repeats_is_said_once() {
        let cause = anyhow::anyhow!("no such table");
        let error = Error::failed(cause.context("query failed: no such table"));
        assert_eq!(error.message(), "query failed: no such table");
    }

    #[test]
    fn a_closed_output_is_no_error_and_a_full_disk_is() {
        let closed = Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(closed.status(), 0);
        let full = Error::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.status(), 2);
    }
}
