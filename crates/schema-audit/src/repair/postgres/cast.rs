//! Changes of a column's type: how the values get across, and what it costs.

use super::{super::Hazard, sql::is_type};
use crate::schema::Schema;

/// A column's type, with what its schema knows of it.
pub(super) struct Type<'a> {
    written: &'a str,
    /// The type that a domain is over, at the bottom.
    below: Option<&'a str>,
    enumerated: bool,
}

impl<'a> Type<'a> {
    /// A type of this schema; `local` is the schema that bare names are in.
    pub(super) fn of(written: &'a str, schema: &'a Schema, local: Option<&str>) -> Self {
        let mut below = None;
        // A domain may be over a domain, though never over itself.
        for _ in 0..=schema.domains.len() {
            let top = below.unwrap_or(written);
            let domain = schema.domains.iter();
            match domain.into_iter().find(|d| is_type(top, &d.name, local)) {
                Some(domain) if !top.ends_with("[]") => below = Some(domain.data_type.as_str()),
                _ => break,
            }
        }
        let bottom = below.unwrap_or(written);
        let enumerated = schema.enums.iter().any(|e| is_type(bottom, &e.name, local));
        Self {
            written,
            below,
            enumerated,
        }
    }

    fn parts(&self) -> Parts<'_> {
        let mut parts = parts(self.below.unwrap_or(self.written));
        if self.enumerated {
            parts.family = Family::Enum;
        }
        parts
    }
}

/// A type taken apart: `numeric(10,2)[]`.
struct Parts<'a> {
    base: &'a str,
    family: Family,
    arguments: Vec<i32>,
    array: bool,
}

fn parts(data_type: &str) -> Parts<'_> {
    let array = data_type.ends_with("[]");
    let element = data_type.trim_end_matches("[]");
    let (base, arguments) = match element.split_once('(') {
        // `timestamp(3) with time zone`: the words after it belong to the base.
        Some((head, tail)) => {
            let (inside, after) = tail.split_once(')').unwrap_or((tail, ""));
            let base = match (head, after.contains("with time zone")) {
                ("timestamp", true) => "timestamp with time zone",
                ("timestamp", false) => "timestamp without time zone",
                ("time", true) => "time with time zone",
                ("time", false) => "time without time zone",
                (base, _) => base,
            };
            let arguments = inside.split(',').filter_map(|a| a.trim().parse().ok());
            (base, arguments.collect())
        }
        None => (element, Vec::new()),
    };
    let family = family(base);
    // What the arguments of another type mean is not known.
    let base = if family == Family::Other && !arguments.is_empty() {
        element
    } else {
        base
    };
    Parts {
        base,
        family,
        arguments,
        array,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Text,
    Number,
    Moment,
    Time,
    Json,
    Network,
    Boolean,
    Bits,
    Enum,
    Other,
}

fn family(base: &str) -> Family {
    match base {
        "text" | "character varying" | "character" | "name" | "bpchar" | "\"char\"" => Family::Text,
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => {
            Family::Number
        }
        "date" | "timestamp without time zone" | "timestamp with time zone" => Family::Moment,
        "time without time zone" | "time with time zone" | "interval" => Family::Time,
        "json" | "jsonb" => Family::Json,
        "inet" | "cidr" => Family::Network,
        "boolean" => Family::Boolean,
        "bit" | "bit varying" => Family::Bits,
        _ => Family::Other,
    }
}

/// Between these, the session's time zone would decide.
fn zone_changes(old: &str, new: &str) -> bool {
    matches!(
        (old, new),
        ("timestamp without time zone", "timestamp with time zone")
            | ("timestamp with time zone", "timestamp without time zone")
    )
}

/// The expression for USING; `None` where the assignment cast does it. That one
/// is preferred: it fails on a text that is too long (spaces at its end apart),
/// where an explicit cast to `varchar(n)` cuts it off in silence. It rounds as an
/// explicit cast does, so what is lost is for [`hazards`] to say. Where there is
/// no cast, values go by their text; between timestamps with and without a time
/// zone, the zone is UTC and not the session's.
pub(super) fn using(column: &str, from: &Type<'_>, to: &Type<'_>) -> Option<String> {
    let (old, new, to) = (from.parts(), to.parts(), to.written);
    if old.array != new.array {
        return Some(format!("{column}::text::{to}"));
    }
    if old.array {
        return (old.base != new.base).then(|| format!("{column}::text::{to}"));
    }
    if old.base == new.base {
        return None;
    }
    if zone_changes(old.base, new.base) {
        return Some(format!("({column} AT TIME ZONE 'UTC')"));
    }
    match (old.family, new.family) {
        (_, Family::Text) => None,
        (Family::Text, _) => Some(format!("{column}::{to}")),
        (Family::Boolean, Family::Number) => Some(format!("{column}::integer")),
        (Family::Number, Family::Boolean) => Some(format!("({column} <> 0)")),
        (Family::Enum | Family::Other | Family::Time, _) => Some(format!("{column}::text::{to}")),
        (a, b) if a == b => None,
        _ => Some(format!("{column}::text::{to}")),
    }
}

