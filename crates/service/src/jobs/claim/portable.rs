//! The claim that needs no locks on rows. Whoever comes second waits for the
//! first one's UPDATE, and then finds that the rows are not free any more.

use outreach_entity::job_runs;
use sea_orm::{
    DbBackend,
    sea_query::{Expr, ExprTrait, SelectStatement, UpdateStatement},
};

use crate::sql;

pub(super) fn restrict(
    mut claim: UpdateStatement,
    candidates: SelectStatement,
    backend: DbBackend,
) -> UpdateStatement {
    let key = Expr::col(job_runs::Column::JobId);
    let is_candidate = match backend {
        DbBackend::Sqlite => key.in_subquery(candidates),
        // A plan for any limit takes the candidates for many and reads the whole
        // table to join it with them; of an array it takes few.
        _ => sql::is_any_of_query(key, candidates),
    };
    claim
        .and_where(is_candidate)
        .and_where(super::is_free(backend));
    claim
}
