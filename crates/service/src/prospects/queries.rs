use std::{fmt, str::FromStr};

use chrono::{DateTime, SecondsFormat, Utc};
use outreach_domain::{ProspectId, excerpt};
use outreach_entity::prospects;
use rust_decimal::Decimal;
use sea_orm::{
    Condition, ConnectionTrait, DbErr, EntityTrait, Order, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, ExprTrait, NullOrdering},
};

use super::{Prospect, ProspectFilter};
use crate::{
    InconsistentRow,
    page::{InvalidCursor, Page, PageRequest},
};

/// Why a read of prospects failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProspectError {
    /// A stored value can't be read.
    #[error(transparent)]
    Inconsistent(#[from] InconsistentRow),
    /// The database failed.
    #[error("database failure in prospects")]
    Database(#[from] DbErr),
}

/// A place in the list of prospects: after this prospect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProspectCursor {
    score: Option<Decimal>,
    created_at: Option<DateTime<Utc>>,
    id: ProspectId,
}

impl fmt::Display for ProspectCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let score = self.score.map(|score| score.to_string());
        let time = self
            .created_at
            .map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        write!(
            f,
            "{}_{}_{}",
            score.unwrap_or_default(),
            time.unwrap_or_default(),
            self.id
        )
    }
}

impl FromStr for ProspectCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidCursor(excerpt(text, 100));
        let [score, time, id] = text
            .split('_')
            .collect::<Vec<_>>()
            .try_into()
            .map_err(|_| invalid())?;
        let score = match score {
            "" => None,
            score => Some(score.parse().map_err(|_| invalid())?),
        };
        let created_at = match time {
            "" => None,
            time => Some(
                DateTime::parse_from_rfc3339(time)
                    .map_err(|_| invalid())?
                    .to_utc(),
            ),
        };
        let id = id.parse().map_err(|_| invalid())?;
        Ok(Self {
            score,
            created_at,
            id,
        })
    }
}

/// Finds a prospect by its key.
pub async fn find_prospect<C: ConnectionTrait>(
    db: &C,
    id: ProspectId,
) -> Result<Option<Prospect>, ProspectError> {
    let row = prospects::Entity::find_by_id(id.as_uuid()).one(db).await?;
    Ok(row.map(Prospect::try_from).transpose()?)
}

/// Lists prospects, the highest score first, the newest first among equals, a
/// page at a time. Rows without a score or a time come first.
pub async fn list_prospects<C: ConnectionTrait>(
    db: &C,
    filter: &ProspectFilter,
    page: &PageRequest<ProspectCursor>,
) -> Result<Page<Prospect, ProspectCursor>, ProspectError> {
    let rows = prospects::Entity::find()
        .filter(filter.condition())
        .filter(Condition::all().add_option(page.cursor().map(after)))
        .order_by_with_nulls(prospects::Column::Score, Order::Desc, NullOrdering::First)
        .order_by_with_nulls(
            prospects::Column::CreatedAt,
            Order::Desc,
            NullOrdering::First,
        )
        .order_by(prospects::Column::Id, Order::Desc)
        .limit(page.limit() + 1)
        .all(db)
        .await?;
    let items = rows
        .into_iter()
        .map(Prospect::try_from)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(items, page.limit(), |prospect| ProspectCursor {
        score: prospect.stored_score,
        created_at: prospect.created_at,
        id: prospect.id,
    }))
}

/// Counts the prospects that [`list_prospects`] would list with the same
/// filter.
pub async fn count_prospects<C: ConnectionTrait>(
    db: &C,
    filter: &ProspectFilter,
) -> Result<u64, ProspectError> {
    Ok(prospects::Entity::find()
        .filter(filter.condition())
        .count(db)
        .await?)
}

fn after(cursor: &ProspectCursor) -> Condition {
    let column = |column| Expr::col((prospects::Entity, column));
    let score = || column(prospects::Column::Score);
    let time = || column(prospects::Column::CreatedAt);
    let id = || column(prospects::Column::Id);
    let after_id = cursor.id.as_uuid();
    match (cursor.score, cursor.created_at) {
        // The row comparison walks the index over these three columns; rows
        // with a NULL among them came before.
        (Some(last_score), Some(last_time)) => {
            Condition::all().add(Expr::tuple([score(), time(), id()]).lt(Expr::tuple([
                Expr::value(last_score),
                Expr::value(last_time),
                Expr::value(after_id),
            ])))
        }
        (last_score, last_time) => {
            let same_score = || match last_score {
                Some(last) => score().eq(last),
                None => score().is_null(),
            };
            let lower_score = match last_score {
                Some(last) => score().lt(last),
                None => score().is_not_null(),
            };
            let (same_time, earlier) = match last_time {
                Some(last) => {
                    let last = Expr::value(last);
                    (time().eq(last.clone()), time().lt(last))
                }
                None => (time().is_null(), time().is_not_null()),
            };
            Condition::any()
                .add(lower_score)
                .add(Condition::all().add(same_score()).add(earlier))
                .add(
                    Condition::all()
                        .add(same_score())
                        .add(same_time)
                        .add(id().lt(after_id)),
                )
        }
    }
}
