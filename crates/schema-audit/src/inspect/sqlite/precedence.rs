//! How tightly SQLite's operators bind.

use sqlite3_parser::ast::{Expr, Operator, UnaryOperator};

use super::expression::peel;

// How tightly each operator binds, from https://sqlite.org/lang_expr.html.
pub(super) const OR: u8 = 1;
pub(super) const AND: u8 = 2;
pub(super) const NOT: u8 = 3;
pub(super) const EQUALITY: u8 = 4;
pub(super) const COMPARISON: u8 = 5;
pub(super) const BITS: u8 = 6;
pub(super) const SUM: u8 = 7;
pub(super) const PRODUCT: u8 = 8;
pub(super) const CONCAT: u8 = 9;
pub(super) const COLLATE: u8 = 10;
pub(super) const SIGN: u8 = 11;
pub(super) const ATOM: u8 = 12;

pub(super) const fn operator(op: Operator) -> (&'static str, u8) {
    match op {
        Operator::Or => ("OR", OR),
        Operator::And => ("AND", AND),
        Operator::Equals => ("=", EQUALITY),
        Operator::NotEquals => ("<>", EQUALITY),
        Operator::Is => ("IS", EQUALITY),
        Operator::IsNot => ("IS NOT", EQUALITY),
        Operator::Less => ("<", COMPARISON),
        Operator::LessEquals => ("<=", COMPARISON),
        Operator::Greater => (">", COMPARISON),
        Operator::GreaterEquals => (">=", COMPARISON),
        Operator::BitwiseAnd => ("&", BITS),
        Operator::BitwiseOr => ("|", BITS),
        Operator::LeftShift => ("<<", BITS),
        Operator::RightShift => (">>", BITS),
        Operator::Add => ("+", SUM),
        Operator::Subtract => ("-", SUM),
        Operator::Multiply => ("*", PRODUCT),
        Operator::Divide => ("/", PRODUCT),
        Operator::Modulus => ("%", PRODUCT),
        Operator::Concat => ("||", CONCAT),
        Operator::ArrowRight => ("->", CONCAT),
        Operator::ArrowRightShift => ("->>", CONCAT),
    }
}

pub(super) fn binding(expression: &Expr<'_>) -> u8 {
    match peel(expression) {
        Expr::Binary(_, op, _) => operator(*op).1,
        Expr::Unary(UnaryOperator::Not, _) => NOT,
        Expr::Unary(..) => SIGN,
        Expr::Collate(..) => COLLATE,
        Expr::Between { .. }
        | Expr::InList { .. }
        | Expr::InSelect { .. }
        | Expr::InTable { .. }
        | Expr::Like { .. }
        | Expr::IsNull(_)
        | Expr::NotNull(_) => EQUALITY,
        _ => ATOM,
    }
}
