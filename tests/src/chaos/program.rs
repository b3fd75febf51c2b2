//! The program `chaos`: makes runs, prints a table, and fails when one is broken.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use clap::Parser;
use tokio::task::JoinSet;

use super::{
    crash_points::crash_everywhere,
    failover::fail_over,
    report,
    run::{RunReport, RunSettings, run},
    schedule::Harms,
    worker::Strategy,
};
use crate::PostgresServer;

/// Faults of the control: far more than it takes to see work that is done twice.
const CONTROL_FAULTS: u64 = 6;

/// Kills, stops and cuts off job workers, and looks whether their work was done
/// once
#[derive(Clone, Debug, Parser)]
pub struct Arguments {
    /// Runs with the seeds from 1 to this, of each strategy
    #[arg(long, default_value_t = 10)]
    seeds: u64,
    /// Only the run with this seed, of each strategy; without the control
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Faults of a run
    #[arg(long, default_value_t = 60)]
    faults: u64,
    /// Only runs with this strategy
    #[arg(long)]
    strategy: Option<Strategy>,
    /// Only the crash points: a worker is killed before each statement of a job
    #[arg(long, conflicts_with_all = ["seed", "failover"])]
    crash_points: bool,
    /// Only the failover: a standby takes over while 200 jobs run
    #[arg(long, conflicts_with = "seed")]
    failover: bool,
    /// Runs at the same time, each with a server of its own
    #[arg(long, default_value_t = 2)]
    lanes: usize,
}

type Queue = Arc<Mutex<VecDeque<RunSettings>>>;

/// Makes the runs. False when something was broken.
///
/// # Errors
///
/// When a run could not be made.
#[expect(
    clippy::print_stdout,
    reason = "a command line reports on standard output"
)]
pub async fn run_chaos(arguments: &Arguments) -> anyhow::Result<bool> {
    let folder = tempfile::Builder::new()
        .prefix("outreach-chaos-")
        .tempdir()?;
    let outcome = all_runs(arguments, folder.path()).await;
    if !matches!(outcome, Ok(true)) {
        println!("the logs are kept in {}", folder.keep().display());
    }
    outcome
}

#[expect(
    clippy::print_stdout,
    reason = "a command line reports on standard output"
)]
async fn all_runs(arguments: &Arguments, folder: &Path) -> anyhow::Result<bool> {
    let strategies = match arguments.strategy {
        Some(strategy) => vec![strategy],
        None => vec![Strategy::SkipLocked, Strategy::Portable],
    };
    if arguments.failover {
        return fails_over(&strategies, folder).await;
    }
    if arguments.crash_points {
        return survives_crash_points(&strategies, folder).await;
    }
    if arguments.seed.is_none() && !control_sees_double_work(&strategies, folder).await? {
        return Ok(false);
    }
    let seeds = match arguments.seed {
        Some(seed) => seed..=seed,
        None => 1..=arguments.seeds,
    };
    let runs: VecDeque<RunSettings> = strategies
        .iter()
        .flat_map(|strategy| {
            seeds.clone().map(|seed| RunSettings {
                seed,
                faults: arguments.faults,
                strategy: *strategy,
                harms: Harms::All,
                fenced: true,
            })
        })
        .collect();
    println!("{}", report::head());
    let mut reports = in_lanes(runs, arguments.lanes, folder).await?;
    slow_ones_alone(&mut reports, folder).await?;
    println!("faults: {}", report::faults(&reports));
    println!("{}", report::recovery_limit());
    if arguments.seed.is_none() && !survives_crash_points(&strategies, folder).await? {
        return Ok(false);
    }
    Ok(reports
        .iter()
        .all(|report| report.verdict.broken.is_empty()))
}

/// A harness that sees no double work where nothing prevents it proves nothing.
#[expect(
    clippy::print_stdout,
    reason = "a command line reports on standard output"
)]
async fn control_sees_double_work(strategies: &[Strategy], folder: &Path) -> anyhow::Result<bool> {
    let server = PostgresServer::start().await?;
    let mut sees = true;
    for strategy in strategies {
        let settings = RunSettings {
            seed: 1,
            faults: CONTROL_FAULTS,
            strategy: *strategy,
            harms: Harms::Stops,
            fenced: false,
        };
        let report = run(&server, folder, settings).await?;
        let twice = report.verdict.saved_twice;
        println!(
            "control without the fence, {strategy}: {twice} queries saved twice in {CONTROL_FAULTS} stops"
        );
        sees &= twice > 0;
    }
    if !sees {
        println!("error: the control saved nothing twice, so the runs would prove nothing");
    }
    Ok(sees)
}

