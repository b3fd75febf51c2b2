//! The ledger of another tool beside ours, such as Alembic's.

use super::finding_in;
use crate::compare::{Code, Finding};

/// What another tool's ledger says, and what it should say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignLedger<'a> {
    /// Its table.
    pub table: &'a str,
    /// The revisions that it names.
    pub rows: &'a [String],
    /// The revision that it should name, by what our ledger has; `None` before
    /// the first.
    pub expected: Option<&'a str>,
    /// All revisions of that tool.
    pub known: &'a [&'a str],
}

/// Holds the other ledger against ours. It has one row, with the newest of its
/// revisions that is applied; none before the first.
#[must_use]
pub fn check_foreign(ledger: &ForeignLedger<'_>) -> Vec<Finding> {
    let add = |code, revision, expected: Option<&str>, actual: Option<String>| {
        let expected = expected.map(str::to_owned);
        finding_in(ledger.table, code, revision, expected, actual)
    };
    let unknown = ledger
        .rows
        .iter()
        .filter(|row| !ledger.known.contains(&row.as_str()))
        .map(|row| {
            add(
                Code::ForeignLedgerUnknown,
                Some(row.as_str()),
                ledger.expected,
                Some(row.clone()),
            )
        });
    let mut findings: Vec<Finding> = unknown.collect();
    match (ledger.rows, ledger.expected) {
        ([], Some(expected)) => {
            findings.push(add(Code::ForeignLedgerMissing, None, Some(expected), None));
        }
        ([row], expected) if findings.is_empty() && expected != Some(row.as_str()) => {
            let code = Code::ForeignLedgerDiffers;
            findings.push(add(code, None, expected, Some(row.clone())));
        }
        ([], None) | ([_], _) => {}
        (rows, expected) => {
            let code = Code::ForeignLedgerSeveral;
            findings.push(add(code, None, expected, Some(rows.join(", "))));
        }
    }
    findings
}
