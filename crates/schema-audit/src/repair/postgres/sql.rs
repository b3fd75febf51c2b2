//! Pieces of SQL text: identifiers, literals, names of types, and what an
//! expression mentions.

use crate::schema::{ObjectName, Sequence};

/// An identifier, always quoted: a name may be a keyword of a later version.
/// Control characters are written as escapes, because people read it in terminals.
pub(super) fn ident(name: &str) -> String {
    let quoted = name.replace('"', "\"\"");
    if !quoted.contains(char::is_control) {
        return format!("\"{quoted}\"");
    }
    let quoted = quoted.replace('\\', "\\\\");
    format!(
        "U&\"{}\"",
        escaped(&quoted, |c| format!("\\{:04x}", u32::from(c)))
    )
}

fn escaped(text: &str, escape: impl Fn(char) -> String) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() {
                escape(c)
            } else {
                c.to_string()
            }
        })
        .collect()
}

/// An object's name; with its schema if it has one.
pub(super) fn object(name: &ObjectName) -> String {
    match &name.schema {
        Some(schema) => format!("{}.{}", ident(schema), ident(&name.name)),
        None => ident(&name.name),
    }
}

/// A name in the schema of another object, as indexes and renamed types have it.
pub(super) fn beside(object: &ObjectName, name: &str) -> ObjectName {
    ObjectName {
        schema: object.schema.clone(),
        name: name.to_owned(),
    }
}

/// Identifiers with commas between.
pub(super) fn idents(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| ident(name)).collect();
    quoted.join(", ")
}

/// A string constant.
pub(super) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains(|c: char| c == '\\' || c.is_control()) {
        // Means the same whatever `standard_conforming_strings` is.
        let quoted = quoted.replace('\\', "\\\\");
        let escape = |c| format!("\\u{:04x}", u32::from(c));
        format!("E'{}'", escaped(&quoted, escape))
    } else {
        format!("'{quoted}'")
    }
}

/// A comment's text, or NULL for none.
pub(super) fn comment(text: Option<&String>) -> String {
    text.map_or_else(|| "NULL".to_owned(), |text| literal(text))
}

/// The options of a sequence, as CREATE, ALTER and IDENTITY take them.
pub(super) fn sequence_options(sequence: &Sequence) -> String {
    format!(
        "START WITH {} INCREMENT BY {} MINVALUE {} MAXVALUE {} CACHE {} {}",
        sequence.start,
        sequence.increment,
        sequence.minimum,
        sequence.maximum,
        sequence.cache,
        if sequence.cycle { "CYCLE" } else { "NO CYCLE" },
    )
}

/// A storage parameter `name=value`, with its value as a literal.
pub(super) fn option(option: &str) -> String {
    match option.split_once('=') {
        Some((name, value)) => format!("{}={}", option_name(name), literal(value)),
        None => option_name(option),
    }
}

/// The name of a storage parameter; `toast.x` has two parts.
pub(super) fn option_name(name: &str) -> String {
    let parts: Vec<String> = name.split('.').map(ident).collect();
    parts.join(".")
}

/// One word of an SQL text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// An identifier or a keyword; folded if it was not quoted.
    Name(String),
    /// A string constant, without its quotes.
    Text(String),
    /// Any other character.
    Other(char),
}

/// Takes an SQL text apart, far enough to see names and constants.
pub(super) fn words(sql: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = sql.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '"' || c == '\'' {
            let mut text = String::new();
            while let Some(inner) = rest.next() {
                if inner != c {
                    text.push(inner);
                } else if rest.next_if_eq(&c).is_some() {
                    text.push(c);
                } else {
                    break;
                }
            }
            words.push(if c == '"' {
                Word::Name(text)
            } else {
                Word::Text(text)
            });
        } else if c.is_alphabetic() || c == '_' {
            let mut name = String::from(c);
            while let Some(more) = rest.next_if(|c| c.is_alphanumeric() || *c == '_' || *c == '$') {
                name.push(more);
            }
            words.push(Word::Name(name.to_lowercase()));
        } else if !c.is_whitespace() {
            words.push(Word::Other(c));
        }
    }
    words
}

/// Whether an expression mentions this name: a column, a type or a function. A
/// type or sequence may also be written inside of a constant of type `regclass`.
pub(super) fn mentions(sql: &str, name: &str) -> bool {
    words(sql)
        .iter()
        .any(|word| matches!(word, Word::Name(found) if found == name))
}

/// Whether a statement has this string constant.
pub(super) fn has_constant(sql: &str, constant: &str) -> bool {
    words(sql)
        .iter()
        .any(|word| matches!(word, Word::Text(found) if found == constant))
}

/// Whether a default takes its values from this sequence.
pub(super) fn draws_from(default: &str, sequence: &str) -> bool {
    mentions(default, "nextval")
        && words(default).iter().any(|word| match word {
            Word::Text(text) => mentions(text, sequence),
            _ => false,
        })
}

/// Whether a type as `format_type` writes it is this one, or an array of it.
pub(super) fn is_type(data_type: &str, name: &ObjectName, audited: Option<&str>) -> bool {
    let parts = words(data_type);
    let schema = name.schema.as_deref().or(audited);
    match parts.as_slice() {
        [
            Word::Name(schema_found),
            Word::Other('.'),
            Word::Name(found),
            ..,
        ] => *found == name.name && Some(schema_found.as_str()) == schema,
        [Word::Name(found)] | [Word::Name(found), Word::Other('['), ..] => *found == name.name,
        _ => false,
    }
}

/// The `[]` at the end of a type's name.
pub(super) fn array_suffix(data_type: &str) -> &str {
    data_type
        .find("[]")
        .map_or("", |position| &data_type[position..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_and_literals_cannot_break_out_of_their_quotes() {
        assert_eq!(ident(r#"a"b; drop"#), r#""a""b; drop""#);
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"a\'"), r"E'a\\'''");
        assert_eq!(ident("a\u{1b}\\\n\"b"), r#"U&"a\001b\\\000a""b""#);
        assert_eq!(literal("a\u{1b}\n'b"), r"E'a\u001b\u000a''b'");
        assert_eq!(option("fillfactor=7'0"), "\"fillfactor\"='7''0'");
    }

    #[test]
    fn a_column_is_seen_in_an_expression_but_not_in_a_constant() {
        let check = r#"((("Name")::text <> 'age'::text) AND (total > 0))"#;
        assert!(mentions(check, "Name"));
        assert!(mentions(check, "total"));
        assert!(!mentions(check, "age"));
        assert!(!mentions(check, "name"));
        assert!(has_constant(check, "age"));
    }

    #[test]
    fn a_default_draws_from_the_sequence_that_it_names() {
        let default = "nextval('\"A_seq\"'::regclass)";
        assert!(draws_from(default, "A_seq"));
        assert!(!draws_from(default, "a_seq"));
        assert!(draws_from("nextval('s.t_id_seq'::regclass)", "t_id_seq"));
    }

    #[test]
    fn a_type_is_recognised_with_and_without_schema_and_as_an_array() {
        let local = ObjectName::local("mood");
        assert!(is_type("mood", &local, Some("public")));
        assert!(is_type("mood[]", &local, Some("public")));
        assert!(is_type("public.mood", &local, Some("public")));
        assert!(!is_type("other.mood", &local, Some("public")));
        assert!(is_type(
            "s.\"Mood\"[]",
            &ObjectName::qualified("s", "Mood"),
            None
        ));
        assert!(!is_type("moody", &local, None));
    }
}
