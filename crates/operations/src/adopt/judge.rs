//! Which differences can be mended without a loss: asks the rows where the
//! definitions don't tell.

use std::collections::{BTreeMap, BTreeSet};

use schema_audit::{
    compare::{Code, Finding, Severity},
    repair::label,
    schema::{Column, ObjectName, Schema, Table},
};
use sea_orm::DatabaseTransaction;

use super::{
    AdoptError,
    look::Observed,
    plan::{Conflict, Fill, is_postgres},
    probe::{number, try_number},
};
use crate::sql::identifier;

/// What was found out about some differences.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    /// Those whose repair could lose something, and would lose nothing here.
    pub(super) lossless: BTreeSet<String>,
    /// Those that can't be mended, by label.
    pub(super) conflicts: BTreeMap<String, Conflict>,
    pub(super) fills: Vec<Fill>,
    /// Columns without a value that go, as table and column.
    pub(super) dropped_columns: BTreeSet<(String, String)>,
}

pub(super) async fn judge(
    txn: &DatabaseTransaction,
    expected: &Schema,
    observed: &Observed,
    findings: &[Finding],
) -> Result<Judgement, AdoptError> {
    let mut judge = Judge {
        txn,
        expected,
        actual: &observed.live,
        judgement: Judgement::default(),
    };
    judge.renamed(findings);
    for finding in findings.iter().filter(|f| f.severity > Severity::Info) {
        if !judge.judgement.conflicts.contains_key(&label(finding)) {
            judge.one(finding).await?;
        }
    }
    Ok(judge.judgement)
}

struct Judge<'a> {
    txn: &'a DatabaseTransaction,
    expected: &'a Schema,
    actual: &'a Schema,
    judgement: Judgement,
}

