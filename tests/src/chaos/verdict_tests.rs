//! Each invariant is seen broken once: evidence of a run in which all is well,
//! with one thing changed.

use std::time::Duration;

use outreach_domain::JobStatus;
use serde_json::json;
use uuid::Uuid;

use super::{
    evidence::{Damage, Evidence, JobRow, QueryRow, Recovery},
    journal::Call,
    search::{counts, domains},
    verdict::{Limits, judge},
    work::{ChaosJob, keys},
};

const LIMITS: Limits = Limits {
    searches: 3,
    recovery: Duration::from_secs(1),
};

/// One job with all its queries, which found all for the first time.
fn sound() -> Evidence {
    let job = ChaosJob(1);
    let id = job.id().as_uuid();
    let mut evidence = Evidence {
        enqueued: keys(1),
        ..Evidence::default()
    };
    let mut seen = std::collections::BTreeSet::new();
    for (number, planned) in job.request().unwrap().planned_queries().iter().enumerate() {
        let (keyword, location) = (planned.keyword.clone(), planned.location.as_str());
        let query = Uuid::from_u128(1_000 + number as u128);
        let (found, invalid) = counts(&keyword, location);
        let mut saved = 0;
        for domain in domains(&keyword, location) {
            if seen.insert(domain.clone()) {
                saved += 1;
                evidence.prospects.push((domain, Some(query)));
            }
        }
        evidence.calls.push(Call {
            worker: "w".to_owned(),
            keyword: keyword.clone(),
            location: location.to_owned(),
        });
        evidence.queries.push(QueryRow {
            id: query,
            job: id,
            keyword,
            location: location.to_owned(),
            found,
            saved,
            invalid,
            disposed: found,
        });
    }
    let sum = |of: fn(&QueryRow) -> u64| evidence.queries.iter().map(of).sum::<u64>();
    evidence.jobs.push(JobRow {
        id,
        status: Some(JobStatus::Completed),
        error: None,
        result: Some(json!({
            "prospects_discovered": sum(|query| query.saved),
            "search_statistics": {
                "results_saved": sum(|query| query.saved),
                "total_results_found": sum(|query| query.found),
                "queries_executed": evidence.queries.len(),
            },
        })),
    });
    evidence.attempts.insert(id, 1);
    evidence
}

/// What is told of the sound evidence after this change.
fn told(change: impl FnOnce(&mut Evidence)) -> String {
    let mut evidence = sound();
    change(&mut evidence);
    judge(&evidence, LIMITS).broken.join("\n")
}

#[track_caller]
fn assert_told(expected: &str, change: impl FnOnce(&mut Evidence)) {
    let told = told(change);
    assert!(told.contains(expected), "`{expected}` is not in:\n{told}");
}

#[test]
fn a_sound_run_has_nothing_against_it() {
    assert_eq!(told(|_| {}), "");
}

#[test]
fn a_job_that_has_not_ended_is_told() {
    assert_told("has not ended", |evidence| {
        evidence.jobs[0].status = Some(JobStatus::Running);
    });
    assert_told("has failed", |evidence| {
        evidence.jobs[0].status = Some(JobStatus::Failed);
    });
    assert_told("rows of job_runs", |evidence| evidence.runs_left = 1);
    assert_told("not both", |evidence| evidence.jobs.clear());
}

#[test]
fn a_cancelled_job_that_completed_is_told() {
    assert_told("completed after it was cancelled", |evidence| {
        evidence.damage.cancelled = keys(1);
    });
    assert_told("is cancelled by nobody", |evidence| {
        evidence.jobs[0].status = Some(JobStatus::Cancelled);
    });
    assert_told("has a result", |evidence| {
        evidence.damage.cancelled = keys(1);
        evidence.jobs[0].status = Some(JobStatus::Cancelled);
    });
}

