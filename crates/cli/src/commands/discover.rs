//! `outreach discover`: a discovery job from its arguments to its outcome.
//!
//! The request is checked and the files are read before the database is looked
//! for, so that a refusal leaves nothing behind.

mod files;
mod progress;
mod report;

use std::fmt;

use outreach_domain::{DiscoveryRequest, JobId, JobStatus, Location};
use outreach_migration::command;
use outreach_service::{
    discovery::{Discovery, IdGenerator, RandomIds, run_discovery},
    jobs::{JobError, NewJob, cancel_job, enqueue_job, find_job},
};
use sea_orm_migration::sea_orm::DatabaseConnection;

use self::{files::Files, progress::Progress, report::Outcome};
use super::migrate;
use crate::{
    args::{Connection, Discover},
    exit::Error,
};

pub(crate) async fn run(connection: &Connection, arguments: &Discover) -> Result<(), Error> {
    let request = request(arguments)?;
    let files = Files::open(arguments, &request)?;
    files.say_notes();
    let db = database(connection, arguments.migrate).await?;
    let outcome = discover(&db, &request, &files).await?;
    outcome.say_notes();
    let printed = outcome.print(&files, arguments.json);
    migrate::close(db).await?;
    // That the job failed counts for more than that nobody reads of it.
    succeeded(&outcome)?;
    printed
}

fn request(arguments: &Discover) -> Result<DiscoveryRequest, Error> {
    if arguments.location.is_empty() {
        let known = Location::ALL.map(|location| format!("`{location}`"));
        return Err(Error::refused_because(format!(
            "a discovery needs at least one --location; known are {}",
            known.join(", ")
        )));
    }
    Ok(DiscoveryRequest::new(
        &arguments.keywords.join(","),
        arguments.location.clone(),
        arguments.categories.clone(),
        arguments.max_results,
    )?)
}

async fn database(connection: &Connection, migrate: bool) -> Result<DatabaseConnection, Error> {
    if !migrate {
        return super::connect(connection).await;
    }
    let db = migrate::open(connection, true).await?;
    command::run(&db, None).await?;
    migrate::close(db).await?;
    super::connect(connection).await
}

async fn discover(
    db: &DatabaseConnection,
    request: &DiscoveryRequest,
    files: &Files,
) -> Result<Outcome, Error> {
    let id = JobId::from_uuid(RandomIds.next_id());
    enqueue_job(db, &NewJob::discover(id, request)).await?;
    let progress = Progress::begin(request);
    let on_progress = |now| progress.show(now);
    let discovery = Discovery {
        on_progress: &on_progress,
        ..Discovery::new(&files.search, files.contacts())
    };
    let summary = tokio::select! {
        summary = run_discovery(db, id, &discovery) => summary,
        // The query under way is dropped, and with it its transaction.
        Ok(()) = tokio::signal::ctrl_c() => {
            progress.end();
            return Err(interrupted(db, id).await);
        }
    };
    progress.end();
    let summary = summary.map_err(|error| in_job(id, error))?;
    let job = find_job(db, id)
        .await
        .and_then(|job| job.ok_or(JobError::NotFound { id }))
        .map_err(|error| in_job(id, error))?;
    Ok(Outcome { job, summary })
}

/// Ends the job, which would else stay running with nobody to work on it.
async fn interrupted(db: &DatabaseConnection, id: JobId) -> Error {
    match cancel_job(db, id).await {
        Ok(()) => Error::failed_because(format!(
            "interrupted: discovery job {id} was cancelled; what it had saved stays"
        )),
        Err(error) => in_job(id, error).context("interrupted"),
    }
}

/// From here on the request was taken, so whatever goes wrong has failed.
fn in_job(id: JobId, error: impl Into<anyhow::Error> + fmt::Display) -> Error {
    Error::failed(error).context(format!("discovery job {id}"))
}

fn succeeded(outcome: &Outcome) -> Result<(), Error> {
    let Outcome { job, summary } = outcome;
    if job.status != JobStatus::Completed {
        let reason = job
            .error_message
            .as_deref()
            .unwrap_or("no reason was given");
        return Err(Error::failed_because(format!(
            "discovery job {} is {}: {reason}",
            job.id, job.status
        )));
    }
    if !summary.counters.is_balanced() {
        return Err(Error::failed_because(format!(
            "the results of discovery job {} do not add up: {} found, {} accounted for",
            job.id,
            summary.counters.found,
            summary.counters.disposed()
        )));
    }
    Ok(())
}
