//! The searches of a discovery: several at the same time, saved one after the
//! other in their order.
//!
//! The order makes the outcome the same as if they were made one by one: a
//! domain is a duplicate in the later query, never in the earlier, and no more
//! is saved than was asked for. What was searched and not saved is bounded by
//! the number of searches at the same time, so that a crash repeats no more
//! than that.

use std::{collections::HashSet, time::Duration};

use backon::{ExponentialBuilder, Retryable};
use futures_util::{StreamExt, stream::FuturesOrdered};
use outreach_domain::{DiscoveryRequest, Domain, JobId, PlannedQuery};
use outreach_entity::{discovery_queries, prospects};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, JoinType, QueryFilter, QuerySelect,
    RelationTrait,
};
use serde_json::json;
use tokio::sync::{mpsc, watch};

use super::{
    Counters, Discovery, DiscoveryError, DiscoveryProgress, DiscoverySummary, ProviderError,
    SearchQuery, SearchResult,
    query::{PrepareError, prepare},
    save::{SaveQuery, save_failed_query, save_query},
};
use crate::{
    jobs::{Run, refuse_if_lost},
    transaction::{BoxFuture, TransactionSource},
    worker::describe,
};

/// What a search brings at most, where nothing else is known: providers answer
/// by pages of ten.
const RESULTS_OF_A_SEARCH: u64 = 10;

/// How many calls to providers a discovery makes at the same time, and how
/// often it makes one that failed. How many a provider takes in a second, the
/// provider itself has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiscoveryLimits {
    /// Searches at the same time, at least 1. After a crash at most so many are
    /// made again.
    pub concurrent_searches: usize,
    /// Contact lookups at the same time, at least 1.
    pub concurrent_lookups: usize,
    /// How often a search or lookup is made that the provider calls
    /// [retryable](ProviderError::is_retryable), at least 1.
    pub attempts: usize,
    /// The wait after the first failure; it doubles each time, and a random
    /// part of up to its own length is added.
    pub first_delay: Duration,
    /// The longest wait before the random part.
    pub max_delay: Duration,
}

impl Default for DiscoveryLimits {
    /// 4 searches, 4 lookups, 3 attempts, 1 to 30 seconds between them.
    fn default() -> Self {
        Self {
            concurrent_searches: 4,
            concurrent_lookups: 4,
            attempts: 3,
            first_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(30),
        }
    }
}

impl DiscoveryLimits {
    /// The waits between the attempts of one call.
    pub(super) fn delays(&self) -> ExponentialBuilder {
        ExponentialBuilder::default()
            .with_min_delay(self.first_delay)
            .with_max_delay(self.max_delay)
            .with_max_times(self.attempts.saturating_sub(1))
            .with_jitter()
    }
}

/// A query that was searched.
struct Searched<'q> {
    query: &'q PlannedQuery,
    found: Result<Vec<SearchResult>, SearchError>,
}

enum SearchError {
    Provider(ProviderError),
    Discovery(DiscoveryError),
}

/// Searches and saves the queries that have no row yet.
pub(super) async fn search_all<D: TransactionSource + Clone>(
    db: &D,
    run: Run,
    request: &DiscoveryRequest,
    discovery: &Discovery<'_>,
) -> Result<(), DiscoveryError> {
    let planned = request.planned_queries();
    let done = DiscoverySummary::load(db, run.job, request).await?;
    let (finished, open): (Vec<&PlannedQuery>, Vec<&PlannedQuery>) =
        planned.iter().partition(|query| {
            done.queries.iter().any(|q| {
                q.is_done() && q.query == query.keyword && q.location == query.location.as_str()
            })
        });
    let mut saving = Saving {
        db,
        run,
        discovery,
        max_results: u64::from(request.max_results()),
        seen: domains_of_job(db, run.job).await?,
        progress: DiscoveryProgress {
            queries_done: finished.len() as u64,
            queries_total: planned.len() as u64,
            counters: done.counters,
        },
    };
    if !finished.is_empty() {
        (discovery.on_progress)(saving.progress);
    }
    if open.is_empty() || saving.room() == 0 {
        return Ok(());
    }
    let concurrent = discovery.limits.concurrent_searches.max(1);
    let saved = watch::Sender::new(Saved {
        queries: 0,
        room: saving.room(),
    });
    let mut seen_saved = saved.subscribe();
    let (found, mut to_save) = mpsc::unbounded_channel();
    // Both go on at the same time: a search that is not polled while another
    // one is saved would hold on to what it has, such as a connection.
    let searching = async {
        let mut open = open.into_iter().peekable();
        let mut under_way = FuturesOrdered::new();
        let mut started = 0;
        while open.peek().is_some() || !under_way.is_empty() {
            let allowed = seen_saved.borrow_and_update().allowed(concurrent);
            while started < allowed
                && let Some(query) = open.next()
            {
                started += 1;
                under_way.push_back(searched(db, run, query, discovery));
            }
            tokio::select! {
                Some(searched) = under_way.next(), if !under_way.is_empty() => {
                    if found.send(searched).is_err() {
                        break;
                    }
                }
                Ok(()) = seen_saved.changed() => {}
                else => break,
            }
        }
        drop(found);
        // The last ones are still being saved.
        std::future::pending::<()>().await;
    };
    let saving = async {
        // What is still searched when there is enough is not saved.
        while saving.room() > 0
            && let Some(searched) = to_save.recv().await
        {
            saving.save(searched).await?;
            let room = saving.room();
            saved.send_modify(|saved| {
                saved.queries += 1;
                saved.room = room;
            });
        }
        Ok(())
    };
    tokio::select! {
        saved = saving => saved,
        () = searching => Ok(()),
    }
}

