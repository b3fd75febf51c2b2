//! Whether two types are the same.

use crate::schema::Dialect;

/// Whether two type names mean the same type.
///
/// PostgreSQL's catalog writes a type in one way. SQLite keeps the declared
/// text, in which letter case and white space mean nothing.
pub(super) fn agree(dialect: Dialect, a: &str, b: &str) -> bool {
    match dialect {
        Dialect::Postgres => a == b,
        Dialect::Sqlite => folded(a) == folded(b),
    }
}

/// Whether different type names make SQLite keep every value in the same way:
/// both are types of integers, of whatever size. Other names tell a reader of the
/// rows more than how they are kept, such as that a text is a time.
pub(super) fn store_the_same(dialect: Dialect, a: &str, b: &str) -> bool {
    let integers = [
        "int",
        "integer",
        "tinyint",
        "smallint",
        "mediumint",
        "bigint",
        "int2",
        "int4",
        "int8",
    ];
    let is_integer = |name: &str| integers.contains(&folded(name).as_str());
    dialect == Dialect::Sqlite && is_integer(a) && is_integer(b)
}

fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !folded.is_empty() && !word.starts_with(['(', ',', ')']) && !folded.ends_with(['(', ','])
        {
            folded.push(' ');
        }
        folded.push_str(&word.to_ascii_lowercase());
    }
    folded.replace(" (", "(")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_sqlite_are_kept_the_same_whatever_their_size() {
        assert!(store_the_same(Dialect::Sqlite, "INT", "bigint"));
        assert!(!store_the_same(Dialect::Sqlite, "INT", "real"));
        assert!(!store_the_same(Dialect::Sqlite, "text", "varchar(9)"));
        assert!(!store_the_same(Dialect::Postgres, "integer", "bigint"));
    }

    #[test]
    fn sqlite_types_are_compared_without_letter_case_and_spaces() {
        assert!(agree(Dialect::Sqlite, "VARCHAR (10)", "varchar( 10 )"));
        assert!(!agree(Dialect::Sqlite, "INTEGER", "BIGINT"));
        assert!(!agree(
            Dialect::Sqlite,
            "double precision",
            "doubleprecision"
        ));
    }
}
