//! JUnit XML, for the test views of CI servers.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use quick_junit::{
    NonSuccessKind, Report as JUnit, SerializeError, TestCase, TestCaseStatus, TestSuite,
};

use super::{CheckLine, Item, Report, escape, groups::by_object, words};

/// Writes a test case for each object that was compared, and for each line of
/// the checklist; findings are failures of their object's case. Information is
/// the output of a case that passed. No times are written.
///
/// # Errors
///
/// Those of the writer.
pub fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let mut junit = JUnit::new(escape::value(&report.tool));
    junit.add_test_suite(objects(report));
    if !report.checks.is_empty() {
        let mut suite = TestSuite::new("checklist");
        suite.add_test_cases(report.checks.iter().map(check));
        junit.add_test_suite(suite);
    }
    let text = junit.to_string().map_err(failed)?;
    out.write_all(text.as_bytes())
}

fn failed(error: SerializeError) -> io::Error {
    io::Error::other(error)
}

fn objects(report: &Report) -> TestSuite {
    let groups = by_object(report);
    let mut items: HashMap<&str, &[&Item]> = groups
        .iter()
        .map(|group| (group.object, group.items.as_slice()))
        .collect();
    let mut suite = TestSuite::new("schema");
    for object in &report.compared {
        let items = items.remove(object.as_str()).unwrap_or_default();
        suite.add_test_case(object_case(object, items));
    }
    // What was found outside of the compared objects: a schema, the ledger.
    for group in &groups {
        if items.remove(group.object).is_some() {
            suite.add_test_case(object_case(group.object, &group.items));
        }
    }
    if suite.test_cases.is_empty() {
        suite.add_test_case(object_case("schema", &[]));
    }
    suite
}

fn object_case(object: &str, items: &[&Item]) -> TestCase {
    let lines = |counts: bool| -> Vec<String> {
        let items = items.iter().filter(|item| item.counts() == counts);
        items.map(|item| line(item)).collect()
    };
    let failures = lines(true);
    let information = lines(false);
    let status = items
        .iter()
        .find(|item| item.counts())
        .map_or_else(TestCaseStatus::success, |first| {
            failure(&first.code, &failures)
        });
    let mut case = TestCase::new(escape::value(object), status);
    case.set_classname("schema");
    if !information.is_empty() {
        case.set_system_out(information.join("\n"));
    }
    case
}

fn failure(kind: &str, lines: &[String]) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    let first = lines.first().map(String::as_str).unwrap_or_default();
    let message = match lines.len() {
        0 | 1 => first.to_owned(),
        several => format!("{first} (and {} more)", several - 1),
    };
    status.set_type(escape::value(kind));
    status.set_message(message);
    status.set_description(lines.join("\n"));
    status
}

fn line(item: &Item) -> String {
    format!(
        "{} {} {}: {}",
        words::severity(item.severity),
        escape::value(&item.code),
        escape::value(&item.object),
        words::message(item),
    )
}

fn check(check: &CheckLine) -> TestCase {
    let detail = check.detail.as_deref().map(escape::value);
    let status = if check.passed {
        TestCaseStatus::success()
    } else if check.checked {
        failure("check-failed", &[escape::value(words::detail(check))])
    } else {
        let mut status = TestCaseStatus::skipped();
        status.set_message(escape::value(words::detail(check)));
        status
    };
    let mut case = TestCase::new(escape::value(&check.name), status);
    case.set_classname("checklist");
    if let (true, Some(detail)) = (check.passed, detail) {
        case.set_system_out(detail);
    }
    case
}
