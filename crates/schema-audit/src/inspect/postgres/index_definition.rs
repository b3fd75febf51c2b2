//! What `pg_get_indexdef` says of an index's keys. It alone knows when a
//! collation or an operator class is worth mentioning.

/// The statement that makes an index, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Definition<'a> {
    /// Up to the table, without ONLY.
    head: &'a str,
    /// From the table on.
    tail: &'a str,
    pub(super) keys: Vec<KeyText<'a>>,
}

/// One key, as it is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KeyText<'a> {
    pub(super) expression: &'a str,
    pub(super) collation: Option<&'a str>,
    pub(super) operator_class: Option<&'a str>,
    pub(super) descending: bool,
    pub(super) nulls_first: Option<bool>,
}

impl<'a> Definition<'a> {
    /// `None` if it is not what the server is known to write:
    /// `CREATE [UNIQUE] INDEX name ON [ONLY] table USING method (keys) …`.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut scanner = Scanner { rest: text };
        scanner.expect("CREATE ")?;
        scanner.skip("UNIQUE ");
        scanner.expect("INDEX ")?;
        scanner.word()?;
        scanner.expect(" ON ")?;
        let head = &text[..text.len() - scanner.rest.len()];
        // The server writes it for every index of a partitioned table.
        scanner.skip("ONLY ");
        let tail = scanner.rest;
        scanner.word()?;
        scanner.expect(" USING ")?;
        scanner.word()?;
        scanner.expect(" (")?;
        let keys = scanner.keys()?;
        Some(Self { head, tail, keys })
    }

    /// The statement without ONLY.
    pub(super) fn with_partitions(&self) -> String {
        format!("{}{}", self.head, self.tail)
    }
}

struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn skip(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, text: &str) -> Option<()> {
        self.skip(text).then_some(())
    }

    /// What is before the next space, comma or closing parenthesis, with quoted
    /// text and parentheses taken whole: a name, a function's call, an expression
    /// in parentheses. A quote inside quoted text is doubled, which reads as one
    /// text that ends and another that begins.
    fn word(&mut self) -> Option<&'a str> {
        let mut depth = 0_usize;
        let mut quote = None;
        let mut end = self.rest.len();
        for (at, character) in self.rest.char_indices() {
            match (quote, character) {
                (Some(open), close) if open == close => quote = None,
                (None, '"' | '\'') => quote = Some(character),
                (None, '(' | '[') => depth += 1,
                (None, ')' | ']') if depth > 0 => depth -= 1,
                (None, ' ' | ',' | ')') if depth == 0 => {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty() && depth == 0 && quote.is_none()).then_some(word)
    }

    fn keys(&mut self) -> Option<Vec<KeyText<'a>>> {
        let mut keys = Vec::new();
        loop {
            keys.push(self.key()?);
            if !self.skip(", ") {
                return self.skip(")").then_some(keys);
            }
        }
    }

    fn key(&mut self) -> Option<KeyText<'a>> {
        let expression = self.word()?;
        let collation = self.skip(" COLLATE ").then(|| self.word());
        let operator_class = self.operator_class()?;
        let descending = self.skip(" DESC");
        let first = self.skip(" NULLS FIRST");
        let last = self.skip(" NULLS LAST");
        Some(KeyText {
            expression,
            collation: match collation {
                Some(collation) => Some(collation?),
                None => None,
            },
            operator_class: Some(operator_class).filter(|class| !class.is_empty()),
            descending,
            nulls_first: (first || last).then_some(first),
        })
    }

    /// Empty if there is none, `None` if it is not understood.
    fn operator_class(&mut self) -> Option<&'a str> {
        let at_order = [" DESC", " NULLS "]
            .iter()
            .any(|order| self.rest.starts_with(order));
        let Some(start) = self.rest.strip_prefix(' ').filter(|_| !at_order) else {
            return Some("");
        };
        self.rest = start;
        self.word()?;
        if self.rest.starts_with(" (") {
            self.rest = &self.rest[1..];
            self.word()?;
        }
        Some(&start[..start.len() - self.rest.len()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(list: &str) -> Vec<(String, String)> {
        let text = format!(
            "CREATE INDEX i ON s.t USING btree ({list}) WITH (fillfactor='70') WHERE (a > 0)"
        );
        let definition = Definition::parse(&text).expect(list);
        let keys = definition.keys.iter();
        keys.map(|key| {
            let order = match (key.descending, key.nulls_first) {
                (descending, None) => format!("{descending}"),
                (descending, Some(first)) => format!("{descending} {first}"),
            };
            let words = [key.collation, key.operator_class, Some(&order)];
            let words: Vec<_> = words.iter().map(|word| word.unwrap_or("-")).collect();
            (key.expression.to_owned(), words.join("|"))
        })
        .collect()
    }

    fn key(text: &str, rest: &str) -> (String, String) {
        (text.to_owned(), rest.to_owned())
    }

    #[test]
    fn each_key_has_its_collation_operator_class_and_order() {
        assert_eq!(
            keys("a, b DESC, c NULLS FIRST, d DESC NULLS LAST"),
            [
                key("a", "-|-|false"),
                key("b", "-|-|true"),
                key("c", "-|-|false true"),
                key("d", "-|-|true false"),
            ]
        );
        assert_eq!(
            keys("a COLLATE \"C\" text_pattern_ops DESC, b ext.gist_ops (siglen='32') NULLS FIRST"),
            [
                key("a", "\"C\"|text_pattern_ops|true"),
                key("b", "-|ext.gist_ops (siglen='32')|false true"),
            ]
        );
    }

    #[test]
    fn an_expression_is_taken_whole() {
        let expressions = [
            "lower((a)::text)",
            "((a || ', '::text) || b)",
            "\"A, \"\") DESC\"",
            "COALESCE(a, ')'::text)",
            "((a)::text[])",
            "(a ->> E'it''s \\\\ x'::text)",
            "EXTRACT(year FROM at)",
        ];
        for expression in expressions {
            let list = format!("{expression} DESC, b");
            let expected = [key(expression, "-|-|true"), key("b", "-|-|false")];
            assert_eq!(keys(&list), expected);
        }
    }

    #[test]
    fn names_that_look_like_keywords_do_not_confuse() {
        let text =
            "CREATE UNIQUE INDEX \" ON x USING y (\" ON ONLY \"s p\".\"USING (\" USING gin (a)";
        let definition = Definition::parse(text).unwrap();
        assert_eq!(definition.keys.len(), 1);
        assert_eq!(definition.with_partitions(), text.replace("ONLY ", ""));
    }

    #[test]
    fn other_text_is_not_understood() {
        for text in [
            "",
            "CREATE TABLE t (a)",
            "CREATE INDEX i ON t USING btree (a",
            "CREATE INDEX i ON t USING btree ((a)",
            "CREATE INDEX i ON t USING btree (a COLLATE )",
        ] {
            assert_eq!(Definition::parse(text), None, "{text}");
        }
    }
}
