//! JSON, as the published JSON Schema describes it.

use std::io::{self, Write};

use super::{Report, escape};

/// Writes the report as indented JSON, all values whole. Control and invisible
/// characters are written as `\uXXXX`, so that a terminal takes no harm.
///
/// # Errors
///
/// Those of the writer.
pub fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    write_value(report, out)
}

/// Any value in the same manner.
pub(crate) fn write_value(value: &impl serde::Serialize, out: &mut impl Write) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    writeln!(out, "{}", escape::json(&text))
}
