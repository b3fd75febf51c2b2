//! Whether two expressions of PostgreSQL are one, after a dump and a restore.
//!
//! The server keeps an expression as a tree and writes it out when it is asked.
//! Reading that text again gives another tree where a cast stands on an array
//! that is written out, because the parser gives such a cast to the elements:
//!
//! ```text
//! a IN ('x', 'y')    a varchar column, as it was typed; the server writes
//!     (a)::text = ANY ((ARRAY['x'::character varying, 'y'::character varying])::text[])
//! and after a dump and a restore
//!     (a)::text = ANY (ARRAY[('x'::character varying)::text, ('y'::character varying)::text])
//! ```
//!
//! So a database and its restored copy would differ by every such expression.
//! Folded is that, as the server's own parser does it, and nothing else:
//!
//! - `(ARRAY[a, b])::t[]` is `ARRAY[(a)::t, (b)::t]` with any type `t`, in the
//!   elements of an `ARRAY[ARRAY[…], …]` too. One element at least has to be
//!   seen to be no array itself (a number, or cast to a type that is none): of
//!   columns that hold arrays, the two would mean different things;
//! - such a cast goes below a COLLATE of the element;
//! - `('x'::character varying)::character varying(3)` is
//!   `'x'::character varying(3)` where it comes about by that.
//!
//! No cast is left out, and no type, length or literal is taken for another.
//! White space between tokens does not count.

#[cfg(test)]
mod tests;
mod token;

use self::token::Token;
use crate::inspect::sqlite::ident;

/// Brackets inside of brackets, more than which is not looked at: a text from a
/// file must not be able to exhaust the stack.
const DEEPEST: usize = 256;

/// Whether two expressions, or definitions with expressions in them, as
/// PostgreSQL writes them are one. What is not understood is one only with the
/// same text.
pub(super) fn agree(a: &str, b: &str) -> bool {
    a == b || (may_fold(a) || may_fold(b)) && folded_agree(a, b)
}

/// As [`agree`] where there may be none.
pub(super) fn options_agree(a: Option<&str>, b: Option<&str>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => agree(a, b),
        (None, None) => true,
        _ => false,
    }
}

/// Whether there can be anything to fold; spares most texts the work.
fn may_fold(text: &str) -> bool {
    text.contains("(ARRAY[")
}

fn folded_agree(a: &str, b: &str) -> bool {
    let (Some(a), Some(b)) = (Folded::read(a), Folded::read(b)) else {
        return false;
    };
    (a.any || b.any) && a.tokens == b.tokens
}

/// An expression with its casts where the parser puts them.
struct Folded<'a> {
    tokens: Vec<Token<'a>>,
    /// Whether a cast had to be moved.
    any: bool,
}

impl<'a> Folded<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let tokens = token::split(text)?;
        let mut rest = tokens.iter().copied();
        let nodes = nodes(&mut rest, None, 0)?;
        let mut any = false;
        let nodes = fold(nodes, &mut any);
        let mut tokens = Vec::new();
        flatten(&nodes, &mut tokens);
        Some(Self { tokens, any })
    }
}

/// A token, or what is between two brackets.
#[derive(Debug, Clone, PartialEq)]
enum Node<'a> {
    Token(Token<'a>),
    Parentheses(Vec<Node<'a>>),
    Brackets(Vec<Node<'a>>),
}

const ARRAY: Token<'_> = Token("ARRAY");
const CAST: Node<'_> = Node::Token(Token("::"));

/// The nodes up to the closing bracket; `None` if brackets do not match.
fn nodes<'a>(
    tokens: &mut impl Iterator<Item = Token<'a>>,
    close: Option<&str>,
    depth: usize,
) -> Option<Vec<Node<'a>>> {
    if depth > DEEPEST {
        return None;
    }
    let mut list = Vec::new();
    while let Some(token) = tokens.next() {
        list.push(match token.0 {
            "(" => Node::Parentheses(nodes(tokens, Some(")"), depth + 1)?),
            "[" => Node::Brackets(nodes(tokens, Some("]"), depth + 1)?),
            ")" | "]" => return (close == Some(token.0)).then_some(list),
            _ => Node::Token(token),
        });
    }
    close.is_none().then_some(list)
}

