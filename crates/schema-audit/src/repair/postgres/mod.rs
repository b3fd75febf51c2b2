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
mod retype;
mod sequences;
mod sql;
mod tables;
#[cfg(test)]
mod tests;
mod types;
mod waits;

use std::collections::{BTreeMap, BTreeSet};

pub use dependents::{Dependent, dependents};
use planner::Planner;
use waits::{Cause, Held, beside};

use super::{Options, Plan, Refusal, Statement, label};
use crate::{
    compare::{Category, Finding, Severity},
    schema::{Dialect, Schema},
};

/// Plans a repair of a PostgreSQL schema. Plans again as long as something that
/// was planned turns out to need what was refused or is left out, so that nothing
/// runs that is there only for the sake of a statement that does not.
pub(crate) fn plan(
    expected: &Schema,
    actual: &Schema,
    findings: &[Finding],
    options: &Options,
) -> Plan {
    let mut refused: BTreeMap<String, String> = options.refused.clone();
    let mut held = Held::new();
    let mut replaced = BTreeSet::new();
    let wanted: Vec<&Finding> = findings
        .iter()
        .filter(|f| f.severity > Severity::Info && f.category != Category::History)
        .collect();
    loop {
        let possible = wanted.iter().copied();
        let possible: Vec<_> = possible
            .filter(|f| !refused.contains_key(&label(f)))
            .collect();
        let mut open = possible.clone();
        open.retain(|finding| !held.contains_key(&label(finding)));
        let mut planner = Planner::new(expected, actual, open, options, &replaced);
        planner.run();
        let more = planner.refusals();
        let unwanted = planner.unwanted(&options.destructive);
        let waiting = planner.waiting(&wanted, &refused, &held);
        let swaps = planner.values_used_at_once();
        if more.is_empty() && unwanted.is_empty() && waiting.is_empty() && swaps.is_empty() {
            let mut with_held = Planner::new(expected, actual, possible, options, &replaced);
            if !held.is_empty() {
                with_held.run();
            }
            let statements = beside(planner, with_held, &held, &mut refused);
            return finish(statements, refused, &wanted, actual);
        }
        refused.extend(more);
        held.extend(unwanted.into_iter().map(|label| (label, BTreeSet::new())));
        for (label, cause) in waiting {
            match cause {
                Cause::Refused(reason) => drop(refused.entry(label).or_insert(reason)),
                Cause::Held(causes) => drop(held.entry(label).or_insert(causes)),
            }
        }
        held.retain(|label, _| !refused.contains_key(label));
        replaced.extend(swaps);
    }
}

fn finish(
    statements: Vec<Statement>,
    refused: BTreeMap<String, String>,
    wanted: &[&Finding],
    actual: &Schema,
) -> Plan {
    let labels: BTreeSet<String> = wanted.iter().map(|f| label(f)).collect();
    let refused = refused.into_iter().filter(|(l, _)| labels.contains(l));
    Plan {
        dialect: Dialect::Postgres,
        statements,
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
