//! The life of jobs against a small model of it: random commands of several
//! actors, some of whom come back with runs that they lost long ago, and after
//! each command the tables are what the model says.

use std::{collections::BTreeMap, time::Duration};

use outreach_domain::{JobId, JobStatus};
use outreach_service::{
    connect::Tenant,
    jobs::{
        ClaimRequest, CompletedRun, JobError, Run, RunToken, cancel_job, claim_jobs, complete_job,
        complete_jobs, enqueue_job, extend_leases, fail_job, record_progress_in_txn,
        release_expired, release_job, retry_job,
    },
    transaction::{TransactionSource, safe_commit},
};
use outreach_tests::{JobDb, job_tests};
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use serde_json::json;

use super::handlers::{kind, new_job};
use crate::support::{job_id, strategy, tenant};

job_tests! {
    the_tables_are_what_a_model_of_the_life_of_jobs_says,
}

const JOBS: u64 = 5;
const ACTORS: usize = 3;
const CASES: u32 = 24;
const COMMANDS: usize = 40;

#[derive(Debug, Clone)]
enum Command {
    Enqueue {
        job: u64,
        key: Option<u8>,
        max_attempts: u32,
    },
    Claim {
        actor: usize,
        limit: u32,
    },
    Heartbeat {
        actor: usize,
    },
    Progress {
        actor: usize,
        run: usize,
    },
    Complete {
        actor: usize,
        run: usize,
    },
    CompleteAll {
        actor: usize,
    },
    Fail {
        actor: usize,
        run: usize,
    },
    Retry {
        actor: usize,
        run: usize,
    },
    Release {
        actor: usize,
        run: usize,
    },
    Cancel {
        job: u64,
    },
    CancelByTheOtherBackend {
        job: u64,
    },
    EndLease {
        job: u64,
    },
    ReleaseExpired,
}

fn command() -> impl Strategy<Value = Command> {
    let run = || (0..ACTORS, 0..8_usize);
    prop_oneof![
        4 => (0..JOBS, proptest::option::of(0..2_u8), 1..4_u32)
            .prop_map(|(job, key, max_attempts)| Command::Enqueue { job, key, max_attempts }),
        5 => (0..ACTORS, 1..4_u32).prop_map(|(actor, limit)| Command::Claim { actor, limit }),
        2 => (0..ACTORS).prop_map(|actor| Command::Heartbeat { actor }),
        3 => run().prop_map(|(actor, run)| Command::Progress { actor, run }),
        2 => run().prop_map(|(actor, run)| Command::Complete { actor, run }),
        1 => (0..ACTORS).prop_map(|actor| Command::CompleteAll { actor }),
        1 => run().prop_map(|(actor, run)| Command::Fail { actor, run }),
        2 => run().prop_map(|(actor, run)| Command::Retry { actor, run }),
        2 => run().prop_map(|(actor, run)| Command::Release { actor, run }),
        1 => (0..JOBS).prop_map(|job| Command::Cancel { job }),
        1 => (0..JOBS).prop_map(|job| Command::CancelByTheOtherBackend { job }),
        3 => (0..JOBS).prop_map(|job| Command::EndLease { job }),
        3 => Just(Command::ReleaseExpired),
    ]
}

/// What the model knows of a job.
#[derive(Debug, Clone, PartialEq)]
struct ModelJob {
    status: JobStatus,
    run: Option<ModelRun>,
}

/// A row of `job_runs`.
#[derive(Debug, Clone, PartialEq)]
struct ModelRun {
    attempts: u32,
    max_attempts: u32,
    key: Option<u8>,
    held: Option<Held>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Held {
    token: RunToken,
    ended: bool,
}

/// The answer of a command, as far as it is compared.
#[derive(Debug, Clone, PartialEq)]
enum Answer {
    Done,
    Jobs(Vec<u64>),
    Became(JobStatus),
    Exists,
    NotFound,
    Conflict(u64),
    Refused(JobStatus),
    Lost,
}

#[derive(Debug, Default)]
struct Model {
    jobs: BTreeMap<u64, ModelJob>,
    /// What each actor believes to hold; never forgotten.
    believed: [Vec<(u64, RunToken)>; ACTORS],
}

impl Model {
    fn believed(&self, actor: usize, run: usize) -> Option<(u64, RunToken)> {
        let runs = &self.believed[actor];
        (!runs.is_empty()).then(|| runs[run % runs.len()])
    }

    /// The run's job, if the run is the one that has it.
    fn owned(&mut self, (job, token): (u64, RunToken)) -> Option<&mut ModelJob> {
        let job = self.jobs.get_mut(&job)?;
        let held = job.run.as_ref()?.held?;
        (held.token == token).then_some(job)
    }

