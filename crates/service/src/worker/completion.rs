//! Completes the jobs that end at the same moment in one transaction: while
//! one commits, the next gathers.

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    connect::Tenant,
    jobs::{CompletedRun, JobError, Run, complete_jobs},
};

/// Jobs in one transaction.
const BATCH: usize = 500;

/// The way to the task that completes jobs. The task ends with it.
#[derive(Debug)]
pub(super) struct Completions {
    sender: mpsc::UnboundedSender<Request>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Request {
    tenant: Tenant,
    completed: CompletedRun,
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
    pub(super) fn start() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let task = tokio::spawn(complete(receiver));
        Self { sender, task }
    }

    /// Completes a job, with others that end at the same moment.
    pub(super) async fn complete(&self, tenant: &Tenant, completed: CompletedRun) -> Recorded {
        let (answer, answered) = oneshot::channel();
        let request = Request {
            tenant: tenant.clone(),
            completed,
            answer,
        };
        if self.sender.send(request).is_err() {
            return Recorded::No;
        }
        answered.await.unwrap_or(Recorded::No)
    }
}

impl Drop for Completions {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn complete(mut receiver: mpsc::UnboundedReceiver<Request>) {
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
        while let Some(first) = requests.first() {
            let tenant = first.tenant.clone();
            let (same, others) = requests
                .into_iter()
                .partition(|r| r.tenant.schema_name() == tenant.schema_name());
            complete_of(&tenant, same).await;
            requests = others;
        }
    }
}

async fn complete_of(tenant: &Tenant, requests: Vec<Request>) {
    let (runs, answers): (Vec<CompletedRun>, Vec<(Run, oneshot::Sender<Recorded>)>) = requests
        .into_iter()
        .map(|request| {
            let run = request.completed.run;
            (request.completed, (run, request.answer))
        })
        .unzip();
    let outcome = complete_jobs(tenant, &runs).await;
    if let Err(error) = &outcome {
        tracing::debug!(%error, jobs = runs.len(), "completing together failed");
    }
    for (run, answer) in answers {
        // Whoever asked may be gone.
        let _ = answer.send(recorded(&outcome, run));
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
