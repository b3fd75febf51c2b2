//! Whether what was found is what was to be found.

use std::fmt;

use schema_audit::compare::{Finding, Severity};

use crate::case::{Case, Listed};

/// What was found in one case.
pub(crate) struct Pair {
    /// With `a` as what should be there.
    pub(crate) forward: Vec<Finding>,
    /// With `b` as what should be there.
    pub(crate) backward: Vec<Finding>,
    /// In files that were loaded twice.
    pub(crate) twice: Vec<Finding>,
    /// What is wrong with the repairs, if they were tried.
    pub(crate) faults: Option<Vec<String>>,
}

pub(crate) struct Verdict {
    /// Listed findings by category, and whether both directions have them.
    pub(crate) listed: Vec<(String, bool)>,
    pub(crate) passed: bool,
    /// Whether everything that is listed was found, and not only something.
    pub(crate) complete: bool,
    pub(crate) silent_twice: bool,
    /// Whether the repairs do what they should, if they were tried.
    pub(crate) proved: Option<bool>,
    /// What is wrong.
    pub(crate) reasons: Vec<String>,
}

impl Verdict {
    pub(crate) fn of(case: &Case, pair: &Pair) -> Self {
        let mut verdict = match case.expect.as_str() {
            _ if case.is_drift() => Self::drift(case, pair),
            "soft" => Self::soft(pair),
            _ => Self::silence(pair),
        };
        verdict.silent_twice = pair.twice.is_empty();
        verdict.reasons.extend(told("loaded twice", &pair.twice));
        verdict.proved = pair.faults.as_ref().map(Vec::is_empty);
        verdict
            .reasons
            .extend(pair.faults.iter().flatten().cloned());
        verdict
    }

    fn new(passed: bool, reasons: Vec<String>) -> Self {
        Self {
            listed: Vec::new(),
            passed,
            complete: passed,
            silent_twice: true,
            proved: None,
            reasons,
        }
    }

    fn drift(case: &Case, pair: &Pair) -> Self {
        let mut verdict = Self::new(false, Vec::new());
        for listed in case.listed() {
            let there = [&pair.forward, &pair.backward].map(|findings| has(case, findings, listed));
            let found = there == [true, true];
            let (category, object) = (&listed.category, &listed.object);
            verdict.listed.push((category.clone(), found));
            if !found {
                let [forward, backward] = there;
                let reason =
                    format!("not found: {category} {object} (a-b {forward}, b-a {backward})");
                verdict.reasons.push(reason);
            }
        }
        verdict.passed = verdict.listed.iter().any(|(_, found)| *found);
        verdict.complete = verdict.listed.iter().all(|(_, found)| *found);
        verdict
    }

    fn soft(pair: &Pair) -> Self {
        let both = [&pair.forward, &pair.backward];
        let loud = both
            .into_iter()
            .flatten()
            .filter(|finding| finding.severity != Severity::Info);
        let mut reasons: Vec<_> = told("more than information", loud).collect();
        if both.iter().any(|findings| findings.is_empty()) {
            reasons.push("nothing found, not even information".to_owned());
        }
        Self::new(reasons.is_empty(), reasons)
    }

    fn silence(pair: &Pair) -> Self {
        let findings = pair.forward.iter().chain(&pair.backward);
        let reasons: Vec<_> = told("equal", findings).collect();
        Self::new(reasons.is_empty(), reasons)
    }
}

fn has(case: &Case, findings: &[Finding], listed: &Listed) -> bool {
    let object = listed.object.trim_end_matches('.');
    findings
        .iter()
        .filter(|finding| category(finding) == listed.category)
        .any(|finding| {
            finding.object.to_string() == object
                || (!case.is_postgres() && same_table(finding, object))
        })
}

/// SQLite's constraints have no names that two tools would agree on.
fn same_table(finding: &Finding, object: &str) -> bool {
    let mut table = finding.object.clone();
    table.member = None;
    object.starts_with(&format!("{table}."))
}

fn category(finding: &Finding) -> String {
    serde_json::to_value(finding.category)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn told<'a>(
    when: &str,
    findings: impl IntoIterator<Item = &'a Finding>,
) -> impl Iterator<Item = String> {
    findings
        .into_iter()
        .map(move |finding| format!("{when}: {}", Told(finding)))
}

struct Told<'a>(&'a Finding);

impl fmt::Display for Told<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding {
            code,
            object,
            expected,
            actual,
            ..
        } = self.0;
        write!(formatter, "{code} {object}: {expected:?}, {actual:?}")
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directions = [("a-b", &self.forward), ("b-a", &self.backward)];
        for (direction, findings) in directions {
            for finding in findings {
                writeln!(formatter, "    {direction} {}", Told(finding))?;
            }
        }
        Ok(())
    }
}
