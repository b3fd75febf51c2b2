//! The script for psql. An error inside a transaction makes PostgreSQL refuse
//! all that follows, COMMIT included.

use std::fmt::Write as _;

use sea_orm::DbBackend;

use super::{OfflineOptions, PROPERTIES, Range, list, literal, name};
use crate::{
    Revision,
    properties::PRODUCTION,
    run::{Direction, milliseconds, quote},
    scripts::guard,
};

const LEDGER: &str = "CREATE TABLE IF NOT EXISTS \"seaql_migrations\" \
                      ( \"version\" varchar NOT NULL PRIMARY KEY, \"applied_at\" bigint NOT NULL );\n";

pub(super) fn script(range: &Range, options: &OfflineOptions) -> String {
    let mut sql = range.title();
    sql.push_str(
        "-- PostgreSQL. Run it with: psql -v ON_ERROR_STOP=1 -f FILE\n\
         -- It is one transaction: all of it is done, or nothing.\n\nBEGIN;\n\n",
    );
    begin(&mut sql, range, options);
    where_it_begins(&mut sql, range, options);
    sql.push_str(LEDGER);
    for (revision, record) in &range.steps {
        let _ = writeln!(sql, "\n-- {}: {}", revision.name, revision.summary);
        for guard in guard::of(revision.name, range.direction) {
            refuse_if(&mut sql, guard.found, guard.message);
        }
        for statement in record.of(range.direction) {
            let _ = writeln!(sql, "{};", statement.sql);
        }
        ledger_row(&mut sql, range.direction, revision);
        alembic_row(&mut sql, range.direction, revision);
    }
    records(&mut sql, range, options);
    sql.push_str("\nCOMMIT;\n");
    sql
}

/// The schema, the lock that `outreach migrate` takes too, and the limits.
fn begin(sql: &mut String, range: &Range, options: &OfflineOptions) {
    if let Some(schema) = &options.schema {
        if range.before.is_empty() {
            let _ = writeln!(sql, "CREATE SCHEMA IF NOT EXISTS {};", quote(schema));
        }
        let _ = writeln!(sql, "SET LOCAL search_path TO {};", quote(schema));
    }
    let _ = write!(
        sql,
        "SET LOCAL lock_timeout = 0;\n\
         SET LOCAL statement_timeout = 0;\n\
         DO $outreach$\n\
         BEGIN\n  \
           IF current_schema() IS NULL THEN\n    \
             RAISE EXCEPTION 'outreach: the schema does not exist; nothing was changed';\n  \
           END IF;\n  \
           PERFORM set_config('search_path', quote_ident(current_schema()), true);\n  \
           PERFORM pg_advisory_xact_lock(\
             hashtextextended('outreach-migration ' || current_schema(), 0));\n\
         END $outreach$;\n\
         SET LOCAL lock_timeout = {};\n\
         SET LOCAL statement_timeout = {};\n\n",
        milliseconds(options.run.lock_timeout),
        milliseconds(options.run.statement_timeout),
    );
}

/// Refuses a database that is somewhere else.
fn where_it_begins(sql: &mut String, range: &Range, options: &OfflineOptions) {
    let wanted = list(range.before);
    let alembic: Vec<String> = Range::twin(range.before).into_iter().map(literal).collect();
    let from = name(range.before.last());
    let _ = write!(
        sql,
        "DO $outreach$\n\
         DECLARE\n  applied text[] := '{{}}';\n  alembic text[];\n\
         BEGIN\n  \
           IF {} THEN\n    \
             EXECUTE 'SELECT coalesce(array_agg(version::text ORDER BY version COLLATE \"C\"), \
                      ''{{}}'') FROM seaql_migrations' INTO applied;\n  \
           END IF;\n  \
           IF applied IS DISTINCT FROM ARRAY[{wanted}]::text[] THEN\n    \
             RAISE EXCEPTION 'outreach: the database is not at {from}; nothing was changed'\n      \
               USING DETAIL = 'seaql_migrations: ' || array_to_string(applied, ', ');\n  \
           END IF;\n  \
           IF {} THEN\n    \
             EXECUTE 'SELECT coalesce(array_agg(version_num::text ORDER BY version_num), ''{{}}'') \
                      FROM alembic_version' INTO alembic;\n    \
             IF alembic IS DISTINCT FROM ARRAY[{}]::text[] THEN\n      \
               RAISE EXCEPTION 'outreach: alembic_version does not agree with {from}; nothing was \
                                changed'\n        \
                 USING DETAIL = 'alembic_version: ' || array_to_string(alembic, ', ');\n    \
             END IF;\n  \
           END IF;\n\
         END $outreach$;\n",
        table_is_there("seaql_migrations"),
        table_is_there("alembic_version"),
        alembic.join(", "),
    );
    if !Range::has(range.before, PROPERTIES) {
        return;
    }
    if range.direction == Direction::Down {
        let found = format!(
            "EXISTS (SELECT 1 FROM \"database_properties\" WHERE \"name\" = 'protected' \
             OR \"name\" = 'environment' AND \"value\" = '{PRODUCTION}')"
        );
        refuse_if(
            sql,
            &found,
            "the database is protected; see `outreach protect --off`",
        );
    }
    if let Some(environment) = &options.run.environment {
        let found = format!(
            "EXISTS (SELECT 1 FROM \"database_properties\" WHERE \"name\" = 'environment' \
             AND \"value\" <> {})",
            literal(environment)
        );
        refuse_if(sql, &found, "the database is of another environment");
    }
}

