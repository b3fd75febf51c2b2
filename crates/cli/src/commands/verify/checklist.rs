//! The lines, and how they are shown.

use std::{borrow::Cow, fmt::Write as _};

use outreach_domain::escape_for_terminal;
use schema_audit::report::CheckLine;
use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::{exit::Error, output};

/// One line of the checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ChecklistLine {
    /// What is claimed: `all indexes`.
    pub(crate) name: Cow<'static, str>,
    /// Whether it was looked at. Where not, the detail says why.
    pub(crate) checked: bool,
    /// Whether it holds.
    pub(crate) passed: bool,
    /// What was looked at, or what is wrong.
    pub(crate) detail: String,
}

impl ChecklistLine {
    pub(crate) fn tick(name: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            checked: true,
            passed: true,
            detail: detail.into(),
        }
    }

    pub(crate) fn cross(name: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self {
            passed: false,
            ..Self::tick(name, detail)
        }
    }

    pub(crate) fn not_checked(
        name: impl Into<Cow<'static, str>>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            checked: false,
            ..Self::cross(name, reason)
        }
    }

    /// A tick, unless something is missing.
    pub(crate) fn unless(
        name: impl Into<Cow<'static, str>>,
        wrong: &str,
        detail: impl Into<String>,
    ) -> Self {
        if wrong.is_empty() {
            Self::tick(name, detail)
        } else {
            Self::cross(name, wrong)
        }
    }
}

/// The lines in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checklist {
    /// The lines.
    pub(crate) lines: Vec<ChecklistLine>,
}

impl Checklist {
    /// Whether every line is ticked.
    pub(crate) fn passed(&self) -> bool {
        self.lines.iter().all(|line| line.passed)
    }

    /// Lines for people.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            let mark = match line {
                ChecklistLine { passed: true, .. } => '✓',
                ChecklistLine { checked: true, .. } => '✗',
                _ => '?',
            };
            let _ = writeln!(text, "{mark} {}: {}", line.name, shown(&line.detail));
        }
        text
    }

    /// The lines for a report.
    pub(crate) fn into_checks(self) -> Vec<CheckLine> {
        let line = |line: ChecklistLine| CheckLine {
            name: line.name.into_owned(),
            checked: line.checked,
            passed: line.passed,
            detail: Some(line.detail),
        };
        self.lines.into_iter().map(line).collect()
    }

    /// The exit status: a cross counts for more than what was not looked at.
    pub(super) fn verdict(&self) -> Result<(), Error> {
        let crosses = self
            .lines
            .iter()
            .filter(|line| line.checked && !line.passed);
        let crosses = crosses.count() as u64;
        let unchecked = self.lines.iter().filter(|line| !line.checked).count() as u64;
        let lines = |number| output::counted(number, "line");
        if crosses > 0 {
            return Err(Error::refused_because(format!(
                "{} of the checklist not fulfilled",
                lines(crosses)
            )));
        }
        if unchecked > 0 {
            return Err(Error::failed_because(format!(
                "{} of the checklist could not be looked at",
                lines(unchecked)
            )));
        }
        Ok(())
    }
}

/// In one line, and fit for a terminal: names in it are whatever is in the
/// database.
fn shown(detail: &str) -> String {
    escape_for_terminal(&detail.replace('\n', " ")).into_owned()
}

impl Serialize for Checklist {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Checklist", 2)?;
        object.serialize_field("passed", &self.passed())?;
        object.serialize_field("lines", &self.lines)?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checklist(lines: &[ChecklistLine]) -> Checklist {
        Checklist {
            lines: lines.to_vec(),
        }
    }

    #[test]
    fn a_line_is_ticked_only_if_it_was_looked_at_and_holds() {
        let all = checklist(&[
            ChecklistLine::tick("a", "b"),
            ChecklistLine::cross("c", "d\u{1b}[2J\ne"),
            ChecklistLine::not_checked("f", "<g>"),
        ]);
        assert_eq!(all.to_text(), "✓ a: b\n✗ c: d\\u{1b}[2J e\n? f: <g>\n");
        assert!(!all.passed());
    }

    #[test]
    fn a_cross_counts_for_more_than_what_was_not_looked_at() {
        let tick = ChecklistLine::tick("a", "");
        let cross = ChecklistLine::cross("a", "");
        let unknown = ChecklistLine::not_checked("a", "");
        assert!(checklist(std::slice::from_ref(&tick)).verdict().is_ok());
        for (lines, status) in [
            (vec![tick.clone(), cross.clone()], 1),
            (vec![unknown.clone(), cross], 1),
            (vec![tick, unknown], 2),
        ] {
            let error = checklist(&lines).verdict().unwrap_err();
            assert_eq!(error.status(), status);
        }
    }
}
