//! The statements of the job queue as they are sent: which plans they get on
//! large tables, and that they keep to what every PostgreSQL can do.

mod plans;
mod rules;
mod sqlite;

use std::time::Duration;

use chrono::{TimeZone, Utc};
use outreach_domain::{JobId, JobKind, JobStatus};
use outreach_entity::job_runs;
use outreach_service::{
    connect::Tenant,
    jobs::{
        ClaimRequest, ClaimStrategy, CompletedRun, Extended, JobError, NewJob, Run, RunToken,
        cancel_job, claim_job, claim_jobs, complete_job, complete_jobs, enqueue_job,
        enqueue_jobs_in_txn, extend_leases, extend_locked_lease, fail_job, record_progress_in_txn,
        release_expired, release_job, release_owned, retry_job, waiting_work,
    },
    transaction::{TransactionError, TransactionSource, safe_commit},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::json;
use uuid::Uuid;

/// Parts of texts, each of a statement that [`drive`] sends.
const SENT: [&str; 21] = [
    // enqueue
    r#"INSERT INTO "jobs""#,
    r#"INSERT INTO "job_runs""#,
    r#"ON CONFLICT ("unique_key") DO NOTHING"#,
    r#"WHERE "job_runs"."unique_key" ="#,
    r#"DELETE FROM "jobs" WHERE "jobs"."id" ="#,
    // look, claim
    "UNION ALL SELECT CAST(NULL AS integer) AS kind",
    "AS is_rest FROM priorities_0",
    r#"UPDATE "job_runs" SET "run_token" ="#,
    r#"RETURNING "id", "params""#,
    // heartbeat: the leases, and a look for the lost
    r#"UPDATE "job_runs" SET "lease_expires_at" ="#,
    r#"SELECT "job_id", "run_token" FROM "job_runs""#,
    // proof and progress
    r#"UPDATE "job_runs" SET "progress" ="#,
    // ends, alone and together
    r#"DELETE FROM "job_runs" WHERE "job_runs"."job_id" ="#,
    r#"DELETE FROM "job_runs" WHERE "job_id""#,
    r#"SET "status" = "#,
    r#""result" ="#,
    r#""error_message" ="#,
    // retry
    r#"RETURNING "job_id", "attempts", "max_attempts", "progress", "errors""#,
    r#"UPDATE "job_runs" SET "errors" ="#,
    // leases that have ended
    r#"ORDER BY "job_runs"."lease_expires_at" ASC LIMIT"#,
    // what a worker gives back when it ends
    r#""lease_expires_at" IS NOT NULL AND "owner" ="#,
];

const OWNER: &str = "driver";
const LEASE: Duration = Duration::from_mins(5);

/// The kinds of the jobs.
fn kinds() -> Vec<JobKind> {
    ["load.a", "load.b", "load.c"]
        .into_iter()
        .map(|kind| JobKind::Application(kind.parse().unwrap()))
        .collect()
}

/// Sooner than everything else in the table, so that the driver claims its own.
fn new_job() -> NewJob {
    let kind = kinds().remove(0);
    NewJob::new(JobId::from_uuid(Uuid::new_v4()), kind, json!({"n": 1})).priority(-100)
}

async fn claim(tenant: &Tenant, strategy: ClaimStrategy, kinds: usize, limit: u32) -> Vec<Run> {
    let all = self::kinds();
    let request = ClaimRequest {
        kinds: &all[..kinds],
        limit,
        owner: OWNER,
        lease: LEASE,
        strategy,
    };
    let claimed = claim_jobs(tenant, &request, RunToken::random())
        .await
        .unwrap();
    assert_eq!(claimed.len(), limit as usize);
    claimed.into_iter().map(|claimed| claimed.run).collect()
}

async fn enqueue(tenant: &Tenant, jobs: &[NewJob]) {
    let mut txn = tenant.begin_transaction("enqueue").await.unwrap();
    enqueue_jobs_in_txn(&mut txn, jobs).await.unwrap();
    safe_commit(txn, "enqueue").await.unwrap();
}

/// Sends each statement of the queue at least once. Leaves some jobs waiting.
async fn drive(tenant: &Tenant, strategy: ClaimStrategy) {
    let keyed = new_job().unique_key("driver");
    enqueue_job(tenant, &keyed).await.unwrap();
    let refused = enqueue_job(tenant, &new_job().unique_key("driver")).await;
    assert!(
        matches!(refused, Err(JobError::Conflict { .. })),
        "{refused:?}"
    );
    // The last attempts of these two.
    let (last, orphan) = (new_job().max_attempts(1), new_job().max_attempts(1));
    let mut jobs: Vec<NewJob> = (0..40).map(|_| new_job()).collect();
    jobs.extend([last.clone(), orphan.clone()]);
    enqueue(tenant, &jobs).await;
    for kinds in [&kinds()[..1], &kinds()] {
        assert!(waiting_work(tenant, kinds).await.unwrap().claimable);
    }
    let request = ClaimRequest {
        kinds: &kinds(),
        limit: 1,
        owner: OWNER,
        lease: LEASE,
        strategy,
    };
    let mut by_key = Vec::new();
    for job in [&last, &orphan] {
        let claimed = claim_job(tenant, job.id, &request, RunToken::random()).await;
        by_key.push(claimed.unwrap().run);
    }
    let mut runs = claim(tenant, strategy, 1, 20).await;
    runs.extend(claim(tenant, strategy, 3, 5).await);
    prove_and_extend(tenant, &runs).await;
    end(tenant, runs, by_key[0]).await;
    expire(tenant, strategy, by_key[1]).await;
    assert!(release_owned(tenant, OWNER).await.unwrap() > 0);
    cancel_job(tenant, keyed.id).await.unwrap();
}

async fn prove_and_extend(tenant: &Tenant, runs: &[Run]) {
    let mut txn = tenant.begin_transaction("progress").await.unwrap();
    record_progress_in_txn(&mut txn, runs[0], json!({"done": 1}))
        .await
        .unwrap();
    safe_commit(txn, "progress").await.unwrap();
    let extended = extend_leases(tenant, runs, LEASE).await.unwrap();
    assert_eq!(extended, Extended::default());
    let stale = Run {
        token: RunToken::random(),
        ..runs[0]
    };
    let lost = extend_leases(tenant, &[stale, runs[1]], LEASE).await;
    assert_eq!(lost.unwrap().lost, [stale]);
    assert!(extend_locked_lease(tenant, runs[1], LEASE).await.unwrap());
}

/// Ends runs in every way that there is, `last` by the failure of a last
/// attempt. Leaves some.
async fn end(tenant: &Tenant, mut runs: Vec<Run>, last: Run) {
    let mut next = || runs.pop().unwrap();
    complete_job(tenant, next(), json!({"ok": 1}))
        .await
        .unwrap();
    let completed: Vec<CompletedRun> = [None, None, Some(json!({})), None]
        .into_iter()
        .map(|result| CompletedRun {
            run: next(),
            result,
        })
        .collect();
    assert_eq!(complete_jobs(tenant, &completed).await.unwrap(), []);
    fail_job(tenant, next(), "it is broken", None)
        .await
        .unwrap();
    let delay = Duration::from_mins(10);
    for (run, became) in [(next(), JobStatus::Pending), (last, JobStatus::Failed)] {
        let retried = retry_job(tenant, run, "not yet", delay, None).await;
        assert_eq!(retried.unwrap(), became);
    }
    release_job(tenant, next(), Duration::ZERO).await.unwrap();
    let cancelled = next();
    cancel_job(tenant, cancelled.job).await.unwrap();
    let late = complete_job(tenant, cancelled, json!({})).await;
    assert!(matches!(late, Err(JobError::LostRun { .. })), "{late:?}");
}

/// Lets the lease of `lost` end, whose attempt is the last, and one of another.
async fn expire(tenant: &Tenant, strategy: ClaimStrategy, lost: Run) {
    let other = claim(tenant, strategy, 3, 1).await[0];
    let passed = Utc.with_ymd_and_hms(2020, 1, 1, 0, 0, 0).unwrap();
    let keys = [lost.job.as_uuid(), other.job.as_uuid()];
    let ended: Result<(), TransactionError> = async {
        let txn = tenant.begin_transaction("expire").await?;
        job_runs::Entity::update_many()
            .col_expr(job_runs::Column::LeaseExpiresAt, Expr::value(passed))
            .filter(job_runs::Column::JobId.is_in(keys))
            .exec(&txn)
            .await
            .unwrap();
        safe_commit(txn, "expire").await
    }
    .await;
    ended.unwrap();
    let mut became: Vec<JobStatus> = release_expired(tenant, strategy)
        .await
        .unwrap()
        .into_iter()
        .map(|expired| expired.became)
        .collect();
    became.sort_by_key(|status| status.as_str());
    assert_eq!(became, [JobStatus::Failed, JobStatus::Pending]);
}
