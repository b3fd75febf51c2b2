//! `outreach jobs`.

use outreach_domain::JobId;
use outreach_service::jobs::{
    Job, JobCursor, JobError, JobFilter, cancel_job, count_jobs, find_job, list_jobs,
};
use sea_orm_migration::sea_orm::DatabaseConnection;
use serde_json::json;

use super::{connect, page_request, print_page, say_page};
use crate::{
    args::{Connection, Jobs, PageArguments},
    exit::Error,
    output::{self, Fields, Table},
};

pub(crate) async fn run(connection: &Connection, command: Jobs) -> Result<(), Error> {
    let db = connect(connection).await?;
    match command {
        Jobs::List { status, kind, page } => list(&db, &JobFilter { kind, status }, page).await,
        Jobs::Show { id, json } => show(&db, id, json).await,
        Jobs::Cancel { id, json } => cancel(&db, id, json).await,
    }
}

async fn list(
    db: &DatabaseConnection,
    filter: &JobFilter,
    arguments: PageArguments<JobCursor>,
) -> Result<(), Error> {
    let request = page_request(arguments.limit, arguments.after);
    let total = count_jobs(db, filter).await?;
    let page = list_jobs(db, filter, &request).await?;
    if arguments.json {
        return print_page(total, &page);
    }
    let mut table = Table::new(&[
        ("ID", 36),
        ("TYPE", 13),
        ("STATUS", 9),
        ("CREATED", 20),
        ("SAVED", 6),
        ("ERROR", 60),
    ]);
    for job in &page.items {
        table.row([
            &job.id.to_string(),
            job.kind.as_str(),
            job.status.as_str(),
            &output::time(job.created_at),
            &saved(job),
            job.error_message.as_deref().unwrap_or_default(),
        ]);
    }
    output::print(&table.text())?;
    say_page("jobs", total, &page);
    Ok(())
}

/// The prospects that a discovery saved; of other jobs nothing.
fn saved(job: &Job) -> String {
    let result = job.result.as_ref();
    let saved = result.and_then(|result| result.get("prospects_discovered"));
    saved.map(ToString::to_string).unwrap_or_default()
}

async fn show(db: &DatabaseConnection, id: JobId, json: bool) -> Result<(), Error> {
    let job = find_job(db, id).await?.ok_or(JobError::NotFound { id })?;
    if json {
        return output::print_json(&job);
    }
    let mut fields = Fields::default();
    fields
        .add("id", id.to_string())
        .add("type", job.kind.as_str())
        .add("status", job.status.as_str())
        .add("created", output::time(job.created_at))
        .add("updated", output::time(job.updated_at))
        .add("error", job.error_message.as_deref().unwrap_or_default());
    for (name, value) in [("params", &job.params), ("result", &job.result)] {
        if let Some(value) = value {
            fields.add(name, value.to_string());
        }
    }
    output::print(&fields.text())
}

async fn cancel(db: &DatabaseConnection, id: JobId, json: bool) -> Result<(), Error> {
    cancel_job(db, id).await?;
    if json {
        return output::print_json(&json!({ "job": id, "status": "cancelled" }));
    }
    output::print(&format!("job {id} is cancelled\n"))
}
