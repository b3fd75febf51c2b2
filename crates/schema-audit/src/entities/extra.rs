//! `extra`: SQL that an entity adds to a column. What it says is read as far as
//! it is a constraint or an attribute of a column; the rest is passed over.

use super::table;
use crate::schema::{
    Action, Check, Column, Deferrable, ForeignKey, Generated, Identity, MatchType, ObjectName,
    Table,
};

pub(super) fn read(text: &str, column: &mut Column, table: &mut Table) {
    let mut words = Words::of(text);
    let mut name = None;
    while let Some(word) = words.next() {
        match word.to_ascii_uppercase().as_str() {
            "CONSTRAINT" => {
                name = words.next().map(unquoted);
                continue;
            }
            "CHECK" => table.checks.extend(words.group().map(|expression| Check {
                name: name.take(),
                expression,
                no_inherit: false,
                not_valid: false,
                comment: None,
                inherited: false,
            })),
            "UNIQUE" => table.uniques.push(table::unique(vec![column.name.clone()])),
            "COLLATE" => column.collation = words.next().map(unquoted),
            "NOT" if words.take("NULL") => column.nullable = false,
            "DEFAULT" => column.default = words.value(),
            "GENERATED" => generated(&mut words, column),
            "REFERENCES" => table.foreign_keys.extend(
                words
                    .next()
                    .map(|target| reference(target, &mut words, column)),
            ),
            _ => {}
        }
        name = None;
    }
}

fn generated(words: &mut Words<'_>, column: &mut Column) {
    let always = words.take("ALWAYS");
    let by_default = !always && words.take("BY") && words.take("DEFAULT");
    if !(always || by_default) || !words.take("AS") {
        return;
    }
    if words.take("IDENTITY") {
        column.identity = Some(if always {
            Identity::Always
        } else {
            Identity::ByDefault
        });
    } else if let Some(expression) = words.group() {
        column.generated = Some(Generated {
            expression,
            stored: words.take("STORED"),
        });
    }
}

fn reference(target: &str, words: &mut Words<'_>, column: &Column) -> ForeignKey {
    let referenced_columns = words.group().map_or_else(Vec::new, |columns| {
        columns
            .split(',')
            .map(|name| unquoted(name.trim()))
            .collect()
    });
    let mut key = ForeignKey {
        name: None,
        columns: vec![column.name.clone()],
        references: ObjectName::local(unquoted(target)),
        referenced_columns,
        on_update: Action::NoAction,
        on_delete: Action::NoAction,
        on_delete_columns: Vec::new(),
        match_type: MatchType::Simple,
        deferrable: Deferrable::Not,
        not_valid: false,
        not_enforced: false,
        comment: None,
        inherited: false,
    };
    while words.take("ON") {
        if words.take("DELETE") {
            key.on_delete = action(words);
        } else if words.take("UPDATE") {
            key.on_update = action(words);
        }
    }
    key
}

fn action(words: &mut Words<'_>) -> Action {
    if words.take("CASCADE") {
        Action::Cascade
    } else if words.take("RESTRICT") {
        Action::Restrict
    } else if words.take("SET") {
        if words.take("NULL") {
            Action::SetNull
        } else {
            words.take("DEFAULT");
            Action::SetDefault
        }
    } else {
        words.take("NO");
        words.take("ACTION");
        Action::NoAction
    }
}

fn unquoted(name: &str) -> String {
    match name
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(inner) => inner.replace("\"\"", "\""),
        None => name.to_owned(),
    }
}

/// Words, quoted texts, and groups in parentheses, one after the other.
struct Words<'a> {
    words: std::iter::Peekable<std::vec::IntoIter<&'a str>>,
}

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Self {
        let mut words = Vec::new();
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '(' => group_length(rest),
                '\'' | '"' => quoted_length(rest, first),
                _ => rest
                    .find(|c: char| c.is_whitespace() || matches!(c, '(' | '\'' | '"'))
                    .unwrap_or(rest.len()),
            };
            let (word, after) = rest.split_at(length);
            words.push(word);
            rest = after.trim_start();
        }
        Self {
            words: words.into_iter().peekable(),
        }
    }

    fn next(&mut self) -> Option<&'a str> {
        self.words.next()
    }

    /// Goes past the word if it is the next one.
    fn take(&mut self, word: &str) -> bool {
        self.words
            .next_if(|next| next.eq_ignore_ascii_case(word))
            .is_some()
    }

    /// The inside of the parentheses that come next.
    fn group(&mut self) -> Option<String> {
        let group = self.words.next_if(|next| next.starts_with('('))?;
        let inner = group.strip_prefix('(')?;
        Some(inner.strip_suffix(')').unwrap_or(inner).trim().to_owned())
    }

    /// A value, a call, or an expression in parentheses.
    fn value(&mut self) -> Option<String> {
        if let Some(group) = self.group() {
            return Some(group);
        }
        let mut value = self.words.next()?.to_owned();
        if let Some(arguments) = self.words.next_if(|next| next.starts_with('(')) {
            value.push_str(arguments);
        }
        if let Some(cast) = self.words.next_if(|next| next.starts_with("::")) {
            value.push_str(cast);
        }
        Some(value)
    }
}

// To the quote that ends it; a doubled one does not. All of the text without one.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut position = 1;
    while let Some(found) = text[position..].find(quote) {
        position += found + 1;
        if !text[position..].starts_with(quote) {
            return position;
        }
        position += 1;
    }
    text.len()
}

fn group_length(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut position = 0;
    while let Some(next) = text[position..].chars().next() {
        match next {
            '\'' | '"' => position += quoted_length(&text[position..], next),
            _ => position += next.len_utf8(),
        }
        match next {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    position
}

#[cfg(test)]
mod tests;
