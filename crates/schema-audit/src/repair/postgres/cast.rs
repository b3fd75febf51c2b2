//! Changes of a column's type: how the values get across, and what it costs.

use super::super::Hazard;

/// A builtin type taken apart: `numeric(10,2)[]`.
struct Parts<'a> {
    base: &'a str,
    arguments: Vec<u32>,
    array: bool,
}

fn parts(data_type: &str) -> Parts<'_> {
    let array = data_type.ends_with("[]");
    let Some((head, tail)) = data_type.split_once('(') else {
        return Parts {
            base: data_type.trim_end_matches("[]"),
            arguments: Vec::new(),
            array,
        };
    };
    let (inside, after) = tail.split_once(')').unwrap_or((tail, ""));
    let arguments = inside.split(',').filter_map(|a| a.trim().parse().ok());
    // `timestamp(3) with time zone`: the words after it belong to the base.
    let base = match (head, after.contains("with time zone")) {
        ("timestamp", true) => "timestamp with time zone",
        ("timestamp", false) => "timestamp without time zone",
        ("time", true) => "time with time zone",
        ("time", false) => "time without time zone",
        (base, _) => base,
    };
    Parts {
        base,
        arguments: arguments.collect(),
        array,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Text,
    Number,
    Moment,
    Json,
    Network,
    Boolean,
    Bits,
    Other,
}

fn family(base: &str) -> Family {
    match base {
        "text" | "character varying" | "character" | "name" | "bpchar" | "\"char\"" => Family::Text,
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => {
            Family::Number
        }
        "date" | "timestamp without time zone" | "timestamp with time zone" => Family::Moment,
        "json" | "jsonb" => Family::Json,
        "inet" | "cidr" => Family::Network,
        "boolean" => Family::Boolean,
        "bit" | "bit varying" => Family::Bits,
        _ => Family::Other,
    }
}

/// The expression for USING; `None` where the assignment cast does it. That one
/// is preferred: it fails on what does not fit, where an explicit cast to
/// `varchar(n)` cuts it off in silence.
pub(super) fn using(column: &str, from: &str, to: &str) -> Option<String> {
    let (old, new) = (parts(from), parts(to));
    if old.array != new.array {
        return Some(format!("{column}::text::{to}"));
    }
    if old.array {
        return (old.base != new.base).then(|| format!("{column}::text::{to}"));
    }
    if old.base == new.base {
        return None;
    }
    match (family(old.base), family(new.base)) {
        (_, Family::Text) => None,
        (Family::Text, _) => Some(format!("{column}::{to}")),
        (Family::Boolean, Family::Number) => Some(format!("{column}::integer")),
        (Family::Number, Family::Boolean) => Some(format!("({column} <> 0)")),
        (a, b) if a == b && a != Family::Other => None,
        _ => Some(format!("{column}::text::{to}")),
    }
}

/// What the change costs or risks.
pub(super) fn hazards(from: &str, to: &str) -> Vec<Hazard> {
    let mut hazards = vec![Hazard::AccessExclusiveLock];
    if !keeps_the_rows(from, to) {
        hazards.push(Hazard::TableRewrite);
        if loses(from, to) {
            hazards.push(Hazard::DataLoss);
        }
        if !always_fits(from, to) {
            hazards.push(Hazard::MayFail);
        }
    }
    hazards
}

/// Whether PostgreSQL changes only the catalog.
fn keeps_the_rows(from: &str, to: &str) -> bool {
    let (old, new) = (parts(from), parts(to));
    if old.array || new.array {
        return from == to;
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
        ("interval", "interval") => from == to,
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
fn always_fits(from: &str, to: &str) -> bool {
    let (old, new) = (parts(from), parts(to));
    if old.array || new.array {
        return false;
    }
    let unlimited = new.arguments.is_empty();
    match (family(old.base), family(new.base)) {
        (_, Family::Text) => unlimited && new.base != "\"char\"",
        (Family::Number, Family::Number) => match (rank(old.base), rank(new.base)) {
            (Some(old), Some(new)) => old <= new && unlimited,
            _ => false,
        },
        (Family::Moment, Family::Moment) | (Family::Number, Family::Boolean) => true,
        (Family::Json, Family::Json) => new.base == "json",
        _ => false,
    }
}

/// Whether something of a value may be gone: rounded, or without its time.
fn loses(from: &str, to: &str) -> bool {
    let (old, new) = (parts(from), parts(to));
    match (old.base, new.base) {
        ("numeric" | "real" | "double precision", "smallint" | "integer" | "bigint")
        | ("double precision", "real")
        | (_, "boolean")
        | ("timestamp without time zone" | "timestamp with time zone", "date") => {
            family(old.base) != Family::Text
        }
        ("real" | "double precision" | "numeric", "numeric") => {
            let (old, new) = (old.arguments.get(1), new.arguments.get(1));
            match (old, new) {
                (_, None) => !parts(to).arguments.is_empty(),
                (Some(old), Some(new)) => old > new,
                (None, Some(_)) => true,
            }
        }
        (a, b) if a == b && a.starts_with("time") => !keeps_the_rows(from, to),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wider_texts_and_numerics_are_changes_of_the_catalog_alone() {
        for (from, to) in [
            ("character varying(10)", "character varying(20)"),
            ("character varying(10)", "text"),
            ("text", "character varying"),
            ("numeric(5,2)", "numeric(8,2)"),
            ("numeric(5,2)", "numeric"),
            ("cidr", "inet"),
        ] {
            assert_eq!(
                hazards(from, to),
                [Hazard::AccessExclusiveLock],
                "{from} {to}"
            );
            assert_eq!(using("c", from, to), None);
        }
    }

    #[test]
    fn a_shorter_text_fails_on_what_is_too_long_instead_of_cutting_it_off() {
        let (from, to) = ("text", "character varying(5)");
        assert_eq!(using("c", from, to), None);
        assert_eq!(
            hazards(from, to),
            [
                Hazard::AccessExclusiveLock,
                Hazard::TableRewrite,
                Hazard::MayFail
            ]
        );
    }

    #[test]
    fn what_is_rounded_is_called_a_loss() {
        for (from, to) in [
            ("numeric(10,4)", "numeric(10,2)"),
            ("double precision", "integer"),
            ("timestamp with time zone", "date"),
        ] {
            assert!(hazards(from, to).contains(&Hazard::DataLoss), "{from} {to}");
        }
        assert!(!hazards("integer", "bigint").contains(&Hazard::DataLoss));
        assert!(!hazards("integer", "bigint").contains(&Hazard::MayFail));
    }

    #[test]
    fn values_that_no_cast_takes_across_go_by_their_text() {
        assert_eq!(using("c", "text", "integer").as_deref(), Some("c::integer"));
        assert_eq!(
            using("c", "mood", "other").as_deref(),
            Some("c::text::other")
        );
        assert_eq!(
            using("c", "boolean", "bigint").as_deref(),
            Some("c::integer")
        );
        assert_eq!(
            using("c", "integer", "boolean").as_deref(),
            Some("(c <> 0)")
        );
        assert_eq!(
            using("c", "integer", "uuid").as_deref(),
            Some("c::text::uuid")
        );
        assert_eq!(using("c", "integer", "bigint"), None);
    }
}
