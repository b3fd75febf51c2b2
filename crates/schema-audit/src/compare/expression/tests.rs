//! The texts are PostgreSQL's own: of a database, and of its restored copy.

use super::*;

/// Texts of a database and of a copy that was restored from its dump.
const RESTORED: &[(&str, &str)] = &[
    (
        "((v)::text = ANY ((ARRAY['x'::character varying, 'y'::character varying])::text[]))",
        "((v)::text = ANY (ARRAY[('x'::character varying)::text, ('y'::character varying)::text]))",
    ),
    (
        "((w)::text <> ALL ((ARRAY['x'::character varying(2), 'y'::character varying])::text[]))",
        "((w)::text <> ALL (ARRAY[('x'::character varying(2))::text, ('y'::character varying)::text]))",
    ),
    (
        "((w)::text = ANY (((ARRAY['abcdef'::character varying])::character varying(3)[])::text[]))",
        "((w)::text = ANY ((ARRAY['abcdef'::character varying(3)])::text[]))",
    ),
    (
        "((w)::text = ANY (((ARRAY['abcdef'::character varying])::character varying(3)[])::text[]))",
        "((w)::text = ANY (ARRAY[('abcdef'::character varying(3))::text]))",
    ),
    (
        "((\nCASE\n    WHEN (i > 1) THEN v\n    ELSE 'k'::character varying\nEND)::text = ANY \
         ((ARRAY['a'::character varying, NULL::character varying])::text[]))",
        "((\nCASE\n    WHEN (i > 1) THEN v\n    ELSE 'k'::character varying\nEND)::text = ANY \
         (ARRAY[('a'::character varying)::text, (NULL::character varying)::text]))",
    ),
    (
        "(n = ANY ((ARRAY[1, 2.5, '-1'::integer])::numeric[]))",
        "(n = ANY (ARRAY[(1)::numeric, (2.5)::numeric, ('-1'::integer)::numeric]))",
    ),
    (
        "((v)::text = ANY ((ARRAY[w, (x)::character varying])::text[]))",
        "((v)::text = ANY (ARRAY[(w)::text, ((x)::character varying)::text]))",
    ),
    (
        "((v)::text = ANY ((ARRAY[(lower((v)::text))::character varying, w])::text[]))",
        "((v)::text = ANY (ARRAY[((lower((v)::text))::character varying)::text, (w)::text]))",
    ),
    (
        "((v)::text = ANY ((ARRAY[('a'::character varying COLLATE \"C\"), 'b'::character varying])::text[]))",
        "((v)::text = ANY (ARRAY[(('a'::character varying)::text COLLATE \"C\"), ('b'::character varying)::text]))",
    ),
    (
        "((v)::text = ANY ((ARRAY[ARRAY['a'::character varying], ARRAY['b'::character varying]])::text[]))",
        "((v)::text = ANY (ARRAY[ARRAY[('a'::character varying)::text], ARRAY[('b'::character varying)::text]]))",
    ),
    (
        "((v)::text = ANY ((ARRAY['it''s'::character varying, 'a\\'::character varying, '(ARRAY[1])::text[]'::character varying])::text[]))",
        "((v)::text = ANY (ARRAY[('it''s'::character varying)::text, ('a\\'::character varying)::text, ('(ARRAY[1])::text[]'::character varying)::text]))",
    ),
    (
        "EXCLUDE USING gist (r WITH &&) WHERE (((v)::text = ANY ((ARRAY['a'::character varying])::text[])))",
        "EXCLUDE USING gist (r WITH &&) WHERE (((v)::text = ANY (ARRAY[('a'::character varying)::text])))",
    ),
];

#[test]
fn a_restored_copy_has_the_same_expressions() {
    for (original, copy) in RESTORED {
        assert!(agree(original, copy), "{original}\n{copy}");
        assert!(agree(copy, original), "{copy}\n{original}");
    }
}

#[test]
fn each_type_that_the_server_writes_is_read_to_its_end() {
    for data_type in [
        "text",
        "character varying(3)",
        "character varying",
        "bit varying(3)",
        "\"char\"",
        "double precision",
        "numeric(10,2)",
        "timestamp(3) without time zone",
        "timestamp with time zone",
        "interval day to second(3)",
        "app.mood",
        "app.\"a b\"",
        "\"a\"\"b\"",
    ] {
        let original = format!("(a && (ARRAY[1, b])::{data_type}[])");
        let copy = format!("(a && ARRAY[(1)::{data_type}, (b)::{data_type}])");
        assert!(agree(&original, &copy), "{data_type}");
        let one = format!("(a && ARRAY[(1)::{data_type}, (b)::other])");
        assert!(!agree(&original, &one), "{data_type}");
    }
}

