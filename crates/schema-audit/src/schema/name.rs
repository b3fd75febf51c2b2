//! Names of objects, and paths to what is inside them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name of a table, type or sequence, as the catalog has it: not quoted.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct ObjectName {
    /// The schema that it is in; `None` in the schema that is audited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Its own name.
    pub name: String,
}

impl ObjectName {
    /// A name in the audited schema.
    #[must_use]
    pub fn local(name: impl Into<String>) -> Self {
        Self {
            schema: None,
            name: name.into(),
        }
    }

    /// A name in a named schema.
    #[must_use]
    pub fn qualified(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            schema: Some(schema.into()),
            name: name.into(),
        }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(formatter, "{schema}.")?;
        }
        formatter.write_str(&self.name)
    }
}

/// Where a finding is: an object, or a column, constraint or index of it.
/// Displayed as `schema.table.member`, without quotes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectPath {
    /// The schema; `None` if it is not known.
    pub schema: Option<String>,
    /// The table, type or sequence.
    pub object: String,
    /// The column, constraint or index, or the definition of a constraint that
    /// has no name.
    pub member: Option<String>,
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(formatter, "{schema}.")?;
        }
        formatter.write_str(&self.object)?;
        if let Some(member) = &self.member {
            write!(formatter, ".{member}")?;
        }
        Ok(())
    }
}