fn flatten<'a>(nodes: &[Node<'a>], tokens: &mut Vec<Token<'a>>) {
    for node in nodes {
        let (open, inner, close) = match node {
            Node::Token(token) => {
                tokens.push(*token);
                continue;
            }
            Node::Parentheses(inner) => ("(", inner, ")"),
            Node::Brackets(inner) => ("[", inner, "]"),
        };
        tokens.push(Token(open));
        flatten(inner, tokens);
        tokens.push(Token(close));
    }
}

/// Moves every cast of an array that is written out to its elements, from the
/// inside out.
fn fold<'a>(nodes: Vec<Node<'a>>, any: &mut bool) -> Vec<Node<'a>> {
    let nodes: Vec<Node<'a>> = nodes
        .into_iter()
        .map(|node| match node {
            Node::Token(token) => Node::Token(token),
            Node::Parentheses(inner) => Node::Parentheses(fold(inner, any)),
            Node::Brackets(inner) => Node::Brackets(fold(inner, any)),
        })
        .collect();
    let mut folded = Vec::with_capacity(nodes.len());
    let mut rest = nodes.as_slice();
    while let Some((first, after)) = rest.split_first() {
        if let Some((array, length)) = cast_array(first, after) {
            folded.extend(array);
            rest = &after[length..];
            *any = true;
        } else {
            folded.push(first.clone());
            rest = after;
        }
    }
    folded
}

/// `ARRAY[(a)::t]` of `(ARRAY[a])` and the `::t[]` after it, with the number of
/// nodes that the latter has.
fn cast_array<'a>(first: &Node<'a>, after: &[Node<'a>]) -> Option<(Vec<Node<'a>>, usize)> {
    let Node::Parentheses(inner) = first else {
        return None;
    };
    let elements = array(inner)?;
    let data_type = cast_type(after)?;
    let element_type = without_brackets(data_type)?;
    Some((distribute(elements, element_type)?, data_type.len() + 1))
}

/// What is between the brackets of `ARRAY[…]`, if that is all there is.
fn array<'n, 'a>(nodes: &'n [Node<'a>]) -> Option<&'n [Node<'a>]> {
    match nodes {
        [Node::Token(ARRAY), Node::Brackets(elements)] if !elements.is_empty() => Some(elements),
        _ => None,
    }
}

/// The type that a cast at the beginning casts to.
fn cast_type<'n, 'a>(nodes: &'n [Node<'a>]) -> Option<&'n [Node<'a>]> {
    let (first, after) = nodes.split_first()?;
    let length = type_length(after)?;
    (*first == CAST).then(|| &after[..length])
}

/// The type of an array's elements.
fn without_brackets<'n, 'a>(data_type: &'n [Node<'a>]) -> Option<&'n [Node<'a>]> {
    match data_type.split_last()? {
        (Node::Brackets(_), element) => Some(element),
        _ => None,
    }
}

