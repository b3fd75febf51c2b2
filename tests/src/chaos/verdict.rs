//! What has to hold after a run, whatever was done to its workers.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Duration,
};

use outreach_domain::JobStatus;
use serde_json::Value;
use uuid::Uuid;

use super::{
    evidence::{Evidence, JobRow, QueryRow},
    search::{counts, domains},
    work::ChaosJob,
};

/// Broken invariants that are told one by one.
const MOST_TOLD: usize = 20;

/// What was counted, and what does not hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) completed: usize,
    pub(crate) cancelled: usize,
    pub(crate) unfinished: usize,
    /// Queries of a job that were saved more than once.
    pub(crate) saved_twice: usize,
    pub(crate) double_domains: usize,
    pub(crate) prospects: u64,
    /// The sum of what the queries say they saved.
    pub(crate) saved: u64,
    pub(crate) calls: usize,
    /// Calls for a query of a job for which there had been one.
    pub(crate) repeated: u64,
    /// The most that the faults explain.
    pub(crate) repeats_allowed: u64,
    pub(crate) recoveries: usize,
    pub(crate) slowest_recovery: Duration,
    /// Each broken invariant in a line.
    pub(crate) broken: Vec<String>,
    /// Nothing is broken but the time that recoveries took, which the machine has
    /// a part in.
    pub(crate) is_only_slow: bool,
}

/// What the verdict has to know of the workers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Searches of a job at the same time.
    pub(crate) searches: u64,
    /// How long a job may wait after its worker was killed.
    pub(crate) recovery: Duration,
}

/// Holds what a run left against what has to hold.
pub(crate) fn judge(evidence: &Evidence, limits: Limits) -> Verdict {
    let mut verdict = Verdict::default();
    judge_jobs(evidence, &mut verdict);
    judge_queries(evidence, &mut verdict);
    judge_prospects(evidence, &mut verdict);
    judge_results(evidence, &mut verdict);
    judge_calls(evidence, limits, &mut verdict);
    let is_right = verdict.broken.is_empty();
    judge_recoveries(evidence, limits, &mut verdict);
    verdict.is_only_slow = is_right && !verdict.broken.is_empty();
    let untold = verdict.broken.len().saturating_sub(MOST_TOLD);
    if untold > 0 {
        verdict.broken.truncate(MOST_TOLD);
        verdict.broken.push(format!("{untold} more"));
    }
    verdict
}

/// Each job that was enqueued is there and has ended; one that a user cancelled
/// is cancelled, and no other; nothing failed, because nothing was wrong with it.
fn judge_jobs(evidence: &Evidence, verdict: &mut Verdict) {
    let present: BTreeSet<Uuid> = evidence.jobs.iter().map(|job| job.id).collect();
    for id in evidence.enqueued.symmetric_difference(&present) {
        verdict
            .broken
            .push(format!("job {id} was enqueued or is stored, not both"));
    }
    for job in &evidence.jobs {
        let was_cancelled = evidence.damage.cancelled.contains(&job.id);
        let broken = match job.status {
            Some(JobStatus::Completed) if !was_cancelled => {
                verdict.completed += 1;
                continue;
            }
            Some(JobStatus::Cancelled) if was_cancelled => {
                verdict.cancelled += 1;
                continue;
            }
            Some(JobStatus::Completed) => "completed after it was cancelled",
            Some(JobStatus::Cancelled) => "is cancelled by nobody",
            Some(JobStatus::Failed) => "has failed",
            Some(JobStatus::Pending | JobStatus::Running) => {
                verdict.unfinished += 1;
                "has not ended"
            }
            None => "has a status that nobody knows",
        };
        let error = job.error.as_deref().unwrap_or("no error");
        verdict
            .broken
            .push(format!("job {} {broken} ({error})", job.id));
    }
    if evidence.runs_left > 0 {
        verdict
            .broken
            .push(format!("{} rows of job_runs are left", evidence.runs_left));
    }
}

/// No query is saved twice, and each accounts for all that the provider found.
fn judge_queries(evidence: &Evidence, verdict: &mut Verdict) {
    let mut seen = HashSet::new();
    for query in &evidence.queries {
        let name = format!("query `{}` in {}", query.keyword, query.location);
        if !seen.insert((query.job, &query.keyword, &query.location)) {
            verdict.saved_twice += 1;
            verdict.broken.push(format!("{name} was saved twice"));
        }
        if query.found != query.disposed {
            verdict.broken.push(format!(
                "{name} found {} and accounts for {}",
                query.found, query.disposed
            ));
        }
        let (found, invalid) = counts(&query.keyword, &query.location);
        if (query.found, query.invalid) != (found, invalid) {
            verdict.broken.push(format!(
                "{name} says {} found and {} invalid, the provider gave {found} and {invalid}",
                query.found, query.invalid
            ));
        }
    }
}

/// No domain is saved twice, and each query has as many prospects as it says.
fn judge_prospects(evidence: &Evidence, verdict: &mut Verdict) {
    let mut seen = HashSet::new();
    let mut of_query: HashMap<Uuid, u64> = HashMap::new();
    for (domain, query) in &evidence.prospects {
        if !seen.insert(domain.as_str()) {
            verdict.double_domains += 1;
            verdict.broken.push(format!("{domain} was saved twice"));
        }
        match query {
            Some(query) => *of_query.entry(*query).or_default() += 1,
            None => verdict.broken.push(format!("{domain} has no query")),
        }
    }
    verdict.prospects = evidence.prospects.len() as u64;
    verdict.saved = evidence.queries.iter().map(|query| query.saved).sum();
    if verdict.prospects != verdict.saved {
        verdict.broken.push(format!(
            "{} prospects are there, the queries say {}",
            verdict.prospects, verdict.saved
        ));
    }
    for query in &evidence.queries {
        let rows = of_query.get(&query.id).copied().unwrap_or_default();
        if rows != query.saved {
            verdict.broken.push(format!(
                "query `{}` in {} says {} saved and has {rows} prospects",
                query.keyword, query.location, query.saved
            ));
        }
    }
}

