//! Whether two defaults mean the same.

use crate::schema::Dialect;

/// Whether two defaults are spellings of one value. Each comes with the type of
/// its column, which decides what a literal means: `'t'` is a truth value of a
/// `boolean` and a letter of a `char(1)`.
pub(crate) fn agree(dialect: Dialect, a: (&str, &str), b: (&str, &str)) -> bool {
    canonical(dialect, a) == canonical(dialect, b)
}

/// Whether it is a literal, with or without casts.
pub(crate) fn is_literal(expression: &str) -> bool {
    let bare = without_parentheses(expression.trim());
    is_bare_literal(bare)
        || split_cast(bare).is_some_and(|(value, cast)| is_type(cast) && is_literal(value))
}

fn canonical(dialect: Dialect, (data_type, expression): (&str, &str)) -> String {
    let bare = without_parentheses(expression.trim());
    match dialect {
        Dialect::Postgres => postgres(&unmodified(data_type), bare),
        Dialect::Sqlite => keyword(bare).unwrap_or_else(|| bare.to_owned()),
    }
}

fn keyword(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    ["current_timestamp", "true", "false", "null"]
        .contains(&lower.as_str())
        .then_some(lower)
}

fn postgres(column: &str, expression: &str) -> String {
    let bare = without_casts(column, expression);
    match bare.to_ascii_lowercase().as_str() {
        "now()" | "current_timestamp" | "current_timestamp()" | "transaction_timestamp()" => {
            return "now()".to_owned();
        }
        "'t'" | "'true'" if column == "boolean" => return "true".to_owned(),
        "'f'" | "'false'" if column == "boolean" => return "false".to_owned(),
        _ => {}
    }
    if is_numeric(column)
        && let Some(number) = number(bare)
    {
        return number.to_owned();
    }
    keyword(bare).unwrap_or_else(|| bare.to_owned())
}

/// A type without its length or precision: `timestamp with time zone` of
/// `timestamp(3) with time zone`.
fn unmodified(data_type: &str) -> String {
    match (data_type.find('('), data_type.rfind(')')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}{}", &data_type[..open], &data_type[close + 1..])
        }
        _ => data_type.to_owned(),
    }
}

fn is_numeric(column: &str) -> bool {
    is_exact(column) || matches!(column, "real" | "double precision")
}

fn is_exact(name: &str) -> bool {
    matches!(name, "smallint" | "integer" | "bigint" | "numeric")
}

fn without_parentheses(mut text: &str) -> &str {
    // Only parentheses around the whole: `(a) + (b)` keeps its own.
    while let Some(inner) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        let mut depth = 0_i32;
        let closes_early = inner.chars().any(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth < 0
        });
        if closes_early {
            break;
        }
        text = inner.trim();
    }
    text
}

/// The literal of `'0'::numeric`, if the casts do nothing that storing it in the
/// column would not do; anything else as it is.
fn without_casts<'a>(column: &str, text: &'a str) -> &'a str {
    let Some((value, cast)) = split_cast(text) else {
        return text;
    };
    let value = without_casts(column, without_parentheses(value.trim()));
    // A whole number is that number in any column. PostgreSQL writes
    // `'-1'::integer` for the -1 of a `bigint`, or of what once was an `integer`.
    if is_exact(cast)
        && let Some(number) = whole(value)
    {
        return number;
    }
    if is_bare_literal(value) && is_idle(column, cast) {
        value
    } else {
        text
    }
}

/// Whether a cast leaves the literal what it is. One with a length may cut it,
/// and `character` and `bit` mean a length of 1.
fn is_idle(column: &str, cast: &str) -> bool {
    match cast {
        "character" | "bit" => false,
        "text" | "character varying" => true,
        "bpchar" => column == "character",
        "\"bit\"" => column == "bit",
        _ if cast.contains('(') => false,
        _ => cast == column,
    }
}

fn whole(value: &str) -> Option<&str> {
    number(value).filter(|number| number.parse::<i64>().is_ok())
}

fn split_cast(text: &str) -> Option<(&str, &str)> {
    text.rsplit_once("::")
}

fn is_type(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_alphanumeric() || " _\"().,[]".contains(c))
}

