//! Statuses and types: words that code knows, and knows in small letters.

use outreach_domain::{JobKind, JobStatus, OutreachStatus, QueryStatus};

use super::{
    DataCode,
    check::{Check, Mend, list, lower},
    shape::Shape,
};

pub(super) fn checks(shape: &Shape) -> Vec<Check> {
    let now = shape.now();
    let job_statuses = JobStatus::ALL.map(JobStatus::as_str);
    let kinds = JobKind::WORDS;
    let query_statuses = QueryStatus::ALL.map(QueryStatus::as_str);
    let outreach_statuses = OutreachStatus::ALL.map(OutreachStatus::as_str);
    vec![
        unknown_status(
            DataCode::JobStatusUnknown,
            "jobs",
            &job_statuses,
            &format!(", updated_at = {now}"),
        ),
        case(DataCode::JobStatusCase, ("jobs", "status"), &job_statuses),
        Check::of_column(
            DataCode::JobTypeUnknown,
            ("jobs", "job_type"),
            // An application's own kinds have a dot.
            format!(
                "{} AND t.job_type NOT LIKE '%.%'",
                unknown("job_type", &kinds)
            ),
            Mend::Advice(format!(
                "set `job_type` to what the job was meant to do: {}",
                kinds.join(", ")
            )),
        ),
        case(DataCode::JobTypeCase, ("jobs", "job_type"), &kinds),
        unknown_status(
            DataCode::QueryStatusUnknown,
            "discovery_queries",
            &query_statuses,
            "",
        ),
        case(
            DataCode::QueryStatusCase,
            ("discovery_queries", "status"),
            &query_statuses,
        ),
        Check::of_column(
            DataCode::OutreachStatusUnknown,
            ("prospects", "outreach_status"),
            unknown("outreach_status", &outreach_statuses),
            Mend::Advice(format!(
                "set `outreach_status` to one of {}; `sent` where it is not known, so that no \
                 mail goes out again",
                outreach_statuses.join(", ")
            )),
        ),
        case(
            DataCode::OutreachStatusCase,
            ("prospects", "outreach_status"),
            &outreach_statuses,
        ),
    ]
}

fn unknown(column: &str, known: &[&'static str]) -> String {
    let column = lower(&format!("t.{column}"));
    format!("{column} NOT IN ({})", list(known.iter().copied()))
}

/// Nobody can go on with such a row, so it has failed; what it said is kept in
/// its error.
fn unknown_status(
    code: DataCode,
    table: &'static str,
    known: &[&'static str],
    also: &str,
) -> Check {
    let condition = unknown("status", known);
    let sql = format!(
        "UPDATE {table} AS t SET error_message = 'unknown status: ' || status || \
         coalesce('; ' || error_message, ''), status = 'failed'{also} WHERE {condition};"
    );
    Check::of_column(code, (table, "status"), condition, Mend::Sql(sql))
        .needing(&[(table, "error_message"), (table, "updated_at")])
}

fn case(code: DataCode, (table, column): (&'static str, &'static str), known: &[&str]) -> Check {
    let words = list(known.iter().copied());
    let small = lower(&format!("t.{column}"));
    let condition = format!("{small} IN ({words}) AND CAST(t.{column} AS text) NOT IN ({words})");
    let sql = format!("UPDATE {table} AS t SET {column} = lower({column}) WHERE {condition};");
    Check::of_column(code, (table, column), condition, Mend::Sql(sql))
}
