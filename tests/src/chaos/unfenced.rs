//! What the fence is held against: a handler that does a discovery's work without
//! proving its run. Runs with it have to show work that was done twice.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use outreach_domain::{DiscoveryRequest, PlannedQuery};
use outreach_entity::{discovery_queries, prospects};
use outreach_service::{
    discovery::{SearchProvider, SearchQuery},
    worker::{Completion, JobContext, JobFailure, JobHandler},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, sea_query::OnConflict,
};
use uuid::Uuid;

use super::search::{StubSearch, domains};

/// Searches the queries that have no row, and inserts what it finds.
#[derive(Clone)]
pub(crate) struct UnfencedHandler {
    pub(crate) search: Arc<StubSearch>,
    pub(crate) searches: usize,
}

#[async_trait]
impl JobHandler for UnfencedHandler {
    /// In a task of its own, which goes on when the worker stops the handler: the
    /// fence is what there is for work that can't be stopped in time.
    async fn run(&self, job: &JobContext) -> Result<Completion, JobFailure> {
        let (handler, job) = (self.clone(), job.clone());
        let working = tokio::spawn(async move { handler.work(&job).await });
        working
            .await
            .unwrap_or_else(|join| Err(JobFailure::retryable(join.to_string())))
    }
}

impl UnfencedHandler {
    async fn work(&self, job: &JobContext) -> Result<Completion, JobFailure> {
        let request: DiscoveryRequest = job.params()?;
        let planned = request.planned_queries();
        let mut calls = Vec::with_capacity(planned.len());
        for query in &planned {
            calls.push(self.search_and_insert(job, query));
        }
        stream::iter(calls)
            .buffered(self.searches)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(Completion::Done(None))
    }

    async fn search_and_insert(
        &self,
        job: &JobContext,
        query: &PlannedQuery,
    ) -> Result<(), JobFailure> {
        let db = job.tenant();
        let location = query.location.as_str();
        let done = discovery_queries::Entity::find()
            .filter(discovery_queries::Column::JobId.eq(job.id().as_uuid()))
            .filter(discovery_queries::Column::Keyword.eq(&query.keyword))
            .filter(discovery_queries::Column::Location.eq(location))
            .count(db)
            .await?;
        if done > 0 {
            return Ok(());
        }
        let asked = SearchQuery {
            keyword: query.keyword.clone(),
            location: query.location,
            category: query.category,
        };
        self.search
            .search(&asked)
            .await
            .map_err(|error| JobFailure::permanent(error.to_string()))?;
        let id = Uuid::new_v4();
        discovery_queries::Entity::insert(discovery_queries::ActiveModel {
            id: Set(id),
            job_id: Set(job.id().as_uuid()),
            keyword: Set(query.keyword.clone()),
            location: Set(location.to_owned()),
            status: Set("success".to_owned()),
            ..Default::default()
        })
        .exec_without_returning(db)
        .await?;
        let rows =
            domains(&query.keyword, location)
                .into_iter()
                .map(|domain| prospects::ActiveModel {
                    id: Set(Uuid::new_v4()),
                    domain: Set(domain),
                    discovery_query_id: Set(Some(id)),
                    ..Default::default()
                });
        prospects::Entity::insert_many(rows)
            .on_conflict(
                OnConflict::column(prospects::Column::Domain)
                    .do_nothing()
                    .to_owned(),
            )
            .try_insert()
            .exec_without_returning(db)
            .await?;
        Ok(())
    }
}
