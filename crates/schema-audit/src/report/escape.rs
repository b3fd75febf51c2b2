//! What a database says, made fit to be shown.
//!
//! Names and expressions may hold anything. A terminal obeys control
//! characters, and a reader is misled by text that changes direction or takes
//! no space, so such characters are shown as `\u{…}`.

use std::{borrow::Cow, fmt::Write as _};

/// How much of a value the formats for people show, in characters. JSON has all
/// of it.
pub(super) const SHOWN_CHARS: usize = 300;

/// The text with control and invisible characters as `\u{…}`, so on one line.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    escape(text, needs_escape)
}

/// As [`shown`], but line breaks and tabs stay: for SQL and other blocks.
pub(crate) fn shown_lines(text: &str) -> Cow<'_, str> {
    escape(text, |character| {
        !matches!(character, '\n' | '\t') && needs_escape(character)
    })
}

/// The beginning of the text as [`shown`] has it, in at most `max` characters
/// of the result; what is cut off is told by `…`.
pub(crate) fn excerpt(text: &str, max: usize) -> String {
    let mut shown = String::new();
    let mut used = 0;
    // Where to cut if there turns out to be more: the last place that still
    // leaves room for the ellipsis.
    let mut cut = 0;
    for character in text.chars() {
        let before = shown.len();
        push(&mut shown, character, needs_escape(character));
        used += shown[before..].chars().count();
        if used > max {
            shown.truncate(cut);
            shown.push('…');
            return shown;
        }
        if used < max {
            cut = shown.len();
        }
    }
    shown
}

/// A value in the usual length.
pub(super) fn value(text: &str) -> String {
    excerpt(text, SHOWN_CHARS)
}

/// JSON text with invisible characters as `\uXXXX`: the writer of JSON escapes
/// the first 32 only. Outside of strings JSON has none of them but white space,
/// so the value stays the same.
pub(super) fn json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\n' || !needs_escape(character) {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    escaped
}

fn escape(text: &str, escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&escaped) {
        return Cow::Borrowed(text);
    }
    let mut target = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        push(&mut target, character, escaped(character));
    }
    Cow::Owned(target)
}

fn push(target: &mut String, character: char, escaped: bool) {
    if escaped {
        target.extend(character.escape_unicode());
    } else {
        target.push(character);
    }
}

fn needs_escape(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'                    // soft hyphen
            | '\u{34f}'                 // combining grapheme joiner
            | '\u{61c}'                 // Arabic letter mark
            | '\u{115f}' | '\u{1160}'   // Hangul fillers
            | '\u{17b4}' | '\u{17b5}'   // Khmer inherent vowels
            | '\u{180b}'..='\u{180f}'   // Mongolian selectors and separator
            | '\u{200b}'..='\u{200f}'   // zero-width characters, direction marks
            | '\u{2028}'..='\u{202e}'   // separators, embeddings and overrides
            | '\u{2060}'..='\u{206f}'   // joiners, invisible operators, isolates
            | '\u{3164}' | '\u{ffa0}'   // Hangul fillers
            | '\u{feff}'                // byte order mark
            | '\u{fff9}'..='\u{fffb}'   // interlinear annotation
            | '\u{fffe}' | '\u{ffff}'   // no characters; XML refuses them
            | '\u{e0000}'..='\u{e0fff}' // invisible tags and selectors
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_text_is_borrowed_unchanged() {
        let text = r"Bücher & Söhne, 東京 \ emoji 🎁";
        assert!(matches!(shown(text), Cow::Borrowed(same) if same == text));
    }

    #[test]
    fn what_a_terminal_obeys_or_hides_is_escaped() {
        for (text, expected) in [
            ("a\0b", r"a\u{0}b"),
            ("a\nb\tc", r"a\u{a}b\u{9}c"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("\u{202e}gpj.exe", r"\u{202e}gpj.exe"),
            ("\u{2066}x\u{2069}", r"\u{2066}x\u{2069}"),
            ("\u{ffff}", r"\u{ffff}"),
        ] {
            assert_eq!(shown(text), expected);
        }
        assert_eq!(shown_lines("a\n\tb\r\u{1b}"), "a\n\tb\\u{d}\\u{1b}");
    }

    #[test]
    fn an_excerpt_ends_with_an_ellipsis_and_never_cuts_an_escape_in_two() {
        assert_eq!(excerpt("abc", 3), "abc");
        assert_eq!(excerpt("abcd", 3), "ab…");
        assert_eq!(excerpt("ab\u{1b}cd", 6), "ab…");
        assert_eq!(excerpt("ab\u{1b}", 8), r"ab\u{1b}");
    }

    proptest! {
        #[test]
        fn shown_text_and_excerpts_hold_nothing_that_needs_escaping(
            text in any::<String>(), max in 1_usize..200,
        ) {
            prop_assert!(!shown(&text).contains(needs_escape));
            let excerpt = excerpt(&text, max);
            prop_assert!(!excerpt.contains(needs_escape));
            prop_assert!(excerpt.chars().count() <= max);
        }

        #[test]
        fn escaped_json_is_the_same_value(text in any::<String>()) {
            let escaped = json(&serde_json::to_string(&text).unwrap());
            prop_assert!(!escaped.contains(needs_escape));
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        }
    }
}