    /// Ends a run; a job that another backend has ended is lost, and its row
    /// stays.
    fn end(&mut self, run: (u64, RunToken), status: JobStatus) -> Answer {
        match self.owned(run) {
            Some(job) if job.status == JobStatus::Running => {
                *job = ModelJob { status, run: None };
                Answer::Done
            }
            _ => Answer::Lost,
        }
    }

    fn enqueue(&mut self, number: u64, key: Option<u8>, max_attempts: u32) -> Answer {
        if self.jobs.contains_key(&number) {
            return Answer::Exists;
        }
        let holder = self
            .jobs
            .iter_mut()
            .find(|(_, job)| key.is_some() && job.run.as_ref().is_some_and(|run| run.key == key));
        match holder {
            // Another backend has ended it, which leaves the row.
            Some((_, job)) if job.status.is_final() => job.run = None,
            Some((other, _)) => return Answer::Conflict(*other),
            None => {}
        }
        let run = ModelRun {
            attempts: 0,
            max_attempts,
            key,
            held: None,
        };
        let job = ModelJob {
            status: JobStatus::Pending,
            run: Some(run),
        };
        self.jobs.insert(number, job);
        Answer::Done
    }

    fn claim(&mut self, actor: usize, limit: u32, token: RunToken) -> Answer {
        let waiting: Vec<u64> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.run.as_ref().is_some_and(|run| run.held.is_none()))
            .map(|(number, _)| *number)
            .take(limit as usize)
            .collect();
        let mut claimed = Vec::new();
        for number in waiting {
            let Some(job) = self.jobs.get_mut(&number) else {
                continue;
            };
            if job.status.is_final() {
                job.run = None;
                continue;
            }
            job.status = JobStatus::Running;
            if let Some(run) = &mut job.run {
                run.attempts += 1;
                run.held = Some(Held {
                    token,
                    ended: false,
                });
            }
            self.believed[actor].push((number, token));
            claimed.push(number);
        }
        Answer::Jobs(claimed)
    }

    fn heartbeat(&mut self, actor: usize) -> Answer {
        let mut lost = Vec::new();
        for run in self.believed[actor].clone() {
            match self.owned(run) {
                Some(job) if job.status == JobStatus::Running => {
                    if let Some(held) = job.run.as_mut().and_then(|run| run.held.as_mut()) {
                        held.ended = false;
                    }
                }
                _ => lost.push(run.0),
            }
        }
        Answer::Jobs(lost)
    }

    fn complete_all(&mut self, actor: usize) -> Answer {
        let mut lost = Vec::new();
        for run in self.believed[actor].clone() {
            match self.owned(run) {
                Some(job) if job.status == JobStatus::Running => {
                    *job = ModelJob {
                        status: JobStatus::Completed,
                        run: None,
                    };
                }
                // Its row is of no more use.
                Some(job) => {
                    job.run = None;
                    lost.push(run.0);
                }
                None => lost.push(run.0),
            }
        }
        Answer::Jobs(lost)
    }

    fn retry(&mut self, run: (u64, RunToken)) -> Answer {
        let Some(job) = self.owned(run) else {
            return Answer::Lost;
        };
        if job.status != JobStatus::Running {
            return Answer::Lost;
        }
        let is_last = job
            .run
            .as_ref()
            .is_some_and(|run| run.attempts >= run.max_attempts);
        if is_last {
            *job = ModelJob {
                status: JobStatus::Failed,
                run: None,
            };
        } else {
            job.status = JobStatus::Pending;
            if let Some(run) = &mut job.run {
                run.held = None;
            }
        }
        Answer::Became(job.status)
    }

    fn release(&mut self, run: (u64, RunToken)) -> Answer {
        let Some(job) = self.owned(run) else {
            return Answer::Lost;
        };
        if job.status != JobStatus::Running {
            return Answer::Lost;
        }
        job.status = JobStatus::Pending;
        if let Some(run) = &mut job.run {
            run.held = None;
            run.attempts -= 1;
        }
        Answer::Done
    }

    fn cancel(&mut self, number: u64) -> Answer {
        match self.jobs.get_mut(&number) {
            None => Answer::NotFound,
            Some(job) if job.status.is_final() => Answer::Refused(job.status),
            Some(job) => {
                *job = ModelJob {
                    status: JobStatus::Cancelled,
                    run: None,
                };
                Answer::Done
            }
        }
    }

    fn release_expired(&mut self) -> Answer {
        let mut settled = Vec::new();
        for (number, job) in &mut self.jobs {
            let Some(run) = &mut job.run else { continue };
            if !run.held.is_some_and(|held| held.ended) {
                continue;
            }
            let is_last = run.attempts >= run.max_attempts;
            run.held = None;
            if job.status != JobStatus::Running || is_last {
                job.run = None;
            }
            if job.status == JobStatus::Running {
                job.status = if is_last {
                    JobStatus::Failed
                } else {
                    JobStatus::Pending
                };
                settled.push(*number);
            }
        }
        Answer::Jobs(settled)
    }