/// How far saving is, which decides how many searches may be under way.
struct Saved {
    queries: usize,
    room: u64,
}

impl Saved {
    /// How many searches may have been started until now. Each is paid for, so
    /// that a job which needs a few results more does not begin many.
    fn allowed(&self, concurrent: usize) -> usize {
        let useful = self.room.div_ceil(RESULTS_OF_A_SEARCH);
        let under_way = usize::try_from(useful).map_or(concurrent, |useful| useful.min(concurrent));
        self.queries + under_way
    }
}

/// A search on its way. Boxed, because the compiler can't see that a list of
/// borrowing futures may go from thread to thread.
fn searched<'a, D: TransactionSource>(
    db: &'a D,
    run: Run,
    query: &'a PlannedQuery,
    discovery: &'a Discovery<'a>,
) -> BoxFuture<'a, Searched<'a>> {
    Box::pin(async move {
        Searched {
            query,
            found: search(db, run, query, discovery).await,
        }
    })
}

/// Asks the provider, again if it is worth it.
async fn search<D: TransactionSource>(
    db: &D,
    run: Run,
    query: &PlannedQuery,
    discovery: &Discovery<'_>,
) -> Result<Vec<SearchResult>, SearchError> {
    // A search costs money; a cancelled job makes no more of them.
    refuse_if_lost(db, run)
        .await
        .map_err(|error| SearchError::Discovery(error.into()))?;
    let asked = SearchQuery {
        keyword: query.keyword.clone(),
        location: query.location,
        category: query.category,
    };
    (|| discovery.search.search(&asked))
        .retry(discovery.limits.delays())
        .when(ProviderError::is_retryable)
        .await
        .map_err(SearchError::Provider)
}

/// What the queries of a job have in common while they are saved.
struct Saving<'a, D> {
    db: &'a D,
    run: Run,
    discovery: &'a Discovery<'a>,
    max_results: u64,
    seen: HashSet<Domain>,
    progress: DiscoveryProgress,
}

impl<D: TransactionSource> Saving<'_, D> {
    /// How many prospects may still be saved.
    fn room(&self) -> u64 {
        self.max_results
            .saturating_sub(self.progress.counters.saved)
    }

    async fn save(&mut self, searched: Searched<'_>) -> Result<(), DiscoveryError> {
        let save = SaveQuery {
            run: self.run,
            query: searched.query,
            finder: self
                .discovery
                .contacts
                .finder()
                .map_or("none", |f| f.name()),
            ids: self.discovery.ids,
            progress: json!({
                "queries_done": self.progress.queries_done + 1,
                "queries_total": self.progress.queries_total,
            }),
        };
        let counters = self.save_found(&save, searched.found).await?;
        self.progress.counters = [self.progress.counters, counters].into_iter().sum();
        self.progress.queries_done += 1;
        (self.discovery.on_progress)(self.progress);
        Ok(())
    }

    async fn save_found(
        &mut self,
        save: &SaveQuery<'_>,
        found: Result<Vec<SearchResult>, SearchError>,
    ) -> Result<Counters, DiscoveryError> {
        let not_configured = |source| DiscoveryError::NotConfigured {
            id: save.run.job,
            source,
        };
        let results = match found {
            Ok(results) => results,
            Err(SearchError::Discovery(error)) => return Err(error),
            Err(SearchError::Provider(error @ ProviderError::NotConfigured { .. })) => {
                return Err(not_configured(error));
            }
            Err(SearchError::Provider(error)) => {
                save_failed_query(self.db, save, &describe(&error)).await?;
                return Ok(Counters::default());
            }
        };
        let room = self.room();
        match prepare(
            self.db,
            results,
            &mut self.seen,
            room,
            self.discovery,
            self.run,
        )
        .await
        {
            Ok(prepared) => save_query(self.db, save, &prepared).await,
            Err(PrepareError::NotConfigured(error)) => Err(not_configured(error)),
            Err(PrepareError::NoLookupSucceeded(reason)) => {
                save_failed_query(self.db, save, &reason).await?;
                Ok(Counters::default())
            }
            Err(PrepareError::Discovery(error)) => Err(error),
        }
    }
}

/// The domains that earlier queries of this job saved; none, unless an earlier
/// run of it was cut off. At most as many as a job may save.
async fn domains_of_job<C: ConnectionTrait>(db: &C, job: JobId) -> Result<HashSet<Domain>, DbErr> {
    let stored: Vec<String> = prospects::Entity::find()
        .select_only()
        .column(prospects::Column::Domain)
        .join(
            JoinType::InnerJoin,
            prospects::Relation::DiscoveryQueries.def(),
        )
        .filter(discovery_queries::Column::JobId.eq(job.as_uuid()))
        .into_tuple()
        .all(db)
        .await?;
    Ok(stored
        .iter()
        .filter_map(|domain| Domain::parse(domain).ok())
        .collect())
}
