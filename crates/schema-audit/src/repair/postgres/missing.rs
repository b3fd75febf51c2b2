//! What is expected, not there, and made by no repair: functions, extensions.

use super::sql::{Word, words};
use crate::schema::Schema;

/// Names that extensions bring along. Only those that a definition is likely to
/// use.
const BROUGHT: &[(&str, &[&str])] = &[
    ("citext", &["citext"]),
    ("hstore", &["hstore"]),
    ("ltree", &["ltree", "lquery"]),
    ("pg_trgm", &["gin_trgm_ops", "gist_trgm_ops", "similarity"]),
    (
        "uuid-ossp",
        &["uuid_generate_v1", "uuid_generate_v4", "uuid_generate_v5"],
    ),
    (
        "pgcrypto",
        &["gen_random_bytes", "crypt", "gen_salt", "digest", "hmac"],
    ),
    (
        "postgis",
        &["geometry", "geography", "gist_geometry_ops_2d"],
    ),
    (
        "vector",
        &[
            "vector",
            "vector_l2_ops",
            "vector_cosine_ops",
            "vector_ip_ops",
        ],
    ),
    ("unaccent", &["unaccent"]),
    ("cube", &["cube"]),
    ("isn", &["isbn", "issn", "ean13"]),
];

/// Kinds whose absence makes a definition that mentions them fail.
const NEEDED: &[&str] = &[
    "function",
    "aggregate",
    "composite type",
    "range type",
    "base type",
    "collation",
    "operator class",
    "text search configuration",
];

/// Names of things that only the expected schema has.
pub(super) struct Missing {
    names: Vec<(String, String)>,
}

impl Missing {
    pub(super) fn between(expected: &Schema, actual: &Schema) -> Self {
        let mut names = Vec::new();
        let bare = |name: &str| {
            let name = name.split('(').next().unwrap_or(name);
            name.rsplit('.')
                .next()
                .unwrap_or(name)
                .trim_matches('"')
                .to_owned()
        };
        let there = |kind: &str, name: &str| {
            let mut all = actual.unmodelled.iter();
            all.any(|u| u.kind == kind && bare(&u.name) == name)
        };
        for object in &expected.unmodelled {
            let name = bare(&object.name);
            if there(&object.kind, &name) {
                continue;
            }
            if object.kind == "extension" {
                let brought = BROUGHT.iter().find(|(extension, _)| *extension == name);
                for word in brought.map_or(&[][..], |(_, words)| words) {
                    names.push(((*word).to_owned(), format!("extension {name}")));
                }
            } else if NEEDED.contains(&&*object.kind) {
                names.push((name, format!("{} {}", object.kind, object.name)));
            }
        }
        Self { names }
    }

    /// Why a statement can't run, if it can't.
    pub(super) fn needed_by(&self, sql: &str) -> Option<String> {
        if self.names.is_empty() {
            return None;
        }
        let words = words(sql);
        let used = |(name, what): &&(String, String)| {
            let called = what.starts_with("function") || what.starts_with("aggregate");
            words.iter().enumerate().any(|(at, word)| {
                matches!(word, Word::Name(n) if n == name)
                    && (!called || words.get(at + 1) == Some(&Word::Other('(')))
            })
        };
        let (_, what) = self.names.iter().find(used)?;
        Some(format!(
            "it may need {what}, which is not there and is not compared; create that first"
        ))
    }
}
