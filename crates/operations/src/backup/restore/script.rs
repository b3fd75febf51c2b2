//! Runs the script of rows that `pg_restore --section=data` writes: COPY with
//! its lines, and the values of sequences.

use sea_orm::sqlx::{PgPool, postgres::PgPoolCopyExt};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, RuntimeErr, sqlx};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

/// What is sent at once, unless one row is longer.
const CHUNK: usize = 256 * 1024;

/// Runs it on the pool's only connection. Memory is bounded by the longest row.
pub(super) async fn run(
    db: &DatabaseConnection,
    mut script: impl AsyncBufRead + Unpin,
) -> Result<(), DbErr> {
    let mut statement = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if script
            .read_until(b'\n', &mut line)
            .await
            .map_err(unreadable)?
            == 0
        {
            return end(&statement);
        }
        if statement.is_empty() && is_passed_over(&line) {
            continue;
        }
        statement.extend_from_slice(&line);
        if !is_complete(&statement) {
            continue;
        }
        let text = String::from_utf8(std::mem::take(&mut statement))
            .map_err(|_| DbErr::Custom("the script is not UTF-8".to_owned()))?;
        let text = text.trim();
        if text.starts_with("COPY ") {
            copy(db.get_postgres_connection_pool(), text, &mut script).await?;
        } else {
            db.execute_unprepared(text).await?;
        }
    }
}

/// A script that was cut off in a statement is not run to its end.
fn end(statement: &[u8]) -> Result<(), DbErr> {
    if statement.is_empty() {
        return Ok(());
    }
    Err(DbErr::Custom(
        "the script ends inside a statement".to_owned(),
    ))
}

async fn copy(
    pool: &PgPool,
    statement: &str,
    script: &mut (impl AsyncBufRead + Unpin),
) -> Result<(), DbErr> {
    let statement = statement.trim_end_matches(';');
    let mut into = pool.copy_in_raw(statement).await.map_err(refused)?;
    let mut lines = Vec::with_capacity(CHUNK);
    loop {
        let before = lines.len();
        if script
            .read_until(b'\n', &mut lines)
            .await
            .map_err(unreadable)?
            == 0
        {
            return Err(DbErr::Custom("the script ends inside of rows".to_owned()));
        }
        let is_end = &lines[before..] == b"\\.\n";
        if is_end {
            lines.truncate(before);
        }
        if is_end || lines.len() >= CHUNK {
            into.send(&lines[..]).await.map_err(refused)?;
            lines.clear();
        }
        if is_end {
            return into.finish().await.map(drop).map_err(refused);
        }
    }
}

fn refused(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn unreadable(error: std::io::Error) -> DbErr {
    DbErr::Custom(format!("the script can't be read: {error}"))
}

/// The limits that a script lifts, each in a line of its own: those of whoever
/// restores hold.
const LIMITS: [&str; 2] = ["SET statement_timeout ", "SET lock_timeout "];

/// A script of definitions without the lines that lift limits.
pub(super) fn without_limits(script: &str) -> String {
    // They are at its beginning; further down, a text may have such a line.
    let mut is_head = true;
    let kept = script.lines().filter(|line| {
        let is_setting = line.starts_with("SET ") || line.starts_with("SELECT pg_catalog.set_");
        is_head &= is_setting || line.starts_with("--") || line.trim().is_empty();
        !(is_head && LIMITS.iter().any(|limit| line.starts_with(limit)))
    });
    kept.flat_map(|line| [line, "\n"]).collect()
}

/// Comments, what is meant for `psql`, what lifts limits, and a setting that an
/// older server does not know.
fn is_passed_over(line: &[u8]) -> bool {
    let begins = |with: &str| line.starts_with(with.as_bytes());
    line.trim_ascii().is_empty()
        || begins("--")
        || begins("\\restrict ")
        || begins("\\unrestrict ")
        || begins("SET transaction_timeout ")
        || LIMITS.iter().any(|limit| begins(limit))
}

/// Whether a statement has its semicolon at the end of a line and outside of
/// quotes. A quote inside of quotes is doubled, so that it closes and opens.
fn is_complete(statement: &[u8]) -> bool {
    let mut open = None;
    for byte in statement {
        match open {
            Some(quote) if quote == *byte => open = None,
            None if matches!(byte, b'\'' | b'"') => open = Some(*byte),
            _ => {}
        }
    }
    open.is_none() && statement.trim_ascii_end().ends_with(b";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_not_lifted_by_the_head_of_a_script() {
        let script = "--\nSET statement_timeout = 0;\nSET lock_timeout = 0;\n\
             SET client_encoding = 'UTF8';\n\nCOMMENT ON TABLE a IS '\nSET lock_timeout = 0;\n';\n";
        let kept = "--\nSET client_encoding = 'UTF8';\n\n\
             COMMENT ON TABLE a IS '\nSET lock_timeout = 0;\n';\n";
        assert_eq!(without_limits(script), kept);
        assert!(is_passed_over(b"SET lock_timeout = 0;\n"));
    }

    #[test]
    fn a_statement_ends_outside_of_quotes() {
        assert!(is_complete(b"COPY public.a (b) FROM stdin;\n"));
        assert!(!is_complete(b"COPY public.\"a;\n"));
        assert!(!is_complete(b"SELECT setval('\"it''s;\n"));
        assert!(is_complete(b"COPY public.\"a;\nb\"\"'\" FROM stdin;\n"));
    }
}
