//! Identity columns.

use super::{
    super::Hazard,
    columns::{alter, identity_kind},
    planner::{Phase, Planner},
    sql::{beside, ident, literal, object},
};
use crate::schema::{Column, ObjectName, Sequence, Table};

impl<'a> Planner<'a> {
    /// The expected sequence of an identity column.
    pub(super) fn identity_sequence(
        &self,
        table: &ObjectName,
        column: &str,
    ) -> Option<&'a Sequence> {
        self.expected.sequences.iter().find(|sequence| {
            let owner = sequence.owned_by.as_ref();
            owner.is_some_and(|o| o.identity && o.table == *table && o.column == column)
        })
    }

    pub(super) fn identity(
        &mut self,
        table: &Table,
        wanted: &Column,
        found: &Column,
        labels: &[String],
    ) {
        let alter = alter(table, found);
        let lock = [Hazard::AccessExclusiveLock];
        match (wanted.identity, found.identity) {
            (None, Some(_)) => {
                self.step(
                    Phase::Clear,
                    format!("{alter} DROP IDENTITY"),
                    labels,
                    &lock,
                );
                self.sequence_instead(table, wanted, labels);
            }
            (Some(kind), Some(_)) => {
                let kind = identity_kind(kind).trim_end_matches(" AS IDENTITY");
                self.step(
                    Phase::Identity,
                    format!("{alter} SET {kind}"),
                    labels,
                    &lock,
                );
            }
            (Some(kind), None) => {
                let identity = self.identity_sql(&table.name, wanted, kind);
                let takeover = self.make_room(table, wanted, found, labels);
                if found.default.is_some() {
                    self.step(Phase::Clear, format!("{alter} DROP DEFAULT"), labels, &lock);
                }
                self.step(
                    Phase::Identity,
                    format!("{alter} ADD {identity}"),
                    labels,
                    &lock,
                );
                match takeover {
                    Some(statements) => {
                        for sql in statements {
                            self.step(Phase::Owners, sql, labels, &[]);
                        }
                    }
                    None => self.carry_on(table, found, labels),
                }
            }
            (None, None) => {}
        }
    }

    /// A serial column's sequence may bear the name that the identity's gets: it
    /// is renamed, and dropped when its position has been taken over.
    fn make_room(
        &mut self,
        table: &Table,
        wanted: &Column,
        found: &Column,
        labels: &[String],
    ) -> Option<[String; 2]> {
        let new = self.identity_sequence(&table.name, &wanted.name)?;
        let old = self.actual.sequences.iter().find(|s| s.name == new.name)?;
        if old.owned_by.as_ref().is_some_and(|owner| owner.identity) {
            return None;
        }
        let room = beside(&old.name, &format!("{}_before", old.name.name));
        let rename = format!(
            "ALTER SEQUENCE {} RENAME TO {}",
            object(&old.name),
            ident(&room.name)
        );
        let lock = [Hazard::AccessExclusiveLock];
        if found.default.is_some() {
            let sql = format!("{} DROP DEFAULT", alter(table, found));
            self.step(Phase::Clear, sql, labels, &lock);
        }
        self.step(Phase::Clear, rename, labels, &lock);
        Some([
            format!(
                "SELECT pg_catalog.setval({}, last_value, is_called) FROM {}",
                literal(&object(&new.name)),
                object(&room)
            ),
            format!("DROP SEQUENCE {}", object(&room)),
        ])
    }

    /// The new sequence goes on after the largest value that is there.
    fn carry_on(&mut self, table: &Table, column: &Column, labels: &[String]) {
        if let Some(sequence) = self.identity_sequence(&table.name, &column.name) {
            self.carry(sequence, table, column, labels);
        }
    }

    /// A sequence goes on after the last value, in its direction, that its column
    /// has. Values before its first bound are never in its way; one beyond its
    /// last bound makes the statement fail, because the sequence could begin
    /// again only among values that are there.
    pub(super) fn carry(
        &mut self,
        sequence: &Sequence,
        table: &Table,
        column: &Column,
        labels: &[String],
    ) {
        let integer = ["smallint", "integer", "bigint"].contains(&&*column.data_type);
        if !integer {
            return;
        }
        let (last, reached) = if sequence.increment < 0 {
            ("min", format!("<= {}", sequence.maximum))
        } else {
            ("max", format!(">= {}", sequence.minimum))
        };
        let sql = format!(
            "SELECT pg_catalog.setval({}, {last}({column})) FROM {} HAVING {last}({column}) {reached}",
            literal(&object(&sequence.name)),
            object(&table.name),
            column = ident(&column.name),
        );
        self.step(
            Phase::Owners,
            sql,
            labels,
            &[Hazard::TableScan, Hazard::MayFail],
        );
    }
}
