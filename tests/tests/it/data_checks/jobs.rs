//! Jobs, their runs and their queries.

use outreach_service::data_checks::{DataCode, Remedy};
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::DbBackend;

use super::{
    cases::{Case, id, job, query, run_all},
    findings,
};

matrix_tests! {
    f29_jobs_whose_runs_or_queries_say_something_else_are_found,
    f29_a_lost_job_is_mended_by_the_command_that_is_named,
}

pub(super) fn cases(backend: DbBackend) -> Vec<Case> {
    let with_status = |number, status: &str| job(backend, number, "status", &format!("'{status}'"));
    let run = |number, token: &str| {
        let key = id(backend, number);
        let token = match token {
            "" => "NULL".to_owned(),
            _ => id(backend, 99),
        };
        format!("insert into job_runs (job_id, run_token) values ({key}, {token}); ")
    };
    vec![
        Case::new(
            DataCode::JobRunningWithoutRun,
            "jobs",
            // Running with a run, running without, pending without (the other
            // backend makes none), running with a run that nobody has.
            with_status(1, "running")
                + &run(1, "token")
                + &with_status(2, "running")
                + &with_status(3, "pending")
                + &with_status(4, "running")
                + &run(4, ""),
            &[2, 4],
        )
        .by_hand(format!(
            "update jobs set status = 'cancelled' where id in ({}, {}); \
             delete from job_runs where run_token is null",
            id(backend, 2),
            id(backend, 4)
        )),
        Case::new(
            DataCode::JobRunOfEndedJob,
            "job_runs",
            with_status(1, "completed")
                + &run(1, "token")
                + &with_status(2, "pending")
                + &run(2, "")
                + &with_status(3, "cancelled")
                + &run(3, ""),
            &[1, 3],
        ),
        Case::new(
            DataCode::JobCompletedWithPendingQueries,
            "jobs",
            with_status(1, "completed")
                + &query(backend, 11, "status", "'pending'")
                + &query(backend, 12, "status", "'success'")
                + &with_status(2, "completed"),
            &[1],
        ),
    ]
}

async fn f29_jobs_whose_runs_or_queries_say_something_else_are_found(
    db: TestDb,
) -> anyhow::Result<()> {
    run_all(&db, cases(db.backend())).await
}

async fn f29_a_lost_job_is_mended_by_the_command_that_is_named(db: TestDb) -> anyhow::Result<()> {
    db.sql(
        &(job(db.backend(), 1, "status", "'running'")
            + &job(db.backend(), 2, "status", "'running'")),
    )
    .await?;
    let found = findings(&db).await?;
    let Remedy::Command(commands) = &found[0].remedy else {
        panic!("{found:?}");
    };
    let folder = tempfile::tempdir()?;
    for command in commands.lines() {
        let arguments = command.strip_prefix("outreach ").unwrap().split(' ');
        let run = outreach_tests::Outreach::new(&folder)
            .env("DATABASE_URL", db.url())
            .args(arguments);
        let output = run.run().await?;
        assert_eq!(output.status, Some(0), "{output:?}");
    }
    assert_eq!(findings(&db).await?, []);
    Ok(())
}
