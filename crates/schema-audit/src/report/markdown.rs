//! An audit report in Markdown, as GitHub reads it.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::{self, Write},
};

use super::{
    CheckLine, Item, Proof, Report, Status, blocks, escape,
    groups::{by_kind, by_object},
    words,
};
use crate::{compare::Severity, repair::Plan, schema::Unmodelled};

/// How many names a line shows of what works or is not compared.
const SHOWN_OF_MANY: usize = 50;

/// Writes the report as a Markdown document with its sections: executive
/// summary, what works, critical issues, schema health, further sections,
/// repair, verification checklist, next steps. All texts are escaped: none of
/// them becomes a link, an image, HTML or another cell.
///
/// # Errors
///
/// Those of the writer.
pub fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "# Schema audit")?;
    write_summary(report, out)?;
    write_what_works(report, out)?;
    write_critical(report, out)?;
    write_health(report, out)?;
    blocks::write_markdown(&report.sections, out)?;
    if let Some(plan) = &report.repair {
        write_repair(plan, out)?;
    }
    if let Some(proof) = &report.proof {
        write_proof(proof, out)?;
    }
    write_checks(report, out)?;
    write_next_steps(report, out)
}

fn write_summary(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let counts = report.counts();
    writeln!(out, "\n## Executive summary\n")?;
    let status = match report.status() {
        Status::Clean => "**Clean**: what is there is what should be there.",
        Status::Findings => "**Findings**: what is there differs from what should be there.",
        Status::Incomplete => {
            "**Incomplete**: nothing was found, but not all could be looked at; see the \
             verification checklist."
        }
    };
    writeln!(out, "{status}\n")?;
    write_header(&["", ""], out)?;
    for (name, text) in [
        ("Expected", code(&report.expected)),
        ("Actual", code(&report.actual)),
        ("Objects compared", report.compared.len().to_string()),
        ("Errors", counts.error.to_string()),
        ("Warnings", counts.warning.to_string()),
        ("For information", counts.info.to_string()),
        (
            "Made by",
            plain(&format!("{} {}", report.tool, report.version)),
        ),
    ] {
        write_row(&[name.to_owned(), text], out)?;
    }
    Ok(())
}

fn write_what_works(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let found: BTreeSet<&str> = by_object(report)
        .iter()
        .filter(|group| group.items.iter().any(|item| item.counts()))
        .map(|group| group.object)
        .collect();
    let sound: Vec<&str> = report
        .compared
        .iter()
        .map(String::as_str)
        .filter(|object| !found.contains(object))
        .collect();
    writeln!(out, "\n## What works\n")?;
    let passed = report.checks.iter().filter(|check| check.passed).count();
    let objects = words::count(report.compared.len(), "object", "objects");
    writeln!(
        out,
        "- {} of {objects} as expected{}",
        sound.len(),
        names(&sound)
    )?;
    if !report.checks.is_empty() {
        let checks = words::count(report.checks.len(), "check", "checks");
        let unseen = report.checks.iter().filter(|check| !check.checked).count();
        let unseen = match unseen {
            0 => String::new(),
            unseen => format!(", {unseen} could not be looked at"),
        };
        writeln!(out, "- {passed} of {checks} passed{unseen}")?;
    }
    Ok(())
}

/// `: a, b, …`, or nothing.
fn names(names: &[&str]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let shown: Vec<String> = names
        .iter()
        .take(SHOWN_OF_MANY)
        .map(|name| code(name))
        .collect();
    let more = names.len().saturating_sub(SHOWN_OF_MANY);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!(": {}{more}", shown.join(", "))
}

fn write_critical(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n## Critical issues\n")?;
    if report.counts().error == 0 {
        return writeln!(out, "None.");
    }
    write_items(report, Severity::Error, out)
}

fn write_health(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let counts = report.counts();
    writeln!(out, "\n## Schema health")?;
    if counts.warning > 0 {
        writeln!(out, "\n### Warnings\n")?;
        write_items(report, Severity::Warning, out)?;
    }
    if counts.info > 0 {
        writeln!(out, "\n### For information\n")?;
        write_items(report, Severity::Info, out)?;
    }
    if counts.warning + counts.info == 0 {
        writeln!(out, "\nNeither warnings nor information.")?;
    }
    write_unmodelled("expected", &report.unmodelled.expected, out)?;
    write_unmodelled("actual", &report.unmodelled.actual, out)
}

fn write_items(report: &Report, severity: Severity, out: &mut impl Write) -> io::Result<()> {
    let items: Vec<&Item> = report
        .items
        .iter()
        .filter(|item| item.severity == severity)
        .collect();
    write_header(&["Code", "Object", "Expected", "Actual", "Meaning"], out)?;
    for item in items {
        write_row(
            &[
                code(&item.code),
                code(&item.object),
                item.expected.as_deref().map_or_else(nothing, code),
                item.actual.as_deref().map_or_else(nothing, code),
                meaning(item),
            ],
            out,
        )?;
    }
    Ok(())
}

fn nothing() -> String {
    "–".to_owned()
}

fn meaning(item: &Item) -> String {
    let mut parts = vec![plain(&item.summary)];
    if let Some(side) = item.side {
        parts.push(plain(words::side(side)));
    }
    if let Some(rows) = words::rows(item) {
        parts.push(format!("rows: {}", plain(&rows)));
    }
    if let Some(remedy) = &item.remedy {
        parts.push(format!("remedy: {}", code(remedy)));
    }
    parts.join("; ")
}

