//! The script for sqlite3 and for the `executescript` of drivers.
//!
//! The sqlite3 shell goes on after an error, and the statements after it would
//! be committed. So the transaction begins with a broken reference between two
//! temporary tables, which is counted at COMMIT, and which only the last check
//! mends: COMMIT fails unless everything is as it should be.

use std::collections::BTreeSet;

use sea_orm::DbBackend;

use super::{
    OfflineError, OfflineOptions, PROPERTIES, Range, list, literal, name,
    objects::{Object, objects},
};
use crate::{Revision, properties::PRODUCTION, run::Direction, scripts::guard};

const LEDGER: &str = "CREATE TABLE IF NOT EXISTS \"seaql_migrations\" \
                      ( \"version\" varchar NOT NULL PRIMARY KEY, \"applied_at\" integer NOT NULL );\n";

/// A name is looked for in the file first and in what is attached after it, so
/// that the statements work on a stand-in where Alembic has no ledger: SQLite
/// refuses any statement that names a table which is not there.
const STAND_IN: &str = "outreach_stand_in";

pub(super) fn script(range: &Range, options: &OfflineOptions) -> Result<String, OfflineError> {
    let before = objects(DbBackend::Sqlite, range.before)?;
    let after = objects(DbBackend::Sqlite, range.after)?;
    let mut script = Script {
        sql: range.title(),
        checks: 0,
    };
    script.begin(range);
    script.sql.push_str(LEDGER);
    script.where_it_begins(range, options, &before, &after);
    for (revision, record) in &range.steps {
        script.line(&format!("\n-- {}: {}", revision.name, revision.summary));
        for guard in guard::of(revision.name, range.direction) {
            script.check(guard.message, &format!("NOT {}", guard.found));
        }
        for statement in record.of(range.direction) {
            script.line(&format!("{};", statement.sql));
        }
        script.ledger_row(range.direction, revision);
        script.alembic_row(range.direction, revision);
    }
    script.records(range, options);
    script.end(range, &before, &after);
    Ok(script.sql)
}

struct Script {
    sql: String,
    /// How many checks there are.
    checks: usize,
}

impl Script {
    fn line(&mut self, text: &str) {
        self.sql.push_str(text);
        self.sql.push('\n');
    }

    fn begin(&mut self, range: &Range) {
        self.line("-- SQLite. Run it with: sqlite3 -bail FILE < SCRIPT");
        self.line("-- It is one transaction: COMMIT fails unless all of it was done. A full disk");
        self.line("-- ends a transaction, and without -bail the shell goes on outside of it.\n");
        self.line("PRAGMA foreign_keys = ON;");
        self.line(&format!("ATTACH DATABASE ':memory:' AS {STAND_IN};"));
        self.line(&format!(
            "CREATE TABLE {STAND_IN}.alembic_version (version_num);"
        ));
        if let Some(twin) = Range::twin(range.before) {
            self.line(&format!(
                "INSERT INTO {STAND_IN}.alembic_version VALUES ({});",
                literal(twin)
            ));
        }
        self.line("\nBEGIN;");
        self.line("CREATE TEMP TABLE outreach_done (id INTEGER PRIMARY KEY);");
        self.line(
            "CREATE TEMP TABLE outreach_open (id INTEGER PRIMARY KEY \
             REFERENCES outreach_done (id) DEFERRABLE INITIALLY DEFERRED);",
        );
        self.line("INSERT INTO outreach_open VALUES (1);\n");
    }

    /// A condition whose failure is an error with this text, and that has to
    /// hold for the script to be committed.
    fn check(&mut self, message: &str, condition: &str) {
        self.checks += 1;
        let table = format!("outreach_check_{}", self.checks);
        self.line(&format!(
            "CREATE TEMP TABLE {table} (ok INTEGER NOT NULL CONSTRAINT \
             \"outreach: {message}; nothing was changed\" CHECK (ok = 1));"
        ));
        self.line(&format!("INSERT INTO {table} SELECT {condition};"));
    }

    fn where_it_begins(
        &mut self,
        range: &Range,
        options: &OfflineOptions,
        before: &BTreeSet<Object>,
        after: &BTreeSet<Object>,
    ) {
        let from = name(range.before.last());
        self.check(
            &format!("the database is not at {from}"),
            &format!("({})", ledger_is(range.before)),
        );
        self.check(
            &format!("alembic_version does not agree with {from}"),
            &format!("({})", alembic_is(Range::twin(range.before))),
        );
        self.check(
            &format!("the tables are not those of {from}"),
            &format!("({})", changed(before, after, false)),
        );
        if !Range::has(range.before, PROPERTIES) {
            return;
        }
        if range.direction == Direction::Down {
            self.check(
                "the database is protected; see `outreach protect --off`",
                &format!(
                    "NOT EXISTS (SELECT 1 FROM \"database_properties\" WHERE \"name\" = \
                     'protected' OR \"name\" = 'environment' AND \"value\" = '{PRODUCTION}')"
                ),
            );
        }
        if let Some(environment) = &options.run.environment {
            self.check(
                "the database is of another environment",
                &format!(
                    "NOT EXISTS (SELECT 1 FROM \"database_properties\" WHERE \"name\" = \
                     'environment' AND \"value\" <> {})",
                    literal(environment)
                ),
            );
        }
    }