#[expect(
    clippy::print_stdout,
    reason = "a command line reports on standard output"
)]
async fn survives_crash_points(strategies: &[Strategy], folder: &Path) -> anyhow::Result<bool> {
    let server = PostgresServer::start().await?;
    let mut survives = true;
    for strategy in strategies {
        let points = crash_everywhere(&server, folder, *strategy).await?;
        println!("crash points, {strategy}: {}", points.len());
        for point in &points {
            let verdict = if point.broken.is_empty() {
                "ok"
            } else {
                survives = false;
                "BROKEN"
            };
            println!("  {:<72} {verdict}", point.name);
            for broken in &point.broken {
                println!("    {broken}");
            }
        }
    }
    if !survives {
        println!("again: cargo run --bin chaos -- --crash-points");
    }
    Ok(survives)
}

#[expect(
    clippy::print_stdout,
    reason = "a command line reports on standard output"
)]
async fn fails_over(strategies: &[Strategy], folder: &Path) -> anyhow::Result<bool> {
    let mut survives = true;
    for strategy in strategies {
        let failover = fail_over(folder, *strategy).await?;
        let verdict = &failover.verdict;
        println!(
            "failover, {strategy}: {} of {} jobs had completed; {} completed, {} unfinished, {} \
             queries saved twice, {} prospects of {} saved, {} searches repeated of {} allowed, \
             {:.1} s until the standby took over",
            failover.completed_before,
            failover.jobs,
            verdict.completed,
            verdict.unfinished,
            verdict.saved_twice,
            verdict.prospects,
            verdict.saved,
            verdict.repeated,
            verdict.repeats_allowed,
            failover.outage.as_secs_f64(),
        );
        for broken in &verdict.broken {
            survives = false;
            println!("  {broken}");
        }
    }
    Ok(survives)
}

/// Makes the runs, several at the same time. Prints each as it ends.
async fn in_lanes(
    runs: VecDeque<RunSettings>,
    lanes: usize,
    folder: &Path,
) -> anyhow::Result<Vec<RunReport>> {
    let lanes = lanes.clamp(1, runs.len().max(1));
    let queue: Queue = Arc::new(Mutex::new(runs));
    let mut tasks = JoinSet::new();
    for _ in 0..lanes {
        tasks.spawn(lane(Arc::clone(&queue), folder.to_owned()));
    }
    let mut reports = Vec::new();
    while let Some(lane) = tasks.join_next().await {
        reports.extend(lane??);
    }
    Ok(reports)
}

/// Makes those runs again, one after the other, of which nothing was wrong but
/// that recoveries took too long: runs at the same time share the processors.
#[expect(
    clippy::print_stdout,
    reason = "a command line reports on standard output"
)]
async fn slow_ones_alone(reports: &mut [RunReport], folder: &Path) -> anyhow::Result<()> {
    let folder = folder.join("again");
    let mut slow = reports
        .iter_mut()
        .filter(|report| report.verdict.is_only_slow)
        .peekable();
    if slow.peek().is_none() {
        return Ok(());
    }
    std::fs::create_dir_all(&folder)?;
    let server = PostgresServer::start().await?;
    println!("again, by themselves, those whose recoveries alone took too long:");
    for report in slow {
        *report = run(&server, &folder, report.settings).await?;
        println!("{}", report::row(report));
        if !report.verdict.broken.is_empty() {
            println!("{}", report::broken(report));
        }
    }
    Ok(())
}

#[expect(
    clippy::print_stdout,
    reason = "a command line reports on standard output"
)]
async fn lane(queue: Queue, folder: PathBuf) -> anyhow::Result<Vec<RunReport>> {
    let server = PostgresServer::start().await?;
    let mut reports = Vec::new();
    while let Some(settings) = next(&queue) {
        let report = run(&server, &folder, settings).await?;
        println!("{}", report::row(&report));
        if !report.verdict.broken.is_empty() {
            println!("{}", report::broken(&report));
        }
        reports.push(report);
    }
    Ok(reports)
}

fn next(queue: &Queue) -> Option<RunSettings> {
    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    queue.pop_front()
}
