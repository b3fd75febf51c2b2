//! One spelling for each expression: what SQLite stores is the text that
//! somebody typed, so white space, letter case, quotes and parentheses are not
//! differences. Literals are left as they are.

use sqlite3_parser::ast::{Expr, FunctionTail, Literal, Type, TypeSize, UnaryOperator};

use super::{
    ident,
    precedence::{AND, ATOM, COLLATE, COMPARISON, NOT, SIGN, binding, operator},
};

/// Beyond this depth an expression is not rewritten: SQLite accepts 1,000
/// levels, more than the stack of a worker thread should be asked for.
const DEEPEST: usize = 150;

/// What names inside an expression may mean.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a> {
    /// The table that the expression belongs to.
    pub(super) table: &'a str,
    /// Its columns, as declared.
    pub(super) columns: &'a [String],
}

impl Names<'_> {
    fn column(&self, name: &str) -> Option<&str> {
        let found = self.columns.iter().find(|column| ident::same(column, name));
        found.map(String::as_str)
    }
}

/// The expression is nested too deep to be rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooDeep;

/// The expression in its one spelling, without parentheses around it.
pub(super) fn write(expression: &Expr<'_>, names: Names<'_>) -> Result<String, TooDeep> {
    let mut out = String::new();
    Writer {
        names,
        out: &mut out,
        depth: 0,
    }
    .expression(expression)?;
    Ok(out)
}

/// Without parentheses that hold one expression alone.
pub(super) fn peel<'a, 'bump>(mut expression: &'a Expr<'bump>) -> &'a Expr<'bump> {
    while let Expr::Parenthesized(inner) = expression
        && let [only] = inner.as_slice()
    {
        expression = only;
    }
    expression
}

fn type_text(declared: &Type<'_>) -> String {
    let size = match declared.size {
        None => String::new(),
        Some(TypeSize::MaxSize(size)) => format!("({size})"),
        Some(TypeSize::TypeSize(size, scale)) => format!("({size}, {scale})"),
    };
    spaced_type(&format!("{}{size}", declared.name))
}

/// A type's name with single spaces, as in `CHARACTER VARYING(10, 2)`.
pub(super) fn spaced_type(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() && !out.ends_with('(') && !word.starts_with(['(', ')', ',']) {
            out.push(' ');
        }
        let mut rest = word;
        while let Some((before, after)) = rest.split_once(',') {
            out.push_str(before);
            out.push(',');
            if !after.is_empty() {
                out.push(' ');
            }
            rest = after;
        }
        out.push_str(rest);
    }
    out
}

struct Writer<'w> {
    names: Names<'w>,
    out: &'w mut String,
    depth: usize,
}

