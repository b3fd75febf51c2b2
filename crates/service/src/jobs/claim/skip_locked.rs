//! The claim of PostgreSQL: rows are locked as they are read, and rows that
//! others have locked are passed by, so that no claim waits for another one.

use outreach_entity::job_runs;
use sea_orm::sea_query::{Expr, LockBehavior, LockType, SelectStatement, UpdateStatement};

pub(super) fn lock(arm: &mut SelectStatement) {
    arm.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
}

/// As an array: a planner may turn a join with a limited subquery into a scan
/// of the table, and run the subquery again for each row. The comparison is
/// written whole, because sea-query puts an operand of its own text into
/// parentheses, in which `ANY` is a syntax error.
pub(super) fn restrict(mut claim: UpdateStatement, candidates: SelectStatement) -> UpdateStatement {
    let keys = Expr::SubQuery(None, Box::new(candidates.into()));
    claim.and_where(Expr::cust_with_exprs(
        "$1 = ANY(ARRAY $2)",
        [Expr::col(job_runs::Column::JobId), keys],
    ));
    claim
}