/// `pg_class`, because a name alone is looked for in every schema of the path.
fn table_is_there(table: &str) -> String {
    format!("to_regclass(quote_ident(current_schema()) || '.{table}') IS NOT NULL")
}

fn refuse_if(sql: &mut String, found: &str, message: &str) {
    let _ = write!(
        sql,
        "DO $outreach$\nBEGIN\n  IF {found} THEN\n    \
         RAISE EXCEPTION 'outreach: {message}; nothing was changed';\n  \
         END IF;\nEND $outreach$;\n",
    );
}

fn ledger_row(sql: &mut String, direction: Direction, revision: &Revision) {
    let name = literal(revision.name);
    let _ = match direction {
        Direction::Up => writeln!(
            sql,
            "INSERT INTO \"seaql_migrations\" (\"version\", \"applied_at\") \
             VALUES ({name}, extract(epoch FROM now())::bigint);"
        ),
        Direction::Down => writeln!(
            sql,
            "DELETE FROM \"seaql_migrations\" WHERE \"version\" = {name};"
        ),
    };
}

/// Moves Alembic's ledger where there is one.
fn alembic_row(sql: &mut String, direction: Direction, revision: &Revision) {
    let Some(id) = revision.alembic else { return };
    let before = Range::twin(super::before(revision));
    let statement = match (direction, before) {
        (Direction::Up, None) => format!("INSERT INTO alembic_version VALUES ({})", literal(id)),
        (Direction::Up, Some(before)) => moved(before, id),
        (Direction::Down, Some(before)) => moved(id, before),
        (Direction::Down, None) => {
            format!(
                "DELETE FROM alembic_version WHERE version_num = {}",
                literal(id)
            )
        }
    };
    let _ = write!(
        sql,
        "DO $outreach$\nBEGIN\n  IF {} THEN\n    {statement};\n  END IF;\nEND $outreach$;\n",
        table_is_there("alembic_version"),
    );
}

fn moved(from: &str, to: &str) -> String {
    format!(
        "UPDATE alembic_version SET version_num = {} WHERE version_num = {}",
        literal(to),
        literal(from)
    )
}

/// The checksums and, with the table of the properties, the environment.
fn records(sql: &mut String, range: &Range, options: &OfflineOptions) {
    let checksums = range.checksums(DbBackend::Postgres);
    if !checksums.is_empty() {
        let rows: Vec<String> = checksums
            .iter()
            .map(|(name, checksum)| format!("({}, {})", literal(name), literal(checksum)))
            .collect();
        let _ = write!(
            sql,
            "\nDELETE FROM \"revision_checksums\" WHERE \"version\" NOT IN ({});\n\
             INSERT INTO \"revision_checksums\" (\"version\", \"checksum\") VALUES\n  {}\n\
             ON CONFLICT (\"version\") DO NOTHING;\n",
            list(range.after),
            rows.join(",\n  "),
        );
    }
    if let Some(environment) = &options.run.environment
        && range.makes_properties()
    {
        let _ = writeln!(
            sql,
            "INSERT INTO \"database_properties\" (\"name\", \"value\") \
             VALUES ('environment', {});",
            literal(environment)
        );
    }
}