/// What the change costs or risks.
pub(super) fn hazards(from: &Type<'_>, to: &Type<'_>) -> Vec<Hazard> {
    let mut hazards = vec![Hazard::AccessExclusiveLock];
    if !keeps_the_rows(from, to) {
        hazards.push(Hazard::TableRewrite);
        if !is_lossless(&from.parts(), &to.parts()) {
            hazards.push(Hazard::DataLoss);
        }
        if !always_fits(from, to) {
            hazards.push(Hazard::MayFail);
        }
    }
    hazards
}

/// Whether PostgreSQL changes only the catalog.
fn keeps_the_rows(from: &Type<'_>, to: &Type<'_>) -> bool {
    let (old, new) = (from.parts(), to.parts());
    if from.written == to.written {
        return true;
    }
    // A domain's conditions are checked row by row.
    if old.array || new.array || to.below.is_some() {
        return false;
    }
    let wider = match (old.arguments.first(), new.arguments.first()) {
        (_, None) => true,
        (Some(old), Some(new)) => old <= new,
        (None, Some(_)) => false,
    };
    match (old.base, new.base) {
        ("character varying" | "text", "text") | ("cidr", "inet") => true,
        ("character varying" | "text", "character varying") | ("bit varying", "bit varying") => {
            wider
        }
        ("numeric", "numeric") => {
            new.arguments.is_empty() || wider && old.arguments.get(1) == new.arguments.get(1)
        }
        ("interval", "interval") => false,
        (a, b) if a == b && a.starts_with("time") => wider,
        (a, b) => a == b && old.arguments == new.arguments,
    }
}

fn rank(base: &str) -> Option<u8> {
    Some(match base {
        "smallint" => 1,
        "integer" => 2,
        "bigint" => 3,
        "numeric" => 4,
        _ => return None,
    })
}

/// Whether every value there can be is a value of the new type.
fn always_fits(from: &Type<'_>, to: &Type<'_>) -> bool {
    let (old, new) = (from.parts(), to.parts());
    if old.array || new.array || to.below.is_some() {
        return false;
    }
    let unlimited = new.arguments.is_empty();
    match (old.family, new.family) {
        (_, Family::Text) => unlimited && new.base != "\"char\"",
        (Family::Number, Family::Number)
            if (old.base, new.base) == ("real", "double precision") =>
        {
            true
        }
        (Family::Number, Family::Number) => match (rank(old.base), rank(new.base)) {
            (Some(old), Some(new)) => old <= new && unlimited,
            _ => false,
        },
        (Family::Moment, Family::Moment) | (Family::Number, Family::Boolean) => true,
        (Family::Time, Family::Time) => old.base == new.base,
        (Family::Json, Family::Json) => new.base == "json",
        _ => false,
    }
}

/// Whether a value that gets across can be got back from what it becomes. Only
/// what is known to be so counts; any other pair may round, cut off, normalize
/// or reinterpret.
fn is_lossless(old: &Parts<'_>, new: &Parts<'_>) -> bool {
    if old.array != new.array || old.array && zone_changes(old.base, new.base) {
        return false;
    }
    let unlimited = new.arguments.is_empty();
    let textual = matches!(new.base, "text" | "character varying");
    match (old.base, new.base) {
        ("numeric", "numeric") => digits_fit(old, new),
        ("smallint" | "integer" | "bigint", "numeric") => {
            new.arguments.get(1).is_none_or(|scale| *scale >= 0)
        }
        ("real", "double precision") | ("cidr", "inet") | ("jsonb", "json") => true,
        ("date", "timestamp without time zone") => !old.array,
        (a, b) if a == b || zone_changes(a, b) => length_fits(old, new),
        ("text" | "character varying" | "character" | "bpchar" | "name", _) if textual => {
            length_fits(old, new)
        }
        ("uuid", _) if textual => unlimited,
        _ => match (old.family, new.family) {
            (Family::Boolean | Family::Json, Family::Text) => textual && unlimited,
            (Family::Number, Family::Text) => textual && unlimited && rank(old.base).is_some(),
            (Family::Enum, Family::Text) => textual,
            (Family::Text, Family::Enum) => true,
            (Family::Number, Family::Number) => rank(old.base)
                .zip(rank(new.base))
                .is_some_and(|(old, new)| old < new),
            _ => false,
        },
    }
}

/// Whether neither precision nor scale gets smaller.
fn digits_fit(old: &Parts<'_>, new: &Parts<'_>) -> bool {
    if new.arguments.is_empty() {
        return true;
    }
    let scale = |parts: &Parts<'_>| parts.arguments.get(1).copied().unwrap_or(0);
    old.arguments
        .first()
        .is_some_and(|old| new.arguments.first().is_some_and(|new| old <= new))
        && scale(old) <= scale(new)
}

/// Whether the length, or the digits of the seconds, get no fewer.
fn length_fits(old: &Parts<'_>, new: &Parts<'_>) -> bool {
    let length = |parts: &Parts<'_>| match (parts.family, parts.base) {
        // Microseconds are what there is.
        (Family::Moment | Family::Time, _) => Some(parts.arguments.first().copied().unwrap_or(6)),
        (_, "name") => Some(63),
        _ => parts.arguments.first().copied(),
    };
    match (length(old), length(new)) {
        // Of a fixed length, which an assignment does not change.
        (a, b) if new.base == "bit" => a == b,
        (_, None) => true,
        (Some(old), Some(new)) => old <= new,
        (None, Some(_)) => false,
    }
}

#[cfg(test)]
mod tests;
