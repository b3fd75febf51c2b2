//! The claim of PostgreSQL: rows are locked as they are read, and rows that
//! others have locked are passed by, so that no claim waits for another one.

use outreach_entity::job_runs;
use sea_orm::sea_query::{Expr, LockBehavior, LockType, SelectStatement, UpdateStatement};

use crate::sql;

pub(super) fn lock(arm: &mut SelectStatement) {
    arm.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
}

/// As an array: a planner may turn a join with a limited subquery into a scan
/// of the table, and run the subquery again for each row.
pub(super) fn restrict(mut claim: UpdateStatement, candidates: SelectStatement) -> UpdateStatement {
    claim.and_where(sql::is_any_of_query(
        Expr::col(job_runs::Column::JobId),
        candidates,
    ));
    claim
}