/// How many nodes the type has that stands at the beginning, as `format_type`
/// writes types: `a.b`, `character varying(3)`, `timestamp(3) with time zone`,
/// each with `[]` behind it or not.
fn type_length(nodes: &[Node<'_>]) -> Option<usize> {
    let word = |at: usize| match nodes.get(at) {
        Some(Node::Token(token)) => token.0,
        _ => "",
    };
    let modifier = |at: usize| usize::from(matches!(nodes.get(at), Some(Node::Parentheses(_))));
    if !Token(word(0)).is_name() {
        return None;
    }
    let mut length = 1;
    match (word(0), word(1)) {
        ("character" | "bit", "varying") | ("double", "precision") => length += 1,
        ("interval", _) => {
            const FIELDS: [&str; 7] = ["year", "month", "day", "hour", "minute", "second", "to"];
            while FIELDS.contains(&word(length)) {
                length += 1;
            }
        }
        _ => {
            while word(length) == "." && Token(word(length + 1)).is_name() {
                length += 2;
            }
        }
    }
    length += modifier(length);
    if matches!(word(0), "timestamp" | "time") && matches!(word(length), "with" | "without") {
        length += 3;
    }
    if nodes.get(length) == Some(&Node::Brackets(Vec::new())) {
        length += 1;
    }
    (length <= nodes.len()).then_some(length)
}

/// `ARRAY[(a)::t, (b)::t]`; `None` if the elements may be arrays.
fn distribute<'a>(elements: &[Node<'a>], data_type: &[Node<'a>]) -> Option<Vec<Node<'a>>> {
    let comma = Node::Token(Token(","));
    let elements: Vec<&[Node<'a>]> = elements.split(|node| *node == comma).collect();
    let nested = elements.iter().all(|element| array(element).is_some());
    if !nested && !elements.iter().any(|element| is_scalar(element)) {
        return None;
    }
    let mut list = Vec::new();
    for (position, element) in elements.into_iter().enumerate() {
        if position > 0 {
            list.push(comma.clone());
        }
        list.extend(match array(element) {
            Some(inner) => distribute(inner, data_type)?,
            None => cast(element, data_type),
        });
    }
    Some(vec![Node::Token(ARRAY), Node::Brackets(list)])
}

/// Whether it is seen to be no array. All elements of an array are of one type,
/// so that it is enough of one.
fn is_scalar(element: &[Node<'_>]) -> bool {
    if let [Node::Parentheses(inner)] = element
        && let Some((value, _)) = collated(inner)
    {
        return is_scalar(value);
    }
    match element {
        [Node::Token(token)] => token.is_number(),
        // A literal, or whatever is between parentheses, and one cast.
        [Node::Token(_) | Node::Parentheses(_), rest @ ..] => {
            cast_type(rest).is_some_and(|data_type| {
                data_type.len() + 1 == rest.len()
                    && without_brackets(data_type).is_none()
                    && !is_vector(data_type)
            })
        }
        _ => false,
    }
}

/// The system's own types that are arrays by another name.
fn is_vector(data_type: &[Node<'_>]) -> bool {
    matches!(
        data_type.last(),
        Some(Node::Token(Token("int2vector" | "oidvector")))
    )
}

/// The two sides of a COLLATE.
fn collated<'n, 'a>(nodes: &'n [Node<'a>]) -> Option<(&'n [Node<'a>], &'n [Node<'a>])> {
    let keyword = Node::Token(Token("COLLATE"));
    let at = nodes.iter().position(|node| *node == keyword)?;
    Some((&nodes[..at], &nodes[at..]))
}

/// `(element)::t`
fn cast<'a>(element: &[Node<'a>], data_type: &[Node<'a>]) -> Vec<Node<'a>> {
    if let [Node::Parentheses(inner)] = element
        && let Some((value, collation)) = collated(inner)
    {
        let mut inner = cast(value, data_type);
        inner.extend_from_slice(collation);
        return vec![Node::Parentheses(inner)];
    }
    let mut list = match literal_to_cut(element, data_type) {
        Some(literal) => vec![literal.clone()],
        None => vec![Node::Parentheses(element.to_vec())],
    };
    list.push(CAST);
    list.extend_from_slice(data_type);
    list
}

/// The literal of `'x'::character varying` that is cast to a length: the server
/// writes one cast then.
fn literal_to_cut<'n, 'a>(element: &'n [Node<'a>], data_type: &[Node<'a>]) -> Option<&'n Node<'a>> {
    let (literal, own) = element.split_first()?;
    let own = cast_type(own).filter(|own| own.len() + 2 == element.len())?;
    let varying = [
        Node::Token(Token("character")),
        Node::Token(Token("varying")),
    ];
    let to_length =
        matches!(data_type, [a, b, Node::Parentheses(_)] if [a, b] == [&varying[0], &varying[1]]);
    let is_literal = matches!(literal, Node::Token(token) if token.is_string());
    (own == varying && to_length && is_literal).then_some(literal)
}

/// An expression of SQLite with other names for columns, each given with what it
/// is called now. What is not understood stays as it is.
pub(super) fn with_names(text: &str, renamed: &[(String, String)]) -> String {
    let Some(tokens) = token::split(text) else {
        return text.to_owned();
    };
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    for (position, token) in tokens.iter().enumerate() {
        let spaces = rest.len() - rest.trim_start().len();
        result.push_str(&rest[..spaces]);
        rest = &rest[spaces + token.0.len()..];
        // The name of a function is followed by a parenthesis.
        let is_function = tokens.get(position + 1) == Some(&Token("("));
        let new = renamed
            .iter()
            .find(|(old, _)| !is_function && ident::display(old) == token.0)
            .map(|(_, new)| ident::display(new));
        result.push_str(new.as_deref().unwrap_or(token.0));
    }
    result + rest
}
