//! What a repair would run.

use serde::{Deserialize, Serialize};

use crate::{compare::Finding, schema::Dialect};

/// What a statement costs or risks.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Hazard {
    /// Nobody can read or write the table while it runs (ACCESS EXCLUSIVE).
    AccessExclusiveLock,
    /// Nobody can write to the table while it runs (SHARE, SHARE ROW EXCLUSIVE).
    WriteLock,
    /// Every row is read, to check it.
    TableScan,
    /// Every row is written again, and every index built again.
    TableRewrite,
    /// An index is built: it takes the time that the table's size asks for.
    IndexBuild,
    /// Rows or values that are there now are gone afterwards.
    DataLoss,
    /// Fails if rows are there that break the new condition.
    MayFail,
    /// Fails if the table has any row: a new column has to have a value and has no
    /// default.
    NeedsEmptyTable,
    /// NULLs that are there are filled with the default.
    FillsNulls,
}

/// One statement of a repair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Statement {
    /// The SQL, without a semicolon at its end.
    pub sql: String,
    /// What it costs or risks, in order.
    #[serde(default)]
    pub hazards: Vec<Hazard>,
    /// The findings that it mends, as `code object`.
    pub mends: Vec<String>,
    /// Whether it is left out unless asked for by name: it destroys what cannot
    /// be got back.
    pub destructive: bool,
    /// Whether it is left out: it is destructive and was not asked for, or it goes
    /// with one that is, whose finding is then among those it mends.
    #[serde(default)]
    pub left_out: bool,
}

/// A finding for which there is no repair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Refusal {
    /// The finding, as `code object`.
    pub finding: String,
    /// Why, and what to do instead.
    pub reason: String,
}

/// A repair: statements in the order in which they have to run, in one
/// transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Plan {
    /// The kind of database that it is for.
    pub dialect: Dialect,
    /// What to run.
    pub statements: Vec<Statement>,
    /// What cannot be repaired so.
    pub refused: Vec<Refusal>,
    /// The search path that the statements mean, as SET takes it (PostgreSQL).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_path: Option<String>,
}

/// How a plan names a finding.
#[must_use]
pub fn label(finding: &Finding) -> String {
    format!("{} {}", finding.code, finding.object)
}
