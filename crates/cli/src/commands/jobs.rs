//! `outreach jobs`.

mod doctor;

use outreach_domain::JobId;
use outreach_service::{
    connect::Tenant,
    jobs::{
        Job, JobCursor, JobError, JobFilter, JobRun, cancel_job, count_jobs, find_job,
        find_job_run, list_jobs,
    },
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{CONNECTIONS, connect_tenant, page_request, print_page, say_page};
use crate::{
    args::{Connection, Jobs, PageArguments},
    exit::Error,
    output::{self, Fields, Table},
};

pub(crate) async fn run(connection: &Connection, command: Jobs) -> Result<(), Error> {
    if let Jobs::Doctor { fix, json } = command {
        let doctor = doctor::run(connection, fix, json).await;
        return doctor.map_err(Error::could_not_look);
    }
    let db = connect_tenant(connection, CONNECTIONS).await?;
    match command {
        Jobs::List { status, kind, page } => list(&db, &JobFilter { kind, status }, page).await,
        Jobs::Show { id, json } => show(&db, id, json).await,
        Jobs::Cancel { id, json } => cancel(&db, id, json).await,
        Jobs::Doctor { .. } => Ok(()),
    }
}

async fn list(
    db: &Tenant,
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

/// A job, and its run while it has not ended.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    job: Job,
    run: Option<JobRun>,
}

async fn show(db: &Tenant, id: JobId, json: bool) -> Result<(), Error> {
    let job = find_job(db, id).await?.ok_or(JobError::NotFound { id })?;
    let run = find_job_run(db, id).await?;
    if json {
        return output::print_json(&Shown { job, run });
    }
    let mut fields = Fields::default();
    fields
        .add("id", id.to_string())
        .add("type", job.kind.as_str())
        .add("status", job.status.as_str())
        .add("created", output::time(job.created_at))
        .add("updated", output::time(job.updated_at))
        .add("error", job.error_message.as_deref().unwrap_or_default());
    if let Some(run) = &run {
        add_run(&mut fields, run);
    }
    for (name, value) in [("params", &job.params), ("result", &job.result)] {
        if let Some(value) = value {
            fields.add(name, value.to_string());
        }
    }
    output::print(&fields.text())
}

fn add_run(fields: &mut Fields, run: &JobRun) {
    let lease = match (run.lease_expires_at, run.lease_seconds_left) {
        (Some(time), Some(left)) if left < 0.0 => format!(
            "{}, ended {} ago",
            output::time(Some(time)),
            output::seconds(-left)
        ),
        (time, _) => output::time(time),
    };
    fields
        .add(
            "attempts",
            format!("{} of {}", run.attempts, run.max_attempts),
        )
        .add("owner", run.owner.as_deref().unwrap_or_default())
        .add("lease", lease)
        .add("run at", output::time(Some(run.run_at)))
        .add("deadline", output::time(run.deadline_at))
        .add("key", run.unique_key.as_deref().unwrap_or_default());
    if let Some(progress) = &run.progress {
        fields.add("progress", progress.to_string());
    }
    for error in run.errors.iter().filter_map(Value::as_array).flatten() {
        fields.add("earlier", earlier_error(error));
    }
}

fn earlier_error(error: &Value) -> String {
    match (
        error.get("attempt"),
        error.get("error").and_then(Value::as_str),
    ) {
        (Some(attempt), Some(text)) => format!("attempt {attempt}: {text}"),
        _ => error.to_string(),
    }
}

async fn cancel(db: &Tenant, id: JobId, json: bool) -> Result<(), Error> {
    cancel_job(db, id).await?;
    if json {
        return output::print_json(&json!({ "job": id, "status": "cancelled" }));
    }
    output::print(&format!("job {id} is cancelled\n"))
}