fn is_bare_literal(text: &str) -> bool {
    is_string_literal(text) || text.parse::<f64>().is_ok() || text.eq_ignore_ascii_case("null")
}

fn is_string_literal(text: &str) -> bool {
    text.strip_prefix('\'')
        .and_then(|t| t.strip_suffix('\''))
        .is_some_and(|inner| !inner.replace("''", "").contains('\''))
}

/// The digits of a number, quoted or not.
fn number(text: &str) -> Option<&str> {
    let bare = text
        .strip_prefix('\'')
        .and_then(|t| t.strip_suffix('\''))
        .unwrap_or(text);
    bare.parse::<f64>()
        .is_ok_and(f64::is_finite)
        .then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgres_agree(data_type: &str, a: &str, b: &str) -> bool {
        agree(Dialect::Postgres, (data_type, a), (data_type, b))
    }

    #[test]
    fn spellings_of_one_value_of_the_columns_type_agree() {
        for (data_type, a, b) in [
            ("numeric", "'0'::numeric", "0"),
            ("numeric(10,2)", "'0.5'::numeric", "0.5"),
            ("integer", "'-1'::integer", "-1"),
            ("bigint", "'-1'::integer", "'-1'::bigint"),
            ("text", "'0'::smallint", "0"),
            ("boolean", "'t'", "TRUE"),
            ("boolean", "'FALSE'::boolean", "false"),
            ("text", "'pending'::character varying", "'pending'"),
            (
                "character varying(20)",
                "('pending'::character varying)::text",
                "'pending'::text",
            ),
            ("text", "NULL::text", "null"),
            ("character(1)", "'T'::bpchar", "'T'"),
            ("mood", "'happy'::mood", "'happy'"),
            (
                "timestamp(3) with time zone",
                "'2020-01-01 00:00:00+00'::timestamp with time zone",
                "'2020-01-01 00:00:00+00'",
            ),
            ("timestamp with time zone", "now()", "CURRENT_TIMESTAMP"),
            ("timestamp with time zone", "(now())", "now()"),
        ] {
            assert!(postgres_agree(data_type, a, b), "{data_type}: {a} and {b}");
        }
    }

    #[test]
    fn other_values_do_not_agree() {
        for (data_type, a, b) in [
            ("text", "'pending'", "'Pending'"),
            ("character(1)", "'T'::bpchar", "'t'::bpchar"),
            ("text", "'true'::text", "'T'::text"),
            ("character varying", "'f'::character varying", "'FALSE'"),
            ("text", "'1'", "1"),
            ("text", "'01'", "'01'::smallint"),
            ("text", "('abc'::character varying(2))::text", "'abc'"),
            (
                "character varying(2)",
                "'abc'::character varying(2)",
                "'abc'",
            ),
            ("character(3)", "'abc'::character", "'abc'"),
            ("bit(3)", "'101'::bit", "'101'"),
            ("double precision", "'0.1'::real", "0.1"),
            ("numeric", "'1.5'::integer", "1.5"),
            ("text", "('2020-01-01'::date)::text", "'2020-01-01'"),
            ("integer", "0", "1"),
            ("timestamp with time zone", "now()", "clock_timestamp()"),
            ("text", "f(1)::text", "f(2)::text"),
            ("integer", "(1) + (2)", "1) + (2"),
            ("text", "'now()'", "now()"),
            ("bigint", "nextval('a'::regclass)", "nextval('b'::regclass)"),
        ] {
            assert!(!postgres_agree(data_type, a, b), "{data_type}: {a} and {b}");
        }
    }

    #[test]
    fn sqlite_has_letter_case_of_keywords_and_parentheses_alone() {
        let agree = |a, b| agree(Dialect::Sqlite, ("boolean", a), ("boolean", b));
        for (a, b) in [
            ("current_timestamp", "CURRENT_TIMESTAMP"),
            ("(TRUE)", "true"),
            ("NULL", "null"),
            ("((1 + 1))", "1 + 1"),
        ] {
            assert!(agree(a, b), "{a} and {b}");
        }
        for (a, b) in [
            ("'true'", "TRUE"),
            ("'1'", "1"),
            ("'T'", "'t'"),
            ("'NULL'", "NULL"),
        ] {
            assert!(!agree(a, b), "{a} and {b}");
        }
    }
}
