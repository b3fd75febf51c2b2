//! Completes the jobs of a tenant that end at the same moment in one
//! transaction: while one commits, the next gathers.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use crate::{
    connect::Tenant,
    jobs::{CompletedRun, JobError, Run, complete_jobs_with},
    transaction::RetryPolicy,
};

/// Jobs in one transaction.
const BATCH: usize = 500;

/// One job whose row is locked must not hold up those that end with it; after
/// this each is tried by itself.
const PATIENCE: RetryPolicy = RetryPolicy {
    max_attempts: 2,
    first_delay: Duration::from_millis(10),
    max_delay: Duration::from_millis(100),
};

/// The ways to the tasks that complete jobs, one for each tenant, so that none
/// waits for another one whose tables are locked. They end with this value.
#[derive(Debug, Default)]
pub(super) struct Completions {
    tasks: Mutex<Tasks>,
}

#[derive(Debug, Default)]
struct Tasks {
    /// By schema, which is what tells the tenants of a worker apart.
    senders: HashMap<Option<String>, mpsc::UnboundedSender<Request>>,
    running: JoinSet<()>,
}

#[derive(Debug)]
struct Request {
    completed: CompletedRun,
    limit: Duration,
    answer: oneshot::Sender<Recorded>,
}

/// What became of a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recorded {
    /// It is committed.
    Yes,
    /// The job is not the run's any more.
    Lost,
    /// The transaction failed; it is to be tried by itself.
    No,
    /// The connection was lost during the commit: it may have happened.
    Unknown,
}

impl Completions {
    /// Completes a job, with others that end at the same moment.
    /// One that is not answered within the limit may have happened.
    pub(super) async fn complete(
        &self,
        tenant: &Tenant,
        completed: CompletedRun,
        limit: Duration,
    ) -> Recorded {
        let (answer, answered) = oneshot::channel();
        if self
            .send(
                tenant,
                Request {
                    completed,
                    limit,
                    answer,
                },
            )
            .is_err()
        {
            return Recorded::No;
        }
        answered.await.unwrap_or(Recorded::No)
    }

    fn send(
        &self,
        tenant: &Tenant,
        request: Request,
    ) -> Result<(), mpsc::error::SendError<Request>> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let schema = tenant.schema_name().map(str::to_owned);
        let Tasks { senders, running } = &mut *tasks;
        let sender = senders.entry(schema).or_insert_with(|| {
            let (sender, receiver) = mpsc::unbounded_channel();
            running.spawn(complete(tenant.clone(), receiver));
            sender
        });
        sender.send(request)
    }
}

async fn complete(tenant: Tenant, mut receiver: mpsc::UnboundedReceiver<Request>) {
    let mut requests = Vec::new();
    // As many as wait, no fewer than one; nobody waits for a batch to be full.
    while receiver.recv_many(&mut requests, BATCH).await > 0 {
        // The first of those that end at the same moment wakes this task; the
        // others that can go on get as far before a transaction is spent on one.
        tokio::task::yield_now().await;
        while requests.len() < BATCH
            && let Ok(request) = receiver.try_recv()
        {
            requests.push(request);
        }
        complete_together(&tenant, std::mem::take(&mut requests)).await;
    }
}

async fn complete_together(tenant: &Tenant, requests: Vec<Request>) {
    let limit = requests.iter().map(|request| request.limit).max();
    let limit = limit.unwrap_or_default();
    let (runs, answers): (Vec<CompletedRun>, Vec<(Run, oneshot::Sender<Recorded>)>) = requests
        .into_iter()
        .map(|request| {
            let run = request.completed.run;
            (request.completed, (run, request.answer))
        })
        .unzip();
    let completing = complete_jobs_with(tenant, &runs, PATIENCE);
    let outcome = tokio::time::timeout(limit, completing).await.ok();
    if let Some(Err(error)) = &outcome {
        tracing::debug!(%error, jobs = runs.len(), "completing together failed");
    }
    for (run, answer) in answers {
        // Whoever asked may be gone.
        let _ = answer.send(match &outcome {
            Some(outcome) => recorded(outcome, run),
            None => Recorded::Unknown,
        });
    }
}

fn recorded(outcome: &Result<Vec<Run>, JobError>, run: Run) -> Recorded {
    match outcome {
        Ok(lost) if lost.contains(&run) => Recorded::Lost,
        Ok(_) => Recorded::Yes,
        Err(JobError::Transaction(error)) if error.is_outcome_unknown() => Recorded::Unknown,
        Err(_) => Recorded::No,
    }
}
