//! Names of types: how the same type is written in another way.

use crate::schema::Dialect;

/// The type as the database's catalog writes it: `varchar(20)` is `character
/// varying(20)` and `decimal(5, 2)` is `numeric(5,2)` on PostgreSQL. A type that
/// is not known (of an extension, of the user) keeps its name; letters outside
/// of quotes are small, as PostgreSQL reads them. On SQLite the declared text is
/// kept, because it is what the catalog has.
#[must_use]
pub fn canonical(dialect: Dialect, text: &str) -> String {
    match dialect {
        Dialect::Postgres => postgres(text),
        Dialect::Sqlite => text.trim().to_owned(),
    }
}

/// Whether a column of the type that the database has (`actual`) is one that an
/// entity's column of type `entity` describes. What an entity does not say, or
/// what `SeaORM` reads alike, is no difference:
///
/// - On PostgreSQL the names have to be the same once they are
///   [`canonical`], but for a string without a length: `String` says nothing of
///   the length, and `SeaORM`'s generator writes it for `character varying(n)`
///   and `character(n)`.
/// - On SQLite a declared type does not restrict what is stored, so that lengths,
///   precisions and spellings do not matter. Two types are alike if `SeaORM`
///   reads them into the same Rust types: every whole number (`integer`,
///   `bigint`, `tinyint`…), every text (`varchar`, `text`, `enum_text`…), every
///   decimal, float or blob, JSON in either form, and so on; a type that
///   `SeaORM` does not know is read by SQLite's rules of affinity.
#[must_use]
pub fn fits(dialect: Dialect, entity: &str, actual: &str) -> bool {
    match dialect {
        Dialect::Postgres => {
            let (entity, actual) = (postgres(entity), postgres(actual));
            entity == actual || is_string_of_any_length(&entity, &actual)
        }
        Dialect::Sqlite => Family::of(entity) == Family::of(actual),
    }
}

fn is_string_of_any_length(entity: &str, actual: &str) -> bool {
    let Some(element) = entity.strip_prefix("character varying") else {
        return false;
    };
    let Some(length) = actual
        .strip_prefix("character varying(")
        .or_else(|| actual.strip_prefix("character("))
    else {
        return false;
    };
    matches!(length.split_once(')'), Some((_, rest)) if rest == element)
}

fn postgres(text: &str) -> String {
    let (text, array) = split_array(text.trim());
    let (name, modifier, suffix) = split_modifier(text);
    let name = fold(&format!("{name} {suffix}"));
    let name = name.strip_prefix("pg_catalog.").unwrap_or(&name);
    let mut result = postgres_name(name, modifier.as_deref());
    if array {
        result.push_str("[]");
    }
    result
}

// `(name, modifier)` into the catalog's words.
fn postgres_name(name: &str, modifier: Option<&str>) -> String {
    let with = |name: &str| match modifier {
        Some(modifier) => format!("{name}({modifier})"),
        None => name.to_owned(),
    };
    let time = |name: &str, zone: &str| match modifier {
        Some(modifier) => format!("{name}({modifier}) {zone} time zone"),
        None => format!("{name} {zone} time zone"),
    };
    match name {
        "varchar" | "char varying" | "character varying" => with("character varying"),
        "char" | "character" | "bpchar" => match (name, modifier) {
            ("bpchar", None) => "bpchar".to_owned(),
            (_, None) => "character(1)".to_owned(),
            _ => with("character"),
        },
        "int" | "int4" | "serial" | "serial4" => "integer".to_owned(),
        "int2" | "smallserial" | "serial2" => "smallint".to_owned(),
        "int8" | "bigserial" | "serial8" => "bigint".to_owned(),
        "bool" => "boolean".to_owned(),
        "float4" => "real".to_owned(),
        "float8" => "double precision".to_owned(),
        "float" => float(modifier).to_owned(),
        "decimal" | "dec" | "numeric" => numeric(modifier),
        "timestamptz" | "timestamp with time zone" => time("timestamp", "with"),
        "timestamp" | "timestamp without time zone" => time("timestamp", "without"),
        "timetz" | "time with time zone" => time("time", "with"),
        "time" | "time without time zone" => time("time", "without"),
        "varbit" | "bit varying" => with("bit varying"),
        "bit" if modifier.is_none() => "bit(1)".to_owned(),
        // PostgreSQL's money takes no precision; `sea-query` writes one.
        "money" => "money".to_owned(),
        other => with(other),
    }
}

