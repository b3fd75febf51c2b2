//! For people at a terminal: one screen when clean.

use std::io::{self, Write};

use super::{
    CheckLine, Item, Proof, Report, escape,
    groups::{Group, by_kind, by_object},
    words,
};
use crate::{compare::Severity, schema::Unmodelled};

/// How many names, informations or passed checks are shown of many, so that a
/// clean report stays on one screen.
const SHOWN_OF_MANY: usize = 5;

/// Writes the report for people at a terminal. All that comes from a database
/// is escaped and, but for the SQL of a repair, bounded in length.
///
/// # Errors
///
/// Those of the writer.
pub fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "expected  {}", escape::value(&report.expected))?;
    writeln!(out, "actual    {}", escape::value(&report.actual))?;
    for group in by_object(report) {
        if group.items.iter().any(|item| item.counts()) {
            write_group(&group, out)?;
        }
    }
    write_information(report, out)?;
    write_unmodelled("expected", &report.unmodelled.expected, out)?;
    write_unmodelled("actual", &report.unmodelled.actual, out)?;
    write_checks(report, out)?;
    super::blocks::write_text(&report.sections, out)?;
    write_repair(report, out)?;
    if let Some(proof) = &report.proof {
        write_proof(proof, out)?;
    }
    write_next_steps(&report.next_steps, out)?;
    writeln!(out, "\n{}", conclusion(report))
}

fn write_group(group: &Group<'_>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n{}", escape::value(group.object))?;
    for item in group.items.iter().filter(|item| item.counts()) {
        let place = member(group.object, &item.object);
        let (severity, code) = (words::severity(item.severity), escape::value(&item.code));
        if place.is_empty() {
            writeln!(
                out,
                "  {severity:7}  {code}: {}",
                escape::value(&item.summary)
            )?;
        } else {
            let place = escape::value(place);
            let summary = escape::value(&item.summary);
            writeln!(out, "  {severity:7}  {code} {place}: {summary}")?;
        }
        write_details(item, out)?;
    }
    Ok(())
}

/// What comes after the object's name in an item's path.
fn member<'a>(object: &str, path: &'a str) -> &'a str {
    path.strip_prefix(object)
        .map_or(path, |rest| rest.strip_prefix('.').unwrap_or(rest))
}

fn write_details(item: &Item, out: &mut impl Write) -> io::Result<()> {
    let mut line = |name: &str, text: &str| writeln!(out, "           {name:<8}  {text}");
    if item.expected.is_some() || item.actual.is_some() {
        line("expected", &words::or_nothing(item.expected.as_deref()))?;
        line("actual", &words::or_nothing(item.actual.as_deref()))?;
    }
    if let Some(side) = item.side {
        line("side", words::side(side))?;
    }
    if let Some(rows) = words::rows(item) {
        line("rows", &rows)?;
    }
    if let Some(remedy) = &item.remedy {
        line("remedy", &escape::value(remedy))?;
    }
    Ok(())
}

fn write_information(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let items: Vec<&Item> = report.items.iter().filter(|item| !item.counts()).collect();
    if items.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nFor information")?;
    for item in items.iter().take(SHOWN_OF_MANY) {
        let (object, code) = (escape::value(&item.object), escape::value(&item.code));
        let expected = words::short(item.expected.as_deref());
        let actual = words::short(item.actual.as_deref());
        writeln!(
            out,
            "  {code} {object}: expected {expected}, actual {actual}"
        )?;
    }
    write_more(items.len(), out)
}

fn write_more(count: usize, out: &mut impl Write) -> io::Result<()> {
    if count > SHOWN_OF_MANY {
        let more = count - SHOWN_OF_MANY;
        writeln!(out, "  … and {more} more (JSON has all)")?;
    }
    Ok(())
}

fn write_unmodelled(side: &str, things: &[Unmodelled], out: &mut impl Write) -> io::Result<()> {
    if things.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nNot compared ({side})")?;
    for (kind, things) in by_kind(things) {
        let names: Vec<String> = things
            .iter()
            .take(SHOWN_OF_MANY)
            .map(|thing| escape::excerpt(&thing.name, 60))
            .collect();
        let more = if things.len() > SHOWN_OF_MANY {
            ", …"
        } else {
            ""
        };
        let (count, kind) = (things.len(), escape::value(kind));
        writeln!(out, "  {count} × {kind}: {}{more}", names.join(", "))?;
    }
    Ok(())
}

fn write_checks(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if report.checks.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nChecklist")?;
    for check in &report.checks {
        let mark = match check {
            CheckLine { checked: false, .. } => "?",
            CheckLine { passed: true, .. } => "ok",
            _ => "FAILED",
        };
        write!(out, "  {mark:6}  {}", escape::value(&check.name))?;
        if !check.checked {
            write!(out, ": not looked at")?;
        }
        match &check.detail {
            Some(detail) => writeln!(out, ": {}", escape::value(detail))?,
            None => writeln!(out)?,
        }
    }
    Ok(())
}

fn write_repair(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let Some(plan) = &report.repair else {
        return Ok(());
    };
    if plan.statements.is_empty() && plan.refused.is_empty() {
        return writeln!(out, "\nRepair: nothing to mend");
    }
    writeln!(out, "\nRepair")?;
    let sql = plan.to_sql();
    let shown = escape::shown_lines(&sql);
    if shown != sql {
        writeln!(
            out,
            "-- Characters that cannot be shown are written as \\u{{…}}: take the SQL from JSON."
        )?;
    }
    writeln!(out, "{}", shown.trim_end())
}

fn write_proof(proof: &Proof, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "\nProof on a scratch copy without rows: {}",
        words::proof(proof)
    )?;
    for item in &proof.remaining {
        let (code, object) = (escape::value(&item.code), escape::value(&item.object));
        let severity = words::severity(item.severity);
        writeln!(out, "  {severity:7}  {code} {object}")?;
    }
    Ok(())
}

fn write_next_steps(steps: &[String], out: &mut impl Write) -> io::Result<()> {
    if steps.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nNext steps")?;
    for (number, step) in (1..).zip(steps) {
        writeln!(out, "  {number}. {}", escape::value(step))?;
    }
    Ok(())
}

fn conclusion(report: &Report) -> String {
    let counts = report.counts();
    let mut parts = vec![words::count(
        report.compared.len(),
        "object compared",
        "objects compared",
    )];
    for (count, one, several) in [
        (counts.error, words::severity(Severity::Error), "errors"),
        (
            counts.warning,
            words::severity(Severity::Warning),
            "warnings",
        ),
    ] {
        if count > 0 {
            parts.push(words::count(count, one, several));
        }
    }
    if counts.info > 0 {
        parts.push(format!("{} for information", counts.info));
    }
    let failed = report.checks.iter().filter(|check| check.failed()).count();
    if failed > 0 {
        parts.push(words::count(failed, "check failed", "checks failed"));
    }
    let unseen = report.checks.iter().filter(|check| !check.checked).count();
    if unseen > 0 {
        parts.push(words::count(unseen, "check not made", "checks not made"));
    }
    format!("{}: {}", words::status(report.status()), parts.join(", "))
}
