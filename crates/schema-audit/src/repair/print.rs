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
            Self::FillsNulls => "fills NULLs with the default",
        }
    }
}

impl Plan {
    /// The plan as an SQL script for `psql` or `sqlite3`, in one transaction, with
    /// the settings that it needs: each statement below the
    /// findings that it mends and what it costs, the ones that are left out and
    /// the refused findings as comments.
    #[must_use]
    pub fn to_sql(&self) -> String {
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
        }
        sql.push('\n');
        match self.dialect {
            Dialect::Postgres => sql += "COMMIT;\n",
            Dialect::Sqlite => sql += &sqlite::closing(),
        }
        sql
    }
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
            "left out because it destroys data; ask for it by name:",
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
