//! What many tests need: the service's own pool, and rows to work with.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use outreach_domain::{DiscoveryRequest, JobId, JobKind, Location};
use outreach_service::{
    connect::{DatabaseOptions, Tenant, connect, connect_tenant},
    discovery::{ProviderError, SearchProvider, SearchQuery, SearchResult},
    jobs::{ClaimRequest, ClaimStrategy, JobError, NewJob, Run, RunToken, claim_job, enqueue_job},
    transaction::TransactionSource,
};
use outreach_tests::{JobDb, Strategy, TestDb};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use uuid::Uuid;

/// The pool as an application gets it.
pub(crate) async fn pool(db: &TestDb) -> DatabaseConnection {
    connect(&DatabaseOptions::new(db.url()).unwrap())
        .await
        .unwrap()
}

/// The tables as a worker gets them.
pub(crate) async fn tenant(jobs: &JobDb) -> Tenant {
    connect_tenant(&DatabaseOptions::new(jobs.db.url()).unwrap())
        .await
        .unwrap()
}

/// How the workers of a test claim.
pub(crate) fn strategy(jobs: &JobDb) -> ClaimStrategy {
    match jobs.strategy {
        Strategy::Default => ClaimStrategy::of(jobs.db.backend()),
        Strategy::Portable => ClaimStrategy::Portable,
    }
}

/// A key that is the same in each run of the tests.
pub(crate) fn uuid(number: u64) -> Uuid {
    Uuid::from_u64_pair(0x0077_0000_0000_4000, 0x8000_0000_0000_0000 | number)
}

pub(crate) fn job_id(number: u64) -> JobId {
    JobId::from_uuid(uuid(number))
}

/// Inserts a setting; fails when the key is taken.
pub(crate) fn insert_setting(key: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = uuid(NEXT.fetch_add(1, Ordering::Relaxed)).simple();
    // A literal that both databases take for a key: quoted text on PostgreSQL,
    // sixteen bytes on SQLite.
    format!("INSERT INTO settings (id, key) VALUES (X'{id}', '{key}')")
}

/// [`insert_setting`] in the words of the connection's database.
pub(crate) fn setting<C: ConnectionTrait>(db: &C, key: &str) -> String {
    let sql = insert_setting(key);
    if db.get_database_backend() == sea_orm::DbBackend::Postgres {
        return sql.replace("X'", "'");
    }
    sql
}

/// A request for one location and these keywords.
pub(crate) fn request(keywords: &str, max_results: u32) -> DiscoveryRequest {
    DiscoveryRequest::new(keywords, vec![Location::Usa], Vec::new(), max_results).unwrap()
}

/// Enqueues a discovery with this key, whatever others there are.
pub(crate) async fn enqueue<D: TransactionSource>(db: &D, number: u64, request: &DiscoveryRequest) {
    enqueue_job(
        db,
        &NewJob::discover(job_id(number), request).allow_concurrent(),
    )
    .await
    .unwrap();
}

/// Claims a job by its key, as a worker of its own.
pub(crate) async fn start<D: TransactionSource>(db: &D, number: u64) -> Result<Run, JobError> {
    let request = ClaimRequest {
        kinds: &JobKind::BUILT_IN,
        limit: 1,
        owner: "test",
        lease: Duration::from_mins(5),
        strategy: ClaimStrategy::of(db.get_database_backend()),
    };
    let claimed = claim_job(db, job_id(number), &request, RunToken::random()).await?;
    Ok(claimed.run)
}

/// A result with this address and a title.
pub(crate) fn result(url: &str) -> SearchResult {
    SearchResult {
        url: url.to_owned(),
        title: Some(format!("Title of {url}")),
        description: Some("A description".to_owned()),
        origin: None,
    }
}

type Answer = dyn Fn(&SearchQuery) -> Result<Vec<SearchResult>, ProviderError> + Send + Sync;

/// A provider that answers by a function and remembers what it was asked.
pub(crate) struct Search {
    answer: Box<Answer>,
    asked: Mutex<Vec<String>>,
}

impl Search {
    pub(crate) fn new(
        answer: impl Fn(&SearchQuery) -> Result<Vec<SearchResult>, ProviderError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self {
            answer: Box::new(answer),
            asked: Mutex::new(Vec::new()),
        }
    }

    /// The same addresses for each query.
    pub(crate) fn of(urls: &'static [&'static str]) -> Self {
        Self::new(move |_| Ok(urls.iter().copied().map(result).collect()))
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl SearchProvider for Search {
    fn name(&self) -> &'static str {
        "stub"
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<SearchResult>, ProviderError> {
        self.asked.lock().unwrap().push(query.keyword.clone());
        (self.answer)(query)
    }
}

pub(crate) fn unavailable(reason: &str) -> ProviderError {
    ProviderError::Unavailable {
        provider: "stub",
        reason: reason.to_owned(),
        source: None,
    }
}
