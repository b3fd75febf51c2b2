//! Identifiers of SQLite: taken out of their quotes, and put into them.

use sqlite3_parser::dialect::keyword_token;

/// Whether two names are the same to SQLite, which folds ASCII letters alone.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// The same text for all names that are [`same`].
pub(super) fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// The name itself, without the quotes that one of SQLite's four styles puts
/// around it.
pub(crate) fn unquote(raw: &str) -> String {
    let Some(open) = raw.chars().next() else {
        return String::new();
    };
    let close = match open {
        '"' | '`' | '\'' => open,
        '[' => ']',
        _ => return raw.to_owned(),
    };
    let Some(inner) = raw[1..].strip_suffix(close) else {
        return raw.to_owned();
    };
    if open == '[' {
        inner.to_owned()
    } else {
        inner.replace(&format!("{close}{close}"), &close.to_string())
    }
}

/// The name as it has to be written in a statement, always quoted.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The name as people write it: quoted only where it has to be.
pub(crate) fn display(name: &str) -> String {
    if is_plain(name) {
        name.to_owned()
    } else {
        quote(name)
    }
}

/// A text as a literal.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn is_plain(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !is_keyword(name)
}

/// The crate's table of keywords panics for a word that is shorter than any.
fn is_keyword(name: &str) -> bool {
    (2..=17).contains(&name.len()) && keyword_token(name.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_style_of_quotes_is_taken_off() {
        for raw in ["a\"b", "\"a\"\"b\"", "`a\"b`", "[a\"b]", "'a\"b'"] {
            assert_eq!(unquote(raw), "a\"b", "{raw}");
        }
    }

    #[test]
    fn a_name_is_shown_in_quotes_only_where_it_needs_them() {
        assert_eq!(display("user_id"), "user_id");
        assert_eq!(display("order"), "\"order\"");
        assert_eq!(display("ORDER"), "\"ORDER\"");
        assert_eq!(display("a b"), "\"a b\"");
        assert_eq!(display("1a"), "\"1a\"");
        assert_eq!(display(""), "\"\"");
    }
}
