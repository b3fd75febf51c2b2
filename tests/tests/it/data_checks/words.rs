//! Statuses and types.

use outreach_service::data_checks::DataCode;
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::DbBackend;

use super::cases::{Case, job, prospect, query, run_all};

matrix_tests! {
    f38_a_word_that_nobody_knows_is_found_and_one_in_other_letters_is_told_apart,
    f38_what_an_unknown_status_said_is_kept_in_the_error,
}

pub(super) fn cases(backend: DbBackend) -> Vec<Case> {
    let rows = |make: fn(DbBackend, u128, &str, &str) -> String, column, words: &[&str]| {
        let rows: Vec<_> = words
            .iter()
            .zip(2..)
            .map(|(word, number)| make(backend, number, column, &format!("'{word}'")))
            .collect();
        rows.concat()
    };
    let with_job = |rows: String| job(backend, 1, "", "") + &rows;
    vec![
        Case::new(
            DataCode::JobStatusUnknown,
            "jobs.status",
            rows(
                job,
                "status",
                &["done", "completed", "", " pending", "a", "b", "c"],
            ),
            &[2, 4, 5, 6, 7, 8],
        ),
        Case::new(
            DataCode::JobStatusCase,
            "jobs.status",
            rows(job, "status", &["Completed", "FAILED", "failed"]),
            &[2, 3],
        ),
        Case::new(
            DataCode::JobTypeUnknown,
            "jobs.job_type",
            rows(job, "job_type", &["discover", "discovery"]),
            &[3],
        )
        .by_hand("update jobs set job_type = 'discover'".to_owned()),
        Case::new(
            DataCode::JobTypeCase,
            "jobs.job_type",
            rows(job, "job_type", &["enrich", "Enrich"]),
            &[3],
        ),
        Case::new(
            DataCode::QueryStatusUnknown,
            "discovery_queries.status",
            with_job(rows(query, "status", &["failed", "odd"])),
            &[3],
        ),
        Case::new(
            DataCode::QueryStatusCase,
            "discovery_queries.status",
            with_job(rows(query, "status", &["success", "SUCCESS"])),
            &[3],
        ),
        Case::new(
            DataCode::OutreachStatusUnknown,
            "prospects.outreach_status",
            rows(prospect, "outreach_status", &["replied", "answered"]),
            &[3],
        )
        .by_hand("update prospects set outreach_status = 'replied'".to_owned()),
        Case::new(
            DataCode::OutreachStatusCase,
            "prospects.outreach_status",
            rows(prospect, "outreach_status", &["accepted", "Accepted"]),
            &[3],
        ),
    ]
}

async fn f38_a_word_that_nobody_knows_is_found_and_one_in_other_letters_is_told_apart(
    db: TestDb,
) -> anyhow::Result<()> {
    run_all(&db, cases(db.backend())).await
}

async fn f38_what_an_unknown_status_said_is_kept_in_the_error(db: TestDb) -> anyhow::Result<()> {
    let odd = job(db.backend(), 1, "status, error_message", "'odd', 'because'");
    db.sql(&odd).await?;
    let findings = super::findings(&db).await?;
    db.sql(&findings[0].remedy.to_string()).await?;
    let rows = db.sql("select status, error_message from jobs").await?;
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        rows,
        [[text("failed"), text("unknown status: odd; because")]]
    );
    Ok(())
}