fn write_unmodelled(side: &str, things: &[Unmodelled], out: &mut impl Write) -> io::Result<()> {
    if things.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n### Not compared ({side})\n")?;
    for (kind, things) in by_kind(things) {
        let things: Vec<&str> = things.iter().map(|thing| thing.name.as_str()).collect();
        writeln!(
            out,
            "- {} × {}{}",
            things.len(),
            plain(kind),
            names(&things)
        )?;
    }
    Ok(())
}

fn write_repair(plan: &Plan, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n## Repair\n")?;
    if plan.statements.is_empty() && plan.refused.is_empty() {
        return writeln!(out, "Nothing to mend.");
    }
    write_code("sql", &plan.to_sql(), out)?;
    if !plan.refused.is_empty() {
        writeln!(out, "\n### Not repaired\n")?;
        write_header(&["Finding", "Why"], out)?;
        for refusal in &plan.refused {
            write_row(&[code(&refusal.finding), plain(&refusal.reason)], out)?;
        }
    }
    Ok(())
}

fn write_proof(proof: &Proof, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n### Proof on a scratch copy without rows\n")?;
    writeln!(out, "{}.", plain(&words::proof(proof)))?;
    if proof.remaining.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    for item in &proof.remaining {
        writeln!(out, "- {} {}", code(&item.code), code(&item.object))?;
    }
    Ok(())
}

fn write_checks(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if report.checks.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Verification checklist\n")?;
    for check in &report.checks {
        let mark = match check {
            CheckLine { checked: false, .. } => "❔",
            CheckLine { passed: true, .. } => "✅",
            _ => "❌",
        };
        write!(out, "- {mark} {}", plain(&check.name))?;
        if !check.checked {
            write!(out, ": not looked at")?;
        }
        match &check.detail {
            Some(detail) => writeln!(out, ": {}", plain(detail))?,
            None => writeln!(out)?,
        }
    }
    Ok(())
}

fn write_next_steps(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if report.next_steps.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Next steps\n")?;
    for (number, step) in (1..).zip(&report.next_steps) {
        writeln!(out, "{number}. {}", plain(step))?;
    }
    Ok(())
}

pub(super) fn write_header(cells: &[&str], out: &mut impl Write) -> io::Result<()> {
    let headings: Vec<String> = cells.iter().map(|cell| plain(cell)).collect();
    write_row(&headings, out)?;
    writeln!(out, "|{}", " --- |".repeat(cells.len()))
}

/// A row of cells that are Markdown already.
pub(super) fn write_row(cells: &[String], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "| {} |", cells.join(" | "))
}

/// A block that keeps its lines, in a fence that its text cannot close.
pub(super) fn write_code(language: &str, text: &str, out: &mut impl Write) -> io::Result<()> {
    let longest = text
        .split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let language: String = language
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let text = escape::shown_lines(text);
    writeln!(out, "{fence}{language}\n{}\n{fence}", text.trim_end())
}

/// A value of a database as code. Where a code span cannot hold it, HTML does:
/// a pipe would end a cell, a backtick the span.
pub(super) fn code(text: &str) -> String {
    let text = escape::value(text);
    let fits_a_span = !text.contains(['`', '|', '\\']) && !text.starts_with(' ');
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    if fits_a_span && !text.ends_with(' ') {
        return format!("`{text}`");
    }
    let mut html = String::from("<code>");
    for character in text.chars() {
        if character.is_ascii_punctuation() {
            let _ = write!(html, "&#{};", u32::from(character));
        } else {
            html.push(character);
        }
    }
    html.push_str("</code>");
    html
}

/// Plain text: nothing in it is Markdown or HTML any more.
pub(super) fn plain(text: &str) -> String {
    let text = escape::excerpt(text, 2_000);
    let mut escaped = String::with_capacity(text.len());
    let mut previous = ' ';
    for (place, character) in text.char_indices() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // `https://` and `www.` become links, `@name` a mention.
            '@' => escaped.push_str("&#64;"),
            ':' if text[place..].starts_with("://") => escaped.push_str("&#58;"),
            '.' if previous == 'w' => escaped.push_str("&#46;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '#' | '!' => {
                escaped.push('\\');
                escaped.push(character);
            }
            // At the beginning these make a list, a heading or a rule.
            '-' | '+' | '=' if place == 0 => {
                escaped.push('\\');
                escaped.push(character);
            }
            '.' | ')' if text[..place].chars().all(|digit| digit.is_ascii_digit()) => {
                escaped.push('\\');
                escaped.push(character);
            }
            _ => escaped.push(character),
        }
        previous = character;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_no_markup_any_more() {
        for (text, escaped) in [
            ("a|b", r"a\|b"),
            ("<img src=x>", "&lt;img src=x&gt;"),
            ("[x](y)", r"\[x\](y)"),
            ("# a", r"\# a"),
            ("- a", r"\- a"),
            ("1. a", r"1\. a"),
            ("`a`", r"\`a\`"),
            ("https://x.y", "https&#58;//x.y"),
            ("a\nb", r"a\\u{a}b"),
        ] {
            assert_eq!(plain(text), escaped, "{text}");
        }
    }

    #[test]
    fn code_with_pipes_or_backticks_is_html_without_punctuation() {
        assert_eq!(code("a b"), "`a b`");
        assert_eq!(code("<b>"), "`<b>`");
        assert_eq!(code("a||b"), "<code>a&#124;&#124;b</code>");
        assert_eq!(
            code("`</code>|"),
            "<code>&#96;&#60;&#47;code&#62;&#124;</code>"
        );
        assert_eq!(code(""), "(empty)");
    }

    #[test]
    fn a_fence_is_longer_than_the_backticks_in_its_text() {
        let mut out = Vec::new();
        write_code("sql", "a ```` b", &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "`````sql\na ```` b\n`````\n"
        );
    }
}
