//! Repairs of SQLite.

use super::{Options, Plan};
use crate::{compare::Finding, schema::Schema};

/// Plans a repair of an SQLite schema.
pub(crate) fn plan(
    _expected: &Schema,
    _actual: &Schema,
    _findings: &[Finding],
    _options: &Options,
) -> Plan {
    Plan::default()
}

/// Runs a plan on SQLite.
#[expect(clippy::unused_async, reason = "its place is held until it is written")]
pub(crate) async fn apply(
    _db: &sea_orm::DatabaseConnection,
    _plan: &super::Plan,
) -> Result<(), super::ApplyError> {
    Err(super::ApplyError::Unsupported)
}
