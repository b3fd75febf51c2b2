//! The report as a value, and its shape as JSON.

use std::{borrow::Cow, collections::BTreeSet};

use schemars::{JsonSchema, Schema as JsonSchemaValue, SchemaGenerator};
use serde::{Serialize, Serializer};

use super::Item;
use crate::{
    compare::{Finding, Severity},
    repair::{self, Plan, Refusal},
    schema::{ObjectName, Schema, Unmodelled},
};

/// The version of the report's JSON. It grows when a key goes or changes its
/// meaning; a new key does not change it.
pub const FORMAT_VERSION: u32 = 1;

/// Everything that an audit has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The program that made it.
    pub tool: String,
    /// The program's version.
    pub version: String,
    /// What was expected, for people: a file, a revision, a database without
    /// its password.
    pub expected: String,
    /// What was looked at, for people: a database without its password.
    pub actual: String,
    /// The objects that were held against each other (tables, types,
    /// sequences), as [`Item::object`] names them; those without a finding are
    /// what works.
    pub compared: Vec<String>,
    /// What was found, in the order in which it is printed.
    pub items: Vec<Item>,
    /// What is there and was not compared.
    pub unmodelled: NotCompared,
    /// SQL that mends it, if it was asked for.
    pub repair: Option<Plan>,
    /// What became of the repair on a scratch copy, if that was asked for.
    pub proof: Option<Proof>,
    /// A checklist; a line that did not pass makes the report one with
    /// findings, one that was not looked at makes a clean one incomplete.
    pub checks: Vec<CheckLine>,
    /// Further parts, for the formats that people read.
    pub sections: Vec<Section>,
    /// What to do next, for the formats that people read.
    pub next_steps: Vec<String>,
}

/// What is there and was not compared, on both sides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct NotCompared {
    /// On the side that says what should be there.
    pub expected: Vec<Unmodelled>,
    /// On the side that was looked at.
    pub actual: Vec<Unmodelled>,
}

/// What became of a repair on a scratch copy of the schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Proof {
    /// Whether the repair ran, and an audit of the copy found nothing more but
    /// what was left out or refused.
    pub clean: bool,
    /// What is left after it and should not be.
    pub remaining: Vec<Item>,
    /// Findings that need a destructive statement that was not asked for, as
    /// `code object`.
    pub left_out: Vec<String>,
    /// Findings without a repair.
    pub refused: Vec<Refusal>,
    /// Why it did not run to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A line of a checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CheckLine {
    /// What was to be true.
    pub name: String,
    /// Whether it was looked at. Where not, the detail says why.
    pub checked: bool,
    /// Whether it is.
    pub passed: bool,
    /// What was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A part of the report with a heading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// What is below it.
    pub blocks: Vec<Block>,
}

/// A block of a section. All texts are plain; the format escapes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Block {
    /// A paragraph.
    Paragraph(String),
    /// Points.
    List(Vec<String>),
    /// A table.
    Table {
        /// The columns' headings.
        header: Vec<String>,
        /// The rows, with as many cells as the header has.
        rows: Vec<Vec<String>>,
    },
    /// Text that keeps its lines: SQL, a diagram.
    Code {
        /// The language, in small letters: `sql`, `mermaid`; may be empty.
        language: String,
        /// The text.
        text: String,
    },
}

impl CheckLine {
    /// Whether it was looked at, and is not true.
    #[must_use]
    pub const fn failed(&self) -> bool {
        self.checked && !self.passed
    }
}

/// Whether anything was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing but information, and every check passed.
    Clean,
    /// At least one error or warning, or a check that did not pass.
    Findings,
    /// Nothing was found, but something that was asked for could not be looked
    /// at.
    Incomplete,
}

/// How many items there are of each severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Counts {
    /// Errors.
    pub error: usize,
    /// Warnings.
    pub warning: usize,
    /// Information.
    pub info: usize,
}

impl Report {
    /// A report in which nothing was found yet.
    #[must_use]
    pub fn new(
        tool: impl Into<String>,
        version: impl Into<String>,
        expected: impl Into<String>,
        actual: impl Into<String>,
    ) -> Self {
        Self {
            tool: tool.into(),
            version: version.into(),
            expected: expected.into(),
            actual: actual.into(),
            compared: Vec::new(),
            items: Vec::new(),
            unmodelled: NotCompared::default(),
            repair: None,
            proof: None,
            checks: Vec::new(),
            sections: Vec::new(),
            next_steps: Vec::new(),
        }
    }

