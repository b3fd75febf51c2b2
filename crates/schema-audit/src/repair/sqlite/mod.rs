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
