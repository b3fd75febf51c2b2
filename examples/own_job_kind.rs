//! A kind of jobs of the application's own: a handler for it, a job that is
//! enqueued together with a row of the application's, and a worker.
//!
//! ```text
//! cargo run --example own_job_kind
//! ```

use anyhow::ensure;
use async_trait::async_trait;
use outreach_domain::{ApplicationKind, JobId, JobKind, JobStatus};
use outreach_entity::settings;
use outreach_migration::{Migrator, MigratorTrait};
use outreach_service::{
    connect::{DatabaseOptions, open},
    discovery::{IdGenerator, RandomIds},
    jobs::{NewJob, enqueue_job_in_txn, find_job, record_progress_in_txn},
    transaction::{Transaction, safe_commit, with_transaction},
    worker::{Completion, JobContext, JobFailure, JobHandler, Worker},
};
use sea_orm::{ActiveValue::Set, EntityTrait, PaginatorTrait};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// Copies an account from a customer database, as far as this example goes.
struct SyncAccount;

#[async_trait]
impl JobHandler for SyncAccount {
    async fn run(&self, job: &JobContext) -> Result<Completion, JobFailure> {
        let account: u64 = job.params()?;
        let run = job.run();
        // Proves that the job is still this worker's, then writes: both are
        // kept, or neither.
        with_transaction(job.tenant(), "sync account", |txn| {
            Box::pin(async move {
                record_progress_in_txn(txn, run, json!({ "account": account })).await?;
                insert_setting(txn, &format!("account {account}")).await?;
                Ok::<_, JobFailure>(())
            })
        })
        .await?;
        Ok(Completion::Done(Some(json!({ "synced": account }))))
    }
}

async fn insert_setting(txn: &mut Transaction<'_>, key: &str) -> Result<(), sea_orm::DbErr> {
    let row = settings::ActiveModel {
        id: Set(RandomIds.next_id()),
        key: Set(key.to_owned()),
        ..Default::default()
    };
    settings::Entity::insert(row)
        .exec_without_returning(txn)
        .await?;
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let db = open(&DatabaseOptions::new("sqlite::memory:")?).await?;
    Migrator::up(&db, None).await?;
    let kind: ApplicationKind = "crm.sync".parse()?;
    let kind = JobKind::Application(kind);

    // The application's row and the job, twice: taken back, and kept.
    let mut jobs = Vec::new();
    for keep in [false, true] {
        let id = JobId::from_uuid(RandomIds.next_id());
        let mut txn = Transaction::begin(&db, "ask for a sync").await?;
        insert_setting(&mut txn, "asked for account 7").await?;
        enqueue_job_in_txn(&mut txn, &NewJob::new(id, kind.clone(), json!(7))).await?;
        if keep {
            safe_commit(txn, "ask for a sync").await?;
        } else {
            drop(txn);
        }
        jobs.push(id);
    }
    ensure!(
        find_job(&db, jobs[0]).await?.is_none(),
        "rolled back: no job"
    );
    ensure!(
        find_job(&db, jobs[1]).await?.is_some(),
        "committed: one job"
    );

    let worker = Worker::builder(db.clone())
        .handle(kind, SyncAccount)
        .build()?;
    let report = worker.run_until_idle(CancellationToken::new()).await;
    let job = find_job(&db, jobs[1]).await?;
    let job = job.ok_or_else(|| anyhow::anyhow!("the job is gone"))?;
    ensure!(
        job.status == JobStatus::Completed,
        "the job is {}",
        job.status
    );
    ensure!(settings::Entity::find().count(&db).await? == 2);
    print(&format!(
        "{} job completed with {}",
        report.completed,
        job.result.unwrap_or_default()
    ));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example shows what it did")]
fn print(line: &str) {
    println!("{}", outreach_domain::escape_for_terminal(line));
}
