//! Text that came from outside, made fit to be shown.
//!
//! Titles, hosts and keywords are written by strangers. A terminal obeys
//! control characters, and a reader is misled by text that changes direction
//! or takes no space, so error messages and the command line show such
//! characters as escapes.

use std::borrow::Cow;

/// How much of an offending value an error message quotes, in characters.
pub(crate) const QUOTED_CHARS: usize = 100;

/// Shows control and invisible characters as `\u{…}`; other text is unchanged.
///
/// Escaped are: control characters (C0, DEL, C1, so also line breaks and
/// tabs), line and paragraph separators, characters that change the direction
/// of text, and those that take no space. The result is for people: it cannot
/// be turned back, because a backslash in the text stays as it is.
///
/// # Examples
///
/// ```
/// # use outreach_domain::escape_for_terminal;
/// assert_eq!(escape_for_terminal("a\u{1b}[2Jb"), r"a\u{1b}[2Jb");
/// assert_eq!(escape_for_terminal("Bücher"), "Bücher");
/// ```
#[must_use]
pub fn escape_for_terminal(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(needs_escape) else {
        return Cow::Borrowed(text);
    };
    let (clean, rest) = text.split_at(first);
    let mut escaped = String::with_capacity(text.len() + 8);
    escaped.push_str(clean);
    for character in rest.chars() {
        push_escaped(&mut escaped, character);
    }
    Cow::Owned(escaped)
}

/// The beginning of `text`, escaped as by [`escape_for_terminal`], in at most
/// `max_chars` characters.
///
/// Text that does not fit ends with `…`, which counts; an escape is shown
/// whole or not at all. The work done is bounded by `max_chars` too, so a
/// value of many megabytes costs nothing to quote.
#[must_use]
pub fn excerpt(text: &str, max_chars: usize) -> String {
    let mut shown = String::new();
    let mut used = 0;
    // Where to cut if the text turns out too long: the last place that still
    // leaves room for the ellipsis.
    let mut cut = 0;
    for character in text.chars() {
        used += shown_width(character);
        if used > max_chars {
            shown.truncate(cut);
            if max_chars > 0 {
                shown.push('…');
            }
            return shown;
        }
        push_escaped(&mut shown, character);
        if used < max_chars {
            cut = shown.len();
        }
    }
    shown
}

/// [`excerpt`] in the length that error messages quote.
pub(crate) fn quoted(text: &str) -> String {
    excerpt(text, QUOTED_CHARS)
}

/// The words as a list for an error message: `` `a`, `b`, `c` ``.
pub(crate) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

fn push_escaped(target: &mut String, character: char) {
    if needs_escape(character) {
        target.extend(character.escape_unicode());
    } else {
        target.push(character);
    }
}

fn shown_width(character: char) -> usize {
    if needs_escape(character) {
        character.escape_unicode().count()
    } else {
        1
    }
}

fn needs_escape(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'                    // soft hyphen
            | '\u{61c}'                 // Arabic letter mark
            | '\u{180e}'                // Mongolian vowel separator
            | '\u{200b}'..='\u{200f}'   // zero-width characters, direction marks
            | '\u{2028}'..='\u{202e}'   // separators, embeddings and overrides
            | '\u{2060}'..='\u{206f}'   // joiners, invisible operators, isolates
            | '\u{feff}'                // byte order mark
            | '\u{fff9}'..='\u{fffb}'   // interlinear annotation
            | '\u{e0000}'..='\u{e007f}' // invisible tags
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_text_is_borrowed_unchanged() {
        let text = r"Bücher & Söhne, 東京 \ emoji 🎁";
        assert!(matches!(escape_for_terminal(text), Cow::Borrowed(same) if same == text));
    }

    #[test]
    fn what_a_terminal_obeys_or_hides_is_escaped() {
        for (text, shown) in [
            ("a\0b", r"a\u{0}b"),
            ("a\nb\tc", r"a\u{a}b\u{9}c"),
            ("\u{7f}", r"\u{7f}"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("\u{202e}gpj.exe", r"\u{202e}gpj.exe"),
            ("\u{2066}x\u{2069}", r"\u{2066}x\u{2069}"),
            ("a\u{200b}b\u{feff}", r"a\u{200b}b\u{feff}"),
            ("a\u{2028}b\u{2029}", r"a\u{2028}b\u{2029}"),
        ] {
            assert_eq!(escape_for_terminal(text), shown);
        }
    }

    #[test]
    fn an_excerpt_of_short_text_is_the_text() {
        assert_eq!(excerpt("abc", 3), "abc");
        assert_eq!(excerpt("", 0), "");
    }

    #[test]
    fn an_excerpt_of_long_text_ends_with_an_ellipsis_within_the_limit() {
        assert_eq!(excerpt("abcd", 3), "ab…");
        assert_eq!(excerpt("äöüß", 3), "äö…");
        assert_eq!(excerpt("abcd", 1), "…");
        assert_eq!(excerpt("abcd", 0), "");
    }

    #[test]
    fn an_excerpt_never_cuts_an_escape_in_two() {
        assert_eq!(excerpt("ab\u{1b}cd", 6), "ab…");
        assert_eq!(excerpt("ab\u{1b}", 8), r"ab\u{1b}");
    }

    proptest! {
        #[test]
        fn escaped_text_holds_nothing_that_needs_escaping(text in any::<String>()) {
            let escaped = escape_for_terminal(&text);
            prop_assert!(!escaped.contains(char::is_control));
            prop_assert!(!escaped.contains(needs_escape));
            prop_assert_eq!(escape_for_terminal(&escaped), escaped.as_ref());
        }

        #[test]
        fn an_excerpt_keeps_its_limit_and_holds_no_control_characters(
            text in any::<String>(), max in 0_usize..200,
        ) {
            let shown = excerpt(&text, max);
            prop_assert!(shown.chars().count() <= max);
            prop_assert!(!shown.contains(needs_escape));
        }

        #[test]
        fn an_excerpt_with_room_for_all_is_the_escaped_text(text in any::<String>()) {
            prop_assert_eq!(excerpt(&text, usize::MAX), escape_for_terminal(&text));
        }
    }
}
