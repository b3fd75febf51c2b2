//! References to rows that are not there.

use outreach_service::data_checks::DataCode;
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::DbBackend;

use super::cases::{Case, id, job, prospect, query, run_all};

matrix_tests! {
    f47_a_reference_to_nothing_is_found_and_mended_without_losing_rows,
}

pub(super) fn cases(backend: DbBackend) -> Vec<Case> {
    let (one, two) = (id(backend, 1), id(backend, 2));
    let mail = |number: &str| {
        format!("insert into email_logs (id, prospect_id) values ({number}, {number}); ")
    };
    let run = |number: &str| format!("insert into job_runs (job_id) values ({number}); ");
    vec![
        Case::new(
            DataCode::EmailLogWithoutProspect,
            "email_logs.prospect_id",
            prospect(backend, 1, "outreach_status", "'replied'") + &mail(&one) + &mail(&two),
            &[2],
        )
        .by_hand(format!("delete from email_logs where id = {two}")),
        Case::new(
            DataCode::ProspectQueryMissing,
            "prospects.discovery_query_id",
            prospect(backend, 1, "", "") + &prospect(backend, 2, "discovery_query_id", &two),
            &[2],
        ),
        Case::new(
            DataCode::QueryWithoutJob,
            "discovery_queries.job_id",
            query(backend, 5, "status", "'failed'") + &query(backend, 6, "status", "'failed'"),
            &[5, 6],
        ),
        Case::new(
            DataCode::JobRunWithoutJob,
            "job_runs.job_id",
            job(backend, 1, "status", "'pending'") + &run(&one) + &run(&two),
            &[2],
        ),
    ]
}

async fn f47_a_reference_to_nothing_is_found_and_mended_without_losing_rows(
    db: TestDb,
) -> anyhow::Result<()> {
    run_all(&db, cases(db.backend())).await
}
