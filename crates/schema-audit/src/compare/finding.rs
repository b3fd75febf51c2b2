//! What a comparison finds.

use serde::{Serialize, Serializer};

use super::{Category, Code};
use crate::schema::ObjectPath;

/// How much a finding matters.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Names, the order of columns: never a failure.
    Info,
    /// Differs, and nothing fails by it today.
    Warning,
    /// Reads, writes or guarantees differ.
    Error,
}

/// Which of the three sides is the odd one out.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The live database differs from what migrations and entities agree on.
    Database,
    /// The entities are behind the migrations.
    Entities,
    /// The migrations lack what entities and database have.
    Migrations,
    /// All three differ.
    All,
}

impl Side {
    /// What it means, in a sentence for people without a full stop.
    #[must_use]
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Database => {
                "the live database differs from what the migrations say and the entities do not \
                 deny"
            }
            Self::Entities => "the entities are behind the migrations, which the database follows",
            Self::Migrations => "the migrations differ from what entities and database agree on",
            Self::All => "migrations, entities and database all differ",
        }
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Finding {
    /// What it is; stable.
    pub code: Code,
    /// The kind of object or property that differs.
    pub category: Category,
    /// How much it matters.
    pub severity: Severity,
    /// Where it is: `schema.table.member`.
    #[serde(serialize_with = "display")]
    #[schemars(with = "String")]
    pub object: ObjectPath,
    /// What should be there; `null` if nothing should.
    pub expected: Option<String>,
    /// What is there; `null` if nothing is.
    pub actual: Option<String>,
    /// Which side is the odd one out, if three were compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
}

fn display<S: Serializer>(path: &ObjectPath, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(path)
}