/// A completed job has made all its queries or reached its limit, says so in its
/// result, and nothing of what it found is lost. A cancelled one has no result;
/// what it had saved until then counts in the sums above.
fn judge_results(evidence: &Evidence, verdict: &mut Verdict) {
    let mut of_job: BTreeMap<Uuid, Vec<&QueryRow>> = BTreeMap::new();
    for query in &evidence.queries {
        of_job.entry(query.job).or_default().push(query);
    }
    let stored: HashSet<&str> = evidence
        .prospects
        .iter()
        .map(|(domain, _)| domain.as_str())
        .collect();
    for job in &evidence.jobs {
        let queries = of_job.remove(&job.id).unwrap_or_default();
        let broken = match job.status {
            Some(JobStatus::Completed) => broken_result(job, &queries, &stored),
            _ => job.result.as_ref().map(|_| "has a result".to_owned()),
        };
        if let Some(broken) = broken {
            verdict.broken.push(format!("job {} {broken}", job.id));
        }
    }
    for job in of_job.keys() {
        verdict
            .broken
            .push(format!("queries of job {job} are there without it"));
    }
}

fn broken_result(job: &JobRow, queries: &[&QueryRow], stored: &HashSet<&str>) -> Option<String> {
    let Some(request) = ChaosJob::of(job.id).and_then(|job| job.request().ok()) else {
        return Some("is none of this run".to_owned());
    };
    let sum = |of: fn(&QueryRow) -> u64| queries.iter().map(|query| of(query)).sum::<u64>();
    let (saved, found) = (sum(|query| query.saved), sum(|query| query.found));
    let said = |path: &str| {
        job.result
            .as_ref()
            .and_then(|result| result.pointer(path))
            .and_then(Value::as_u64)
    };
    for (path, is) in [
        ("/prospects_discovered", saved),
        ("/search_statistics/results_saved", saved),
        ("/search_statistics/total_results_found", found),
        ("/search_statistics/queries_executed", queries.len() as u64),
    ] {
        if said(path) != Some(is) {
            return Some(format!("says {:?} at {path}, its queries {is}", said(path)));
        }
    }
    let limit = u64::from(request.max_results());
    if saved > limit {
        return Some(format!("saved {saved} of at most {limit}"));
    }
    if saved == limit {
        return None;
    }
    let planned = request.planned_queries();
    for query in &planned {
        let location = query.location.as_str();
        let is_made = |row: &&QueryRow| row.keyword == query.keyword && row.location == location;
        if !queries.iter().any(is_made) {
            return Some(format!("did not make `{}` in {location}", query.keyword));
        }
        for domain in domains(&query.keyword, location) {
            if !stored.contains(domain.as_str()) {
                return Some(format!("lost {domain}"));
            }
        }
    }
    (queries.len() != planned.len()).then(|| format!("made {} queries", queries.len()))
}

/// An attempt that is broken off repeats no more searches than it made at the
/// same time, and only a fault breaks one off.
fn judge_calls(evidence: &Evidence, limits: Limits, verdict: &mut Verdict) {
    let mut calls: HashMap<(&str, &str), u64> = HashMap::new();
    for call in &evidence.calls {
        *calls.entry((&call.keyword, &call.location)).or_default() += 1;
    }
    for query in &evidence.queries {
        if !calls.contains_key(&(query.keyword.as_str(), query.location.as_str())) {
            verdict
                .broken
                .push(format!("`{}` was saved without a call", query.keyword));
        }
    }
    let mut repeated: BTreeMap<Uuid, u64> = BTreeMap::new();
    for ((keyword, location), count) in calls {
        match ChaosJob::of_keyword(keyword) {
            Some(job) => *repeated.entry(job.id().as_uuid()).or_default() += count - 1,
            None => verdict
                .broken
                .push(format!("`{keyword}` in {location} is no query of a job")),
        }
    }
    for (job, repeated) in &repeated {
        let attempts = evidence.attempts.get(job).copied().unwrap_or_default();
        let allowed = attempts.saturating_sub(1) * limits.searches;
        if *repeated > allowed {
            verdict.broken.push(format!(
                "job {job} repeated {repeated} searches in {attempts} attempts"
            ));
        }
    }
    verdict.calls = evidence.calls.len();
    verdict.repeated = repeated.values().sum();
    verdict.repeats_allowed = evidence.damage.attempts_hit * limits.searches;
    if verdict.repeated > verdict.repeats_allowed {
        verdict.broken.push(format!(
            "{} searches were repeated, the faults explain {}",
            verdict.repeated, verdict.repeats_allowed
        ));
    }
}

/// The jobs of a killed worker are another one's after the lease and a poll.
fn judge_recoveries(evidence: &Evidence, limits: Limits, verdict: &mut Verdict) {
    for recovery in &evidence.damage.recoveries {
        verdict.recoveries += 1;
        verdict.slowest_recovery = verdict.slowest_recovery.max(recovery.took);
        if recovery.took > limits.recovery {
            verdict.broken.push(format!(
                "{} jobs of a killed worker waited {:?}, the limit is {:?}",
                recovery.jobs, recovery.took, limits.recovery
            ));
        }
    }
}
