//! One worker process. It reads its settings as a line of JSON from its standard
//! input and works until that ends, so that it does not outlive whoever started
//! it.

use std::{
    fmt,
    io::{self, Read},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context;
use fastrand::Rng;
use outreach_domain::{JobId, JobKind};
use outreach_service::{
    connect::{DatabaseOptions, Tenant, connect_tenant},
    discovery::{DiscoveryHandler, DiscoveryLimits},
    jobs::ClaimStrategy,
    worker::{AttemptEnd, Backoff, Worker, WorkerBuilder, WorkerEvent},
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{
    journal::{self, CALLS, EVENTS, Event, Journal},
    search::StubSearch,
    unfenced::UnfencedHandler,
};

/// How workers claim.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, clap::ValueEnum)]
pub enum Strategy {
    /// [`ClaimStrategy::SkipLocked`].
    SkipLocked,
    /// [`ClaimStrategy::Portable`].
    Portable,
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::SkipLocked => "skip-locked",
            Self::Portable => "portable",
        })
    }
}

impl From<Strategy> for ClaimStrategy {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::SkipLocked => Self::SkipLocked,
            Strategy::Portable => Self::Portable,
        }
    }
}

/// What all workers of a run have in common.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WorkerSettings {
    /// Of the database, through the proxy.
    pub(crate) url: String,
    /// Where the journals are.
    pub(crate) folder: PathBuf,
    pub(crate) strategy: Strategy,
    pub(crate) lease: Duration,
    pub(crate) poll: Duration,
    /// Jobs at the same time.
    pub(crate) concurrency: u32,
    /// Searches of a job at the same time.
    pub(crate) searches: usize,
    pub(crate) longest_delay: Duration,
    /// Whether each transaction of a job proves its run.
    pub(crate) fenced: bool,
    pub(crate) seed: u64,
}

/// The settings of one process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ProcessSettings {
    /// Part of the owner's name in `job_runs`, and the name of its connections.
    pub(crate) name: String,
    pub(crate) common: WorkerSettings,
}

/// The program `chaos-worker`.
///
/// # Errors
///
/// When the settings can't be read or the journals can't be written. A database
/// that can't be reached is waited for.
pub async fn run_worker() -> anyhow::Result<()> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let settings: ProcessSettings =
        serde_json::from_str(&line).context("the settings are a line on standard input")?;
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_env_filter("outreach_service=debug,outreach_tests=debug")
        .init();
    let shutdown = CancellationToken::new();
    let end_of_input = shutdown.clone();
    // A thread, because a runtime waits for what it lets block.
    std::thread::spawn(move || {
        // Nothing more is said; an error is an end too.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        end_of_input.cancel();
    });
    let tenant = tokio::select! {
        tenant = connected(&settings) => tenant?,
        () = shutdown.cancelled() => return Ok(()),
    };
    let worker = builder(&settings, tenant)?.build()?;
    let report = worker.run(shutdown).await;
    tracing::debug!(?report, "the worker ends");
    Ok(())
}

/// Whatever goes wrong while it connects is a fault of the run.
async fn connected(settings: &ProcessSettings) -> anyhow::Result<Tenant> {
    let options = DatabaseOptions::new(&settings.common.url)?
        .application_name(&settings.name)
        .acquire_timeout(Duration::from_secs(2));
    loop {
        match connect_tenant(&options).await {
            Ok(tenant) => return Ok(tenant),
            Err(error) => tracing::debug!(%error, "connecting again"),
        }
        tokio::time::sleep(settings.common.poll).await;
    }
}

fn builder(settings: &ProcessSettings, tenant: Tenant) -> anyhow::Result<WorkerBuilder> {
    let common = &settings.common;
    let events = Journal::open(&common.folder.join(EVENTS))?;
    let search = StubSearch {
        worker: settings.name.clone(),
        journal: Journal::open(&common.folder.join(CALLS))?,
        delays: Mutex::new(Rng::with_seed(common.seed)),
        longest_delay: common.longest_delay,
    };
    let limits = DiscoveryLimits {
        concurrent_searches: common.searches,
        ..DiscoveryLimits::default()
    };
    let name = settings.name.clone();
    let builder = Worker::builder(tenant)
        .name(&settings.name)
        .concurrency(common.concurrency)
        .lease(common.lease)
        .poll_interval(common.poll)
        .backoff(Backoff {
            first: common.poll,
            max: common.poll * 4,
        })
        .strategy(common.strategy.into())
        .seed(common.seed)
        .watch(move |event| {
            if let Err(error) = events.write(&told(&name, event)) {
                tracing::error!(%error, "an event was not written");
            }
        });
    Ok(if common.fenced {
        let handler = DiscoveryHandler::new(search).limits(limits);
        builder.handle(JobKind::Discover, handler)
    } else {
        let handler = UnfencedHandler {
            search: Arc::new(search),
            searches: common.searches,
        };
        builder.handle(JobKind::Discover, handler)
    })
}

fn told(worker: &str, event: &WorkerEvent) -> Event {
    let (event, job, detail) = match event {
        WorkerEvent::Claimed { job, .. } => ("claimed", Some(*job), None),
        WorkerEvent::Ended { job, end } => ("ended", Some(*job), Some(described(end))),
        WorkerEvent::Expired { job } => ("expired", Some(*job), None),
        WorkerEvent::Unreachable { error, .. } => ("unreachable", None, Some(error.clone())),
        WorkerEvent::Reachable { .. } => ("reachable", None, None),
        _ => ("other", None, None),
    };
    Event {
        at: journal::now(),
        worker: worker.to_owned(),
        event: event.to_owned(),
        job: job.map(JobId::as_uuid),
        detail,
    }
}

fn described(end: &AttemptEnd) -> String {
    match end {
        AttemptEnd::Failed { reason } => format!("failed: {reason}"),
        AttemptEnd::Retried { reason, .. } => format!("retried: {reason}"),
        AttemptEnd::Unrecorded { reason } => format!("unrecorded: {reason}"),
        AttemptEnd::Completed => "completed".to_owned(),
        AttemptEnd::Released => "released".to_owned(),
        AttemptEnd::Lost => "lost".to_owned(),
        _ => "other".to_owned(),
    }
}