impl Judge<'_> {
    fn conflict(&mut self, finding: &Finding, reason: String, remedy: String) {
        let conflict = Conflict::new(&finding.object, reason, remedy);
        self.judgement.conflicts.insert(label(finding), conflict);
    }

    /// A missing column beside an unexpected one of its type is a renamed one,
    /// more likely than not: to add the one and drop the other would lose what is
    /// in it.
    fn renamed(&mut self, findings: &[Finding]) {
        let of = |code: Code, table: &str| -> Vec<&Finding> {
            let mut of = Vec::new();
            of.extend(
                findings
                    .iter()
                    .filter(|f| f.code == code && f.object.object == table),
            );
            of
        };
        for missing in findings.iter().filter(|f| f.code == Code::ColumnMissing) {
            let table = missing.object.object.as_str();
            let Some(column) = column(self.expected, missing) else {
                continue;
            };
            let same_type = |other: &&Finding| {
                let found = self::column(self.actual, other);
                found.is_some_and(|found| found.data_type.eq_ignore_ascii_case(&column.data_type))
            };
            let candidates: Vec<&Finding> = of(Code::ColumnUnexpected, table)
                .into_iter()
                .filter(same_type)
                .collect();
            let renames: Vec<String> = candidates
                .iter()
                .filter_map(|other| other.object.member.as_deref())
                .map(|old| {
                    let [table, old, new] = [table, old, &column.name].map(identifier);
                    format!("`ALTER TABLE {table} RENAME COLUMN {old} TO {new}`")
                })
                .collect();
            if renames.is_empty() {
                continue;
            }
            let remedy = format!("if it was renamed: {}", renames.join(", or "));
            let reason = "the column is missing, and one of its type is there that no revision has";
            self.conflict(missing, reason.to_owned(), remedy.clone());
            for other in candidates {
                let reason = format!(
                    "no revision has it, and `{}` of the same type is missing",
                    column.name
                );
                self.conflict(other, reason, remedy.clone());
            }
        }
    }

    async fn one(&mut self, finding: &Finding) -> Result<(), AdoptError> {
        match finding.code {
            Code::ColumnMissing => self.missing_column(finding).await,
            Code::ColumnUnexpected => self.unexpected_column(finding).await,
            Code::TypeChanged => self.changed_type(finding).await,
            Code::NullabilityChanged => self.nulls(finding).await,
            Code::PrimaryKeyMissing
            | Code::PrimaryKeyChanged
            | Code::UniqueMissing
            | Code::UniqueChanged
            | Code::IndexMissing
            | Code::IndexChanged => self.duplicates(finding).await,
            Code::ForeignKeyMissing | Code::ForeignKeyChanged => self.orphans(finding).await,
            _ => Ok(()),
        }
    }

    async fn missing_column(&mut self, finding: &Finding) -> Result<(), AdoptError> {
        let Some(column) = column(self.expected, finding) else {
            return Ok(());
        };
        if column.nullable || column.default.is_some() {
            return Ok(());
        }
        let table = identifier(&finding.object.object);
        let rows = self.count(&format!("SELECT count(*) FROM {table}")).await?;
        if rows > 0 {
            let reason = format!(
                "the column is missing, has to have a value in each of {rows} rows, and has no \
                 default"
            );
            let add = format!(
                "`ALTER TABLE {table} ADD COLUMN {} {}`",
                identifier(&column.name),
                column.data_type
            );
            self.conflict(finding, reason, format!("add it and fill it: {add}"));
        }
        Ok(())
    }

    async fn unexpected_column(&mut self, finding: &Finding) -> Result<(), AdoptError> {
        let (table, Some(name)) = (&finding.object.object, &finding.object.member) else {
            return Ok(());
        };
        let sql = format!(
            "SELECT count(*) FROM {} WHERE {} IS NOT NULL",
            identifier(table),
            identifier(name)
        );
        let rows = self.count(&sql).await?;
        if rows == 0 {
            self.judgement.lossless.insert(label(finding));
            let dropped = (table.clone(), name.clone());
            self.judgement.dropped_columns.insert(dropped);
            return Ok(());
        }
        let remedy = format!(
            "copy it with the table's key to a table of your own, then `ALTER TABLE {} DROP COLUMN \
             {}`",
            identifier(table),
            identifier(name)
        );
        let reason = format!("no revision has it, and {rows} rows have a value in it");
        self.conflict(finding, reason, remedy);
        Ok(())
    }

    /// The server is asked to take each value there and back.
    async fn changed_type(&mut self, finding: &Finding) -> Result<(), AdoptError> {
        let (Some(wanted), Some(found)) =
            (column(self.expected, finding), column(self.actual, finding))
        else {
            return Ok(());
        };
        // On SQLite the planner of the repair knows which types keep every value.
        if !is_postgres(self.actual) {
            return Ok(());
        }
        let (old, new) = (&found.data_type, &wanted.data_type);
        let name = identifier(&found.name);
        let sql = format!(
            "SELECT count(*) FROM {} WHERE ({name}::{new})::{old}::text IS DISTINCT FROM \
             {name}::text",
            identifier(&finding.object.object)
        );
        let remedy = || format!("change the values, so that each is one of {new} as it is");
        match try_number(self.txn, &sql).await? {
            Ok(0) => {
                self.judgement.lossless.insert(label(finding));
            }
            Ok(rows) => {
                let reason = format!("{rows} rows would change from {old} to {new}");
                self.conflict(finding, reason, remedy());
            }
            Err(said) => {
                let reason = format!("not every value of {old} is one of {new}: {said}");
                self.conflict(finding, reason, remedy());
            }
        }
        Ok(())
    }

    async fn nulls(&mut self, finding: &Finding) -> Result<(), AdoptError> {
        let Some(column) = column(self.expected, finding).filter(|column| !column.nullable) else {
            return Ok(());
        };
        let (table, name) = (&finding.object.object, &column.name);
        let sql = format!(
            "SELECT count(*) FROM {} WHERE {} IS NULL",
            identifier(table),
            identifier(name)
        );
        let rows = self.count(&sql).await?;
        if rows == 0 {
            return Ok(());
        }
        if let Some(value) = &column.default {
            self.judgement.fills.push(Fill {
                table: table.clone(),
                column: name.clone(),
                value: value.clone(),
                rows,
            });
            return Ok(());
        }
        let reason =
            format!("{rows} rows have NULL in it, and it has no default to fill them with");
        let remedy = format!(
            "`UPDATE {} SET {name} = … WHERE {name} IS NULL`",
            identifier(table),
            name = identifier(name)
        );
        self.conflict(finding, reason, remedy);
        Ok(())
    }

    async fn duplicates(&mut self, finding: &Finding) -> Result<(), AdoptError> {
        let Some(columns) = table(self.expected, &finding.object.object)
            .zip(finding.object.member.as_deref())
            .and_then(|(table, member)| unique_columns(table, member))
        else {
            return Ok(());
        };
        let columns: Vec<String> = columns.iter().map(|name| identifier(name)).collect();
        let is_set = columns.iter().map(|name| format!("{name} IS NOT NULL"));
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM {} WHERE {} GROUP BY {list} HAVING count(*) > 1) d",
            identifier(&finding.object.object),
            is_set.collect::<Vec<_>>().join(" AND "),
            list = columns.join(", "),
        );
        // A column that is missing itself is a finding of its own.
        if let Ok(values @ 1..) = try_number(self.txn, &sql).await? {
            let reason =
                format!("it is to be unique, and {values} values are there more than once");
            let remedy = format!("leave one row for each value of {}", columns.join(", "));
            self.conflict(finding, reason, remedy);
        }
        Ok(())
    }

    async fn orphans(&mut self, finding: &Finding) -> Result<(), AdoptError> {
        let (name, member) = (&finding.object.object, finding.object.member.as_deref());
        let key = table(self.expected, name).and_then(|table| {
            let mut keys = table.foreign_keys.iter();
            keys.find(|key| key.name.as_deref() == member)
        });
        let Some((key, [column], [referenced])) = key.map(|key| {
            (
                key,
                key.columns.as_slice(),
                key.referenced_columns.as_slice(),
            )
        }) else {
            return Ok(());
        };
        let sql = format!(
            "SELECT count(*) FROM {} a WHERE a.{column} IS NOT NULL AND NOT EXISTS \
             (SELECT 1 FROM {} b WHERE b.{} = a.{column})",
            identifier(name),
            identifier(&key.references.name),
            identifier(referenced),
            column = identifier(column),
        );
        if let Ok(rows @ 1..) = try_number(self.txn, &sql).await? {
            let reason = format!(
                "{rows} rows point to a row of `{}` that is not there",
                key.references.name
            );
            let remedy = format!("mend their `{column}`, or set it to NULL where that is allowed");
            self.conflict(finding, reason, remedy);
        }
        Ok(())
    }

    async fn count(&self, sql: &str) -> Result<u64, AdoptError> {
        number(self.txn, sql).await.map_err(AdoptError::read)
    }
}

fn table<'a>(schema: &'a Schema, name: &str) -> Option<&'a Table> {
    schema.table(&ObjectName::local(name))
}

/// The column that a finding is about, as this schema has it.
fn column<'a>(schema: &'a Schema, finding: &Finding) -> Option<&'a Column> {
    table(schema, &finding.object.object)?.column(finding.object.member.as_deref()?)
}

/// The columns of a key or unique index, by its name.
fn unique_columns(table: &Table, member: &str) -> Option<Vec<String>> {
    let mut keys = table.uniques.iter().chain(&table.primary_key);
    if let Some(key) = keys.find(|key| key.name.as_deref() == Some(member)) {
        return Some(key.columns.clone());
    }
    let mut indexes = table.indexes.iter();
    let index = indexes.find(|index| index.name == member && index.unique)?;
    let plain = index.predicate.is_none() && index.keys.iter().all(|key| key.is_column);
    plain.then(|| index.keys.iter().map(|k| k.expression.clone()).collect())
}