    fn ledger_row(&mut self, direction: Direction, revision: &Revision) {
        let name = literal(revision.name);
        self.line(&match direction {
            Direction::Up => format!(
                "INSERT INTO \"seaql_migrations\" (\"version\", \"applied_at\") \
                 VALUES ({name}, CAST(strftime('%s', 'now') AS INTEGER));"
            ),
            Direction::Down => {
                format!("DELETE FROM \"seaql_migrations\" WHERE \"version\" = {name};")
            }
        });
    }

    fn alembic_row(&mut self, direction: Direction, revision: &Revision) {
        let Some(id) = revision.alembic else { return };
        let before = Range::twin(super::before(revision));
        let id = literal(id);
        self.line(&match (direction, before.map(literal)) {
            (Direction::Up, None) => format!("INSERT INTO alembic_version VALUES ({id});"),
            (Direction::Up, Some(before)) => moved(&before, &id),
            (Direction::Down, Some(before)) => moved(&id, &before),
            (Direction::Down, None) => {
                format!("DELETE FROM alembic_version WHERE version_num = {id};")
            }
        });
    }

    fn records(&mut self, range: &Range, options: &OfflineOptions) {
        let checksums = range.checksums(DbBackend::Sqlite);
        if !checksums.is_empty() {
            self.line(&format!(
                "\nDELETE FROM \"revision_checksums\" WHERE \"version\" NOT IN ({});",
                list(range.after)
            ));
            for (name, checksum) in checksums {
                self.line(&format!(
                    "INSERT OR IGNORE INTO \"revision_checksums\" (\"version\", \"checksum\") \
                     VALUES ({}, {});",
                    literal(name),
                    literal(&checksum)
                ));
            }
        }
        if let Some(environment) = &options.run.environment
            && range.makes_properties()
        {
            self.line(&format!(
                "INSERT INTO \"database_properties\" (\"name\", \"value\") \
                 VALUES ('environment', {});",
                literal(environment)
            ));
        }
    }

    /// Mends the reference if everything was done.
    fn end(&mut self, range: &Range, before: &BTreeSet<Object>, after: &BTreeSet<Object>) {
        let mut conditions: Vec<String> = (1..=self.checks)
            .map(|check| format!("(SELECT count(*) FROM outreach_check_{check}) = 1"))
            .collect();
        conditions.push(ledger_is(range.after));
        conditions.push(alembic_is(Range::twin(range.after)));
        conditions.push(changed(before, after, true));
        self.line(&format!(
            "\nINSERT INTO outreach_done SELECT 1 WHERE {};",
            conditions.join("\n  AND ")
        ));
        self.line("COMMIT;\n");
        for check in 1..=self.checks {
            self.line(&format!("DROP TABLE temp.outreach_check_{check};"));
        }
        self.line("DROP TABLE temp.outreach_open;");
        self.line("DROP TABLE temp.outreach_done;");
        self.line(&format!("DETACH DATABASE {STAND_IN};"));
    }
}

fn moved(from: &str, to: &str) -> String {
    format!("UPDATE alembic_version SET version_num = {to} WHERE version_num = {from};")
}

fn ledger_is(revisions: &[Revision]) -> String {
    let names: Vec<&str> = revisions.iter().map(|revision| revision.name).collect();
    format!(
        "(SELECT coalesce(group_concat(version, ' '), '') FROM \
         (SELECT version FROM \"seaql_migrations\" ORDER BY version)) = {}",
        literal(&names.join(" "))
    )
}

fn alembic_is(head: Option<&str>) -> String {
    format!(
        "(SELECT coalesce(group_concat(version_num, ' '), '') FROM alembic_version) = {}",
        literal(head.unwrap_or_default())
    )
}

/// Holds before the change if it is not `done`, and after it if it is.
fn changed(before: &BTreeSet<Object>, after: &BTreeSet<Object>, done: bool) -> String {
    let conditions = [
        are_there(after, before, done),
        are_there(before, after, !done),
    ];
    let conditions: Vec<String> = conditions.into_iter().flatten().collect();
    if conditions.is_empty() {
        return "1".to_owned();
    }
    conditions.join(" AND ")
}

/// The objects of one side only. The columns of a table that is of this side only
/// say nothing more than the table.
fn are_there(objects: &BTreeSet<Object>, other: &BTreeSet<Object>, there: bool) -> Vec<String> {
    let mut conditions = Vec::new();
    let mut named = Vec::new();
    for object in objects.difference(other) {
        match object {
            Object::Column(table, _) if !other.contains(&Object::Named(table.clone())) => {}
            Object::Named(name) => named.push(literal(name)),
            Object::Column(table, column) => conditions.push(format!(
                "(SELECT count(*) FROM pragma_table_info({}) WHERE name = {}) = {}",
                literal(table),
                literal(column),
                u8::from(there)
            )),
        }
    }
    if !named.is_empty() {
        let count = if there { named.len() } else { 0 };
        conditions.push(format!(
            "(SELECT count(*) FROM sqlite_master WHERE type IN ('table', 'index') \
             AND name IN ({})) = {count}",
            named.join(", ")
        ));
    }
    conditions
}
