//! Repairs of PostgreSQL.

use super::{Options, Plan};
use crate::{compare::Finding, schema::Schema};

/// Plans a repair of a PostgreSQL schema.
pub(crate) fn plan(
    _expected: &Schema,
    _actual: &Schema,
    _findings: &[Finding],
    _options: &Options,
) -> Plan {
    Plan::default()
}