impl Writer<'_> {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// The operand of something that binds as tightly as `least`.
    fn operand(&mut self, expression: &Expr<'_>, least: u8) -> Result<(), TooDeep> {
        if binding(expression) >= least {
            return self.expression(expression);
        }
        self.push("(");
        self.expression(expression)?;
        self.push(")");
        Ok(())
    }

    fn list(&mut self, expressions: &[Expr<'_>]) -> Result<(), TooDeep> {
        for (position, expression) in expressions.iter().enumerate() {
            if position > 0 {
                self.push(", ");
            }
            self.expression(expression)?;
        }
        Ok(())
    }

    fn expression(&mut self, expression: &Expr<'_>) -> Result<(), TooDeep> {
        if self.depth == DEEPEST {
            return Err(TooDeep);
        }
        self.depth += 1;
        let written = self.peeled(peel(expression));
        self.depth -= 1;
        written
    }

    fn peeled(&mut self, expression: &Expr<'_>) -> Result<(), TooDeep> {
        match expression {
            Expr::Binary(..) => self.binary(expression),
            Expr::Unary(op, operand) => self.unary(*op, operand),
            Expr::Collate(operand, collation) => {
                self.operand(operand, COLLATE)?;
                let collation = collation_name(collation);
                self.push(" COLLATE ");
                self.push(&ident::display(&collation));
                Ok(())
            }
            Expr::Id(id) => {
                self.name(id.0);
                Ok(())
            }
            Expr::Name(name) => {
                self.name(name.0);
                Ok(())
            }
            Expr::Qualified(table, column) => {
                self.qualified(table.0, column.0);
                Ok(())
            }
            Expr::Literal(literal) => {
                self.literal(literal);
                Ok(())
            }
            Expr::Parenthesized(several) => {
                self.push("(");
                self.list(several)?;
                self.push(")");
                Ok(())
            }
            Expr::IsNull(operand) => {
                self.operand(operand, COMPARISON)?;
                self.push(" IS NULL");
                Ok(())
            }
            Expr::NotNull(operand) => {
                self.operand(operand, COMPARISON)?;
                self.push(" IS NOT NULL");
                Ok(())
            }
            Expr::Between { .. } | Expr::InList { .. } | Expr::Like { .. } => {
                self.comparison(expression)
            }
            Expr::Case { .. } | Expr::Cast { .. } => self.case_or_cast(expression),
            Expr::FunctionCall { .. } | Expr::FunctionCallStar { .. } => self.call(expression),
            // Queries, RAISE and parameters cannot stand in a table's own
            // expressions; the parser's spelling is good enough for them.
            other => {
                self.push(&other.to_string());
                Ok(())
            }
        }
    }

    /// A chain of operators is walked along its left side, not by recursion: a
    /// list of a hundred conditions is one level deep.
    fn binary(&mut self, expression: &Expr<'_>) -> Result<(), TooDeep> {
        let level = binding(expression);
        let mut rest = Vec::new();
        let mut first = expression;
        while let Expr::Binary(left, op, right) = first
            && operator(*op).1 == level
        {
            rest.push((operator(*op).0, *right));
            first = peel(left);
        }
        self.operand(first, level + 1)?;
        // `a AND (b AND c)` is the same as `(a AND b) AND c`.
        let least = if level <= AND { level } else { level + 1 };
        for (op, right) in rest.into_iter().rev() {
            self.push(" ");
            self.push(op);
            self.push(" ");
            self.operand(right, least)?;
        }
        Ok(())
    }

    fn unary(&mut self, op: UnaryOperator, operand: &Expr<'_>) -> Result<(), TooDeep> {
        let sign = match op {
            UnaryOperator::Not => {
                self.push("NOT ");
                return self.operand(operand, NOT);
            }
            UnaryOperator::BitwiseNot => "~",
            UnaryOperator::Negative => "-",
            UnaryOperator::Positive => "+",
        };
        self.push(sign);
        // `--` would begin a comment.
        let doubled = matches!(peel(operand), Expr::Unary(..));
        self.operand(operand, if doubled { ATOM } else { SIGN })
    }

    fn name(&mut self, raw: &str) {
        let name = ident::unquote(raw);
        let text = match self.names.column(&name) {
            Some(column) => ident::display(column),
            // SQLite takes a name in double quotes that it does not know for a
            // text.
            None if raw.starts_with('"') => ident::literal(&name),
            None if ident::same(raw, "true") || ident::same(raw, "false") => {
                raw.to_ascii_uppercase()
            }
            None if ["rowid", "oid", "_rowid_"]
                .iter()
                .any(|id| ident::same(id, raw)) =>
            {
                raw.to_ascii_lowercase()
            }
            None => ident::display(&name),
        };
        self.push(&text);
    }

    fn qualified(&mut self, table: &str, column: &str) {
        let table = ident::unquote(table);
        if !ident::same(&table, self.names.table) {
            self.push(&ident::display(&table));
            self.push(".");
        }
        self.name(column);
    }

    fn literal(&mut self, literal: &Literal<'_>) {
        match literal {
            Literal::Numeric(text) | Literal::String(text) | Literal::Keyword(text) => {
                self.push(text);
            }
            Literal::Blob(digits) => {
                self.push("X'");
                self.push(digits);
                self.push("'");
            }
            Literal::Null => self.push("NULL"),
            Literal::CurrentDate => self.push("CURRENT_DATE"),
            Literal::CurrentTime => self.push("CURRENT_TIME"),
            Literal::CurrentTimestamp => self.push("CURRENT_TIMESTAMP"),
        }
    }

    fn comparison(&mut self, expression: &Expr<'_>) -> Result<(), TooDeep> {
        let negated = |not: bool| if not { " NOT" } else { "" };
        match expression {
            Expr::Between {
                lhs,
                not,
                start,
                end,
            } => {
                self.operand(lhs, COMPARISON)?;
                self.push(negated(*not));
                self.push(" BETWEEN ");
                self.operand(start, COMPARISON)?;
                self.push(" AND ");
                self.operand(end, COMPARISON)
            }
            Expr::InList { lhs, not, rhs } => {
                self.operand(lhs, COMPARISON)?;
                self.push(negated(*not));
                self.push(" IN (");
                self.list(rhs.unwrap_or_default())?;
                self.push(")");
                Ok(())
            }
            Expr::Like {
                lhs,
                not,
                op,
                rhs,
                escape,
            } => {
                self.operand(lhs, COMPARISON)?;
                self.push(negated(*not));
                let word = format!("{op:?}").to_ascii_uppercase();
                self.push(&format!(" {word} "));
                self.operand(rhs, COMPARISON)?;
                if let Some(escape) = escape {
                    self.push(" ESCAPE ");
                    self.operand(escape, COMPARISON)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn case_or_cast(&mut self, expression: &Expr<'_>) -> Result<(), TooDeep> {
        match expression {
            Expr::Cast { expr, type_name } => {
                self.push("CAST(");
                self.expression(expr)?;
                self.push(" AS");
                if let Some(declared) = type_name {
                    self.push(" ");
                    self.push(&type_text(declared).to_ascii_uppercase());
                }
                self.push(")");
                Ok(())
            }
            Expr::Case {
                base,
                when_then_pairs,
                else_expr,
            } => {
                self.push("CASE");
                if let Some(base) = base {
                    self.push(" ");
                    self.expression(base)?;
                }
                for (when, then) in *when_then_pairs {
                    self.push(" WHEN ");
                    self.expression(when)?;
                    self.push(" THEN ");
                    self.expression(then)?;
                }
                if let Some(otherwise) = else_expr {
                    self.push(" ELSE ");
                    self.expression(otherwise)?;
                }
                self.push(" END");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn call(&mut self, expression: &Expr<'_>) -> Result<(), TooDeep> {
        match expression {
            Expr::FunctionCall {
                name,
                distinctness: None,
                args,
                order_by: None,
                filter_over: None,
            } => {
                self.function(name.0);
                self.push("(");
                self.list(args.unwrap_or_default())?;
                self.push(")");
            }
            Expr::FunctionCallStar {
                name,
                filter_over:
                    None
                    | Some(FunctionTail {
                        filter_clause: None,
                        over_clause: None,
                    }),
            } => {
                self.function(name.0);
                self.push("(*)");
            }
            // Aggregates and windows: no table's own expression has them.
            other => self.push(&other.to_string()),
        }
        Ok(())
    }

    fn function(&mut self, raw: &str) {
        let name = ident::unquote(raw).to_ascii_lowercase();
        // Some functions are keywords too: `replace(x, 'a', 'b')`.
        let plain = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let text = if plain { name } else { ident::quote(&name) };
        self.push(&text);
    }
}

/// A collation's name: the built-in ones in capitals, as they are documented.
pub(super) fn collation_name(raw: &str) -> String {
    let name = ident::unquote(raw);
    let known = ["BINARY", "NOCASE", "RTRIM"]
        .into_iter()
        .find(|known| ident::same(known, &name));
    known.map_or(name, str::to_owned)
}
