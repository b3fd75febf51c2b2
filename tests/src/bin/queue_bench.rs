//! Empties the queue of a database with workers whose handler does nothing, for
//! `benches/job_queue`, and prints how long it took.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use anyhow::bail;
use async_trait::async_trait;
use clap::Parser;
use outreach_domain::JobKind;
use outreach_service::{
    connect::{DatabaseOptions, Tenant, connect},
    worker::{AttemptEnd, Completion, JobContext, JobFailure, JobHandler, Worker, WorkerEvent},
};
use serde_json::json;
use tokio::{sync::oneshot, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// Works off jobs of the kind `bench.noop`, and prints one line of JSON.
#[derive(Parser)]
struct Arguments {
    /// The URL of the database
    #[arg(long)]
    database: String,
    /// Jobs to complete; there must be as many
    #[arg(long)]
    jobs: u64,
    /// The schema that holds the tables, chosen in each transaction
    #[arg(long)]
    schema: Option<String>,
    /// Workers at the same time, which share a pool
    #[arg(long, default_value_t = 1)]
    workers: u32,
    /// Jobs of one worker at the same time
    #[arg(long, default_value_t = 100)]
    concurrency: u32,
    /// The most jobs of one claim
    #[arg(long, default_value_t = 100)]
    batch: u32,
    /// Connections of the pool
    #[arg(long, default_value_t = 8)]
    connections: u32,
}

struct NoOp;

#[async_trait]
impl JobHandler for NoOp {
    async fn run(&self, _job: &JobContext) -> Result<Completion, JobFailure> {
        Ok(Completion::Done(None))
    }
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the answer of the program")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let options = DatabaseOptions::new(&arguments.database)?.max_connections(arguments.connections);
    let db = connect(&options).await?;
    let tenant = match &arguments.schema {
        Some(schema) => Tenant::schema(db, schema),
        None => Tenant::of(db),
    };
    let kind = JobKind::Application("bench.noop".parse()?);
    let completed = Arc::new(AtomicU64::new(0));
    let (done, all_done) = oneshot::channel();
    let done = Arc::new(Mutex::new(Some(done)));
    let stop = CancellationToken::new();
    let mut workers = JoinSet::new();
    // The connections are made by the first statements, as pgbench's are.
    let began = Instant::now();
    for _ in 0..arguments.workers {
        let (completed, done) = (Arc::clone(&completed), Arc::clone(&done));
        let watch = move |event: &WorkerEvent| {
            let outcome = match event {
                WorkerEvent::Ended { end, .. } if *end == AttemptEnd::Completed => {
                    if completed.fetch_add(1, Ordering::Relaxed) + 1 != arguments.jobs {
                        return;
                    }
                    Ok(began.elapsed())
                }
                WorkerEvent::Claimed { .. } => return,
                // Whatever else happens makes the time worth nothing.
                other => Err(format!("{other:?}")),
            };
            if let Some(done) = done.lock().ok().and_then(|mut done| done.take()) {
                // Nobody waits any more after the first.
                let _ = done.send(outcome);
            }
        };
        let worker = Worker::builder(tenant.clone())
            .handle(kind.clone(), NoOp)
            .concurrency(arguments.concurrency)
            .batch(arguments.batch)
            .watch(watch)
            .build()?;
        let stop = stop.clone();
        workers.spawn(async move { worker.run(stop).await });
    }
    let took = all_done.await?.map_err(anyhow::Error::msg)?;
    stop.cancel();
    while let Some(report) = workers.join_next().await {
        let report = report?;
        // A claim under way at the end brings spare jobs, which are given back.
        if report.completed + report.released != report.claimed {
            bail!("not every job was completed: {report:?}");
        }
    }
    println!("{}", json!({ "seconds": took.as_secs_f64() }));
    Ok(())
}
