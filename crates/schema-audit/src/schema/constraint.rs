//! Keys, foreign keys, checks and exclusion constraints.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ObjectName;

/// When a constraint is checked.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Deferrable {
    /// After each statement, always.
    #[default]
    Not,
    /// After each statement, unless the transaction defers it.
    InitiallyImmediate,
    /// At the commit, unless the transaction says otherwise.
    InitiallyDeferred,
}

impl Deferrable {
    /// Whether it is the usual one.
    #[must_use]
    pub const fn is_not(&self) -> bool {
        matches!(self, Self::Not)
    }
}

/// A primary key or a unique constraint.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Its name, if it has one (on SQLite it may have none).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its columns, in order. On SQLite a column may carry ` COLLATE x` or
    /// ` DESC` after its name where it was declared so.
    pub columns: Vec<String>,
    /// Columns that the index carries along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Whether two NULLs count as equal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nulls_not_distinct: bool,
    /// When it is checked.
    #[serde(default, skip_serializing_if = "Deferrable::is_not")]
    pub deferrable: Deferrable,
    /// SQLite's ON CONFLICT clause, in capitals, where it is not ABORT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_conflict: Option<String>,
    /// SQLite's AUTOINCREMENT.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub autoincrement: bool,
    /// The comment (PostgreSQL).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether it comes from a parent table alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inherited: bool,
}

/// What happens to a row whose referenced row changes or goes.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// NO ACTION: refused, at the end of the statement or transaction.
    #[default]
    NoAction,
    /// RESTRICT: refused at once.
    Restrict,
    /// CASCADE.
    Cascade,
    /// SET NULL.
    SetNull,
    /// SET DEFAULT.
    SetDefault,
}

impl Action {
    /// As SQL writes it.
    #[must_use]
    pub const fn as_sql(self) -> &'static str {
        match self {
            Self::NoAction => "NO ACTION",
            Self::Restrict => "RESTRICT",
            Self::Cascade => "CASCADE",
            Self::SetNull => "SET NULL",
            Self::SetDefault => "SET DEFAULT",
        }
    }
}

/// How NULLs in a foreign key of several columns are treated.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum MatchType {
    /// One NULL is enough to leave the row alone.
    #[default]
    Simple,
    /// All or none may be NULL.
    Full,
    /// Named by the standard and by SQLite's grammar; not enforced.
    Partial,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForeignKey {
    /// Its name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its columns, in order.
    pub columns: Vec<String>,
    /// The table that it points to.
    pub references: ObjectName,
    /// The columns that it points to; the primary key where none are named.
    pub referenced_columns: Vec<String>,
    /// ON UPDATE.
    #[serde(default)]
    pub on_update: Action,
    /// ON DELETE.
    #[serde(default)]
    pub on_delete: Action,
    /// The columns that ON DELETE SET NULL or SET DEFAULT is limited to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_delete_columns: Vec<String>,
    /// MATCH.
    #[serde(default)]
    pub match_type: MatchType,
    /// When it is checked.
    #[serde(default, skip_serializing_if = "Deferrable::is_not")]
    pub deferrable: Deferrable,
    /// NOT VALID: rows from before it were not checked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_valid: bool,
    /// Whether rows may break it: it is NOT ENFORCED, or its triggers are
    /// switched off, as by `ALTER TABLE … DISABLE TRIGGER ALL` (PostgreSQL).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_enforced: bool,
    /// The comment (PostgreSQL).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether it comes from a parent table alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inherited: bool,
}

/// A CHECK constraint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Its name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The condition, as the database writes it, without CHECK and the
    /// parentheses around it.
    pub expression: String,
    /// NO INHERIT.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_inherit: bool,
    /// NOT VALID: rows from before it were not checked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_valid: bool,
    /// The comment (PostgreSQL).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether it comes from a parent table alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inherited: bool,
}

/// An exclusion constraint (PostgreSQL).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// Its name.
    pub name: String,
    /// Its definition, as the database writes it: `EXCLUDE USING …`.
    pub definition: String,
    /// The comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}
