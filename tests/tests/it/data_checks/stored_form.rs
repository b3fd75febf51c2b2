//! Forms that SQLite does not enforce.

use outreach_service::data_checks::DataCode;
use outreach_tests::TestDb;
use sea_orm::DbBackend;

use super::{
    cases::{Case, id, job, prospect, run_all},
    findings,
};

pub(super) fn cases(backend: DbBackend) -> Vec<Case> {
    if backend != DbBackend::Sqlite {
        return Vec::new();
    }
    let times = [
        "2026-01-01 10:00:00",
        "2026-01-01T10:00:00Z",
        "2026-01-01T10:00:00+02:00",
        "2026-01-01T10:00:00.000+00:00",
        "2026-01-01T10:00:00.5+00:00",
        // These three are as the driver binds them.
        "2026-01-01T10:00:00+00:00",
        "2026-01-01T10:00:00.120+00:00",
        "2026-01-01T10:00:00.123456789+00:00",
    ];
    let times: Vec<_> = times
        .iter()
        .zip(1..)
        .map(|(time, number)| job(backend, number, "created_at", &format!("'{time}'")))
        .collect();
    let bad_json = |table: &str| format!("update {table} set ");
    vec![
        Case::new(
            DataCode::TimeForm,
            "jobs.created_at",
            times.concat(),
            &[1, 2, 3, 4, 5],
        ),
        Case::new(
            DataCode::TimeForm,
            "job_runs.lease_expires_at",
            job(backend, 1, "status", "'pending'")
                + &format!(
                    "insert into job_runs (job_id, lease_expires_at) values ({}, '2026-01-01')",
                    id(backend, 1)
                ),
            &[1],
        ),
        Case::new(
            DataCode::InvalidJson,
            "jobs.params",
            job(backend, 1, "params", "'{\"a\": 1}'")
                + &job(backend, 2, "params", "'{''a'': 1}'")
                + &job(backend, 3, "params", "''"),
            &[2, 3],
        ),
        Case::new(
            DataCode::InvalidJson,
            "prospects.hunter_payload",
            prospect(backend, 1, "", "") + &bad_json("prospects") + "hunter_payload = 'None'",
            &[1],
        ),
        Case::new(
            DataCode::TitleNul,
            "prospects.page_title",
            prospect(backend, 1, "page_title", "'a b'")
                + &prospect(backend, 2, "page_title", "'a' || char(0) || 'b'"),
            &[2],
        ),
        Case::new(
            DataCode::KeyForm,
            "jobs.id",
            job(backend, 1, "", "")
                + "insert into jobs (id, job_type, status) values \
                   ('00000000-0000-0000-0000-000000000002', 'send', 'failed')",
            &[2],
        )
        .by_hand(
            "update jobs set id = unhex(replace(id, '-', '')) where typeof(id) = 'text'".to_owned(),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_a_form_that_code_can_not_rely_on_is_found_and_mended() -> anyhow::Result<()> {
    let db = TestDb::sqlite().await?;
    run_all(&db, cases(db.backend())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_what_is_no_time_and_what_is_no_document_stays_readable_for_people()
-> anyhow::Result<()> {
    let db = TestDb::sqlite().await?;
    let columns = "created_at, params";
    db.sql(&job(db.backend(), 1, columns, "'yesterday', 'not json'"))
        .await?;
    for finding in findings(&db).await? {
        db.sql(&finding.remedy.to_string()).await?;
    }
    let rows = db.sql("select created_at, params from jobs").await?;
    assert_eq!(rows[0][0].as_deref(), Some("yesterday"));
    assert_eq!(rows[0][1].as_deref(), Some("\"not json\""));
    let left: Vec<_> = findings(&db).await?.iter().map(|f| f.code).collect();
    assert_eq!(left, [DataCode::TimeForm]);
    Ok(())
}
