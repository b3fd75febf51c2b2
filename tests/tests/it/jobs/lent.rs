//! A job that is enqueued in a transaction of SeaORM's own, which the
//! application lends.

use outreach_domain::JobStatus;
use outreach_service::{
    jobs::{NewJob, enqueue_job_in_txn, find_job},
    transaction::Transaction,
};
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::TransactionTrait;

use crate::support::{job_id, pool, request};

matrix_tests! {
    enqueueing_in_the_application_s_transaction_ends_with_it,
}

async fn enqueueing_in_the_application_s_transaction_ends_with_it(db: TestDb) {
    let pool = pool(&db).await;
    for (number, commit) in [(1, false), (2, true)] {
        let mut own = pool.begin().await.unwrap();
        let job = NewJob::discover(job_id(number), &request("a", 10));
        let mut lent = Transaction::lend(&mut own, "test");
        enqueue_job_in_txn(&mut lent, &job).await.unwrap();
        drop(lent);
        if commit {
            own.commit().await.unwrap();
        } else {
            own.rollback().await.unwrap();
        }
    }
    assert_eq!(find_job(&pool, job_id(1)).await.unwrap(), None);
    let kept = find_job(&pool, job_id(2)).await.unwrap().unwrap();
    assert_eq!(kept.status, JobStatus::Pending);
    assert_eq!(db.count("SELECT count(*) FROM job_runs").await.unwrap(), 1);
}