    /// Adds what was held against each other: the objects of both schemas, what
    /// is in them and not compared, and the differences.
    pub fn add_comparison(&mut self, expected: &Schema, actual: &Schema, findings: &[Finding]) {
        let known = actual.name.as_ref().or(expected.name.as_ref());
        let names: BTreeSet<String> = objects(expected)
            .chain(objects(actual))
            .map(|name| match (&name.schema, known) {
                (None, Some(schema)) => format!("{schema}.{}", name.name),
                _ => name.to_string(),
            })
            .collect();
        self.compared.extend(names);
        self.unmodelled
            .expected
            .extend_from_slice(&expected.unmodelled);
        self.unmodelled.actual.extend_from_slice(&actual.unmodelled);
        self.add_findings(findings);
    }

    /// Adds differences of schemas, in their order.
    pub fn add_findings(&mut self, findings: &[Finding]) {
        self.items.extend(findings.iter().map(Item::from));
    }

    /// How many items there are of each severity.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for item in &self.items {
            match item.severity {
                Severity::Error => counts.error += 1,
                Severity::Warning => counts.warning += 1,
                Severity::Info => counts.info += 1,
            }
        }
        counts
    }

    /// Whether anything was found; information does not count.
    #[must_use]
    pub fn status(&self) -> Status {
        let found = self.items.iter().any(Item::counts);
        if found || self.checks.iter().any(CheckLine::failed) {
            Status::Findings
        } else if self.checks.iter().any(|check| !check.checked) {
            Status::Incomplete
        } else {
            Status::Clean
        }
    }

    /// The exit status of a program that printed it: 0 clean, 1 findings, 2
    /// something could not be looked at (as for a program that has no report).
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self.status() {
            Status::Clean => 0,
            Status::Findings => 1,
            Status::Incomplete => 2,
        }
    }
}

impl From<&repair::Proof> for Proof {
    fn from(proof: &repair::Proof) -> Self {
        let failed = proof.failed.as_ref();
        Self {
            clean: proof.clean,
            remaining: proof.left.iter().map(Item::from).collect(),
            left_out: proof.left_out.clone(),
            refused: proof.refused.clone(),
            error: failed.map(|failed| format!("{}: {}", failed.statement, failed.error)),
        }
    }
}

/// The names of everything in a schema that is compared.
fn objects(schema: &Schema) -> impl Iterator<Item = &ObjectName> {
    let tables = schema.tables.iter().map(|table| &table.name);
    let enums = schema.enums.iter().map(|item| &item.name);
    let domains = schema.domains.iter().map(|domain| &domain.name);
    let sequences = schema.sequences.iter().map(|sequence| &sequence.name);
    tables.chain(enums).chain(domains).chain(sequences)
}

/// The report of an audit.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Report", deny_unknown_fields)]
struct Document<'a> {
    /// The version of this format.
    format_version: u32,
    /// The program that made it.
    tool: &'a str,
    /// The program's version.
    version: &'a str,
    /// Whether anything was found; information does not count.
    status: Status,
    /// What was expected, for people.
    expected: &'a str,
    /// What was looked at, for people.
    actual: &'a str,
    /// How many findings there are of each severity.
    counts: Counts,
    /// What was found.
    findings: &'a [Item],
    /// The objects that were held against each other.
    compared: &'a [String],
    /// What is there and was not compared.
    unmodelled: &'a NotCompared,
    /// SQL that mends it; `null` if it was not asked for.
    repair: Option<&'a Plan>,
    /// What became of the repair on a scratch copy; `null` if that was not
    /// asked for.
    proof: Option<&'a Proof>,
    /// A checklist.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schemars(default)]
    checks: &'a [CheckLine],
    /// Further parts, for people.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schemars(default)]
    sections: &'a [Section],
    /// What to do next, for people.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schemars(default)]
    next_steps: &'a [String],
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Document {
            format_version: FORMAT_VERSION,
            tool: &self.tool,
            version: &self.version,
            status: self.status(),
            expected: &self.expected,
            actual: &self.actual,
            counts: self.counts(),
            findings: &self.items,
            compared: &self.compared,
            unmodelled: &self.unmodelled,
            repair: self.repair.as_ref(),
            proof: self.proof.as_ref(),
            checks: &self.checks,
            sections: &self.sections,
            next_steps: &self.next_steps,
        }
        .serialize(serializer)
    }
}

impl JsonSchema for Report {
    fn schema_name() -> Cow<'static, str> {
        Document::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> JsonSchemaValue {
        Document::json_schema(generator)
    }
}
