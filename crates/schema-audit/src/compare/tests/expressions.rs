//! Every kind of expression is compared as one that a restored copy may write in
//! another way.

use super::*;
use crate::schema::Generated;

/// As PostgreSQL writes `title IN ('a', 'b')`, and again after a dump and a
/// restore.
const ORIGINAL: &str =
    "((title)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))";
const COPY: &str =
    "((title)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text]))";

/// Schemas that have the expression in one place each.
fn with(expression: &str) -> Vec<Schema> {
    let text = || expression.to_owned();
    let changes: [&dyn Fn(&mut Schema); 10] = [
        &|s| s.tables[0].checks[0].expression = text(),
        &|s| s.tables[0].checks.push(check(None, expression)),
        &|s| s.tables[0].indexes[0].predicate = Some(text()),
        &|s| {
            s.tables[0].indexes[0].keys[0].expression = text();
            s.tables[0].indexes[0].keys[0].is_column = false;
        },
        &|s| {
            s.tables[0].columns[0].generated = Some(Generated {
                expression: text(),
                stored: true,
            });
        },
        &|s| s.tables[0].columns[0].default = Some(text()),
        &|s| {
            s.tables[0].exclusions[0].definition =
                format!("EXCLUDE USING gist (id WITH =) WHERE ({expression})");
        },
        &|s| s.tables[0].partition_key = Some(format!("LIST ({expression})")),
        &|s| s.domains[0].default = Some(text()),
        // Sorted by their texts, the two conditions change places.
        &|s| {
            let other = COPY.replace("title", "VALUE").replace("'a'", "'0'");
            let own = expression.replace("title", "VALUE");
            s.domains[0].checks = vec![check(None, &own), check(None, &other)];
        },
    ];
    let schemas = changes.iter().map(|change| {
        let mut schema = base();
        change(&mut schema);
        schema.sort();
        schema
    });
    schemas.collect()
}

#[test]
fn a_restored_copy_does_not_differ_by_its_expressions() {
    for (original, copy) in with(ORIGINAL).iter().zip(&with(COPY)) {
        assert_ne!(original, copy);
        assert_eq!(compare(original, copy), []);
        assert_eq!(compare(copy, original), []);
    }
}

#[test]
fn another_literal_in_a_restored_copy_is_found() {
    let changed = COPY.replace("'b'", "'c'");
    for (original, changed) in with(ORIGINAL).iter().zip(&with(&changed)) {
        let found = compare(original, changed);
        assert!(!found.is_empty());
        assert!(
            found.iter().all(|f| f.severity != Severity::Info),
            "{found:?}"
        );
    }
}
