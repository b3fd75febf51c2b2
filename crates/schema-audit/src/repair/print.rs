//! A plan as a script.

use std::fmt::Write;

use super::{Hazard, Plan, Statement, sqlite};
use crate::schema::Dialect;

impl Hazard {
    /// What it means for whoever runs the statement.
    #[must_use]
    pub const fn explain(self) -> &'static str {
        match self {
            Self::AccessExclusiveLock => "nobody can read or write the table while it runs",
            Self::WriteLock => "nobody can write to the table while it runs",
            Self::TableScan => "reads every row",
            Self::TableRewrite => "writes every row and every index again",
            Self::IndexBuild => "builds an index",
            Self::DataLoss => "what is there now is gone afterwards",
            Self::MayFail => "fails if rows break the new condition",
            Self::NeedsEmptyTable => {
                "fails if the table has rows: a new column is NOT NULL and has no default"
            }
            Self::FillsNulls => "fills NULLs with the default",
        }
    }
}

impl Plan {
    /// The plan as an SQL script for `psql`, `sqlite3` or any other client, in one
    /// transaction, with the settings that it needs. One with control characters in
    /// it, other than line breaks and tabs, is all commented out, with those
    /// characters replaced: a terminal would obey them. It has each statement below the
    /// findings that it mends and what it costs, the ones that are left out and
    /// the refused findings as comments.
    #[must_use]
    pub fn to_sql(&self) -> String {
        let sql = self.script();
        if !sql.contains(is_unsafe) {
            return sql;
        }
        let mut commented = String::new();
        let reason = "not to be run from here: names or definitions in it have control characters";
        comment(&mut commented, reason);
        for line in sql.lines() {
            comment(&mut commented, line);
        }
        commented
    }

    fn script(&self) -> String {
        let mut sql = String::new();
        for refusal in &self.refused {
            comment(
                &mut sql,
                &format!("refused: {}: {}", refusal.finding, refusal.reason),
            );
        }
        if self.statements.is_empty() {
            return sql;
        }
        match self.dialect {
            Dialect::Postgres => sql += "BEGIN;\n",
            Dialect::Sqlite => sql += &sqlite::opening(),
        }
        if let Some(path) = &self.search_path {
            let _ = writeln!(sql, "SET LOCAL search_path = {path};");
        }
        for statement in &self.statements {
            sql.push('\n');
            write_statement(&mut sql, statement);
            let noted = self.dialect == Dialect::Sqlite && !statement.left_out;
            if let Some(note) = sqlite::note(statement).filter(|_| noted) {
                let _ = writeln!(sql, "{note};");
            }
        }
        sql.push('\n');
        match self.dialect {
            Dialect::Postgres => sql += "COMMIT;\n",
            Dialect::Sqlite => sql += &sqlite::closing(self),
        }
        sql
    }
}

/// What a script may have to lay out its text, and nothing else of that kind.
fn is_unsafe(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
}

fn write_statement(sql: &mut String, statement: &Statement) {
    for mended in &statement.mends {
        comment(sql, mended);
    }
    for hazard in &statement.hazards {
        comment(sql, &format!("hazard: {}", hazard.explain()));
    }
    if statement.left_out {
        comment(
            sql,
            if statement.destructive {
                "left out because it destroys data; ask for it by name:"
            } else {
                "left out with a statement that destroys data:"
            },
        );
        for line in format!("{};", statement.sql).lines() {
            comment(sql, line);
        }
    } else {
        let _ = writeln!(sql, "{};", statement.sql);
    }
}

/// A comment on a line of its own: a name may have line breaks in it, which
/// would end the comment and begin a statement.
fn comment(sql: &mut String, text: &str) {
    let text = text.replace(|c: char| c.is_control(), " ");
    let _ = writeln!(sql, "-- {text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repair::Refusal;

    fn statement(sql: &str, left_out: bool) -> Statement {
        Statement {
            sql: sql.to_owned(),
            hazards: vec![Hazard::AccessExclusiveLock],
            mends: vec!["column-unexpected t.a\ndrop table b".to_owned()],
            destructive: left_out,
            left_out,
        }
    }

    #[test]
    fn a_statement_that_is_left_out_is_commented_out_on_all_of_its_lines() {
        let plan = Plan {
            statements: vec![statement("DROP\nTABLE \"t\"", true)],
            search_path: Some("\"public\", pg_temp".to_owned()),
            ..Plan::default()
        };
        let sql = plan.to_sql();
        assert!(sql.contains("-- DROP\n-- TABLE \"t\";\n"), "{sql}");
        assert!(sql.contains("SET LOCAL search_path = \"public\", pg_temp;\n"));
    }

    #[test]
    fn a_script_with_control_characters_is_shown_without_them_and_runs_nothing() {
        for dialect in [Dialect::Postgres, Dialect::Sqlite] {
            let plan = Plan {
                dialect,
                statements: vec![statement("DROP INDEX \"a\u{1b}[2J\rb\"", false)],
                ..Plan::default()
            };
            let sql = plan.to_sql();
            assert!(!sql.contains(is_unsafe), "{sql:?}");
            assert!(sql.lines().all(|line| line.starts_with("--")), "{sql}");
        }
    }

    #[test]
    fn a_name_with_a_line_break_does_not_leave_its_comment() {
        let plan = Plan {
            dialect: Dialect::Postgres,
            statements: vec![statement("SELECT 1", false)],
            refused: vec![Refusal {
                finding: "a\nDROP TABLE t;".to_owned(),
                reason: "none".to_owned(),
            }],
            search_path: None,
        };
        let script = plan.to_sql();
        let running: Vec<&str> = script
            .lines()
            .filter(|line| !line.starts_with("--") && !line.is_empty())
            .collect();
        assert_eq!(running, ["BEGIN;", "SELECT 1;", "COMMIT;"]);
    }
}
