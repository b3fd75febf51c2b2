//! What SQLite makes of a declared type, and whether values survive a change.

use crate::schema::Table;

/// The five kinds of <https://sqlite.org/datatype3.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

fn affinity(declared: &str) -> Affinity {
    let declared = declared.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    if has(&["INT"]) {
        Affinity::Integer
    } else if has(&["CHAR", "CLOB", "TEXT"]) {
        Affinity::Text
    } else if declared.is_empty() || declared == "ANY" || has(&["BLOB"]) {
        Affinity::Blob
    } else if has(&["REAL", "FLOA", "DOUB"]) {
        Affinity::Real
    } else {
        Affinity::Numeric
    }
}

/// Whether a value may come out changed when it is copied from a column of the
/// one type into a column of the other: `'007'` becomes 7 as a number, large
/// integers lose digits as REAL, and a REAL has more digits than its text.
pub(super) fn lossy(from: &str, to: &str) -> bool {
    use Affinity::{Blob, Integer, Numeric, Real, Text};
    match (affinity(from), affinity(to)) {
        (Text | Blob, Integer | Real | Numeric)
        | (Integer | Numeric, Real)
        | (Real | Numeric | Blob, Text) => true,
        (Text | Blob, Text | Blob) | (Integer | Real | Numeric, _) => false,
    }
}

/// Whether a STRICT table may have a column of that type.
fn is_strict(declared: &str) -> bool {
    ["INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(declared))
}

/// Why a table can't be STRICT, if it is to be and can't.
pub(super) fn not_strict(table: &Table) -> Option<String> {
    let strict = table.options.iter().any(|option| option == "STRICT");
    let mut columns = table.columns.iter().filter(|_| strict);
    let column = columns.find(|column| !is_strict(&column.data_type))?;
    Some(format!(
        "a STRICT table cannot have the column `{}` of type `{}`: drop or change it first",
        column.name, column.data_type
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_within_an_affinity_loses_nothing() {
        for (from, to, loses) in [
            ("INTEGER", "BIGINT", false),
            ("VARCHAR(10)", "TEXT", false),
            ("INTEGER", "TEXT", false),
            ("TEXT", "INTEGER", true),
            ("TEXT", "NUMERIC(10, 2)", true),
            ("", "INTEGER", true),
            ("TEXT", "", false),
            ("BIGINT", "DOUBLE", true),
            ("FLOAT", "TEXT", true),
            ("REAL", "INTEGER", false),
        ] {
            assert_eq!(lossy(from, to), loses, "{from} to {to}");
        }
    }
}
