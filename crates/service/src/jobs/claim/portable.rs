//! The claim that needs no locks on rows. Whoever comes second waits for the
//! first one's UPDATE, and then finds that the rows are not free any more.

use outreach_entity::job_runs;
use sea_orm::{
    DbBackend,
    sea_query::{Expr, ExprTrait, SelectStatement, UpdateStatement},
};

pub(super) fn restrict(
    mut claim: UpdateStatement,
    candidates: SelectStatement,
    backend: DbBackend,
) -> UpdateStatement {
    claim
        .and_where(Expr::col(job_runs::Column::JobId).in_subquery(candidates))
        .and_where(super::is_free(backend));
    claim
}
