//! Jobs, their runs and their queries against each other.

use super::{
    DataCode,
    check::{Check, Mend, lower},
    shape::Shape,
};

pub(super) fn checks(_: &Shape) -> Vec<Check> {
    vec![
        running_without_run(),
        run_of_ended_job(),
        completed_with_pending(),
    ]
}

/// A start takes the token and changes the status in one transaction.
fn running_without_run() -> Check {
    let status = lower("t.status");
    Check::new(
        DataCode::JobRunningWithoutRun,
        "jobs",
        &["status"],
        format!(
            "{status} = 'running' AND NOT EXISTS (SELECT 1 FROM job_runs AS r \
             WHERE r.job_id = t.id AND r.run_token IS NOT NULL)"
        ),
        Mend::CommandForEach("outreach jobs cancel"),
    )
    .needing(&[("job_runs", "job_id"), ("job_runs", "run_token")])
}

fn run_of_ended_job() -> Check {
    let status = lower("j.status");
    let condition = format!(
        "EXISTS (SELECT 1 FROM jobs AS j WHERE j.id = t.job_id \
         AND {status} NOT IN ('pending', 'running'))"
    );
    let sql = format!("DELETE FROM job_runs AS t WHERE {condition};");
    Check::new(
        DataCode::JobRunOfEndedJob,
        "job_runs",
        &[],
        condition,
        Mend::Sql(sql),
    )
    .by_key("job_id")
    .needing(&[("jobs", "id"), ("jobs", "status")])
}

fn completed_with_pending() -> Check {
    let (job, query) = (lower("t.status"), lower("q.status"));
    Check::new(
        DataCode::JobCompletedWithPendingQueries,
        "jobs",
        &["status"],
        format!(
            "{job} = 'completed' AND EXISTS (SELECT 1 FROM discovery_queries AS q \
             WHERE q.job_id = t.id AND {query} = 'pending')"
        ),
        Mend::Sql(format!(
            "UPDATE discovery_queries AS q SET status = 'failed', error_message = \
             coalesce(error_message, 'the job ended without this search') \
             WHERE {query} = 'pending' AND EXISTS (SELECT 1 FROM jobs AS t \
             WHERE t.id = q.job_id AND {job} = 'completed');"
        )),
    )
    .needing(&[
        ("discovery_queries", "job_id"),
        ("discovery_queries", "status"),
        ("discovery_queries", "error_message"),
    ])
}
