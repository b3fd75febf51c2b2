//! What the model knows, and what a command makes of it.

use std::collections::BTreeMap;

use outreach_domain::JobStatus;
use outreach_service::jobs::RunToken;

use super::{ACTORS, Command};

/// What the model knows of a job.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ModelJob {
    pub(super) status: JobStatus,
    pub(super) run: Option<ModelRun>,
}

/// A row of `job_runs`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ModelRun {
    pub(super) attempts: u32,
    pub(super) max_attempts: u32,
    pub(super) key: Option<u8>,
    pub(super) held: Option<Held>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Held {
    pub(super) token: RunToken,
    pub(super) ended: bool,
}

/// The answer of a command, as far as it is compared.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
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
pub(super) struct Model {
    pub(super) jobs: BTreeMap<u64, ModelJob>,
    /// What each actor believes to hold; never forgotten.
    pub(super) believed: [Vec<(u64, RunToken)>; ACTORS],
}

impl Model {
    pub(super) fn believed(&self, actor: usize, run: usize) -> Option<(u64, RunToken)> {
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

    pub(super) fn apply(&mut self, command: &Command, token: RunToken) -> Answer {
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