    fn apply(&mut self, command: &Command, token: RunToken) -> Answer {
        let done_or_lost = |job: Option<&mut ModelJob>| match job {
            Some(job) if job.status == JobStatus::Running => Answer::Done,
            _ => Answer::Lost,
        };
        match *command {
            Command::Enqueue {
                job,
                key,
                max_attempts,
            } => self.enqueue(job, key, max_attempts),
            Command::Claim { actor, limit } => self.claim(actor, limit, token),
            Command::Heartbeat { actor } => self.heartbeat(actor),
            Command::CompleteAll { actor } => self.complete_all(actor),
            Command::Cancel { job } => self.cancel(job),
            Command::ReleaseExpired => self.release_expired(),
            Command::CancelByTheOtherBackend { job } => {
                if let Some(job) = self.jobs.get_mut(&job)
                    && !job.status.is_final()
                {
                    job.status = JobStatus::Cancelled;
                }
                Answer::Done
            }
            Command::EndLease { job } => {
                let job = self.jobs.get_mut(&job).and_then(|job| job.run.as_mut());
                if let Some(held) = job.and_then(|run| run.held.as_mut()) {
                    held.ended = true;
                }
                Answer::Done
            }
            Command::Progress { actor, run }
            | Command::Complete { actor, run }
            | Command::Fail { actor, run }
            | Command::Retry { actor, run }
            | Command::Release { actor, run } => {
                let Some(run) = self.believed(actor, run) else {
                    return Answer::Done;
                };
                match command {
                    Command::Progress { .. } => done_or_lost(self.owned(run)),
                    Command::Complete { .. } => self.end(run, JobStatus::Completed),
                    Command::Fail { .. } => self.end(run, JobStatus::Failed),
                    Command::Retry { .. } => self.retry(run),
                    _ => self.release(run),
                }
            }
        }
    }
}

fn number_of(id: JobId) -> u64 {
    (0..JOBS)
        .find(|number| job_id(*number) == id)
        .unwrap_or(JOBS)
}

fn answer<T>(outcome: Result<T, JobError>, done: impl FnOnce(T) -> Answer) -> Answer {
    match outcome {
        Ok(value) => done(value),
        Err(JobError::Exists { .. }) => Answer::Exists,
        Err(JobError::NotFound { .. }) => Answer::NotFound,
        Err(JobError::Conflict { other, .. }) => Answer::Conflict(number_of(other)),
        Err(JobError::Transition { source, .. }) => Answer::Refused(source.from),
        Err(JobError::LostRun { .. }) => Answer::Lost,
        Err(other) => panic!("{other:?}"),
    }
}

/// Does the same to the database.
async fn send(
    jobs: &JobDb,
    tenant: &Tenant,
    model: &Model,
    command: &Command,
    token: RunToken,
) -> Answer {
    let hour = Duration::from_hours(1);
    let done = |()| Answer::Done;
    let runs_of = |actor: usize| -> Vec<Run> {
        let runs = model.believed[actor].iter();
        runs.map(|(job, token)| Run {
            job: job_id(*job),
            token: *token,
        })
        .collect()
    };
    let numbers =
        |runs: Vec<Run>| Answer::Jobs(runs.iter().map(|run| number_of(run.job)).collect());
    match *command {
        Command::Enqueue {
            job,
            key,
            max_attempts,
        } => {
            let number = i16::try_from(job).unwrap();
            let mut new = new_job(job).priority(number).max_attempts(max_attempts);
            new.unique_key = key.map(|key| format!("key {key}"));
            answer(enqueue_job(tenant, &new).await, done)
        }
        Command::Claim { limit, .. } => {
            let request = ClaimRequest {
                kinds: &[kind()],
                limit,
                owner: "test",
                lease: hour,
                strategy: strategy(jobs),
            };
            answer(claim_jobs(tenant, &request, token).await, |claimed| {
                numbers(claimed.iter().map(|job| job.run).collect())
            })
        }
        Command::Heartbeat { actor } => answer(
            extend_leases(tenant, &runs_of(actor), hour).await,
            |extended| numbers(extended.lost),
        ),
        Command::CompleteAll { actor } => {
            let runs = runs_of(actor).into_iter();
            let runs: Vec<_> = runs.map(|run| CompletedRun { run, result: None }).collect();
            answer(complete_jobs(tenant, &runs).await, numbers)
        }
        Command::Cancel { job } => answer(cancel_job(tenant, job_id(job)).await, done),
        Command::ReleaseExpired => answer(
            release_expired(tenant, strategy(jobs)).await,
            |mut expired| {
                expired.sort_by_key(|run| number_of(run.job));
                Answer::Jobs(expired.iter().map(|run| number_of(run.job)).collect())
            },
        ),
        Command::CancelByTheOtherBackend { job } => {
            let sql = format!(
                "UPDATE jobs SET status = 'cancelled' WHERE status IN ('pending', 'running') \
                 AND {}",
                is_job("id", job, jobs)
            );
            jobs.db.sql(&sql).await.unwrap();
            Answer::Done
        }
        Command::EndLease { job } => {
            let sql = format!(
                "UPDATE job_runs SET lease_expires_at = '2020-01-01T00:00:00+00:00' \
                 WHERE run_token IS NOT NULL AND {}",
                is_job("job_id", job, jobs)
            );
            jobs.db.sql(&sql).await.unwrap();
            Answer::Done
        }
        Command::Progress { actor, run }
        | Command::Complete { actor, run }
        | Command::Fail { actor, run }
        | Command::Retry { actor, run }
        | Command::Release { actor, run } => {
            let Some((job, token)) = model.believed(actor, run) else {
                return Answer::Done;
            };
            let run = Run {
                job: job_id(job),
                token,
            };
            match command {
                Command::Progress { .. } => answer(progress(tenant, run).await, done),
                Command::Complete { .. } => {
                    answer(complete_job(tenant, run, json!({})).await, done)
                }
                Command::Fail { .. } => answer(fail_job(tenant, run, "no", None).await, done),
                Command::Retry { .. } => {
                    let retried = retry_job(tenant, run, "no", Duration::ZERO, None).await;
                    answer(retried, Answer::Became)
                }
                _ => answer(release_job(tenant, run, Duration::ZERO).await, done),
            }
        }
    }
}