/// Every text that comes about when one token is left out, doubled or another.
fn changed(text: &str) -> Vec<String> {
    let tokens: Vec<&str> = token::split(text).unwrap().iter().map(|t| t.0).collect();
    let mut all = Vec::new();
    for at in 0..tokens.len() {
        for other in [
            vec![],
            vec![tokens[at], tokens[at]],
            vec!["'z'"],
            vec!["z"],
            vec!["7"],
            vec!["text"],
            vec!["("],
            vec!["NOT", tokens[at]],
            vec![tokens[at], "(", "3", ")"],
            vec![tokens[at], "[", "]"],
            vec![tokens[at], "::", "text"],
            vec!["(", tokens[at], ")"],
        ] {
            if other != [tokens[at]] {
                let text = [&tokens[..at], &other, &tokens[at + 1..]].concat();
                all.push(text.join(" "));
            }
        }
    }
    all
}

#[test]
fn one_token_more_less_or_other_is_another_expression() {
    for (original, copy) in RESTORED {
        for (text, other) in [(original, copy), (copy, original)] {
            for changed in changed(text) {
                assert!(!agree(&changed, other), "{changed}\n{other}");
            }
        }
    }
}

#[test]
fn what_means_something_else_is_not_folded() {
    for (a, b) in [
        // Of two arrays, one holds the other's texts.
        (
            "((ARRAY[va, vb])::text[])",
            "(ARRAY[(va)::text, (vb)::text])",
        ),
        (
            "((ARRAY[('{a}'::text[]), vb])::text[])",
            "(ARRAY[(('{a}'::text[]))::text, (vb)::text])",
        ),
        (
            "((ARRAY['1 2'::int2vector])::text[])",
            "(ARRAY[('1 2'::int2vector)::text])",
        ),
        // A cast that is not there, or one to another type or length.
        ("(ARRAY['x'::text])", "(ARRAY['x'::character varying])"),
        (
            "(a = ANY ((ARRAY['x'::character varying])::text[]))",
            "(a = ANY (ARRAY['x'::text]))",
        ),
        (
            "((ARRAY['x'::character varying(2)])::text[])",
            "(ARRAY[('x'::character varying)::text])",
        ),
        (
            "((ARRAY['x'::character varying(2)])::character varying(3)[])",
            "(ARRAY['x'::character varying(3)])",
        ),
        ("((a)::text = 'x'::text)", "(a = 'x'::text)"),
        // A cast of the whole array to a text, not of its elements.
        ("((ARRAY[1])::text)", "(ARRAY[(1)::text])"),
        // What is in quotes is left as it is.
        ("('(ARRAY[1])::text[]'::text)", "('ARRAY[(1)::text]'::text)"),
        ("(\"(ARRAY[1])::text[]\")", "(\"ARRAY[(1)::text]\")"),
        ("($$(ARRAY[1])::text[]$$)", "($$ARRAY[(1)::text]$$)"),
        ("(ARRAY['a  b'::text])", "(ARRAY['a b'::text])"),
        // SQLite's, where brackets are quotes.
        ("(ARRAY[a  b])", "(ARRAY[a b])"),
        // A function called ARRAY would be quoted.
        ("((\"ARRAY\"[1])::text[])", "(\"ARRAY\"[(1)::text])"),
    ] {
        assert!(!agree(a, b), "{a}\n{b}");
        assert!(!agree(b, a), "{b}\n{a}");
    }
}

#[test]
fn a_text_that_is_not_understood_agrees_with_itself_alone() {
    let deep = format!(
        "{}(ARRAY[1])::text[]{}",
        "(".repeat(100_000),
        ")".repeat(100_000)
    );
    for text in [
        "'(ARRAY[",
        "(ARRAY[1)",
        "(ARRAY[1])::text[",
        "$$(ARRAY[1",
        "",
        &deep,
    ] {
        assert!(agree(text, text));
        assert!(!agree(text, &format!("{text} ")), "{text:.40}");
    }
}

#[test]
fn tokens_are_cut_as_the_server_cuts_them() {
    let tokens = |text| -> Vec<&str> { token::split(text).unwrap().iter().map(|t| t.0).collect() };
    for (text, wanted) in [
        ("a::text", vec!["a", "::", "text"]),
        ("'it''s'||E'\\''", vec!["'it''s'", "||", "E'\\''"]),
        ("B'01'=x'0f'", vec!["B'01'", "=", "x'0f'"]),
        ("$a$ ' $ $a$,$$x$$", vec!["$a$ ' $ $a$", ",", "$$x$$"]),
        ("\"a\"\"b\".c", vec!["\"a\"\"b\"", ".", "c"]),
        ("1.5e-3+.5", vec!["1.5e-3", "+", ".5"]),
        ("j->>'a'", vec!["j", "->>", "'a'"]),
        ("a[1:2]", vec!["a", "[", "1", ":", "2", "]"]),
        ("größe<=1", vec!["größe", "<=", "1"]),
    ] {
        assert_eq!(tokens(text), wanted);
    }
    for open in ["'a", "\"a", "E'\\'"] {
        assert_eq!(token::split(open), None, "{open}");
    }
}
