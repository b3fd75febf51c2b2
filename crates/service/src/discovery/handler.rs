//! Discoveries as jobs of a worker.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use outreach_domain::JobId;

use super::{
    ContactFinder, Contacts, Discovery, DiscoveryError, DiscoveryLimits, DiscoveryProgress,
    IdGenerator, RandomIds, SearchProvider,
    job::{committed_result, discover},
};
use crate::{
    sql,
    worker::{Completion, JobContext, JobFailure, JobHandler, describe},
};

type OnProgress = dyn Fn(JobId, DiscoveryProgress) + Send + Sync;

/// Does the discovery jobs of a worker. The providers are shared by all jobs
/// that run at the same time.
///
/// The job completes when a search succeeded, if some failed too, and fails
/// with the reason when all of them failed, or at once when a provider is not
/// configured. Each query is saved in a transaction of its own; another attempt
/// begins at the first query that has no row.
#[derive(Clone)]
pub struct DiscoveryHandler {
    search: Arc<dyn SearchProvider>,
    finder: Option<Arc<dyn ContactFinder>>,
    contact_required: bool,
    limits: DiscoveryLimits,
    ids: Arc<dyn IdGenerator>,
    on_progress: Arc<OnProgress>,
}

impl DiscoveryHandler {
    /// Searches with this provider, and looks up no contacts: each web site is
    /// saved without one.
    #[must_use]
    pub fn new(search: impl SearchProvider + 'static) -> Self {
        Self {
            search: Arc::new(search),
            finder: None,
            contact_required: false,
            limits: DiscoveryLimits::default(),
            ids: Arc::new(RandomIds),
            on_progress: Arc::new(|_, _| {}),
        }
    }

    /// Looks up contacts with this finder. A web site without a contact is
    /// saved all the same, unless `required`.
    #[must_use]
    pub fn contacts(mut self, finder: impl ContactFinder + 'static, required: bool) -> Self {
        self.finder = Some(Arc::new(finder));
        self.contact_required = required;
        self
    }

    /// How many calls are made at the same time, and how often.
    #[must_use]
    pub fn limits(mut self, limits: DiscoveryLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Makes the keys of new rows.
    #[must_use]
    pub fn ids(mut self, ids: impl IdGenerator + 'static) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// Told after each query of each job.
    #[must_use]
    pub fn on_progress(
        mut self,
        on_progress: impl Fn(JobId, DiscoveryProgress) + Send + Sync + 'static,
    ) -> Self {
        self.on_progress = Arc::new(on_progress);
        self
    }

    fn contact_policy(&self) -> Contacts<'_> {
        match &self.finder {
            Some(finder) if self.contact_required => Contacts::Required(finder.as_ref()),
            finder => Contacts::Deferred(finder.as_deref()),
        }
    }
}

#[async_trait]
impl JobHandler for DiscoveryHandler {
    async fn run(&self, job: &JobContext) -> Result<Completion, JobFailure> {
        let id = job.id();
        let on_progress = |progress| (self.on_progress)(id, progress);
        let discovery = Discovery {
            search: self.search.as_ref(),
            contacts: self.contact_policy(),
            limits: self.limits,
            ids: self.ids.as_ref(),
            on_progress: &on_progress,
        };
        let (summary, request) = match discover(job.tenant(), job.claimed(), &discovery).await {
            Ok(done) => done,
            Err(error) => return Err(failure(job, error).await),
        };
        let result = summary.to_json(&request);
        match summary.reason {
            Some(reason) => Err(JobFailure::permanent(reason).with_result(Some(result))),
            None => Ok(Completion::Done(Some(result))),
        }
    }
}

async fn failure(job: &JobContext, error: DiscoveryError) -> JobFailure {
    let failure = match error {
        DiscoveryError::Job(error) => return error.into(),
        DiscoveryError::Transaction(error) => error.into(),
        DiscoveryError::Database(error) if sql::is_unreachable(&error) => return error.into(),
        DiscoveryError::Database(error) => JobFailure::from(error),
        other => JobFailure::permanent(describe(&other)),
    };
    // What was saved until now is told, should this have been the last attempt.
    failure.with_result(committed_result(job.tenant(), job.claimed()).await)
}

impl fmt::Debug for DiscoveryHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiscoveryHandler")
            .field("search", &self.search.name())
            .field("contacts", &self.contact_policy())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