fn float(modifier: Option<&str>) -> &'static str {
    // The standard counts binary digits; up to 24 fit into four bytes.
    match modifier.and_then(|digits| digits.parse::<u8>().ok()) {
        Some(digits) if digits <= 24 => "real",
        _ => "double precision",
    }
}

fn numeric(modifier: Option<&str>) -> String {
    match modifier {
        None => "numeric".to_owned(),
        Some(modifier) if modifier.contains(',') => format!("numeric({modifier})"),
        Some(precision) => format!("numeric({precision},0)"),
    }
}

// The catalog does not keep how many dimensions were declared, nor how long.
fn split_array(text: &str) -> (&str, bool) {
    let mut rest = text;
    while let Some(open) = rest.strip_suffix(']').and_then(|inner| inner.rfind('[')) {
        rest = rest[..open].trim_end();
    }
    let word = rest.len().checked_sub(" array".len());
    if let Some(start) = word
        && rest.is_char_boundary(start)
        && rest[start..].eq_ignore_ascii_case(" array")
    {
        rest = rest[..start].trim_end();
    }
    (rest, rest.len() != text.len())
}

// `timestamp(3) with time zone` into name, modifier and what follows it.
fn split_modifier(text: &str) -> (&str, Option<String>, &str) {
    if text.starts_with('"') {
        return (text, None, "");
    }
    let Some((name, rest)) = text.split_once('(') else {
        return (text, None, "");
    };
    let Some((modifier, suffix)) = rest.rsplit_once(')') else {
        return (text, None, "");
    };
    let parts: Vec<&str> = modifier.split(',').map(str::trim).collect();
    (name, Some(parts.join(",")), suffix)
}

// Small letters and single spaces outside of quotes; quotes that are not needed go.
fn fold(name: &str) -> String {
    let mut result = String::with_capacity(name.len());
    for (position, part) in name.split('"').enumerate() {
        if position % 2 == 0 {
            let words: Vec<&str> = part.split_whitespace().collect();
            result.push_str(&words.join(" ").to_ascii_lowercase());
        } else if is_plain(part) {
            result.push_str(part);
        } else {
            result.push('"');
            result.push_str(part);
            result.push('"');
        }
    }
    result
}

// `"char"` is a type of its own, which `char` is not.
fn is_plain(name: &str) -> bool {
    let mut bytes = name.bytes();
    name != "char"
        && bytes
            .next()
            .is_some_and(|first| first.is_ascii_lowercase() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// What `SeaORM` reads a type of SQLite into.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Family {
    Integer,
    Boolean,
    Text,
    Float,
    Decimal,
    Blob,
    Uuid,
    Json,
    Date,
    Time,
    DateTime,
    Timestamp,
    Numeric,
    Other(String),
}

impl Family {
    fn of(declared: &str) -> Self {
        let declared = declared.trim().to_ascii_lowercase();
        let (name, modifier) = match declared.split_once('(') {
            Some((name, modifier)) => (name.trim_end(), Some(modifier)),
            None => (declared.as_str(), None),
        };
        let stem = name.strip_suffix("_text").unwrap_or(name);
        match stem {
            "boolean" | "bool" => Self::Boolean,
            "uuid" | "uuid_blob" => Self::Uuid,
            "json" | "jsonb" => Self::Json,
            "date" => Self::Date,
            "time" => Self::Time,
            "datetime" => Self::DateTime,
            // A `DateTimeUtc` is one of the latter to the derive macro, and what
            // the generator writes for the former.
            "timestamp" | "timestamp_with_timezone" | "timestamptz" => Self::Timestamp,
            "real" if modifier.is_some_and(|modifier| modifier.contains(',')) => Self::Decimal,
            "real_decimal" | "decimal" | "numeric" | "money" | "real_money" => Self::Decimal,
            _ => Self::by_affinity(name),
        }
    }

    // https://www.sqlite.org/datatype3.html#determination_of_column_affinity
    fn by_affinity(name: &str) -> Self {
        let has = |part: &str| name.contains(part);
        if has("int") {
            Self::Integer
        } else if has("char") || has("clob") || has("text") {
            Self::Text
        } else if has("blob") || name.is_empty() {
            Self::Blob
        } else if has("real") || has("floa") || has("doub") {
            Self::Float
        } else if has("num") || has("dec") {
            Self::Numeric
        } else {
            Self::Other(name.to_owned())
        }
    }
}

#[cfg(test)]
mod tests;