async fn progress(tenant: &Tenant, run: Run) -> Result<(), JobError> {
    let mut txn = tenant.begin_transaction("test").await?;
    record_progress_in_txn(&mut txn, run, json!({ "at": 1 })).await?;
    Ok(safe_commit(txn, "test").await?)
}

fn is_job(column: &str, number: u64, jobs: &JobDb) -> String {
    let id = job_id(number).as_uuid();
    match jobs.db.backend() {
        sea_orm::DbBackend::Sqlite => format!("{column} = X'{}'", id.simple()),
        _ => format!("{column} = '{id}'"),
    }
}

/// The tables as the model has them: status, attempts and whether a run holds
/// the job, in the order of the numbers.
async fn stored(jobs: &JobDb) -> Vec<Vec<Option<String>>> {
    let sql = "SELECT jobs.status, CAST(job_runs.attempts AS text), CASE WHEN job_runs.run_token \
               IS NULL THEN 'waiting' ELSE 'held' END, job_runs.unique_key FROM jobs \
               LEFT JOIN job_runs ON job_runs.job_id = jobs.id ORDER BY jobs.id";
    jobs.db.sql(sql).await.unwrap()
}

fn expected(model: &Model) -> Vec<Vec<Option<String>>> {
    let jobs = model.jobs.values();
    jobs.map(|job| {
        let run = job.run.as_ref();
        let held = run.is_some_and(|run| run.held.is_some());
        vec![
            Some(job.status.to_string()),
            run.map(|run| run.attempts.to_string()),
            Some(if held { "held" } else { "waiting" }.to_owned()),
            run.and_then(|run| run.key).map(|key| format!("key {key}")),
        ]
    })
    .collect()
}

async fn follow(jobs: &JobDb, tenant: &Tenant, commands: &[Command]) -> Result<(), TestCaseError> {
    jobs.db
        .sql("DELETE FROM job_runs; DELETE FROM jobs")
        .await
        .unwrap();
    let mut model = Model::default();
    for (step, command) in commands.iter().enumerate() {
        let token = RunToken::random();
        let answered = send(jobs, tenant, &model, command, token).await;
        let wanted = model.apply(command, token);
        prop_assert_eq!(
            &answered,
            &wanted,
            "step {} {:?} of {:?}",
            step,
            command,
            commands
        );
        let rows = stored(jobs).await;
        prop_assert_eq!(
            &rows,
            &expected(&model),
            "after step {} {:?}",
            step,
            command
        );
    }
    Ok(())
}

async fn the_tables_are_what_a_model_of_the_life_of_jobs_says(jobs: JobDb) -> anyhow::Result<()> {
    let tenant = tenant(&jobs).await;
    tokio::task::block_in_place(|| {
        let mut runner = TestRunner::new(Config {
            cases: CASES,
            max_shrink_iters: 300,
            failure_persistence: None,
            ..Config::default()
        });
        let commands = proptest::collection::vec(command(), 1..COMMANDS);
        runner.run(&commands, |commands| {
            tokio::runtime::Handle::current().block_on(follow(&jobs, &tenant, &commands))
        })
    })?;
    Ok(())
}
