//! What is counted and hashed: the columns that are there before, so that both
//! sides of a repair can be told to hold the same values.

use std::collections::BTreeMap;

use outreach_migration::ledger;
use schema_audit::schema::{Column, ObjectName, Schema, Table};
use sea_orm::{ConnectionTrait, DbErr};

use super::{
    plan::{Made, is_postgres},
    report::TableReport,
};
use crate::{
    contents::{Contents, SelectedColumn, Selection},
    sql::{identifier, rows},
};

/// The tables that the chain writes for itself.
const BOOKKEEPING: [&str; 3] = ["database_properties", "merged_rows", "revision_checksums"];

/// The tables whose rows a merge changes, or that point to such rows.
const MERGING: [&str; 3] = ["discovery_queries", "email_logs", "prospects"];

/// What is read before the repair and after it.
pub(super) struct Selections {
    pub(super) before: Vec<Selection>,
    pub(super) after: Vec<Selection>,
}

/// Outreach's tables, and the foreign ones that a change of them can reach.
pub(super) fn selections(made: &Made, expected: &Schema) -> Selections {
    let mut selections = Selections {
        before: Vec::new(),
        after: Vec::new(),
    };
    for table in &made.observed.live.tables {
        let name = &table.name.name;
        let wanted = expected.table(&ObjectName::local(name.as_str()));
        let mut columns: Vec<&Column> = table.columns.iter().collect();
        columns.retain(|column| {
            let key = (name.clone(), column.name.clone());
            !made.dropped_columns.contains(&key)
        });
        columns.sort_by(|a, b| a.name.cmp(&b.name));
        let select = |sql: &dyn Fn(&Column) -> String| Selection {
            table: name.clone(),
            columns: columns
                .iter()
                .map(|column| SelectedColumn {
                    name: column.name.clone(),
                    sql: sql(column),
                })
                .collect(),
        };
        selections.before.push(select(&|column| {
            let fills = made.plan.fills.iter();
            let fill = fills
                .into_iter()
                .find(|fill| fill.table == *name && fill.column == column.name);
            let fill = fill.map(|fill| fill.value.as_str());
            before(expected, column, fill)
        }));
        selections
            .after
            .push(select(&|column| after(expected, column, wanted)));
    }
    for table in made.observed.reachable() {
        let columns = table.columns.iter();
        let selection = Selection {
            table: table.name.name.clone(),
            columns: columns.map(|c| SelectedColumn::plain(&c.name)).collect(),
        };
        selections.before.push(selection.clone());
        selections.after.push(selection);
    }
    selections
}

/// What of some selections is known already, as the rows of whole tables are, and
/// those that have to be counted.
pub(super) fn known(mut held: Contents, selections: &[Selection]) -> (Contents, Vec<Selection>) {
    let is_held = |selection: &&Selection| {
        let table = held.table(&selection.table);
        let columns = selection.columns.iter();
        table.is_some_and(|table| {
            let names = table.columns.iter();
            names
                .map(|name| SelectedColumn::plain(name))
                .eq(columns.cloned())
        })
    };
    let (kept, unknown): (Vec<&Selection>, Vec<&Selection>) = selections.iter().partition(is_held);
    let kept: Vec<&str> = kept.iter().map(|one| one.table.as_str()).collect();
    let unknown = unknown.into_iter().cloned().collect();
    held.tables
        .retain(|table| kept.contains(&table.table.as_str()));
    (held, unknown)
}

/// The value with its NULL as it will be filled, in the type of today.
fn before(expected: &Schema, column: &Column, fill: Option<&str>) -> String {
    let name = identifier(&column.name);
    match fill {
        None => name,
        Some(fill) if is_postgres(expected) => {
            format!("COALESCE({name}, ({fill})::{})", column.data_type)
        }
        Some(fill) => format!("COALESCE({name}, {fill})"),
    }
}

/// The value taken back to the type that it had: whatever the way there was, a
/// value that has lost something does not come back the same.
fn after(expected: &Schema, column: &Column, wanted: Option<&Table>) -> String {
    let name = identifier(&column.name);
    let wanted = wanted.and_then(|table| table.column(&column.name));
    match wanted {
        Some(wanted) if is_postgres(expected) && wanted.data_type != column.data_type => {
            format!("({name}::{})", column.data_type)
        }
        _ => name,
    }
}

