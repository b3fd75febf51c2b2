//! The search provider of the chaos runs: the results of a query are a function
//! of its words and its place, so that what has to be saved is known.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use fastrand::Rng;
use outreach_domain::Location;
use outreach_service::discovery::{ProviderError, SearchProvider, SearchQuery, SearchResult};

use super::journal::{Call, Journal};

/// Domains that results of all jobs have in common.
const COMMON: usize = 40;

/// Domains that results of one job have in common.
const SHARED: usize = 3;

/// What is no address of a web site.
const INVALID: &str = "ftp://no-web-site.example/";

/// Answers each query after a random delay, and writes each call down.
#[derive(Debug)]
pub(crate) struct StubSearch {
    pub(crate) worker: String,
    pub(crate) journal: Journal,
    pub(crate) delays: Mutex<Rng>,
    /// Between no time and this.
    pub(crate) longest_delay: Duration,
}

#[async_trait]
impl SearchProvider for StubSearch {
    fn name(&self) -> &'static str {
        "stub"
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<SearchResult>, ProviderError> {
        let call = Call {
            worker: self.worker.clone(),
            keyword: query.keyword.clone(),
            location: query.location.as_str().to_owned(),
        };
        // Unseen calls would make the verdict worthless, so they are not made.
        self.journal
            .write(&call)
            .map_err(|error| ProviderError::NotConfigured {
                provider: "stub",
                remedy: error.to_string(),
            })?;
        tokio::time::sleep(self.delay()).await;
        Ok(results(&query.keyword, query.location))
    }
}

impl StubSearch {
    fn delay(&self) -> Duration {
        let mut delays = self.delays.lock().unwrap_or_else(PoisonError::into_inner);
        self.longest_delay.mul_f64(delays.f64())
    }
}

/// The keyword of a job's query.
pub(crate) fn keyword(job: u32, query: usize) -> String {
    format!("j{job:05} q{query:02}")
}

/// What the provider finds.
fn results(keyword: &str, location: Location) -> Vec<SearchResult> {
    let mut results: Vec<SearchResult> = domains(keyword, location.as_str())
        .into_iter()
        .map(|domain| result(&format!("https://{domain}/")))
        .collect();
    results.insert(1, result(INVALID));
    results
}

/// How many results a query finds, and how many of them are invalid.
pub(crate) fn counts(keyword: &str, location: &str) -> (u64, u64) {
    (domains(keyword, location).len() as u64 + 1, 1)
}

/// The domains that a query finds: some of its own, one that it shares with
/// other queries of its job, one that it shares with other jobs.
pub(crate) fn domains(keyword: &str, location: &str) -> Vec<String> {
    let (job, query) = keyword.split_once(' ').unwrap_or((keyword, "q0"));
    let number = |word: &str| word[1..].parse::<usize>().unwrap_or_default();
    let (job_number, query_number) = (number(job), number(query));
    let own = (0..3 + query_number % 3).map(|n| format!("{job}{query}{location}{n}.example"));
    let shared = format!("{job}shared{}.example", query_number % SHARED);
    let common = format!("common{}.example", (7 * job_number + query_number) % COMMON);
    own.chain([shared, common]).collect()
}

fn result(url: &str) -> SearchResult {
    SearchResult {
        url: url.to_owned(),
        title: None,
        description: None,
        origin: None,
    }
}
