//! Contacts of the web sites that a discovery finds.

use std::{collections::BTreeSet, sync::Mutex};

use async_trait::async_trait;
use outreach_domain::{Domain, EmailAddress, JobStatus};
use outreach_service::{
    discovery::{Contact, ContactFinder, Contacts, Discovery, ProviderError, run_discovery},
    jobs::find_job,
};
use outreach_tests::{TestDb, matrix_tests};
use serde_json::json;

use super::{assert_counters_match_rows, domains, run};
use crate::support::{Search, enqueue, job_id, pool, request, unavailable};

matrix_tests! {
    f35_a_contact_is_saved_with_what_the_finder_said,
    a_required_contact_that_is_missing_is_counted_and_not_saved,
    a_deferred_contact_is_saved_to_be_looked_up_later,
    a_contact_lookup_that_fails_loses_no_prospect,
    f33_a_required_contact_whose_finder_is_down_fails_the_query,
}

/// Knows an address for the domains in its list, and fails for one of them.
struct Finder {
    asked: Mutex<BTreeSet<String>>,
}

impl Finder {
    fn new() -> Self {
        Self {
            asked: Mutex::default(),
        }
    }
}

#[async_trait]
impl ContactFinder for Finder {
    fn name(&self) -> &'static str {
        "hunter_io"
    }

    async fn find(&self, domain: &Domain) -> Result<Option<Contact>, ProviderError> {
        self.asked.lock().unwrap().insert(domain.to_string());
        match domain.as_str() {
            "known.example" => Ok(Some(Contact {
                email: EmailAddress::parse("editor@known.example").unwrap(),
                confidence: Some(92),
                payload: Some(json!({"value": "editor@known.example", "confidence": 92})),
            })),
            "failing.example" => Err(unavailable("429")),
            _ => Ok(None),
        }
    }
}

const WITH_CONTACTS: &[&str] = &[
    "https://known.example/",
    "https://unknown.example/",
    "https://failing.example/",
];

async fn f35_a_contact_is_saved_with_what_the_finder_said(db: TestDb) {
    let pool = pool(&db).await;
    enqueue(&pool, 1, &request("a", 100)).await;
    let (search, finder) = (Search::of(WITH_CONTACTS), Finder::new());
    let discovery = Discovery::new(&search, Contacts::Required(&finder));
    run_discovery(&pool, job_id(1), &discovery).await.unwrap();
    let row = db
        .sql("SELECT contact_email, contact_method, hunter_payload FROM prospects")
        .await
        .unwrap()
        .remove(0);
    assert_eq!(row[0].as_deref(), Some("editor@known.example"));
    assert_eq!(row[1].as_deref(), Some("hunter_io"));
    let payload: serde_json::Value = serde_json::from_str(row[2].as_deref().unwrap()).unwrap();
    assert_eq!(payload["confidence"], 92);
}

async fn a_required_contact_that_is_missing_is_counted_and_not_saved(db: TestDb) {
    let pool = pool(&db).await;
    enqueue(&pool, 1, &request("a", 100)).await;
    let (search, finder) = (Search::of(WITH_CONTACTS), Finder::new());
    let discovery = Discovery::new(&search, Contacts::Required(&finder));
    let summary = run_discovery(&pool, job_id(1), &discovery).await.unwrap();
    assert_eq!(domains(&db).await, ["known.example"]);
    assert_eq!(summary.counters.no_contact, 2);
    assert_counters_match_rows(&db, &summary.counters).await;
    let job = find_job(&pool, job_id(1)).await.unwrap().unwrap();
    let statistics = job.result.unwrap()["search_statistics"].clone();
    assert_eq!(statistics["results_skipped_no_email"], 2);
}

async fn a_deferred_contact_is_saved_to_be_looked_up_later(db: TestDb) {
    let pool = pool(&db).await;
    enqueue(&pool, 1, &request("a", 100)).await;
    run(&pool, 1, &Search::of(&["https://a.example/"]))
        .await
        .unwrap();
    let payload = db
        .value("SELECT hunter_payload FROM prospects")
        .await
        .unwrap()
        .unwrap();
    let payload: serde_json::Value = serde_json::from_str(&payload).unwrap();
    assert_eq!(
        payload,
        json!({"status": "pending_retry", "retry_needed": true})
    );
}

async fn a_contact_lookup_that_fails_loses_no_prospect(db: TestDb) {
    let pool = pool(&db).await;
    enqueue(&pool, 1, &request("a", 100)).await;
    let (search, finder) = (Search::of(WITH_CONTACTS), Finder::new());
    let discovery = Discovery::new(&search, Contacts::Deferred(Some(&finder)));
    let summary = run_discovery(&pool, job_id(1), &discovery).await.unwrap();
    assert_eq!(summary.counters.saved, 3);
    let error = summary.queries[0].metadata.as_ref().unwrap()["contact_error"].clone();
    assert!(error.as_str().unwrap().contains("429"), "{error}");
}

async fn f33_a_required_contact_whose_finder_is_down_fails_the_query(db: TestDb) {
    let pool = pool(&db).await;
    enqueue(&pool, 1, &request("a", 100)).await;
    let (search, finder) = (Search::of(&["https://failing.example/"]), Finder::new());
    let discovery = Discovery::new(&search, Contacts::Required(&finder));
    let summary = run_discovery(&pool, job_id(1), &discovery).await.unwrap();
    assert_eq!(summary.status, JobStatus::Failed);
    let reason = summary.reason.unwrap();
    assert!(reason.contains("contact lookups failed"), "{reason}");
    assert!(reason.contains("429"), "{reason}");
}
