//! The same commands to the database.

use std::time::Duration;

use outreach_domain::JobId;
use outreach_service::{
    connect::Tenant,
    jobs::{
        ClaimRequest, CompletedRun, JobError, Run, RunToken, cancel_job, claim_jobs, complete_job,
        complete_jobs, enqueue_job, extend_leases, fail_job, record_progress_in_txn,
        release_expired, release_job, retry_job,
    },
    transaction::{TransactionSource, safe_commit},
};
use outreach_tests::JobDb;
use serde_json::json;

use super::{
    Command, JOBS,
    state::{Answer, Model},
};
use crate::{
    jobs::handlers::{kind, new_job},
    support::{job_id, strategy},
};

fn number_of(id: JobId) -> u64 {
    (0..JOBS)
        .find(|number| job_id(*number) == id)
        .unwrap_or(JOBS)
}

fn answer<T>(outcome: Result<T, JobError>, done: impl FnOnce(T) -> Answer) -> Answer {
    match outcome {
        Ok(value) => done(value),
        Err(JobError::Exists { .. }) => Answer::Exists,
        Err(JobError::NotFound { .. }) => Answer::NotFound,
        Err(JobError::Conflict { other, .. }) => Answer::Conflict(number_of(other)),
        Err(JobError::Transition { source, .. }) => Answer::Refused(source.from),
        Err(JobError::LostRun { .. }) => Answer::Lost,
        Err(other) => panic!("{other:?}"),
    }
}

/// Does the same to the database.
pub(super) async fn send(
    jobs: &JobDb,
    tenant: &Tenant,
    model: &Model,
    command: &Command,
    token: RunToken,
) -> Answer {
    let hour = Duration::from_hours(1);
    let done = |()| Answer::Done;
    let runs_of = |actor: usize| -> Vec<Run> {
        let runs = model.believed[actor].iter();
        runs.map(|(job, token)| Run {
            job: job_id(*job),
            token: *token,
        })
        .collect()
    };
    let numbers =
        |runs: Vec<Run>| Answer::Jobs(runs.iter().map(|run| number_of(run.job)).collect());
    match *command {
        Command::Enqueue {
            job,
            key,
            max_attempts,
        } => {
            let number = i16::try_from(job).unwrap();
            let mut new = new_job(job).priority(number).max_attempts(max_attempts);
            new.unique_key = key.map(|key| format!("key {key}"));
            answer(enqueue_job(tenant, &new).await, done)
        }
        Command::Claim { limit, .. } => {
            let request = ClaimRequest {
                kinds: &[kind()],
                limit,
                owner: "test",
                lease: hour,
                strategy: strategy(jobs),
            };
            answer(claim_jobs(tenant, &request, token).await, |claimed| {
                numbers(claimed.iter().map(|job| job.run).collect())
            })
        }
        Command::Heartbeat { actor } => answer(
            extend_leases(tenant, &runs_of(actor), hour).await,
            |extended| numbers(extended.lost),
        ),
        Command::CompleteAll { actor } => {
            let runs = runs_of(actor).into_iter();
            let runs: Vec<_> = runs.map(|run| CompletedRun { run, result: None }).collect();
            answer(complete_jobs(tenant, &runs).await, numbers)
        }
        Command::Cancel { job } => answer(cancel_job(tenant, job_id(job)).await, done),
        Command::ReleaseExpired => answer(
            release_expired(tenant, strategy(jobs)).await,
            |mut expired| {
                expired.sort_by_key(|run| number_of(run.job));
                Answer::Jobs(expired.iter().map(|run| number_of(run.job)).collect())
            },
        ),
        Command::CancelByTheOtherBackend { job } => {
            let sql = format!(
                "UPDATE jobs SET status = 'cancelled' WHERE status IN ('pending', 'running') \
                 AND {}",
                is_job("id", job, jobs)
            );
            jobs.db.sql(&sql).await.unwrap();
            Answer::Done
        }
        Command::EndLease { job } => {
            let sql = format!(
                "UPDATE job_runs SET lease_expires_at = '2020-01-01T00:00:00+00:00' \
                 WHERE run_token IS NOT NULL AND {}",
                is_job("job_id", job, jobs)
            );
            jobs.db.sql(&sql).await.unwrap();
            Answer::Done
        }
        Command::Progress { actor, run }
        | Command::Complete { actor, run }
        | Command::Fail { actor, run }
        | Command::Retry { actor, run }
        | Command::Release { actor, run } => {
            let Some((job, token)) = model.believed(actor, run) else {
                return Answer::Done;
            };
            let run = Run {
                job: job_id(job),
                token,
            };
            match command {
                Command::Progress { .. } => answer(progress(tenant, run).await, done),
                Command::Complete { .. } => {
                    answer(complete_job(tenant, run, json!({})).await, done)
                }
                Command::Fail { .. } => answer(fail_job(tenant, run, "no", None).await, done),
                Command::Retry { .. } => {
                    let retried = retry_job(tenant, run, "no", Duration::ZERO, None).await;
                    answer(retried, Answer::Became)
                }
                _ => answer(release_job(tenant, run, Duration::ZERO).await, done),
            }
        }
    }
}

async fn progress(tenant: &Tenant, run: Run) -> Result<(), JobError> {
    let mut txn = tenant.begin_transaction("test").await?;
    record_progress_in_txn(&mut txn, run, json!({ "at": 1 })).await?;
    Ok(safe_commit(txn, "test").await?)
}

fn is_job(column: &str, number: u64, jobs: &JobDb) -> String {
    let id = job_id(number).as_uuid();
    match jobs.db.backend() {
        sea_orm::DbBackend::Sqlite => format!("{column} = X'{}'", id.simple()),
        _ => format!("{column} = '{id}'"),
    }
}
