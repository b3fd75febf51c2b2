//! References to rows that are not there: possible where a foreign key was
//! missing, or was not enforced.

use super::{
    DataCode,
    check::{Check, Mend},
    shape::Shape,
};

pub(super) fn checks(_: &Shape) -> Vec<Check> {
    vec![
        job_run_without_job(),
        query_without_job(),
        prospect_query_missing(),
        email_log_without_prospect(),
    ]
}

fn missing(column: &str, referenced: &str) -> String {
    format!(
        "t.{column} IS NOT NULL AND NOT EXISTS \
         (SELECT 1 FROM {referenced} AS r WHERE r.id = t.{column})"
    )
}

/// As the foreign key does when the job is deleted.
fn job_run_without_job() -> Check {
    let condition = missing("job_id", "jobs");
    let sql = format!("DELETE FROM job_runs AS t WHERE {condition};");
    Check::of_column(
        DataCode::JobRunWithoutJob,
        ("job_runs", "job_id"),
        condition,
        Mend::Sql(sql),
    )
    .by_key("job_id")
    .needing(&[("jobs", "id")])
}

/// A job that stands for the lost one keeps the queries, and the prospects that
/// point to them.
fn query_without_job() -> Check {
    let condition = missing("job_id", "jobs");
    let sql = format!(
        "INSERT INTO jobs (id, job_type, status, error_message) SELECT DISTINCT t.job_id, \
         'discover', 'failed', 'the job of these queries was lost; this row stands for it' \
         FROM discovery_queries AS t WHERE {condition};"
    );
    Check::of_column(
        DataCode::QueryWithoutJob,
        ("discovery_queries", "job_id"),
        condition,
        Mend::Sql(sql),
    )
    .needing(&[("jobs", "id")])
}

/// As the foreign key does when the query is deleted.
fn prospect_query_missing() -> Check {
    let condition = missing("discovery_query_id", "discovery_queries");
    let sql = format!("UPDATE prospects AS t SET discovery_query_id = NULL WHERE {condition};");
    Check::of_column(
        DataCode::ProspectQueryMissing,
        ("prospects", "discovery_query_id"),
        condition,
        Mend::Sql(sql),
    )
    .needing(&[("discovery_queries", "id")])
}

/// Nobody can say whom the mail went to, so that deleting it is somebody's
/// decision.
fn email_log_without_prospect() -> Check {
    let condition = missing("prospect_id", "prospects");
    let advice = format!(
        "restore the prospects from a backup, or, if they were deleted on purpose, delete the \
         mails too: DELETE FROM email_logs AS t WHERE {condition};"
    );
    Check::of_column(
        DataCode::EmailLogWithoutProspect,
        ("email_logs", "prospect_id"),
        condition,
        Mend::Advice(advice),
    )
    .needing(&[("prospects", "id")])
}
