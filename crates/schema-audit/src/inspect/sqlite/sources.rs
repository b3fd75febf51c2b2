//! The tables that a query reads, from its tokens.

use std::convert::Infallible;

use sqlite3_parser::{
    ast::{
        Select,
        fmt::{ToTokens, TokenStream},
    },
    dialect::TokenType,
};

use super::ident;

/// Every name that stands where a table stands, in subqueries too. Names that
/// WITH gives are among them.
pub(super) fn of(query: &Select<'_>) -> Vec<String> {
    let mut reader = Reader {
        levels: vec![Level::default()],
        names: Vec::new(),
        after: After::Other,
    };
    let Ok(()) = query.to_tokens(&mut reader);
    reader.names.sort();
    reader.names.dedup();
    reader.names
}

/// One level of parentheses.
#[derive(Default, Clone, Copy)]
struct Level {
    /// Between FROM and what ends it.
    in_from: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum After {
    /// A table's name may follow.
    Table,
    /// A name that may turn out to be a schema's, if a dot follows.
    Name,
    Other,
}

struct Reader {
    levels: Vec<Level>,
    names: Vec<String>,
    after: After,
}

impl Reader {
    fn set_in_from(&mut self, in_from: bool) {
        if let Some(level) = self.levels.last_mut() {
            level.in_from = in_from;
        }
    }

    fn in_from(&self) -> bool {
        self.levels.last().is_some_and(|level| level.in_from)
    }
}

impl TokenStream for Reader {
    type Error = Infallible;

    fn append(&mut self, token: TokenType, value: Option<&str>) -> Result<(), Infallible> {
        use TokenType::{
            TK_COMMA, TK_DOT, TK_EXCEPT, TK_FROM, TK_GROUP, TK_HAVING, TK_ID, TK_IN, TK_INTERSECT,
            TK_JOIN, TK_LIMIT, TK_LP, TK_ORDER, TK_RP, TK_SELECT, TK_UNION, TK_WHERE, TK_WINDOW,
        };
        let after = self.after;
        self.after = After::Other;
        match token {
            TK_FROM => {
                self.set_in_from(true);
                self.after = After::Table;
            }
            TK_IN => self.after = After::Table,
            TK_JOIN | TK_COMMA if self.in_from() => self.after = After::Table,
            TK_SELECT | TK_WHERE | TK_GROUP | TK_HAVING | TK_ORDER | TK_LIMIT | TK_WINDOW
            | TK_UNION | TK_EXCEPT | TK_INTERSECT => self.set_in_from(false),
            TK_LP => {
                let in_from = after == After::Table && self.in_from();
                self.levels.push(Level { in_from });
                if in_from {
                    self.after = After::Table;
                }
            }
            TK_RP => {
                self.levels.pop();
            }
            TK_DOT if after == After::Name => {
                self.names.pop();
                self.after = After::Table;
            }
            TK_ID if after == After::Table => {
                self.names.push(ident::unquote(value.unwrap_or_default()));
                self.after = After::Name;
            }
            _ => {}
        }
        Ok(())
    }
}
