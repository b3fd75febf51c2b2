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
