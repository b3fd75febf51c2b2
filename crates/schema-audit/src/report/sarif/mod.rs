//! SARIF 2.1.0, for code scanning.

mod model;

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    io::{self, Write},
};

use model::{
    Artifact, Configuration, Driver, Invocation, Location, Log, LogicalLocation, Message, Physical,
    Properties, Region, Result as SarifResult, Rule, Run, Tool,
};
use sha2::{Digest, Sha256};

use super::{CheckLine, Item, Report, escape, json, words};
use crate::compare::{Code, Severity};

/// The rule that a line of the checklist breaks that did not pass.
const CHECK_FAILED: &str = "check-failed";

/// The rule of a line of the checklist that was not looked at.
const CHECK_NOT_MADE: &str = "check-not-made";

/// Writes the report as one SARIF run: a rule for each code, a result for each
/// finding and for each check that did not pass.
///
/// A database is no file, and viewers want one: `artifact` is the path in the
/// repository, with `/` between its parts, that results are shown at, such as
/// the snapshot that was compared with.
///
/// # Errors
///
/// Those of the writer.
pub fn write(report: &Report, artifact: &str, out: &mut impl Write) -> io::Result<()> {
    let rules = Rules::of(report);
    let uri = uri(artifact);
    let mut results = Vec::new();
    let mut seen: HashMap<(&str, &str), usize> = HashMap::new();
    for item in &report.items {
        let nth = seen.entry((&item.code, &item.object)).or_default();
        results.push(item_result(item, *nth, &rules, &uri));
        *nth += 1;
    }
    let failed = report.checks.iter().filter(|check| !check.passed);
    results.extend(failed.map(|check| check_result(check, &rules, &uri)));
    let log = Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: escape::value(&report.tool),
                    version: escape::value(&report.version),
                    rules: rules.rules,
                },
            },
            invocations: [Invocation {
                execution_successful: true,
                exit_code: report.exit_status(),
            }],
            column_kind: "unicodeCodePoints",
            results,
            properties: Properties {
                expected: escape::value(&report.expected),
                actual: escape::value(&report.actual),
            },
        }],
    };
    json::write_value(&log, out)
}

/// The rules, and the place of each.
struct Rules {
    rules: Vec<Rule>,
    places: BTreeMap<String, usize>,
}

impl Rules {
    fn of(report: &Report) -> Self {
        let mut rules = Self {
            rules: Vec::new(),
            places: BTreeMap::new(),
        };
        for code in Code::ALL {
            let category = super::item::word(&code.category());
            rules.add(code.as_str(), &category, code.severity(), code.summary());
        }
        if !report.checks.is_empty() {
            let summary = "A line of the checklist did not pass";
            rules.add(CHECK_FAILED, "check", Severity::Error, summary);
        }
        if report.checks.iter().any(|check| !check.checked) {
            let summary = "A line of the checklist could not be looked at";
            rules.add(CHECK_NOT_MADE, "check", Severity::Warning, summary);
        }
        for item in &report.items {
            rules.add(&item.code, &item.category, item.severity, &item.summary);
        }
        rules
    }

    fn add(&mut self, id: &str, category: &str, severity: Severity, summary: &str) {
        let id = escape::value(id);
        if self.places.contains_key(&id) {
            return;
        }
        self.places.insert(id.clone(), self.rules.len());
        self.rules.push(Rule {
            id,
            short_description: Message::new(&sentence(summary)),
            default_configuration: Configuration {
                level: level(severity),
            },
            properties: model::RuleProperties {
                tags: [escape::value(category)],
            },
        });
    }

    fn place(&self, id: &str) -> (String, usize) {
        let id = escape::value(id);
        let place = self.places.get(&id).copied().unwrap_or_default();
        (id, place)
    }
}

fn sentence(summary: &str) -> String {
    format!("{}.", escape::value(summary))
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn item_result(item: &Item, nth: usize, rules: &Rules, uri: &str) -> SarifResult {
    let (rule_id, rule_index) = rules.place(&item.code);
    let text = format!("{}: {}.", escape::value(&item.object), words::message(item));
    SarifResult {
        rule_id,
        rule_index,
        level: level(item.severity),
        message: Message::new(&text),
        locations: [location(&item.object, uri)],
        partial_fingerprints: fingerprint(&item.code, &item.object, nth),
    }
}

fn check_result(check: &CheckLine, rules: &Rules, uri: &str) -> SarifResult {
    let (id, level) = if check.checked {
        (CHECK_FAILED, "error")
    } else {
        (CHECK_NOT_MADE, "warning")
    };
    let (rule_id, rule_index) = rules.place(id);
    let detail = escape::value(words::detail(check));
    let text = format!("{}: {detail}.", escape::value(&check.name));
    SarifResult {
        rule_id,
        rule_index,
        level,
        message: Message::new(&text),
        locations: [location(&check.name, uri)],
        partial_fingerprints: fingerprint(id, &check.name, 0),
    }
}

fn location(object: &str, uri: &str) -> Location {
    Location {
        physical_location: Physical {
            artifact_location: Artifact {
                uri: uri.to_owned(),
            },
            region: Region { start_line: 1 },
        },
        logical_locations: [LogicalLocation {
            fully_qualified_name: escape::shown(object).into_owned(),
        }],
    }
}

/// What a finding is known by from one run to the next: what it is, and where;
/// not the values, which may change while it stays the same finding.
fn fingerprint(code: &str, object: &str, nth: usize) -> BTreeMap<&'static str, String> {
    let mut hash = Sha256::new();
    hash.update(format!("{code}\0{object}\0{nth}"));
    let mut digest = String::new();
    for byte in hash.finalize() {
        let _ = write!(digest, "{byte:02x}");
    }
    BTreeMap::from([("schemaAuditFinding/v1", digest)])
}

/// The path as a relative reference.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_relative_reference() {
        assert_eq!(uri("schema/a b:c.json"), "schema/a%20b%3Ac.json");
        assert_eq!(uri("é"), "%C3%A9");
    }

    #[test]
    fn a_fingerprint_tells_findings_apart_and_does_not_move() {
        let first = fingerprint("column-missing", "public.t.c", 0);
        assert_eq!(first, fingerprint("column-missing", "public.t.c", 0));
        assert_ne!(first, fingerprint("column-missing", "public.t.c", 1));
        assert_ne!(first, fingerprint("column-missing", "public.t.d", 0));
        assert_ne!(first, fingerprint("column-unexpected", "public.t.c", 0));
    }
}
