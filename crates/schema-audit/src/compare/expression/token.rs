//! The tokens of an expression, as PostgreSQL's own scanner would cut it.

/// A token with its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a>(pub(super) &'a str);

impl Token<'_> {
    /// A keyword or a name, quoted or not.
    pub(super) fn is_name(self) -> bool {
        self.0.starts_with(begins_word) && !self.is_string() || self.0.starts_with('"')
    }

    /// A number without a sign.
    pub(super) fn is_number(self) -> bool {
        self.0.starts_with(|c: char| c.is_ascii_digit())
            || self.0.len() > 1 && self.0.starts_with('.')
    }

    /// A literal in single quotes, of whatever kind.
    pub(super) fn is_string(self) -> bool {
        self.0.ends_with('\'')
    }
}

/// The tokens; `None` if a quote does not end.
pub(super) fn split(text: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = length(rest, first)?;
        tokens.push(Token(&rest[..length]));
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

fn length(text: &str, first: char) -> Option<usize> {
    if let Some(prefix) = string_prefix(text) {
        let escapes = text.starts_with(['e', 'E']);
        return Some(prefix + quoted(&text[prefix..], '\'', escapes)?);
    }
    match first {
        '"' => quoted(text, '"', false),
        '$' => dollar_quoted(text).or(Some(1)),
        '.' if !text[1..].starts_with(|c: char| c.is_ascii_digit()) => Some(1),
        '.' | '0'..='9' => Some(number(text)),
        ':' if text.starts_with("::") => Some(2),
        _ if begins_word(first) => Some(run(text, |c| {
            begins_word(c) || c.is_ascii_digit() || c == '$'
        })),
        _ if is_operator(first) => Some(run(text, is_operator)),
        _ => Some(first.len_utf8()),
    }
}

/// The length of what is before the quote of a literal: `E`, `B`, `X`, `N`, `U&`
/// or nothing.
fn string_prefix(text: &str) -> Option<usize> {
    let quote = text.find('\'').filter(|at| *at <= 2)?;
    matches!(
        text[..quote].to_ascii_lowercase().as_str(),
        "" | "e" | "b" | "x" | "n" | "u&"
    )
    .then_some(quote)
}

/// The length of what is in quotes, which are doubled inside.
fn quoted(text: &str, quote: char, escapes: bool) -> Option<usize> {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, char)) = chars.next() {
        if escapes && char == '\\' {
            chars.next();
        } else if char == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return Some(at + 1);
        }
    }
    None
}

/// The length of `$tag$…$tag$`; none if it is no such quote.
fn dollar_quoted(text: &str) -> Option<usize> {
    let tag = text[1..].find('$')? + 2;
    let name = &text[1..tag - 1];
    let is_tag = name.is_empty()
        || name.starts_with(begins_word)
            && name.chars().all(|c| begins_word(c) || c.is_ascii_digit());
    let end = text[tag..].find(&text[..tag]).filter(|_| is_tag)?;
    Some(tag + end + tag)
}

fn number(text: &str) -> usize {
    let mut exponent = false;
    run(text, |c| {
        let goes_on =
            c.is_ascii_alphanumeric() || c == '.' || c == '_' || exponent && (c == '-' || c == '+');
        exponent = c == 'e' || c == 'E';
        goes_on
    })
}

fn run(text: &str, mut of: impl FnMut(char) -> bool) -> usize {
    text.find(|c| !of(c)).unwrap_or(text.len())
}

fn begins_word(char: char) -> bool {
    char.is_ascii_alphabetic() || char == '_' || !char.is_ascii()
}

fn is_operator(char: char) -> bool {
    "+-*/<>=~!@#%^&|`?".contains(char)
}
