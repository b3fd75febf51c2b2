//! SQL that makes a live schema what it should be: planned from two schemas and
//! the differences between them, printed for people, or run.
//!
//! One law: a finding is either mended by statements of the plan or refused by
//! name with a reason; nothing is passed over in silence.

mod apply;
mod plan;
pub(crate) mod postgres;
mod print;
mod prove;
pub(crate) mod sqlite;

use std::collections::{BTreeMap, BTreeSet};

pub use apply::{ApplyError, ApplyOptions, apply};
pub use plan::{Hazard, Plan, Refusal, Statement, label};
pub use postgres::{Dependent, dependents};
pub use prove::{Failed, Proof, ProveError, prove, prove_on, prove_until};

use crate::{
    compare::Finding,
    schema::{Dialect, Schema},
};

/// What a repair may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Which of the statements that destroy data are wanted.
    pub destructive: Destructive,
    /// What depends on tables, columns and types and is not compared, as
    /// [`dependents`] reads it (PostgreSQL): a change that it stands in the way
    /// of is refused. Left empty, such a change is planned, and fails.
    pub dependents: Vec<Dependent>,
    /// Findings that are not to be repaired, by [`label`], with the reason.
    pub refused: BTreeMap<String, String>,
}

/// Which statements that destroy data are wanted. The others are planned too,
/// but left out when the plan runs and commented out when it is printed; and so
/// is what is there only for their sake, or would fail without them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Destructive {
    /// None.
    #[default]
    Never,
    /// Those that mend one of these findings, each written as [`label`] writes
    /// it: `column-unexpected public.users.age`.
    Named(BTreeSet<String>),
    /// All.
    All,
}

impl Destructive {
    /// Whether a destructive statement that mends these findings is wanted.
    #[must_use]
    pub fn wants(&self, mends: &[String]) -> bool {
        match self {
            Self::Never => false,
            Self::Named(labels) => mends.iter().any(|label| labels.contains(label)),
            Self::All => true,
        }
    }
}

/// Plans how to make `actual` what `expected` is, for these findings, which
/// [`compare`](crate::compare::compare) found between the two. Findings of
/// [`Severity::Info`](crate::compare::Severity::Info) and those about the ledger
/// of revisions get no statement and no refusal.
#[must_use]
pub fn repair(expected: &Schema, actual: &Schema, findings: &[Finding], options: &Options) -> Plan {
    let mut plan = match actual.dialect {
        Dialect::Postgres => postgres::plan(expected, actual, findings, options),
        Dialect::Sqlite => sqlite::plan(expected, actual, findings, options),
    };
    for statement in &mut plan.statements {
        statement.left_out |= statement.destructive && !options.destructive.wants(&statement.mends);
    }
    plan
}