#[test]
fn a_query_that_was_saved_twice_is_told() {
    assert_told("q00` in usa was saved twice", |evidence| {
        let again = evidence.queries[0].clone();
        evidence.queries.push(again);
    });
}

#[test]
fn results_that_do_not_add_up_are_told() {
    assert_told("accounts for", |evidence| evidence.queries[0].disposed -= 1);
    assert_told("the provider gave", |evidence| {
        evidence.queries[0].found += 1;
        evidence.queries[0].disposed += 1;
    });
}

#[test]
fn prospects_that_are_not_what_the_queries_say_are_told() {
    assert_told("example was saved twice", |evidence| {
        let again = evidence.prospects[0].clone();
        evidence.prospects.push(again);
    });
    assert_told("the queries say", |evidence| {
        evidence.prospects.pop();
    });
    assert_told("saved and has", |evidence| {
        evidence.prospects[0].1 = Some(evidence.queries[1].id);
    });
    assert_told("has no query", |evidence| evidence.prospects[0].1 = None);
}

#[test]
fn a_result_that_is_not_the_sum_of_the_queries_is_told() {
    assert_told("at /prospects_discovered", |evidence| {
        evidence.jobs[0].result = Some(json!({ "prospects_discovered": 1 }));
    });
    assert_told("at /prospects_discovered", |evidence| {
        evidence.jobs[0].result = None;
    });
}

#[test]
fn work_that_was_lost_is_told() {
    assert_told("lost common", |evidence| {
        let lost = evidence
            .prospects
            .iter()
            .position(|(domain, _)| domain.starts_with("common"))
            .unwrap();
        evidence.prospects.remove(lost);
    });
    assert_told("did not make", |evidence| {
        let lost = evidence.queries.pop().unwrap();
        let result = evidence.jobs[0].result.as_mut().unwrap();
        for (path, less) in [
            ("/prospects_discovered", lost.saved),
            ("/search_statistics/results_saved", lost.saved),
            ("/search_statistics/total_results_found", lost.found),
            ("/search_statistics/queries_executed", 1),
        ] {
            let value = result.pointer_mut(path).unwrap();
            *value = json!(value.as_u64().unwrap() - less);
        }
    });
}

#[test]
fn searches_that_no_fault_explains_are_told() {
    assert_told("repeated 1 searches in 1 attempts", |evidence| {
        let again = evidence.calls[0].clone();
        evidence.calls.push(again);
    });
    assert_told(
        "1 searches were repeated, the faults explain 0",
        |evidence| {
            let again = evidence.calls[0].clone();
            evidence.calls.push(again);
            evidence.attempts.insert(ChaosJob(1).id().as_uuid(), 2);
        },
    );
    assert_told("saved without a call", |evidence| evidence.calls.clear());
    let explained = told(|evidence| {
        let again = evidence.calls[0].clone();
        evidence.calls.push(again);
        evidence.attempts.insert(ChaosJob(1).id().as_uuid(), 2);
        evidence.damage.attempts_hit = 1;
    });
    assert_eq!(explained, "");
}

#[test]
fn jobs_of_a_killed_worker_that_wait_too_long_are_told() {
    assert_told("waited 2s", |evidence| {
        evidence.damage = Damage {
            recoveries: vec![Recovery {
                jobs: 1,
                took: Duration::from_secs(2),
            }],
            ..Damage::default()
        };
    });
}

#[test]
fn a_run_that_is_slow_is_told_from_one_that_is_wrong() {
    let slow = |evidence: &mut Evidence| {
        evidence.damage.recoveries = vec![Recovery {
            jobs: 1,
            took: Duration::from_secs(2),
        }];
    };
    let mut evidence = sound();
    assert!(!judge(&evidence, LIMITS).is_only_slow);
    slow(&mut evidence);
    assert!(judge(&evidence, LIMITS).is_only_slow);
    evidence.enqueued = keys(2);
    assert!(!judge(&evidence, LIMITS).is_only_slow, "a job is missing");
}
