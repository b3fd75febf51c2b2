//! Whether two defaults mean the same.

/// Whether two expressions of a default are spellings of one value: a literal
/// with or without a cast, the ways to say `now()`.
pub(super) fn agree(a: &str, b: &str) -> bool {
    canonical(a) == canonical(b)
}

fn canonical(expression: &str) -> String {
    let bare = without_cast(without_parentheses(expression.trim()));
    let lower = bare.to_ascii_lowercase();
    match lower.as_str() {
        "now()" | "current_timestamp" | "current_timestamp()" | "transaction_timestamp()" => {
            "now()".to_owned()
        }
        "true" | "'t'" | "'true'" => "true".to_owned(),
        "false" | "'f'" | "'false'" => "false".to_owned(),
        "null" => "null".to_owned(),
        _ => number(bare).unwrap_or(bare).to_owned(),
    }
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

/// The literal of `'0'::numeric`; anything else as it is.
fn without_cast(text: &str) -> &str {
    let Some((value, cast)) = text.rsplit_once("::") else {
        return text;
    };
    let is_type = cast
        .chars()
        .all(|c| c.is_alphanumeric() || " _\"().,[]".contains(c));
    let value = without_cast(without_parentheses(value));
    let is_literal = is_string_literal(value) || value.parse::<f64>().is_ok();
    if is_type && is_literal { value } else { text }
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

    #[test]
    fn casts_of_literals_and_spellings_of_now_mean_the_same() {
        for (a, b) in [
            ("'0'::numeric", "0"),
            ("'pending'::character varying", "'pending'"),
            ("('pending'::character varying)::text", "'pending'::text"),
            ("now()", "CURRENT_TIMESTAMP"),
            ("(now())", "now()"),
            ("'-1'::integer", "-1"),
        ] {
            assert!(agree(a, b), "{a} and {b}");
        }
    }

    #[test]
    fn other_values_do_not_agree() {
        for (a, b) in [
            ("'pending'", "'Pending'"),
            ("0", "1"),
            ("now()", "clock_timestamp()"),
            ("f(1)::text", "f(2)::text"),
            ("(1) + (2)", "1) + (2"),
            ("'now()'", "now()"),
            ("nextval('a'::regclass)", "nextval('b'::regclass)"),
        ] {
            assert!(!agree(a, b), "{a} and {b}");
        }
    }
}
