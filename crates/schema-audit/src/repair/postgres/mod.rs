//! Repairs of PostgreSQL.
//!
//! Findings are turned into steps, each in a phase; the phases are the order of
//! dependency. What a step would break (a constraint on a column that gets
//! another type, a foreign key to a key that is made again) is dropped before it
//! and made again after it.

mod cast;
mod columns;
mod comments;
mod dependents;
mod identity;
mod member;
mod members;
mod missing;
mod partitions;
mod planner;
mod sequences;
mod sql;
mod tables;
#[cfg(test)]
mod tests;
mod types;

use std::collections::{BTreeMap, BTreeSet};

pub use dependents::{Dependent, dependents};
use planner::Planner;

use super::{Options, Plan, Refusal, label};
use crate::{
    compare::{Category, Finding, Severity},
    schema::{Dialect, Schema},
};

/// Plans a repair of a PostgreSQL schema. Plans again as long as something that
/// was planned turns out to need what was refused.
pub(crate) fn plan(
    expected: &Schema,
    actual: &Schema,
    findings: &[Finding],
    options: &Options,
) -> Plan {
    let mut refused: BTreeMap<String, String> = options.refused.clone();
    let mut replaced = BTreeSet::new();
    let wanted: Vec<&Finding> = findings
        .iter()
        .filter(|f| f.severity > Severity::Info && f.category != Category::History)
        .collect();
    loop {
        let open = wanted
            .iter()
            .copied()
            .filter(|f| !refused.contains_key(&label(f)));
        let mut planner = Planner::new(expected, actual, open.collect(), options, &replaced);
        planner.run();
        let more = planner.refusals();
        let swaps = planner.values_used_at_once();
        if more.is_empty() && swaps.is_empty() {
            return finish(planner, refused, &wanted, actual);
        }
        refused.extend(more);
        replaced.extend(swaps);
    }
}

fn finish(
    planner: Planner<'_>,
    refused: BTreeMap<String, String>,
    wanted: &[&Finding],
    actual: &Schema,
) -> Plan {
    let labels: BTreeSet<String> = wanted.iter().map(|f| label(f)).collect();
    let refused = refused.into_iter().filter(|(l, _)| labels.contains(l));
    Plan {
        dialect: Dialect::Postgres,
        statements: planner.statements(),
        refused: refused
            .map(|(finding, reason)| Refusal { finding, reason })
            .collect(),
        search_path: Some(search_path(actual.name.as_deref())),
    }
}

/// The search path that the definitions of a schema were written under.
pub(crate) fn search_path(local: Option<&str>) -> String {
    local.map_or_else(
        || "pg_catalog, pg_temp".to_owned(),
        |schema| format!("{}, pg_temp", sql::ident(schema)),
    )
}
