use std::{fmt, str::FromStr};

use chrono::{DateTime, SecondsFormat, Utc};
use outreach_domain::{JobId, JobKind, JobStatus, excerpt};
use outreach_entity::jobs;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, Order, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, NullOrdering},
};

use super::{Job, JobError};
use crate::page::{InvalidCursor, Page, PageRequest};

/// Which jobs to list or count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only this kind.
    pub kind: Option<JobKind>,
    /// Only this status.
    pub status: Option<JobStatus>,
}

impl JobFilter {
    /// The one condition of list and count.
    fn condition(&self) -> Condition {
        Condition::all()
            .add_option(
                self.kind
                    .as_ref()
                    .map(|kind| jobs::COLUMN.job_type.eq(kind.as_str())),
            )
            .add_option(
                self.status
                    .map(|status| jobs::COLUMN.status.eq(status.as_str())),
            )
    }
}

/// A place in the list of jobs: after this job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobCursor {
    created_at: Option<DateTime<Utc>>,
    id: JobId,
}

impl fmt::Display for JobCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.created_at {
            Some(time) => write!(
                f,
                "{}_{}",
                time.to_rfc3339_opts(SecondsFormat::AutoSi, true),
                self.id
            ),
            None => write!(f, "_{}", self.id),
        }
    }
}

impl FromStr for JobCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidCursor(excerpt(text, 100));
        let (time, id) = text.rsplit_once('_').ok_or_else(invalid)?;
        let created_at = if time.is_empty() {
            None
        } else {
            let time = DateTime::parse_from_rfc3339(time).map_err(|_| invalid())?;
            Some(time.to_utc())
        };
        let id = id.parse().map_err(|_| invalid())?;
        Ok(Self { created_at, id })
    }
}

/// Finds a job by its key.
pub async fn find_job<C: ConnectionTrait>(db: &C, id: JobId) -> Result<Option<Job>, JobError> {
    let row = jobs::Entity::find_by_id(id.as_uuid()).one(db).await?;
    Ok(row.map(Job::try_from).transpose()?)
}

/// A job that has to be there.
pub(super) async fn existing_job<C: ConnectionTrait>(db: &C, id: JobId) -> Result<Job, JobError> {
    find_job(db, id).await?.ok_or(JobError::NotFound { id })
}

/// Lists jobs, newest first, a page at a time. Jobs without a time come first.
pub async fn list_jobs<C: ConnectionTrait>(
    db: &C,
    filter: &JobFilter,
    page: &PageRequest<JobCursor>,
) -> Result<Page<Job, JobCursor>, JobError> {
    let rows = jobs::Entity::find()
        .filter(filter.condition())
        .filter(Condition::all().add_option(page.cursor().map(after)))
        .order_by_with_nulls(jobs::Column::CreatedAt, Order::Desc, NullOrdering::First)
        .order_by(jobs::Column::Id, Order::Desc)
        .limit(page.limit() + 1)
        .all(db)
        .await?;
    let items = rows
        .into_iter()
        .map(Job::try_from)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(items, page.limit(), |job| JobCursor {
        created_at: job.created_at,
        id: job.id,
    }))
}

/// Counts the jobs that [`list_jobs`] would list with the same filter.
pub async fn count_jobs<C: ConnectionTrait>(db: &C, filter: &JobFilter) -> Result<u64, JobError> {
    Ok(jobs::Entity::find()
        .filter(filter.condition())
        .count(db)
        .await?)
}

fn after(cursor: &JobCursor) -> Condition {
    let id = cursor.id.as_uuid();
    match cursor.created_at {
        // The row comparison walks the index; rows without a time are before.
        Some(time) => Condition::all().add(
            Expr::tuple([
                Expr::col((jobs::Entity, jobs::Column::CreatedAt)),
                Expr::col((jobs::Entity, jobs::Column::Id)),
            ])
            .lt(Expr::tuple([Expr::value(time), Expr::value(id)])),
        ),
        None => Condition::any()
            .add(
                Condition::all()
                    .add(jobs::Column::CreatedAt.is_null())
                    .add(jobs::Column::Id.lt(id)),
            )
            .add(jobs::Column::CreatedAt.is_not_null()),
    }
}
