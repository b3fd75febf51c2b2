//! `outreach work`: claims jobs and does them, until it is told to stop.
//!
//! What can be refused is refused before the first claim: missing files,
//! schemas that are behind this build, a wake-up that a pooler would swallow.
//! Never migrates.

mod tenants;
mod watch;

use std::{fmt::Write as _, sync::Arc, time::Duration};

use outreach_domain::JobKind;
use outreach_service::worker::{Worker, WorkerReport};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::watch::Watch;
use super::{files::Files, migrate, signals::Signals};
use crate::{
    args::{Connection, Work},
    exit::Error,
    output,
};

/// Beside those of the jobs: for claims, heartbeats, ends and LISTEN.
const OWN_CONNECTIONS: u32 = 4;

/// How long connections may take to be closed in order.
const CLOSING_TIME: Duration = Duration::from_secs(1);

pub(crate) async fn run(connection: &Connection, arguments: &Work) -> Result<(), Error> {
    let options = connection.options()?;
    if arguments.listen && options.is_behind_transaction_pooler() {
        return Err(Error::refused_because(
            "--listen needs a session of its own, which a pooler in transaction mode does not \
             keep (the URL says statement-cache-capacity=0); leave it out: jobs are found by \
             polling, see --poll",
        ));
    }
    let files = Files::open(&arguments.sources, None)?;
    files.say_notes();
    let (handler, _) = files.into_handler();
    let connections = arguments.concurrency.saturating_add(OWN_CONNECTIONS);
    let tenants = tenants::connect(connection, arguments.all_schemas, connections).await?;
    if arguments.listen && options.is_sqlite() {
        output::say("note: --listen is for PostgreSQL; an SQLite file is polled");
    }
    let pool = tenants[0].pool().clone();
    let watch = Arc::new(Watch::new(tenants.len() > 1));
    let (progress, events) = (Arc::clone(&watch), watch);
    let worker = Worker::builder_for(tenants)
        .handle(
            JobKind::Discover,
            handler.on_progress(move |job, now| progress.progressed(job, now)),
        )
        .name("work")
        .concurrency(arguments.concurrency)
        .lease(arguments.lease)
        .poll_interval(arguments.poll)
        .grace(arguments.grace)
        .listen(arguments.listen)
        .watch(move |event| events.say(event))
        .build()?;
    let signals = Signals::catch().map_err(Error::failed)?;
    let (report, end) = work(&worker, signals, arguments.exit_when_idle).await?;
    let printed = print(&worker, &report, arguments.json);
    // A database that is away can't be taken leave of, and a statement that waits
    // for a lock is not waited for.
    match tokio::time::timeout(CLOSING_TIME, migrate::close(pool)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(error = error.message(), "the pool was not closed"),
        Err(_) => tracing::debug!("the pool was not closed in time"),
    }
    printed?;
    // Who ends by a signal does not claim to have done all that there was.
    if end == End::Idle && report.unserved > 0 {
        return Err(Error::failed_because(
            "the jobs that the warning above is about were not done; `outreach audit` tells \
             whether the tables are as they should be",
        ));
    }
    Ok(())
}

/// Why a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Idle,
    Signal,
}

async fn work(
    worker: &Worker,
    mut signals: Signals,
    exit_when_idle: bool,
) -> Result<(WorkerReport, End), Error> {
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let working = async {
        if exit_when_idle {
            worker.run_until_idle(shutdown).await
        } else {
            worker.run(shutdown).await
        }
    };
    tokio::pin!(working);
    tokio::select! {
        report = &mut working => return Ok((report, End::Idle)),
        signal = signals.next() => {
            output::say(&format!("{}: ending; no more jobs are begun", signal.name()));
            stop.cancel();
        }
    }
    tokio::select! {
        report = &mut working => Ok((report, End::Signal)),
        signal = signals.next() => Err(Error::failed_because(format!(
            "{} again: jobs that were under way go on elsewhere when their leases end",
            signal.name()
        ))),
    }
}

fn print(worker: &Worker, report: &WorkerReport, json: bool) -> Result<(), Error> {
    if json {
        return output::print_json(&json!({ "worker": worker.owner(), "jobs": report }));
    }
    let mut text = format!("worker      {}\n", worker.owner());
    for (name, count) in [
        ("claimed", report.claimed),
        ("completed", report.completed),
        ("failed", report.failed),
        ("retried", report.retried),
        ("released", report.released),
        ("lost", report.lost),
        ("unrecorded", report.unrecorded),
        ("unserved", report.unserved),
    ] {
        let _ = writeln!(text, "{name:<12}{count}");
    }
    output::print(&text)
}
