//! One line of a report.

use schemars::JsonSchema;
use serde::Serialize;

use crate::compare::{Finding, Severity, Side};

/// What every format prints of one finding. Differences of schemas are made of
/// a [`Finding`]; other checks (of the ledger, of the data) add their own, so
/// the code is a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Item {
    /// What it is: a stable word such as `column-missing`.
    pub code: String,
    /// The kind of object or property that it is about: `column`, `fk`…
    pub category: String,
    /// How much it matters.
    pub severity: Severity,
    /// Where it is: `schema.table.member`, without quotes.
    pub object: String,
    /// What should be there; `null` if nothing should.
    pub expected: Option<String>,
    /// What is there; `null` if nothing is.
    pub actual: Option<String>,
    /// Which side is the odd one out, if three were compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    /// What the code means, in a sentence without a full stop.
    pub summary: String,
    /// The command or step that mends it, if it is not part of the repair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// How many rows it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Keys of some of these rows: five are enough to find the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

impl Item {
    /// An item that is not the difference of two schemas; what is not named
    /// here is empty.
    #[must_use]
    pub fn new(
        code: impl Into<String>,
        category: impl Into<String>,
        severity: Severity,
        object: impl Into<String>,
        summary: impl Into<String>,
    ) -> Self {
        Self {
            code: code.into(),
            category: category.into(),
            severity,
            object: object.into(),
            expected: None,
            actual: None,
            side: None,
            summary: summary.into(),
            remedy: None,
            count: None,
            examples: Vec::new(),
        }
    }

    /// Whether it is more than information.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.severity > Severity::Info
    }
}

impl From<&Finding> for Item {
    fn from(finding: &Finding) -> Self {
        Self {
            expected: finding.expected.clone(),
            actual: finding.actual.clone(),
            side: finding.side,
            ..Self::new(
                finding.code.as_str(),
                word(&finding.category),
                finding.severity,
                finding.object.to_string(),
                finding.code.summary(),
            )
        }
    }
}

/// The word that an enumeration without fields is serialized as.
pub(super) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
