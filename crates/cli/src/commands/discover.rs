//! `outreach discover`: a discovery job from its arguments to its outcome.
//!
//! The request is checked and the files are read before the database is looked
//! for, so that a refusal leaves nothing behind. The job is done as a worker
//! does it; a worker goes on with one that was left.

mod conflict;
mod progress;
mod report;
mod run;

use outreach_domain::{DiscoveryRequest, JobId, JobStatus, Location};
use outreach_migration::command;
use outreach_service::{
    connect::Tenant,
    discovery::{IdGenerator, RandomIds},
    jobs::{JobError, NewJob, enqueue_job},
};
use serde_json::json;

use self::report::Outcome;
use super::{files::Files, migrate};
use crate::{
    args::{Connection, Discover},
    exit::Error,
    output,
};

/// For the query, the heartbeats and the end of the job.
const CONNECTIONS: u32 = 4;

pub(crate) async fn run(connection: &Connection, arguments: &Discover) -> Result<(), Error> {
    let request = request(arguments)?;
    if arguments.detach {
        return detach(connection, arguments, &request).await;
    }
    let files = Files::open(&arguments.sources, Some(&request))?;
    files.say_notes();
    let (handler, reports) = files.into_handler();
    let tenant = database(connection, arguments.migrate).await?;
    let job = new_job(arguments, &request);
    let outcome = run::enqueue_and_work(&tenant, &job, &request, handler).await?;
    outcome.say_notes();
    let printed = outcome.print(&reports, arguments.json);
    migrate::close(tenant.pool().clone()).await?;
    // That the job failed counts for more than that nobody reads of it.
    succeeded(&outcome)?;
    printed
}

/// Stores the job for a worker.
async fn detach(
    connection: &Connection,
    arguments: &Discover,
    request: &DiscoveryRequest,
) -> Result<(), Error> {
    let tenant = database(connection, arguments.migrate).await?;
    let job = new_job(arguments, request);
    if let Err(error) = enqueue_job(&tenant, &job).await {
        return Err(not_enqueued(&tenant, error).await);
    }
    if arguments.sources.results.is_some() {
        output::say("note: --results is not used with --detach; the worker takes its own");
    }
    let printed = if arguments.json {
        output::print_json(&json!({ "job": job.id, "status": JobStatus::Pending }))
    } else {
        output::print(&format!("{}\n", job.id))
    };
    migrate::close(tenant.pool().clone()).await?;
    printed
}

/// Says of another discovery what it does, and how to go on.
async fn not_enqueued(tenant: &Tenant, error: JobError) -> Error {
    match error {
        JobError::Conflict { other, .. } => conflict::refusal(tenant, other).await,
        error => error.into(),
    }
}

fn new_job(arguments: &Discover, request: &DiscoveryRequest) -> NewJob {
    let job = NewJob::discover(JobId::from_uuid(RandomIds.next_id()), request);
    if arguments.allow_concurrent {
        job.allow_concurrent()
    } else {
        job
    }
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

async fn database(connection: &Connection, migrate: bool) -> Result<Tenant, Error> {
    if migrate {
        let db = migrate::open(connection, true).await?;
        command::run(&db, None).await?;
        migrate::close(db).await?;
    }
    super::connect_tenant(connection, CONNECTIONS).await
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
