//! The plan and the report for people.

use std::fmt::Write as _;

use outreach_domain::escape_for_terminal;
use outreach_operations::adopt::{Action, Conflict, Plan, Report, State, Step};
use schema_audit::repair::Statement;

use crate::output::{Table, counted};

/// The most characters of a statement or definition on a line.
const WIDEST: usize = 2_000;

/// One line, fit for a terminal: names come from the database.
pub(super) fn line(text: &str) -> String {
    outreach_domain::excerpt(text, WIDEST)
}

/// What the database is, and what would be done.
pub(super) fn plan(plan: &Plan) -> String {
    let mut text = format!("{}\n", said(&plan.state));
    section(&mut text, "Revisions", plan.steps.iter().map(step));
    section(&mut text, "Conflicts", plan.conflicts.iter().map(conflict));
    section(&mut text, "Differences", plan.differences.iter().cloned());
    section(&mut text, "Repairs", plan.repairs.iter().map(repair));
    let fills = plan.fills.iter().map(|fill| {
        format!(
            "{}.{}: {} with NULL become {}",
            fill.table,
            fill.column,
            counted(fill.rows, "row"),
            fill.value
        )
    });
    section(&mut text, "NULLs that are filled", fills);
    let merged = plan.row_changes.iter();
    let merged = merged.map(|one| format!("{}: {}", one.table, counted(one.rows, "row")));
    section(
        &mut text,
        "Merged into older rows, and kept in merged_rows",
        merged,
    );
    let dropped = plan.dropped.iter();
    let dropped = dropped.map(|one| format!("{}: {}", one.object, one.definition));
    section(&mut text, "Dropped, as no revision has it", dropped);
    section(
        &mut text,
        "Tables that are not outreach's, left alone and left out of audits",
        plan.foreign_tables.iter().cloned(),
    );
    if let Some(alembic) = plan.alembic {
        let _ = writeln!(text, "\nalembic_version is empty and will name {alembic}");
    }
    text
}

/// Below a plan that is not carried out.
pub(super) fn how_to_go_on(plan: &Plan) -> &'static str {
    if !plan.is_possible() {
        "\nThe database can't be adopted as it is. Nothing was changed.\n"
    } else if plan.is_done() {
        "\nNothing to do.\n"
    } else {
        "\nNothing was changed. To do this, after a backup: outreach adopt --yes\n"
    }
}

/// What was done.
pub(super) fn report(plan: &Plan, report: &Report) -> String {
    if plan.is_done() {
        return "\nNothing to do.\n".to_owned();
    }
    let mut text = format!("\nDone: the database is at {}", report.revision);
    if let Some(alembic) = &report.alembic {
        let _ = write!(text, "; alembic_version names {}", line(alembic));
    }
    text.push('\n');
    if let Some(backup) = &report.backup {
        let path = backup.display().to_string();
        let _ = writeln!(text, "Backup: {}", line(&path));
    }
    let mut table = Table::new(&[
        ("TABLE", 63),
        ("ROWS BEFORE", 20),
        ("AFTER", 20),
        ("MERGED", 20),
        ("HASH BEFORE", 16),
        ("AFTER", 16),
    ]);
    for one in &report.tables {
        let numbers = [one.rows_before, one.rows_after, one.merged].map(|n| n.to_string());
        table.row([
            &one.table,
            &numbers[0],
            &numbers[1],
            &numbers[2],
            short(&one.hash_before),
            short(&one.hash_after),
        ]);
    }
    if !report.tables.is_empty() {
        let _ = write!(text, "\n{}", table.text());
    }
    text
}

/// The end of a hash tells as much as all of it, for people; JSON has all.
fn short(hash: &str) -> &str {
    hash.get(hash.len().saturating_sub(12)..).unwrap_or(hash)
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    for one in lines {
        for part in one.split('\n') {
            let _ = writeln!(text, "  {}", escape_for_terminal(part));
        }
    }
}

fn said(state: &State) -> String {
    match state {
        State::Empty => "The database is empty.".to_owned(),
        State::Ours { revision, pending } => {
            let pending = counted(u64::try_from(*pending).unwrap_or(u64::MAX), "revision");
            format!("The database is outreach's, at {revision}; {pending} pending.")
        }
        State::AtRevision { revision, alembic } => {
            let who = if *alembic {
                "as Alembic's ledger says"
            } else {
                "which no ledger says"
            };
            format!("By its definition the database is at {revision}, {who}.")
        }
        State::CreateAll { revision } => format!(
            "The database was made by `create_all`: it differs from {revision} as that does, and \
             in nothing else."
        ),
        State::CreateAllPatched { revision } => format!(
            "The database was made by `create_all` and patched since. It is nearest to {revision}."
        ),
        State::Drifted { revision } => {
            format!("The database has the tables of {revision}, and some differ.")
        }
        State::Unknown { nearest } => {
            format!("The database is at no known revision. It is nearest to {nearest}.")
        }
        _ => "The database is of a kind that this command has no words for.".to_owned(),
    }
}

fn step(step: &Step) -> String {
    let action = match step.action {
        Action::Baseline => "BASELINE",
        Action::Apply => "APPLY",
        Action::Conflict => "CONFLICT",
    };
    let alembic = step.alembic.map(|id| format!(" [Alembic {id}]"));
    format!(
        "{action:8}  {}{}",
        step.revision,
        alembic.unwrap_or_default()
    )
}

fn conflict(conflict: &Conflict) -> String {
    format!(
        "{}: {}\n  {}",
        line(&conflict.object),
        line(&conflict.reason),
        line(&conflict.remedy)
    )
}

fn repair(statement: &Statement) -> String {
    let hazards: Vec<&str> = statement.hazards.iter().map(|h| h.explain()).collect();
    if hazards.is_empty() {
        return format!("{};", statement.sql);
    }
    format!("{};\n  -- {}", statement.sql, hazards.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_the_database_reaches_no_terminal_as_it_is() {
        let mut text = String::new();
        let lines = ["a\u{1b}[2J".to_owned(), "b\nc".to_owned()];
        section(&mut text, "Title", lines.into_iter());
        assert_eq!(text, "\nTitle\n  a\\u{1b}[2J\n  b\n  c\n");
    }

    #[test]
    fn a_hash_is_shown_by_its_end() {
        assert_eq!(short("0123456789abcdef"), "456789abcdef");
        assert_eq!(short(""), "");
    }
}
