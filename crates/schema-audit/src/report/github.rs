//! Annotations of a GitHub workflow.

use std::io::{self, Write};

use super::{Item, Report, escape, words};
use crate::compare::Severity;

/// Writes a workflow command for each item and each check that did not pass,
/// and one that says the outcome. Each is one line.
///
/// # Errors
///
/// Those of the writer.
pub fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    for item in &report.items {
        let command = match item.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        write_command(command, &title(item), &message(item), out)?;
    }
    for check in report.checks.iter().filter(|check| !check.passed) {
        let detail = escape::value(words::detail(check));
        let (command, message) = if check.checked {
            ("error", detail)
        } else {
            ("warning", format!("could not be looked at: {detail}"))
        };
        write_command(command, &escape::value(&check.name), &message, out)?;
    }
    let counts = report.counts();
    let outcome = format!(
        "{}: {}, {}, {} for information",
        words::status(report.status()),
        words::count(counts.error, "error", "errors"),
        words::count(counts.warning, "warning", "warnings"),
        counts.info,
    );
    write_command("notice", &escape::value(&report.tool), &outcome, out)
}

fn title(item: &Item) -> String {
    format!(
        "{} {}",
        escape::value(&item.code),
        escape::value(&item.object)
    )
}

fn message(item: &Item) -> String {
    format!("{}: {}", escape::value(&item.object), words::message(item))
}

fn write_command(
    command: &str,
    title: &str,
    message: &str,
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(
        out,
        "::{command} title={}::{}",
        property(title),
        data(message)
    )
}

/// The runner's own escapes for what comes after the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The runner's own escapes for a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runners_own_signs_are_escaped() {
        assert_eq!(data("100%\r\n::x,"), "100%25%0D%0A::x,");
        assert_eq!(property("a:b,c%"), "a%3Ab%2Cc%25");
    }
}