/// The rows of each table that were merged into others so far.
pub(super) async fn merged(db: &impl ConnectionTrait) -> Result<BTreeMap<String, u64>, DbErr> {
    if !ledger::table_exists(db, "merged_rows").await? {
        return Ok(BTreeMap::new());
    }
    let sql = r#"SELECT "table_name", count(*) AS n FROM "merged_rows" GROUP BY "table_name""#;
    let rows = rows(db, sql, []).await?;
    let read = |row: &sea_orm::QueryResult| {
        let count: i64 = row.try_get("", "n")?;
        Ok((row.try_get("", "table_name")?, count.unsigned_abs()))
    };
    rows.iter().map(read).collect()
}

/// The tables that hold something else than they did, by name.
pub(super) fn changed(before: &Contents, after: &Contents) -> Vec<String> {
    let differs = |table: &&crate::contents::TableContents| {
        let now = after.table(&table.table);
        now.is_none_or(|now| now.rows != table.rows || now.hash != table.hash)
    };
    let tables = before.tables.iter().filter(differs);
    tables.map(|table| table.table.clone()).collect()
}

/// Each table before, after the repairs and in the end. `merged` is what the run
/// itself has merged.
pub(super) fn compare(
    before: &Contents,
    repaired: &Contents,
    end: &Contents,
    merged: &BTreeMap<String, u64>,
) -> Vec<TableReport> {
    let hash = |contents: &Contents, table: &str| {
        let table = contents.table(table);
        table.map_or_else(String::new, |table| table.hash.clone())
    };
    let report = |table: &crate::contents::TableContents| TableReport {
        table: table.table.clone(),
        rows_before: table.rows,
        rows_after: end.table(&table.table).map_or(0, |table| table.rows),
        merged: merged.get(&table.table).copied().unwrap_or_default(),
        hash_before: table.hash.clone(),
        hash_repaired: hash(repaired, &table.table),
        hash_after: hash(end, &table.table),
    };
    let tables = before.tables.iter().map(report);
    let is_data = |table: &TableReport| !BOOKKEEPING.contains(&table.table.as_str());
    tables.filter(is_data).collect()
}

/// What is wrong with the outcome, in words; nothing if no row is missing and no
/// table has changed that no merge changes.
pub(super) fn wrong(tables: &[TableReport]) -> Option<String> {
    let has_merged = tables.iter().any(|table| table.merged > 0);
    for table in tables {
        let name = &table.table;
        if !table.is_complete() {
            return Some(format!(
                "`{name}` had {} rows and would have {}, with {} merged",
                table.rows_before, table.rows_after, table.merged
            ));
        }
        // A run that was claimed before there were leases is given one that has
        // ended, so that it is claimed again.
        let may_change = name == "job_runs" || has_merged && MERGING.contains(&name.as_str());
        if table.hash_after != table.hash_before && !may_change {
            return Some(format!("rows of `{name}` would have changed"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> TableReport {
        TableReport {
            table: name.to_owned(),
            rows_before: 3,
            rows_after: 3,
            merged: 0,
            hash_before: "a".to_owned(),
            hash_repaired: "a".to_owned(),
            hash_after: "a".to_owned(),
        }
    }

    #[test]
    fn f21_a_row_less_or_another_hash_is_wrong_unless_it_was_merged() {
        assert_eq!(wrong(&[table("jobs"), table("prospects")]), None);
        let mut less = table("prospects");
        less.rows_after = 2;
        assert!(wrong(&[less.clone()]).is_some_and(|text| text.contains("`prospects` had 3 rows")));
        less.merged = 1;
        less.hash_after = "b".to_owned();
        assert_eq!(wrong(&[table("jobs"), less.clone()]), None);
        let mut other = table("jobs");
        other.hash_after = "b".to_owned();
        assert!(wrong(&[other.clone(), less]).is_some());
        other.hash_after = "a".to_owned();
        other.hash_repaired = "b".to_owned();
        assert!(wrong(&[other]).is_some());
        let mut pointing = table("email_logs");
        pointing.hash_after = "b".to_owned();
        assert!(wrong(&[pointing]).is_some(), "nothing was merged");
    }
}
