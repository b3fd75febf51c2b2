//! Words that several formats share.

use std::fmt::Write as _;

use super::{CheckLine, Item, Proof, Status, escape};
use crate::compare::{Severity, Side};

pub(super) const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

pub(super) const fn status(status: Status) -> &'static str {
    match status {
        Status::Clean => "clean",
        Status::Findings => "findings",
        Status::Incomplete => "incomplete",
    }
}

pub(super) const fn side(side: Side) -> &'static str {
    match side {
        Side::Database => "the database differs from what migrations and entities agree on",
        Side::Entities => "the entities are behind migrations and database",
        Side::Migrations => "the migrations lack what entities and database have",
        Side::All => "migrations, entities and database all differ",
    }
}

/// The value, or a word for its absence.
pub(super) fn or_nothing(value: Option<&str>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some("") => "(empty)".to_owned(),
        Some(text) => escape::value(text),
    }
}

/// The same in a length that leaves room for more on the line.
pub(super) fn short(value: Option<&str>) -> String {
    value.map_or_else(
        || "nothing".to_owned(),
        |text| format!("`{}`", escape::excerpt(text, 60)),
    )
}

pub(super) fn count(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// How many rows, and some of them.
pub(super) fn rows(item: &Item) -> Option<String> {
    let examples: Vec<String> = item
        .examples
        .iter()
        .map(|example| escape::excerpt(example, 80))
        .collect();
    match (item.count, examples.is_empty()) {
        (None, true) => None,
        (None, false) => Some(examples.join(", ")),
        (Some(count), true) => Some(count.to_string()),
        (Some(count), false) => Some(format!("{count}: {}", examples.join(", "))),
    }
}

/// What was seen of a line of the checklist that has no tick.
pub(super) fn detail(check: &CheckLine) -> &str {
    let word = if check.checked {
        "did not pass"
    } else {
        "no reason was given"
    };
    check.detail.as_deref().unwrap_or(word)
}

/// Everything about an item in one line: for annotations and messages.
pub(super) fn message(item: &Item) -> String {
    let mut text = escape::value(&item.summary);
    if item.expected.is_some() || item.actual.is_some() {
        let expected = quoted(item.expected.as_deref());
        let actual = quoted(item.actual.as_deref());
        let _ = write!(text, ": expected {expected}, actual {actual}");
    }
    if let Some(which) = item.side {
        let _ = write!(text, "; {}", side(which));
    }
    if let Some(rows) = rows(item) {
        let _ = write!(text, "; rows {rows}");
    }
    if let Some(remedy) = &item.remedy {
        let _ = write!(text, "; remedy: {}", escape::value(remedy));
    }
    text
}

fn quoted(value: Option<&str>) -> String {
    value.map_or_else(
        || "nothing".to_owned(),
        |text| format!("`{}`", escape::value(text)),
    )
}

pub(super) fn proof(proof: &Proof) -> String {
    let left = proof.remaining.len();
    let mut text = match (&proof.error, proof.clean) {
        (Some(error), _) => format!("a statement failed: {}", escape::value(error)),
        (None, true) => "clean after the repair".to_owned(),
        (None, false) => format!(
            "{} left after the repair",
            count(left, "finding", "findings")
        ),
    };
    for (number, what) in [
        (proof.left_out.len(), "left out with what destroys data"),
        (proof.refused.len(), "without a repair"),
    ] {
        if number > 0 {
            let _ = write!(text, ", {number} {what}");
        }
    }
    text
}
