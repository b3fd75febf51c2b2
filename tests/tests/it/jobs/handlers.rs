//! Handlers for tests: they do as they are told, and tell what they do.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use outreach_domain::{JobId, JobKind};
use outreach_service::{
    connect::Tenant,
    jobs::NewJob,
    worker::{Completion, JobContext, JobFailure, JobHandler, Worker, WorkerBuilder},
};
use outreach_tests::JobDb;
use serde_json::json;
use tokio::sync::{mpsc, watch};

use crate::support::{job_id, strategy};

/// The longest that anything may take before a test fails.
pub(super) const LIMIT: Duration = Duration::from_mins(1);

/// The kind of the tests' own jobs.
pub(super) fn kind() -> JobKind {
    JobKind::Application("test.job".parse().unwrap())
}

pub(super) fn new_job(number: u64) -> NewJob {
    NewJob::new(job_id(number), kind(), json!({ "number": number }))
}

/// A worker that finds jobs quickly, and repeats its chances.
pub(super) fn worker(jobs: &JobDb, tenant: &Tenant) -> WorkerBuilder {
    Worker::builder(tenant.clone())
        .strategy(strategy(jobs))
        .poll_interval(Duration::from_millis(20))
        .seed(7)
}

type Answer = dyn Fn(&JobContext) -> Result<Completion, JobFailure> + Send + Sync;

/// Answers at once, and counts the attempts of each job.
#[derive(Clone)]
pub(super) struct Answering {
    answer: Arc<Answer>,
    attempts: Arc<Mutex<HashMap<JobId, u32>>>,
}

impl Answering {
    pub(super) fn new(
        answer: impl Fn(&JobContext) -> Result<Completion, JobFailure> + Send + Sync + 'static,
    ) -> Self {
        Self {
            answer: Arc::new(answer),
            attempts: Arc::default(),
        }
    }

    /// Does nothing, with success.
    pub(super) fn done() -> Self {
        Self::new(|_| Ok(Completion::Done(None)))
    }

    pub(super) fn attempts(&self) -> HashMap<JobId, u32> {
        self.attempts.lock().unwrap().clone()
    }
}

#[async_trait]
impl JobHandler for Answering {
    async fn run(&self, job: &JobContext) -> Result<Completion, JobFailure> {
        *self.attempts.lock().unwrap().entry(job.id()).or_default() += 1;
        (self.answer)(job)
    }
}

/// Says that it has begun, and never ends by itself.
#[derive(Clone)]
pub(super) struct Endless {
    begun: mpsc::UnboundedSender<JobContext>,
}

impl Endless {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<JobContext>) {
        let (begun, begins) = mpsc::unbounded_channel();
        (Self { begun }, begins)
    }
}

#[async_trait]
impl JobHandler for Endless {
    async fn run(&self, job: &JobContext) -> Result<Completion, JobFailure> {
        self.begun.send(job.clone()).unwrap();
        std::future::pending().await
    }
}

/// Says that it has begun, and ends with success once it may.
#[derive(Clone)]
pub(super) struct Waiting {
    begun: mpsc::UnboundedSender<JobContext>,
    may_end: watch::Receiver<bool>,
}

impl Waiting {
    pub(super) fn new() -> (
        Self,
        mpsc::UnboundedReceiver<JobContext>,
        watch::Sender<bool>,
    ) {
        let (begun, begins) = mpsc::unbounded_channel();
        let (end, may_end) = watch::channel(false);
        (Self { begun, may_end }, begins, end)
    }
}

#[async_trait]
impl JobHandler for Waiting {
    async fn run(&self, job: &JobContext) -> Result<Completion, JobFailure> {
        self.begun.send(job.clone()).unwrap();
        let mut may_end = self.may_end.clone();
        may_end.wait_for(|may_end| *may_end).await.unwrap();
        Ok(Completion::Done(None))
    }
}

/// What comes next, or a test that fails.
pub(super) async fn next<T>(receiver: &mut mpsc::UnboundedReceiver<T>) -> T {
    tokio::time::timeout(LIMIT, receiver.recv())
        .await
        .expect("it takes too long")
        .expect("nothing more comes")
}
